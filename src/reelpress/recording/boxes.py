"""Just enough of ISO/IEC 14496-12 to tell whether a fragment is whole: its list of top-level boxes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MAX_BOXES = 100_000


@dataclass(frozen=True, slots=True)
class Box:
    """A top-level box."""

    kind: str
    start: int
    """Byte offset of its header."""
    size: int
    """Bytes as the header says."""
    whole: bool
    """It ends inside the file."""


def top_level_boxes(path: Path) -> tuple[Box, ...]:
    """The boxes of a file in order, up to the first that is broken or cut off (which is the last one listed).

    Raises:
        OSError: The file cannot be read.
    """
    boxes: list[Box] = []
    with path.open("rb") as file:
        end = os.fstat(file.fileno()).st_size
        at = 0
        while at + 8 <= end and len(boxes) < MAX_BOXES:
            file.seek(at)
            head = file.read(16)
            size, header = int.from_bytes(head[:4], "big"), 8
            if size == 1 and len(head) == 16:
                size, header = int.from_bytes(head[8:16], "big"), 16
            elif size == 0:  # up to the end of the file: only a finished file may say so
                size = end - at
            kind = head[4:8].decode("latin-1")
            whole = header <= size <= end - at
            boxes.append(Box(kind, at, size, whole))
            if not whole:
                break
            at += size
    return tuple(boxes)


def whole_fragments_end(path: Path) -> int:
    """Bytes of ``path`` up to the end of its last whole ``moof`` + ``mdat`` pair; 0 when there is none.

    Raises:
        OSError: The file cannot be read.
    """
    end = 0
    previous = ""
    for box in top_level_boxes(path):
        if not box.whole:
            break
        if box.kind == "mdat" and previous == "moof":
            end = box.start + box.size
        previous = box.kind
    return end


def ends_whole(path: Path) -> bool:
    """The list of boxes ends in a whole ``moof`` + ``mdat``, and nothing follows it."""
    end = whole_fragments_end(path)
    return end > 0 and end == path.stat().st_size
