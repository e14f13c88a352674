"""Spliced files to play: pictures with their number drawn into them, stills, and parts of the examples."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from proof_splice_witness import Witness, watching, witnessed

from reelpress import clock
from reelpress.color import BT709_LIMITED
from reelpress.encode.base import Change, Encoder
from reelpress.encode.open import open_output
from reelpress.export.hooks import Hooks
from reelpress.export.prepare import prepare
from reelpress.export.run import run
from reelpress.export.settings import ExportSettings
from reelpress.media.encoder import AudioEncoderSpec, EncoderSpec
from reelpress.media.planes import Planes
from reelpress.scene.plan.rect import IntRect

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

Drawn = Iterator[tuple[Planes, tuple[IntRect, ...] | None]]
"""Pictures, each with where it can differ from the one before."""

BITS = 12
CELL = 16
"""Side of one bit of the drawn number in luma samples."""
CELLS_IN_ROW = 6
AT = (40, 24)
"""Left and top of the number: not on a macroblock's edge on purpose."""
NUMBER = IntRect(AT[0], AT[1], CELLS_IN_ROW * CELL, BITS // CELLS_IN_ROW * CELL)


def page(width: int, height: int, seed: int = 1) -> Planes:
    """Something like a page of text: small dark blocks in lines on light ground, and a patch of colour."""
    rng = np.random.default_rng(seed)
    luma = np.full((height, width), 220, np.uint8)
    for top in range(12, height - 12, 14):
        for left in range(12, width - 16, 5):
            if rng.random() < 0.6:
                luma[top : top + int(rng.integers(4, 9)), left : left + int(rng.integers(1, 4))] = rng.integers(20, 90)
    cb, cr = np.full((2, height // 2, width // 2), 128, np.uint8)
    cb[height // 8 : height // 4, width // 4 : width // 3] = 90
    cr[height // 8 : height // 4, width // 4 : width // 3] = 170
    return Planes("yuv420p", width, height, (luma, cb, cr), BT709_LIMITED)


def copied(planes: Planes) -> Planes:
    return replace(planes, planes=tuple(plane.copy() for plane in planes.planes))


def draw_number(planes: Planes, value: int) -> None:
    """Bit k, the lowest first, is a white or black block; chroma under it is grey."""
    for bit in range(BITS):
        row, column = divmod(bit, CELLS_IN_ROW)
        top, left = AT[1] + row * CELL, AT[0] + column * CELL
        planes.planes[0][top : top + CELL, left : left + CELL] = 235 if value >> bit & 1 else 16
        for plane in planes.planes[1:]:
            plane[top // 2 : (top + CELL) // 2, left // 2 : (left + CELL) // 2] = 128


def numbered(width: int, height: int, frames: int, number: Callable[[int], int], *, scene: int = 0) -> Drawn:
    """Frame n shows ``number(n)`` on a page that stands still, or changes every ``scene`` frames."""
    planes = page(width, height)
    shown = -1
    for n in range(frames):
        damage: tuple[IntRect, ...] = ()
        if scene and n % scene == 0 and n:
            planes = page(width, height, 1 + n // scene)
            shown, damage = -1, (IntRect(0, 0, width, height),)
        if number(n) != shown:
            planes, shown = copied(planes), number(n)
            draw_number(planes, shown)
            damage = damage or (NUMBER,)
        yield planes, None if n == 0 else damage


def still(width: int, height: int, frames: int, *, caret: range = range(0)) -> Drawn:
    """A page that never changes but for a caret that blinks every 30 frames of ``caret``."""
    rest = page(width, height)
    lit = copied(rest)
    place = IntRect(202, 101, 2, 14)
    lit.planes[0][place.y : place.y + place.h, place.x : place.x + place.w] = 16
    last = rest
    for n in range(frames):
        now = lit if n in caret and (n // 30) % 2 else rest
        yield now, None if n == 0 else () if now is last else (place,)
        last = now


def write(path: Path, spec: EncoderSpec, pictures: Drawn, *, audio: bool = True, unchanged: str = "splice") -> Witness:
    """Write a file as an export does: a splicing encoder, AAC beside it, index in front."""
    with witnessed() as witness:
        opened = open_output(path, spec, unchanged, audio=AudioEncoderSpec() if audio else None)  # type: ignore[arg-type]
        assert opened.unchanged == unchanged, opened.refused
        encoder = watching(opened.encoder, witness)
        done = 0
        for n, (planes, damage) in enumerate(pictures):
            if opened.writer.audio is not None:
                until = clock.samples_until(n + 1, spec.fps)
                t = np.arange(done, until) / clock.AUDIO_RATE
                sound = (0.1 * np.sin(2 * np.pi * 440 * t)).astype(np.float32)
                opened.writer.mux(opened.writer.audio.encode(np.stack([sound, sound]), done))
                done = until
            opened.writer.mux(encoder.encode(planes, n, Change(damage)))
        opened.writer.mux(encoder.flush())
        if opened.writer.audio is not None:
            opened.writer.mux(opened.writer.audio.flush())
        opened.writer.finish()
    return witness


def numbered_spec(cabac: bool, *, fps: int = 30, gop_s: float = 2, width: int = 640, height: int = 360) -> EncoderSpec:
    """Enough bits that the policy patches most pictures."""
    return EncoderSpec(
        width=width,
        height=height,
        fps=Fraction(fps),
        maxrate=40_000_000,
        gop_frames=round(gop_s * fps),
        threads=1,
        extra={"x264-params": f"cabac={int(cabac)}"},
    )


class _Hooks(Hooks):
    def __init__(self, witness: Witness, cabac: bool) -> None:
        self._witness, self._cabac = witness, cabac

    def encoder_spec(self, spec: EncoderSpec) -> EncoderSpec:
        options = ":".join(filter(None, (spec.extra.get("x264-params"), f"cabac={int(self._cabac)}")))
        return replace(spec, extra={**spec.extra, "x264-params": options})

    def encoder(self, encoder: Encoder) -> Encoder:
        return watching(encoder, self._witness)


def export_demo(
    path: Path, *, camera: bool, resolution: str, cabac: bool = True, seconds: int = 6, fps: int | None = None
) -> Witness:
    """The first seconds of the sample recording, through the export itself."""
    project = None
    if not camera:
        own = json.loads((EXAMPLES / "demo.cap" / "project-config.json").read_text(encoding="utf-8"))
        own["camera"] = {**own.get("camera", {}), "hide": True}
        project = path.with_suffix(".json")
        project.write_text(json.dumps(own), encoding="utf-8")
    settings = ExportSettings(
        resolution=resolution,
        end=Fraction(seconds),
        fps=None if fps is None else Fraction(fps),
        project=project,
        overwrite=True,
        strict=True,
        stall_timeout=120.0,
    )
    with witnessed() as witness:
        run(prepare(EXAMPLES / "demo.cap", path, settings), hooks=_Hooks(witness, cabac))
    return witness


@dataclass(frozen=True)
class Made:
    """A file that is played everywhere."""

    title: str
    size: tuple[int, int]
    make: Callable[[Path], Witness]
    small: bool = True
    """Whether it goes to machines where little is carried and little time is spent."""


def _numbered(cabac: bool) -> Callable[[Path], Witness]:
    return lambda path: write(
        path, numbered_spec(cabac), numbered(640, 360, 240, lambda n: n if n < 120 else n // 7, scene=50)
    )


def _demo(camera: bool, resolution: str, cabac: bool) -> Callable[[Path], Witness]:
    return lambda path: export_demo(path, camera=camera, resolution=resolution, cabac=cabac)


def _still(cabac: bool, minutes: int) -> Callable[[Path], Witness]:
    """A caret blinks for ten seconds in the middle."""
    frames = 3600 * minutes
    spec = EncoderSpec(
        width=640, height=360, fps=Fraction(60), threads=1, gop_frames=120, extra={"x264-params": f"cabac={int(cabac)}"}
    )
    return lambda path: write(
        path, spec, still(640, 360, frames, caret=range(frames // 2, frames // 2 + 600)), audio=minutes > 1
    )


def _endless(path: Path) -> Witness:
    """The order count has 16 bits and rises by two a picture: after 32 768 without a key frame it starts anew."""
    spec = replace(numbered_spec(True, width=160, height=96), gop_frames=1_000_000, maxrate=None)
    return write(path, spec, numbered(160, 96, 34_000, lambda n: n // 13 % 4096), audio=False)


FILES = {
    "numbered-cabac": Made("numbers, 640x360, CABAC", (640, 360), _numbered(True)),
    "numbered-cavlc": Made("numbers, 640x360, CAVLC", (640, 360), _numbered(False)),
    "demo-1080-cabac": Made("sample 0–6 s, 1080p60, CABAC", (1920, 1080), _demo(True, "1920x1080", True)),
    "demo-1080-bare": Made("the same without its camera", (1920, 1080), _demo(False, "1920x1080", True), small=False),
    "demo-720-cavlc": Made("sample 0–6 s, 720p60, CAVLC", (1280, 720), _demo(True, "1280x720", False), small=False),
    "demo-720-bare": Made("the same without its camera", (1280, 720), _demo(False, "1280x720", False), small=False),
    "still-1-cabac": Made("still, 1 min, 640x360, CABAC", (640, 360), _still(True, 1)),
    "still-10-cabac": Made("still, 10 min, 640x360, CABAC", (640, 360), _still(True, 10), small=False),
    "still-10-cavlc": Made("still, 10 min, 640x360, CAVLC", (640, 360), _still(False, 10), small=False),
    "endless": Made("34 000 pictures in one GOP, 160x96", (160, 96), _endless, small=False),
}
"""By file name. The shortest still and the endless GOP are silent, all others have AAC."""
