"""The command line. ``main`` is the entry point; everything heavy is imported inside the commands."""

from __future__ import annotations

import gc
import os
import signal
import sys
from typing import NoReturn

CANCELLED = 130


def main() -> None:
    """Run the command line and leave the process with its exit code."""
    _prepare_process()
    code = CANCELLED
    try:
        from reelpress.cli.app import run

        code = run()
    except KeyboardInterrupt:  # one more Ctrl-C, while the first one was being answered
        pass
    # The answer is given: what comes now may not turn it into another one.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    _leave(code)


def _prepare_process() -> None:
    # Imports are most of what a short command does, and looking for garbage in what they make is a twelfth of that.
    # An export looks for it again from its first frame on.
    gc.disable()
    # From the first moment on SIGTERM ends the command as Ctrl-C does: with what it wrote removed, and with 130.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # Services may start programs without standard streams; what is said then goes nowhere.
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - for the life of the process
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    for stream, errors in ((sys.stdout, "surrogateescape"), (sys.stderr, "backslashreplace")):
        # A file name that is not valid in the system's encoding is a name all the same.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=errors)


def _leave(code: int) -> NoReturn:
    """End the process with ``code``, whatever threads are stuck.

    A thread inside of a native call that never returns cannot be joined, and an ordinary exit would run finalisers
    of libraries that it is still inside of (design 5). Then what is registered is tidied up and the process is left
    at once.
    """
    running = sys.modules.get("reelpress.pipeline.run")  # not imported: nothing ran that could be stuck
    if running is not None:
        from reelpress.pipeline.emergency import emergency_cleanup, emergency_exit

        if running.leaked_threads():
            emergency_exit(code)
        emergency_cleanup()  # a second Ctrl-C may have come in the middle of tidying up
    raise SystemExit(code)
