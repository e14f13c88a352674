"""A child process that cannot hang us: its output with a progress deadline, its whole tree killed at the end.

For work that may get stuck in native code and cannot be ended inside this process, e.g. decoding a hostile file.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reelpress.errors import StallError
from reelpress.pipeline import emergency, machine
from reelpress.pipeline.channel import DEFAULT_DEADLINE_S, Channel, ChannelClosed, ChannelFailed
from reelpress.pipeline.clocks import SYSTEM_CLOCK, WAIT_SLICE_S, AwakeClock, Clock
from reelpress.pipeline.stage import THREAD_PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from reelpress.pipeline.cancel import CancelToken

_log = logging.getLogger(__name__)

CHUNK_BYTES = 1 << 16
BUFFERED_BYTES = 8 << 20
"""Output of a child that waits in memory to be read; then the child waits."""
STDERR_BYTES = 1 << 14
LAST_WORDS_S = 1.0
"""How long after the child's end the rest of its stderr is waited for."""


@dataclass(frozen=True, slots=True)
class ChildResult:
    """A child that has ended by itself."""

    returncode: int
    stdout: bytes
    stderr: str
    """The last 16 kB."""


class Child:
    """A running child process; use it as a context manager. One thread reads it.

    Its standard output is read by iterating over it. ``StallError`` ends the iteration when neither output nor
    anything on stderr arrived, nor ``progress()`` changed, for ``deadline_s``: a child that was stopped
    (SIGSTOP), hangs, or waits for something that never comes. Leaving the block kills the child and all its children.

    Args:
        args: Program and arguments; no shell.
        name: Stage name for errors.
        deadline_s: Seconds without progress, counted only while this process ran.
        cancel: Ends the iteration with ``Cancelled``.
        progress: Any value that changes when the child moves, e.g. the size of the file that it writes.
        env, cwd: As in subprocess.
        clock: Injectable time.

    Raises:
        OSError: The program cannot be started.
    """

    def __init__(
        self,
        args: Sequence[str | Path],
        *,
        name: str,
        deadline_s: float = DEFAULT_DEADLINE_S,
        cancel: CancelToken | None = None,
        progress: Callable[[], object] | None = None,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self.name = name
        self._deadline = deadline_s
        self._cancel = cancel
        self._progress = progress
        self._clock = AwakeClock(clock)
        self._output: Channel[bytes] = Channel(
            f"{name} output", max_items=4096, max_bytes=BUFFERED_BYTES, size_of=len, clock=self._clock, deadline_s=None
        )
        self._errors: deque[bytes] = deque(maxlen=STDERR_BYTES // 256)
        self._heard = 0  # pieces of output of any kind
        # Unbuffered pipes: a reader thread that is stuck in read() must not hold a lock that close() needs. An own
        # session (POSIX) so that Ctrl-C of the terminal goes to us alone, and the whole group can be killed.
        self.process = subprocess.Popen(
            [os.fspath(a) for a in args],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env=None if env is None else dict(env),
            cwd=cwd,
            start_new_session=sys.platform != "win32",
        )
        self._unregister = emergency.register(self.kill)
        self._threads = [
            # daemon threads: a pipe kept open by a process that cannot be killed would keep them in read()
            threading.Thread(target=target, name=f"{THREAD_PREFIX}{name}-{kind}", daemon=True)
            for target, kind in ((self._read_output, "stdout"), (self._read_errors, "stderr"))
        ]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def __iter__(self) -> Iterator[bytes]:
        """Pieces of standard output until the child closes it.

        Raises:
            StallError, Cancelled: See the class.
        """
        since, known = self._clock.now(), self._signs()
        while True:
            if self._cancel is not None:
                self._cancel.raise_if_cancelled()
            try:
                pieces = self._output.poll(WAIT_SLICE_S)
            except ChannelClosed:
                return
            yield from pieces
            since, known = self._watch(since, known, "child output", moved=bool(pieces))

    def wait(self) -> int:
        """Wait for its end, with the same deadline; returns the exit status (negative: the signal's number).

        All that it wrote to stderr is in :attr:`stderr` then.

        Raises:
            StallError, Cancelled: See the class.
        """
        since, known = self._clock.now(), self._signs()
        while True:
            if self._cancel is not None:
                self._cancel.raise_if_cancelled()
            try:
                status = self.process.wait(WAIT_SLICE_S)
            except subprocess.TimeoutExpired:
                since, known = self._watch(since, known, "child exit", moved=False)
                continue
            # Its last words may still be in the pipe. A grandchild may keep that open: then it is not waited for.
            self._threads[1].join(LAST_WORDS_S)
            return status

    @property
    def stderr(self) -> str:
        """The end of what it wrote to stderr so far."""
        return b"".join(tuple(self._errors)).decode(errors="replace")[-STDERR_BYTES:]

    def close(self) -> None:
        """Kill the child with all its children if it still runs, and release the pipes. Harmless when repeated."""
        self.kill()
        self._output.abandon()  # or the reader could wait in send() for ever
        for thread in self._threads:
            thread.join(1.0)
        if not any(thread.is_alive() for thread in self._threads):
            for pipe in (self.process.stdout, self.process.stderr):
                if pipe is not None:
                    pipe.close()
        self._unregister()

    def kill(self) -> None:
        """SIGKILL (also works on stopped processes) to the whole tree; waits at most a second for it."""
        if self.process.returncode is None:
            machine.kill_descendants(self.process.pid)
            if sys.platform != "win32":
                with contextlib.suppress(OSError):
                    os.killpg(self.process.pid, signal.SIGKILL)
            with contextlib.suppress(OSError):
                self.process.kill()
        try:
            self.process.wait(1.0)
        except subprocess.TimeoutExpired:  # in an uninterruptible system call, e.g. on a dead network drive
            _log.error("the child process of %s cannot be killed", self.name)

    # -- inside ---------------------------------------------------------------------------------------------------

    def _signs(self) -> tuple[int, object]:
        return self._heard, self._progress() if self._progress is not None else None

    def _watch(self, since: float, known: object, op: str, *, moved: bool) -> tuple[float, tuple[int, object]]:
        now, signs = self._clock.now(), self._signs()
        if moved or signs != known:
            return now, signs
        if now - since > self._deadline:
            raise StallError(self.name, op, now - since, {self.name: f"child process, stderr: {self.stderr[-200:]!r}"})
        return since, signs

    def _read_output(self) -> None:
        pipe = self.process.stdout
        assert pipe is not None
        try:
            while piece := pipe.read(CHUNK_BYTES):
                self._heard += 1
                self._output.send(piece)
        except (ChannelClosed, ChannelFailed, OSError, ValueError):
            pass  # nobody reads any more, or the pipe is gone
        finally:
            self._output.close()

    def _read_errors(self) -> None:
        pipe = self.process.stderr
        assert pipe is not None
        with contextlib.suppress(OSError, ValueError):
            while piece := pipe.read(256):
                self._heard += 1
                self._errors.append(piece)


def run_child(
    args: Sequence[str | Path],
    *,
    name: str,
    deadline_s: float = DEFAULT_DEADLINE_S,
    cancel: CancelToken | None = None,
    progress: Callable[[], object] | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> ChildResult:
    """Run a child to its end and collect its output (which must fit into memory). Arguments and errors as ``Child``."""
    with Child(
        args, name=name, deadline_s=deadline_s, cancel=cancel, progress=progress, env=env, cwd=cwd, clock=clock
    ) as child:
        output = b"".join(child)
        return ChildResult(child.wait(), output, child.stderr)
