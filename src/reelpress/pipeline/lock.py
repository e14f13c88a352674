"""One export a target: a lock file beside it, with detection of one that a dead process left behind.

``O_EXCL`` works on every system and file system that counts. The file says which process holds it (pid and start,
host and boot), so a lock of a process that is gone is taken over instead of being in the way for ever.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
import uuid
from typing import TYPE_CHECKING, Any

from reelpress.errors import TargetLockedError
from reelpress.pipeline import machine

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FRESH_S = 10.0
"""A lock file without readable content is one being written just now, unless it is older than this."""


class FileLock:
    """A lock file. ``acquire`` never waits.

    Args:
        path: The lock file.
        target: What it guards, for the error.
        process_start: Start of a process by pid, ``None`` if it is gone (see ``machine``); injectable.
    """

    def __init__(
        self, path: Path, target: Path, *, process_start: Callable[[int], str | None] = machine.process_start
    ) -> None:
        self.path = path
        self.target = target
        self._process_start = process_start
        self._content = b""

    def acquire(self) -> None:
        """Take the lock.

        Raises:
            TargetLockedError: A running process holds it.
            OSError: The file cannot be made.
        """
        content = json.dumps(
            {
                "pid": os.getpid(),
                "start": self._process_start(os.getpid()),
                "host": socket.gethostname(),
                "boot": machine.boot_id(),
                "id": uuid.uuid4().hex,
            }
        ).encode()
        if not self._create(self.path, content):
            self._take_over(content)
        self._content = content

    def release(self) -> None:
        """Remove the file if it is (still) ours. Harmless when repeated."""
        if not self._content:
            return
        with contextlib.suppress(OSError):
            if self.path.read_bytes() == self._content:
                self.path.unlink()
        self._content = b""

    def _take_over(self, content: bytes) -> None:
        self._refuse_if_held()
        # Two processes may both find the lock stale; the second one must not remove the first one's new lock. So only
        # one at a time may take over, and it looks again.
        guard = self.path.with_name(self.path.name[:-1] + "~")
        if not self._create(guard, content):
            if _age(guard) < FRESH_S:
                raise self._error("")
            with contextlib.suppress(FileNotFoundError):
                guard.unlink()
            if not self._create(guard, content):
                raise self._error("")
        try:
            self._refuse_if_held()
            with contextlib.suppress(FileNotFoundError):
                self.path.unlink()
            if not self._create(self.path, content):
                raise self._error("")
        finally:
            with contextlib.suppress(OSError):
                guard.unlink()

    def _refuse_if_held(self) -> None:
        try:
            raw = self.path.read_bytes()
        except FileNotFoundError:
            return
        try:
            holder: dict[str, Any] = json.loads(raw)
            pid, start = int(holder["pid"]), holder["start"]
            host, boot = holder["host"], holder.get("boot", "")
        except (ValueError, KeyError, TypeError):
            if _age(self.path) < FRESH_S:
                raise self._error("") from None
            return
        if host != socket.gethostname():
            raise self._error(f" on the machine {host}")  # cannot be looked at from here
        if boot != machine.boot_id():
            return
        now = self._process_start(pid)
        if now is not None and (now == start or not now or not start):
            raise self._error(f" (process {pid})")

    def _error(self, holder: str) -> TargetLockedError:
        return TargetLockedError(
            f"Another export{holder} is writing to {self.target}. Wait for it or choose another output; "
            f"if there is none, delete {self.path.name} beside it."
        )

    @staticmethod
    def _create(path: Path, content: bytes) -> bool:
        try:
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
        except FileExistsError:
            return False
        try:
            os.write(descriptor, content)  # in one piece, so that nobody reads half of it
        except OSError:  # full disk: do not leave an empty lock
            os.close(descriptor)
            path.unlink(missing_ok=True)
            raise
        os.close(descriptor)
        return True


def _age(path: Path) -> float:
    """Seconds since the file was changed; 0 when it is gone (then all may be different now: do not insist)."""
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return 0.0
