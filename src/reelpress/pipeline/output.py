"""From an empty ``NAME.part`` to a finished file: checks, lock, fsync, atomic rename, and no leftovers.

The old target, if there is one, is untouched until the new file is complete and on the disk.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import logging
import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from reelpress.errors import OutputError, TargetExistsError, TargetIsSourceError, UsageError
from reelpress.pipeline import emergency
from reelpress.pipeline.lock import FileLock

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType
    from typing import Self

_log = logging.getLogger(__name__)

PART_SUFFIX = ".part"
LOCK_SUFFIX = ".lock"
OUTPUT_FOLDER = "output"
"""The one folder inside of a recording's folder where an export belongs (Cap writes there too)."""

_REASONS = {
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.EROFS: "the file system is read-only",
    errno.ENOSPC: "the disk is full",
    errno.ENOENT: "the folder does not exist",
    errno.ENOTDIR: "a part of its path is not a folder",
    errno.ENAMETOOLONG: "its name or path is too long",
    errno.EIO: "the disk reports an error",
}
if hasattr(errno, "EDQUOT"):
    _REASONS[errno.EDQUOT] = "the disk quota is used up"


def output_error(target: Path, error: OSError) -> OutputError:
    """The OutputError that says why ``target`` cannot be written."""
    reason = _REASONS.get(error.errno or 0) or error.strerror or str(error)
    wrapped = OutputError(f"{target} cannot be written: {reason}.")
    wrapped.__cause__ = error
    return wrapped


def side_name(target: Path, suffix: str, limit: int = 255) -> str:
    """Name of a helper file beside ``target``: its name with ``suffix``, shortened when longer than ``limit`` bytes.

    A shortened name carries a hash of the full one, so that two long targets do not share it.
    """
    name = target.name + suffix
    if len(os.fsencode(name)) <= limit:
        return name
    tail = "~" + hashlib.sha256(os.fsencode(target.name)).hexdigest()[:12] + suffix
    head = target.name
    while len(os.fsencode(head + tail)) > limit:
        head = head[:-1]  # by characters: half a character is no valid name on some systems
    return head + tail


