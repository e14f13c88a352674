"""The compositor on the GPU: source planes go up once, one pass draws the frame as NV12, and only that comes back."""

from __future__ import annotations

import struct
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from reelpress.color import SRGB
from reelpress.compose.base import Composed, CompositorCapabilities
from reelpress.compose.gpu.art import Art
from reelpress.compose.gpu.device import shared
from reelpress.compose.gpu.memory import Arena, Buffer, Parameters
from reelpress.compose.gpu.program import JOB_BYTES, TILE, Program
from reelpress.compose.gpu.ring import ReadbackRing
from reelpress.compose.gpu.sources import FORMATS, Sources
from reelpress.compose.newest import Newest
from reelpress.compose.planar_frames import Frames, parts
from reelpress.errors import FormatError, StallError
from reelpress.media.scale import allocate
from reelpress.scene.plan.rect import IntRect

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reelpress.compose.base import Beside
    from reelpress.compose.gpu.device import Gpu
    from reelpress.compose.gpu.ring import Ticket
    from reelpress.compose.newest import News
    from reelpress.media.planes import Planes
    from reelpress.scene.plan.frame import FramePlan

    Bytes = np.ndarray[Any, np.dtype[np.uint8]]

DEADLINE_S = 30.0
"""For a frame to be finished by :meth:`GpuCompositor.compose`: shaders may have to be compiled by the driver first."""

TILE_BYTES = TILE[0] * TILE[1] * 3 // 2
"""Of NV12 that a tile comes back as."""

LARGE_BYTES = 6 << 20
"""Pictures from here on are copied by two threads where there are two: 0.6 instead of 1.1 ms at 4K beside an H100.
At 1080p (0.3 ms) waking the other one takes what it gains."""

OUTPUTS = ("nv12", "rgba", "bgra")

_COMPOSE = ("to_nv12", "to_canvas")
_PARTS = {
    "compose": ("common", "block", "outlines", "pictures", "sheets", "effects", "compose"),
    "passes": ("common", "passes"),
    "sprites": ("common", "outlines", "sprites"),
}
"""The files of each module."""


class _Begun(NamedTuple):
    """A frame on its way."""

    size: tuple[int, int]
    damage: tuple[IntRect, ...]
    """Empty for a held one."""
    blocks: tuple[IntRect, ...]
    """What comes back, in tiles: for each rectangle of the damage the columns and rows of tiles. Empty: all of it."""
    ticket: Ticket | None
    """None for a held one."""


