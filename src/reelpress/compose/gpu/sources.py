"""Source pictures in the arena: only what changed is uploaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from reelpress.color import BT709_LIMITED
from reelpress.compose.gpu.layers import SourcePlanes

if TYPE_CHECKING:
    from reelpress.compose.gpu.memory import Arena
    from reelpress.compose.planar_change import Change
    from reelpress.media.planes import Plane, Planes

FORMATS = ("yuv420p", "nv12")
_ALIGN = 256


@dataclass(slots=True)
class _Slot:
    """What the arena holds of a source."""

    number: int
    strides: tuple[int, ...]
    offsets: tuple[int, ...]
    placed: SourcePlanes


class Sources:
    """The newest picture of each source."""

    def __init__(self, arena: Arena) -> None:
        self._arena = arena

    def place(self, key: str, number: int, planes: Planes, change: Change | None) -> SourcePlanes:
        """Where picture ``number`` of a source lies, uploaded as far as it is not there.

        Args:
            key: The source.
            number: Two pictures with the same number are the same.
            planes: The picture.
            change: How it differs from another one, which may be the one that is there.

        Raises:
            FormatError: It is not 8-bit BT.709 limited yuv420p or nv12.
        """
        name = ("source", key)
        block = self._arena.get(name)
        slot: _Slot | None = block.extra if block is not None else None
        if slot is not None and slot.number == number:
            return slot.placed
        planes.require(FORMATS, BT709_LIMITED)
        strides = tuple(_stride(plane) for plane in planes.planes)
        size = (planes.format == "nv12", planes.width, planes.height)
        if slot is not None and slot.strides == strides and size == slot.placed[5:]:
            partly = change is not None and change.frame == slot.number
            for index, (plane, stride, offset) in enumerate(zip(planes.planes, strides, slot.offsets, strict=True)):
                if not partly or change is None:
                    self._upload(plane, stride, offset)
                    continue
                for first, stop in change.rows:
                    first, stop = (first // 2, -(-stop // 2)) if index else (first, stop)
                    stop = min(stop, len(plane))
                    if stop > first:
                        self._upload(plane[first:stop], stride, offset + first * stride)
            slot.number = number
            return slot.placed
        sizes = [
            -(-stride * len(plane) // _ALIGN) * _ALIGN for plane, stride in zip(planes.planes, strides, strict=True)
        ]
        if block is None or block.size < sum(sizes):
            block = self._arena.make(name, sum(sizes))
        block.extra = None  # until it is there
        offsets = tuple(block.at + sum(sizes[:index]) for index in range(len(sizes)))
        for plane, stride, offset in zip(planes.planes, strides, offsets, strict=True):
            self._upload(plane, stride, offset)
        placed = SourcePlanes(offsets[0], offsets[1], offsets[-1], strides[0], strides[1], *size)
        block.extra = _Slot(number, strides, offsets, placed)
        return placed

    def _upload(self, plane: Plane, stride: int, at: int) -> None:
        """Straight from the decoder's memory where its rows allow it, padding included: one copy, made by wgpu."""
        rows, columns = plane.shape
        own = int(plane.strides[0])
        if own != stride or int(plane.strides[1]) != 1:
            padded = np.zeros((rows, stride), np.uint8)
            padded[:, :columns] = plane
            self._arena.write(at, padded)
            return
        # From the first to the last sample all memory surely belongs to the picture, the gaps between rows included.
        if columns % 4 == 0:
            self._arena.write_rows(at, plane, (rows - 1) * own + columns)
            return
        if rows > 1:
            self._arena.write_rows(at, plane, (rows - 1) * own)
        self._arena.write(at + (rows - 1) * own, plane[rows - 1])


def _stride(plane: Plane) -> int:
    """Bytes a row in the arena: those of the plane, if they are whole words."""
    own = int(plane.strides[0])
    columns = plane.shape[1]
    return own if own % 4 == 0 and columns <= own <= 2 * columns + 256 else -(-columns // 4) * 4
