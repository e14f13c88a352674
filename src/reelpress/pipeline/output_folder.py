"""From an empty ``NAME.part`` to a folder of files: as :mod:`reelpress.pipeline.output`, for a folder."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import re
import shutil
from typing import TYPE_CHECKING

from reelpress.errors import OutputError, TargetExistsError, UsageError
from reelpress.pipeline.output import TargetGuard, output_error

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_log = logging.getLogger(__name__)


class FolderGuard(TargetGuard):
    """A :class:`TargetGuard` for a folder that is written as a whole.

    An existing folder is only replaced with ``overwrite``, and only where it holds nothing but files of the same names:
    what somebody keeps in a folder of pictures is not ours to remove.

    Args:
        target: The folder.
        names: What the files in it are called, as a regular expression for the whole name.
        overwrite, sources: As ``TargetGuard``.
    """

    def __init__(self, target: Path, names: str, *, overwrite: bool = False, sources: Sequence[Path] = ()) -> None:
        super().__init__(target, overwrite=overwrite, sources=sources)
        self._names = re.compile(names)

    def commit(self) -> None:
        """Put the finished folder in the place of the target."""
        if not self.part_path.is_dir():
            raise OutputError(f"{self.target} was not written: {self.part_path.name} is gone.")
        old = self.part_path.with_name(self.part_path.name + ".old")
        try:
            for file in self.part_path.iterdir():
                descriptor = os.open(file, os.O_RDWR)
                try:
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)
            if self._final.exists():
                self._check_folder()
                os.rename(self._final, old)
            try:
                os.rename(self.part_path, self._final)
            except OSError:
                if old.exists():
                    os.rename(old, self._final)  # the old one stays
                raise
            self._committed = True
        except OSError as error:
            if error.errno in (errno.EEXIST, errno.ENOTEMPTY):
                raise self._exists_error() from error
            raise output_error(self.target, error) from error
        shutil.rmtree(old, ignore_errors=True)

    def _check(self) -> None:
        final, folder = self._final, self._final.parent
        if not folder.is_dir():
            raise OutputError(
                f"{self.target} cannot be written: the folder {folder} does not exist. Create it or choose another."
            )
        for source in self.sources:
            self._check_source(source)
        if final.exists():
            if not final.is_dir():
                raise UsageError(f"{self.target} is a file; pictures go into a folder. Give another name.")
            self._check_folder()
        if not os.access(folder, os.W_OK | os.X_OK):
            raise OutputError(f"{self.target} cannot be written: permission denied in the folder {folder}.")

    def _check_folder(self) -> None:
        """Whether the old folder may go: it is empty, or ``overwrite`` is on and all in it are such pictures."""
        there = [entry.name for entry in self._final.iterdir()]
        if not there:
            return
        if not self.overwrite:
            raise self._exists_error()
        foreign = next((name for name in sorted(there) if not self._names.fullmatch(name)), None)
        if foreign is not None:
            raise TargetExistsError(
                f"{self.target} is not replaced: it holds {foreign}, which is no such picture. Give another folder."
            )

    def _remove_part(self) -> None:
        try:
            if self.part_path.is_dir():
                shutil.rmtree(self.part_path)
            else:
                self.part_path.unlink(missing_ok=True)
        except OSError as error:
            raise output_error(self.part_path, error) from error

    def _clean(self) -> None:
        if not self._committed:
            try:
                with contextlib.suppress(FileNotFoundError):
                    shutil.rmtree(self.part_path)
            except OSError as error:
                _log.warning("%s could not be removed: %s", self.part_path, error)
        self._lock.release()