class TargetGuard:
    """Everything around writing one target. A context manager, used from one thread.

    ::

        with TargetGuard(Path("out.mp4"), overwrite=False, sources=[recording]) as guard:
            write(guard.part_path)      # somehow
            verify(guard.part_path)
            guard.commit()              # fsync, rename
        # left without commit(): no .part, no lock, the old out.mp4 as it was

    Args:
        target: What is to be written. A symbolic link is followed: the file that it points to is replaced.
        overwrite: Whether an existing file may be replaced.
        sources: Files and folders that are read. The target must be none of them. Inside of a source folder only
            new files at its top and files in its folder ``output`` are allowed.

    Raises (on entering):
        TargetExistsError, TargetIsSourceError, TargetLockedError: See there; nothing was touched.
        UsageError: The target is a folder or a device.
        OutputError: The folder is missing or cannot be written, or the name is too long.
    """

    def __init__(self, target: Path, *, overwrite: bool = False, sources: Sequence[Path] = ()) -> None:
        self.target = target
        self.overwrite = overwrite
        self.sources = tuple(sources)
        self._final = Path(os.path.realpath(target))
        limit = _name_limit(self._final.parent)
        self._name_limit = limit
        self.part_path = self._final.with_name(side_name(self._final, PART_SUFFIX, limit))
        """Where to write; always beside the target, so that the rename is atomic."""
        self._lock = FileLock(self._final.with_name(side_name(self._final, LOCK_SUFFIX, limit)), target)
        self._committed = False
        self._unregister: Callable[[], None] = _nothing

    def __enter__(self) -> Self:
        try:
            self._check()
            self._lock.acquire()
        except OSError as error:
            raise output_error(self.target, error) from error
        self._unregister = emergency.register(self._clean)
        try:
            self._remove_part()  # left behind by a process that was killed; nobody else can own it now
        except BaseException:
            self._clean()
            self._unregister()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._clean()
        self._unregister()

    def commit(self) -> None:
        """Put the finished part in the place of the target, for good.

        Raises:
            OutputError: The disk failed or is full, or the target is in use (Windows).
            TargetExistsError: Without ``overwrite``, when the target came into being meanwhile.
        """
        if not self.part_path.exists():
            raise OutputError(f"{self.target} was not written: {self.part_path.name} is gone.")
        try:
            _fsync_file(self.part_path)
            self._move()
            _fsync_folder(self._final.parent)
        except FileExistsError as error:
            raise self._exists_error() from error
        except OSError as error:
            raise output_error(self.target, error) from error

    # -- inside ---------------------------------------------------------------------------------------------------

    def _move(self) -> None:
        if not self.overwrite:
            # A hard link fails when the name exists, a rename does not: no moment at which a file could get lost.
            try:
                os.link(self.part_path, self._final)
            except FileExistsError:
                raise
            except (OSError, NotImplementedError):  # file systems without hard links
                if self._final.exists():
                    raise FileExistsError(errno.EEXIST, "exists", str(self._final)) from None
            else:
                self._committed = True
                self.part_path.unlink()
                return
        os.replace(self.part_path, self._final)
        self._committed = True

    def _check(self) -> None:
        final, folder = self._final, self._final.parent
        if not folder.is_dir():
            raise OutputError(
                f"{self.target} cannot be written: the folder {folder} does not exist. Create it or choose another."
            )
        length = len(os.fsencode(final.name))
        if length > self._name_limit:
            raise OutputError(
                f"The name of {self.target} is too long: {length} bytes; allowed here are {self._name_limit}."
            )
        for source in self.sources:
            self._check_source(source)
        try:
            mode = final.stat().st_mode
        except FileNotFoundError:
            mode = 0
        if mode:
            if stat.S_ISDIR(mode):
                raise UsageError(f"{self.target} is a folder; give the name of a file in it.")
            if not stat.S_ISREG(mode):  # /dev/null would be replaced by a video
                raise UsageError(f"{self.target} is not an ordinary file; give another output.")
            if not self.overwrite:
                raise self._exists_error()
            if not os.access(final, os.W_OK):
                raise OutputError(f"{self.target} is write-protected and was left as it is.")
        if not os.access(folder, os.W_OK | os.X_OK):
            why = (
                "the file system is read-only" if _is_read_only(folder) else f"permission denied in the folder {folder}"
            )
            raise OutputError(f"{self.target} cannot be written: {why}.")

    def _check_source(self, source: Path) -> None:
        real = Path(os.path.realpath(source))
        same = real == self._final
        if not same:
            with contextlib.suppress(OSError):  # one of them does not exist
                same = os.path.samefile(source, self._final)  # hard links, other spellings
        if same:
            raise TargetIsSourceError(f"The output {self.target} is the source itself; give another output.")
        if not real.is_dir() or not self._final.is_relative_to(real):
            return
        inside = self._final.relative_to(real).parts
        if inside[0] == OUTPUT_FOLDER and len(inside) > 1:
            return
        if len(inside) > 1 or self._final.exists():
            raise TargetIsSourceError(
                f"The output {self.target} lies inside of the recording {source}, where it could replace a part of "
                f"it; give another output, or one in its folder {OUTPUT_FOLDER!r}."
            )

    def _exists_error(self) -> TargetExistsError:
        return TargetExistsError(f"{self.target} exists; use --overwrite to replace it, or give another output.")

    def _remove_part(self) -> None:
        try:
            self.part_path.unlink(missing_ok=True)
        except OSError as error:
            raise output_error(self.part_path, error) from error

    def _clean(self) -> None:
        """Remove part and lock; nothing here may hide the error that is on its way."""
        if not self._committed:
            try:
                self.part_path.unlink(missing_ok=True)
            except OSError as error:
                _log.warning("%s could not be removed: %s", self.part_path, error)
        self._lock.release()


def _nothing() -> None:
    pass


def _is_read_only(folder: Path) -> bool:
    try:
        return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)
    except (AttributeError, OSError):  # Windows; or it cannot be told
        return False


def _name_limit(folder: Path) -> int:
    """Bytes that a name in ``folder`` may have."""
    try:
        return min(255, os.pathconf(folder, "PC_NAME_MAX"))  # 143 on some encrypted file systems
    except (AttributeError, OSError, ValueError):
        return 255


def _fsync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0))  # Windows syncs only what may be written
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _fsync_folder(folder: Path) -> None:
    if sys.platform == "win32":  # folders cannot be opened there; the rename is journalled
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some network file systems cannot
            raise
    finally:
        os.close(descriptor)
