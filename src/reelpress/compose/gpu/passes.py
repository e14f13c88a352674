"""The passes of a frame as they are collected: records, parameters, and images between passes.

Images lie one after the other in one buffer (``canvas`` of common.wgsl), which every frame uses anew but for its first
words.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from reelpress.compose.gpu import layers as records
from reelpress.compose.gpu.layers import Image, Sheet
from reelpress.scene.plan.rect import IntRect

if TYPE_CHECKING:
    from collections.abc import Sequence

_FRAME = struct.Struct("<2I4i4Ii")
_JOB = struct.Struct("<I4iI4iI4iI4i5I3i12f4f12fIi")
JOB_BYTES = 256
"""Parameters of a pass; their offsets have to be multiples of this."""
TILE = (32, 16)
"""Pixels of a workgroup of the pass that draws: 8x8 invocations of 4x2."""
GROUP = 8
ALIGN = 64
"""Words: images begin at multiples of it."""
_NOTHING = Image(0, 0, 0, 0, 0)


class Pass(NamedTuple):
    """One dispatch."""

    shader: str
    """Entry point; with ``+`` after it the variant that draws everything."""
    x: int
    y: int
    """Workgroups."""


class Job(NamedTuple):
    """Parameters of a pass of passes.wgsl, as ``struct Job`` there: what each means says the pass."""

    source: Image = _NOTHING
    image: Image = _NOTHING
    """What is made."""
    other: Image = _NOTHING
    """Chroma beside luma, where a pass needs both."""
    other_image: Image = _NOTHING
    chroma: bool = False
    format: int = 0
    at: int = 0
    at_too: int = 0
    stride: int = 0
    low: int = 0
    """First sample that may be used, and the last."""
    high: int = 0
    steps: int = 0
    pitch: float = 0.0
    """Pixels a sample, and where the first lies."""
    first: float = 0.0
    to: float = 0.0
    """``sample = (position - to) * step + base``"""
    step: float = 0.0
    base: float = 0.0
    width: float = 0.0
    """Of the kernel, in samples."""
    sigma: float = 0.0
    amount: float = 0.0
    ox: float = 0.0
    """The point that stays, in samples, and the scales of the two places looked at."""
    oy: float = 0.0
    near: float = 0.0
    far: float = 0.0
    rect: tuple[float, float, float, float] = (0.0,) * 4
    grade: tuple[float, ...] = (0.0,) * 12
    seed: int = 0
    left: int = 0

    def packed(self) -> bytes:
        first, second, third, fourth, *numbers = self[:24]
        return _JOB.pack(
            *first, *second, *third, *fourth, *numbers, *self.rect, *self.grade, self.seed, self.left
        )  # fmt: skip


class Passes:
    """Collects the passes of one frame after the other.

    Attributes:
        layers: Records of all stacks.
        jobs: Parameters of the passes, :data:`JOB_BYTES` each.
        passes: The passes, in their order.
        words: Words of images that they need.
    """

    def __init__(self) -> None:
        self.layers = bytearray()
        self.jobs = bytearray()
        self.passes: list[Pass] = []
        self.words = 0

    def clear(self, words: int = 0) -> None:
        """A new frame, whose images begin after so many words (a multiple of :data:`ALIGN`)."""
        self.layers.clear()
        self.jobs.clear()
        self.passes.clear()
        self.words = words

    def image(self, box: IntRect, words: int) -> Image:
        """Memory for an image of so many words a sample."""
        at = self.words
        self.words += aligned(box.w * box.h * words)
        return Image(at, box.x, box.y, box.w, box.h)

    def sheet(self, box: IntRect) -> Sheet:
        """Images of both grids of whole pixels with even edges."""
        return Sheet(self.image(box, 1), self.image(halved(box), 2))

    def records(self, stack: Sequence[bytes]) -> int:
        """Add records of layers; the number of the first."""
        first = len(self.layers) // records.RECORD_BYTES
        for each in stack:
            self.layers += each
        return first

    def add(self, shader: str, parameters: bytes, x: int, y: int) -> None:
        """Add a pass of so many workgroups."""
        self.jobs += parameters
        self.jobs += bytes(JOB_BYTES - len(parameters))
        self.passes.append(Pass(shader, x, y))

    def job(self, shader: str, job: Job, over: Image | None = None) -> None:
        """Add a pass of passes.wgsl over the samples of ``over`` (of the image that is made, if none)."""
        area = over or job.image
        self.add(shader, job.packed(), -(-area.w // GROUP), -(-area.h // GROUP))

    def draw(self, stack: Sequence[bytes], box: IntRect, left: int) -> Sheet:
        """Add a pass that draws ``box`` (even edges) of a stack, in a frame whose first column is ``left``."""
        sheet = self.sheet(box)
        first = self.records(stack)
        images = (sheet.luma.at, sheet.chroma.at)
        parameters = _FRAME.pack(first, len(stack), box.x, box.y, box.w, box.h, 0, *images, 0, left)
        self.add(_variant("to_canvas", stack), parameters, -(-box.w // TILE[0]), -(-box.h // TILE[1]))
        return sheet

    def finish(
        self, stack: Sequence[bytes], size: tuple[int, int], target: tuple[int, int, int], blocks: Sequence[IntRect]
    ) -> None:
        """Add the pass that draws a stack as NV12; ``target`` and ``blocks`` as :meth:`.program.Program.build`."""
        first = self.records(stack)
        parameters = _FRAME.pack(first, len(stack), 0, 0, *size, len(blocks), *target, 0)
        if blocks:
            tiles = sum(block.area for block in blocks)
            groups = min(tiles, 65535), -(-tiles // 65535)
        else:
            groups = -(-size[0] // TILE[0]), -(-size[1] // TILE[1])
        self.add(_variant("to_nv12", stack), parameters, *groups)


def _variant(entry: str, stack: Sequence[bytes]) -> str:
    """The name of the variant of a shader that draws these records; their first byte says of what kind they are."""
    return f"{entry}+" if any(each[0] in records.RARE for each in stack) else entry


def aligned(words: int) -> int:
    """So many words, rounded up to where the next image may begin."""
    return -(-words // ALIGN) * ALIGN


def halved(box: IntRect) -> IntRect:
    """Chroma samples of whole pixels with even edges."""
    return IntRect(box.x // 2, box.y // 2, box.w // 2, box.h // 2)


def common(a: IntRect, b: IntRect) -> IntRect | None:
    """What lies in both."""
    x, y = max(a.x, b.x), max(a.y, b.y)
    right, bottom = min(a.right, b.right), min(a.bottom, b.bottom)
    return IntRect(x, y, right - x, bottom - y) if right > x and bottom > y else None
