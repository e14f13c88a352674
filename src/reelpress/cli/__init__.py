"""The command line. ``main`` is the entry point; everything heavy is imported inside the commands."""

from __future__ import annotations

import signal
import sys


def main() -> None:
    """Run the command line and leave the process with its exit code."""
    _prepare_process()
    from reelpress.cli.app import leave, run

    leave(run())


def _prepare_process() -> None:
    # From the first moment on SIGTERM ends the command as Ctrl-C does: with what it wrote removed, and with 130.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    for stream in (sys.stdout, sys.stderr):
        # A name that is not valid in the system's encoding is a name all the same.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="surrogateescape" if stream is sys.stdout else "backslashreplace")
