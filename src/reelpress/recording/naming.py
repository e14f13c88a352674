"""Errors about a joined copy of a fragmented track are told about what the user has: the track in the recording."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from reelpress.errors import DamagedSourceError, MissingInputError, UnreadableInputError, UnsupportedInputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_PLAIN = (MissingInputError, UnreadableInputError, UnsupportedInputError, DamagedSourceError)
"""Errors that are their sentence and nothing else."""


@contextmanager
def called(path: Path, origin: Path) -> Iterator[None]:
    """Errors inside that name the file ``path`` name ``origin``: a temporary file is gone when they are read.

    Raises:
        InputError, DamagedSourceError: As inside, of the same kind.
    """
    try:
        yield
    except _PLAIN as error:
        text = str(error)
        if path == origin or str(path) not in text:
            raise
        raise type(error)(text.replace(str(path), str(origin))) from error