class GpuCompositor:
    """Implements :class:`reelpress.compose.base.Compositor` and :class:`~reelpress.compose.base.Ahead` on a GPU. One
    instance per export, one thread.

    :meth:`compose` draws one frame and waits for it. Frames in a row are faster by :meth:`begin` and :meth:`finish`:
    while the GPU draws some, the next are begun, and they are finished in the order of their beginning.

    Of a frame that is like the one before but for some rectangles only the tiles under those are drawn and read back.

    Args:
        gpu: The device; that of the process when there is none, software adapters included.
        output: ``nv12``, or ``rgba`` or ``bgra`` with straight alpha (sRGB, 0 where nothing was drawn).
        depth: Frames that may be on their way, at least 3.
        beside: Takes half of copying a large picture; closed with the compositor.

    Attributes:
        composed, patched, held: Frames so far: drawn whole, drawn in part, taken again.
    """

    def __init__(
        self, *, gpu: Gpu | None = None, output: str = "nv12", depth: int = 3, beside: Beside | None = None
    ) -> None:
        if output not in OUTPUTS:
            raise FormatError(f"The GPU compositor draws {', '.join(OUTPUTS)}; asked for was {output}.")
        self._gpu = gpu if gpu is not None else shared(allow_software=True)
        self._output, self.depth, self._beside = output, max(3, depth), beside
        gpu = self._gpu
        self._arena = Arena(gpu)
        self._parameters = Parameters(gpu)
        self._canvas = Buffer(gpu, 1 << 16, "STORAGE|COPY_DST|COPY_SRC", "images")
        self._result = Buffer(gpu, 1 << 16, "STORAGE|COPY_SRC", "the finished picture")
        self._newest, self._sources, self._art = Newest(FORMATS), Sources(self._arena), Art(self._arena)
        self._program = Program(self._sources, self._art, self._arena)
        self._frames = Frames("nv12")
        self._shaders = _shaders(gpu)
        self._bound: tuple[tuple[int, ...], Any] | None = None
        self._ring: ReadbackRing | None = None
        self._read_before = 0
        """Bytes read through rings that became too small."""
        self._begun: deque[_Begun] = deque()
        self._last: FramePlan | None = None
        """The plan of the frame begun last."""
        self._picture: Planes | None = None
        """The frame finished last."""
        self._closed = False
        self.composed = self.patched = self.held = 0

    @property
    def name(self) -> str:
        return "gpu"

    @property
    def capabilities(self) -> CompositorCapabilities:
        return CompositorCapabilities(FORMATS, OUTPUTS)

    @property
    def in_flight(self) -> int:
        """Frames that were begun and not finished."""
        return len(self._begun)

    @property
    def uploaded(self) -> int:
        """Bytes of pictures and art sent to the GPU so far."""
        return self._arena.uploaded

    @property
    def read_back(self) -> int:
        """Bytes of finished pictures read so far."""
        return self._read_before + (self._ring.bytes_read if self._ring is not None else 0)

    def compose(self, plan: FramePlan, sources: Mapping[str, Planes], previous: Composed | None) -> Composed:
        """See :meth:`reelpress.compose.base.Compositor.compose`.

        Raises:
            FormatError: A source is missing or not 8-bit BT.709 limited yuv420p or nv12, or the size is odd.
            MissingInputError, UnreadableInputError: Of a picture file.
            GpuError: A fault of the GPU; the frame can be composed by another compositor.
        """
        if self._begun:
            raise RuntimeError("Frames that were begun have to be finished before one is composed by itself.")
        self.begin(plan, sources, previous)
        return self.finish(DEADLINE_S)

    def begin(self, plan: FramePlan, sources: Mapping[str, Planes], previous: Composed | None) -> None:
        """Upload what changed and have the GPU draw a frame; returns before it has.

        Args:
            plan: What to draw.
            sources: As :meth:`compose`; kept for the comparison with those of the next frame.
            previous: ``None`` to draw everything. While frames are on their way anything else stands for the last of
                them; when none are, it has to be what :meth:`finish` returned last.

        Raises:
            As :meth:`compose`; RuntimeError when ``depth`` frames are on their way.
        """
        if plan.size[0] % 2 or plan.size[1] % 2 or min(plan.size) < 2:
            raise FormatError(f"The output size is {plan.size[0]}x{plan.size[1]}; both sides must be even.")
        if len(self._begun) >= self.depth:
            raise RuntimeError(f"{self.depth} frames are on their way: finish one first.")
        goes_on = previous is not None and (bool(self._begun) or previous.planes is self._picture)
        last, self._last = (self._last if goes_on else None), None  # until it is under way
        news = self._newest.look(plan, sources, last)
        if news.damage:
            self._begun.append(self._submit(news))
        else:
            self._begun.append(_Begun(plan.size, (), (), None))
        self._last = news.plan

    def finish(self, deadline_s: float) -> Composed:
        """The frame that was begun first, of those on their way.

        Args:
            deadline_s: Seconds from now for the GPU to be done with it.

        Raises:
            GpuTimeout: It was not done in time, and may be asked for again.
            StallError: The thread that takes half of the copying did not come back.
            GpuError: Another fault; :meth:`begin` it anew, or elsewhere.
        """
        begun = self._begun[0]
        if begun.ticket is None:
            self._begun.popleft()
            assert self._picture is not None
            self.held += 1
            return Composed(self._picture, ())
        data = np.frombuffer(begun.ticket.read(deadline_s), np.uint8)
        self._begun.popleft()
        try:
            self._picture = self._taken(data, begun)
        except StallError:
            raise  # the other thread may still read the driver's memory: it goes with the ring
        except BaseException:
            del data
            begun.ticket.release()
            raise
        del data
        begun.ticket.release()
        return Composed(self._picture, begun.damage)

    def close(self) -> None:
        """Give everything on the GPU back; pictures handed out stay as they are. Calling it twice is harmless."""
        if self._closed:
            return
        self._closed = True
        if self._beside is not None:
            self._beside.close()  # first: it reads what is given back below
        while self._begun:
            ticket = self._begun.popleft().ticket
            if ticket is not None:
                ticket.release()
        if self._ring is not None:
            self._ring.close()
        self._bound = self._last = self._picture = None
        self._newest.clear()
        self._frames.clear()
        self._art.clear()
        self._arena.close()
        for buffer in (self._parameters.buffer, self._canvas, self._result):
            buffer.close()

    # --- one frame ---------------------------------------------------------------------------------------------------

    def _submit(self, news: News) -> _Begun:
        gpu, program, parameters = self._gpu, self._program, self._parameters
        width, height = news.plan.size
        blocks: tuple[IntRect, ...] = ()
        doing = "uploading a frame"
        gpu.check(doing)
        with gpu.errors(doing):
            self._arena.begin()
            if self._output == "nv12":
                words = -(-width // 4)
                blocks = _blocks(news.damage, news.plan.size)
                size = sum(block.area for block in blocks) * TILE_BYTES or words * height * 6
                program.build(news, (0, words * height, words), blocks)
            else:
                size = width * height * 4
                sheet = program.build(news, None)
                assert sheet is not None
                program.rgba(sheet, 0, width, bgra=self._output == "bgra")
            self._result.need(size)
            self._canvas.need(4 * program.words, keep=program.keep)
            offsets = parameters.write(program.jobs, program.layers, _table(blocks))
            bound = self._bind()
        doing = "drawing a frame"
        with gpu.errors(doing):
            shaders = [
                self._shaders.get(step.shader) for step in program.passes
            ]  # before anything is open: drivers take seconds
            ring = self._reading(size, width * height * (4 if self._output != "nv12" else 2))  # and this can fail
            encoder = gpu.commands()
            encoder.compute(
                [
                    (shader, (number * JOB_BYTES, *offsets), step.x, step.y)
                    for number, (shader, step) in enumerate(zip(shaders, program.passes, strict=True))
                ],
                bound,
            )
        ticket = ring.start(encoder, self._result.native, size)
        gpu.submit(encoder, doing)
        program.submitted()
        ticket.map()
        return _Begun(news.plan.size, news.damage, blocks, ticket)

    def _reading(self, size: int, whole: int) -> ReadbackRing:
        """The ring, large enough for a picture."""
        ring = self._ring
        if ring is None or ring.size_bytes < size:
            if ring is not None:
                if ring.in_flight:
                    raise RuntimeError("Frames have to be finished before the size changes.")
                self._read_before += ring.bytes_read
                self._ring = None  # a new one may fail for want of memory
                ring.close()
            ring = self._ring = ReadbackRing(self._gpu, max(size, whole), self.depth)
        return ring

    def _bind(self) -> Any:
        """The bind group of all passes, made anew when a buffer was."""
        parameters = self._parameters
        buffers = (self._arena.buffer, self._canvas, self._result)
        key = (
            parameters.buffer.generation, parameters.layer_window, parameters.block_window,
            *(buffer.generation for buffer in buffers),
        )  # fmt: skip
        if self._bound is None or self._bound[0] != key:
            arena, canvas, result = ((buffer.native, buffer.size // 4 * 4) for buffer in buffers)
            own = parameters.buffer.native
            parts = (
                (own, JOB_BYTES), arena, (own, parameters.layer_window), (own, parameters.block_window), canvas, result,
            )  # fmt: skip
            entries = [
                {"binding": number, "resource": {"buffer": native, "offset": 0, "size": size}}
                for number, (native, size) in enumerate(parts)
            ]
            self._bound = key, self._gpu.device.create_bind_group(layout=self._shaders.layout, entries=entries)
        return self._bound[1]

    def _taken(self, data: Bytes, begun: _Begun) -> Planes:
        """The picture as planes in memory of our own: the driver's is wanted for the next frames."""
        width, height = begun.size
        if self._output != "nv12":
            picture = allocate(width, height, self._output, SRGB)
            np.copyto(picture.planes[0], data.reshape(height, 4 * width))
            self.composed += 1
            return picture
        if not begun.blocks:
            picture = self._frames.whole(begun.size)
            rows = data.reshape(height * 3 // 2, -(-width // 4) * 4)[:, :width]
            self._copy(rows, *picture.planes)
            self.composed += 1
        else:
            assert self._picture is not None
            picture = self._frames.next(self._picture, begun.damage)
            _patch(picture, data, begun)
            self.patched += 1
        self._frames.done(begun.damage)
        return picture

    def _copy(self, rows: Bytes, luma: Bytes, chroma: Bytes) -> None:
        """All rows of a picture."""
        tall, half = len(luma), len(rows) // 2

        def lower() -> None:
            np.copyto(luma[half:], rows[half:tall])
            np.copyto(chroma, rows[tall:])

        if self._beside is None or rows.size < LARGE_BYTES:
            np.copyto(luma[:half], rows[:half])
            lower()
        else:
            self._beside.both(lambda: np.copyto(luma[:half], rows[:half]), lower)


def _patch(picture: Planes, data: Bytes, begun: _Begun) -> None:
    """Put the damage into a picture. Each block of tiles is an NV12 picture of its own, luma first."""
    wide, tall = TILE
    at = 0
    for rect, block in zip(begun.damage, begun.blocks, strict=True):
        columns, rows = block.w * wide, block.h * tall
        x, y = rect.x - block.x * wide, rect.y - block.y * tall
        luma, chroma = parts(picture, rect)
        part = data[at : at + columns * rows * 3 // 2].reshape(-1, columns)
        at += part.size
        np.copyto(luma, part[y : y + rect.h, x : x + rect.w])
        np.copyto(chroma, part[rows + y // 2 : rows + (y + rect.h) // 2, x : x + rect.w])


def _blocks(damage: tuple[IntRect, ...], size: tuple[int, int]) -> tuple[IntRect, ...]:
    """The tiles under each rectangle of the damage; none from two thirds of the frame on. Then all is drawn and read:
    what is not damaged would have to be copied from the last picture, too."""
    wide, tall = TILE
    blocks = []
    total = 0
    for rect in damage:
        x, y = rect.x // wide, rect.y // tall
        block = IntRect(x, y, -(-(rect.x + rect.w) // wide) - x, -(-(rect.y + rect.h) // tall) - y)
        total += block.area
        blocks.append(block)
    return tuple(blocks) if 3 * total * wide * tall < 2 * size[0] * size[1] else ()


def _table(blocks: tuple[IntRect, ...]) -> bytes:
    """The blocks as the shader takes them."""
    return struct.pack(f"<{4 * len(blocks)}I", *(edge for b in blocks for edge in (b.x, b.y, b.w, b.h)))


class Shaders:
    """The compute pipelines of a device, each compiled when it is first wanted: that takes drivers up to a second, and
    software adapters some, and most exports need one or two.

    Args:
        gpu: The device.

    Attributes:
        layout: Of the bind group that all of them take.
    """

    def __init__(self, gpu: Gpu) -> None:
        self._gpu = gpu
        self._modules: dict[str, Any] = {}
        self._made: dict[str, Any] = {}
        kinds = ("read-only-storage",) * 4 + ("storage",) * 2
        with gpu.errors("preparing the shaders"):
            self.layout = gpu.device.create_bind_group_layout(
                entries=[
                    {
                        "binding": number,
                        "visibility": "COMPUTE",
                        "buffer": {"type": kind, "has_dynamic_offset": number in (0, 2, 3), "min_binding_size": 0},
                    }
                    for number, kind in enumerate(kinds)
                ]
            )
            self._layout = gpu.device.create_pipeline_layout(bind_group_layouts=[self.layout])

    def get(self, entry: str) -> Any:
        """The pipeline of an entry point, as :class:`reelpress.compose.gpu.program.Pass` names it."""
        if entry not in self._made:
            self._made[entry] = self._compiled(entry)
        return self._made[entry]

    def _compiled(self, entry: str) -> Any:
        plain = entry.rstrip("+")
        part = "compose" if plain in _COMPOSE else "sprites" if plain.startswith("sprite_") else "passes"
        module = part + entry.removeprefix(plain)
        device = self._gpu.device
        with self._gpu.errors("compiling the shaders"):
            if module not in self._modules:
                code = [(_FOLDER / f"{each}.wgsl").read_text(encoding="utf-8") for each in _PARTS[part]]
                code.append(f"const ALL: bool = {str(plain != entry).lower()};\n")
                self._modules[module] = device.create_shader_module(code="\n".join(code), label=module)
            return device.create_compute_pipeline(
                layout=self._layout, compute={"module": self._modules[module], "entry_point": plain}
            )


_FOLDER = Path(__file__).parent
_kept: tuple[Gpu, Shaders] | None = None


def _shaders(gpu: Gpu) -> Shaders:
    """Those of the newest device, kept from one compositor to the next."""
    global _kept
    if _kept is None or _kept[0] is not gpu:
        _kept = gpu, Shaders(gpu)
    return _kept[1]
