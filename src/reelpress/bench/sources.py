"""Sources that are made and not shipped: a drawn desktop as a recorder would have saved it. Seeded, cached, described.

Like screen recorders do, a frame is only written when something changed (variable rate), at most 60 a second. The same
version of this module makes the same pictures everywhere; the bytes depend on the encoder's version, so a result
carries their hash.
"""

from __future__ import annotations

import hashlib
import json
import random
import shutil
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from reelpress.color import BT709_LIMITED
from reelpress.media.encoder import EncoderSpec
from reelpress.media.mux import Mp4Writer
from reelpress.media.pieces import INIT, cut
from reelpress.media.planes import Planes
from reelpress.media.probe import probe

if TYPE_CHECKING:
    from pathlib import Path

    Luma = np.ndarray[Any, np.dtype[np.uint8]]

GENERATOR_VERSION = 1
SEED = 7
Kind = Literal["desktop", "still", "pointer", "motion"]

_VOCABULARY = (
    "frame plane stride matrix range siting encoder decoder picture timeline spring zoom pointer shadow corner "
    "export record screen window scroll type click pause cut speed audio mux pts key packet queue"
)
WORDS = _VOCABULARY.split()

DESCRIPTIONS: dict[Kind, str] = {
    "desktop": "A drawn desktop with text: of every 5 s it scrolls for 2 s, is typed into for 2 s, and rests between.",
    "still": "The same desktop, of which nothing moves.",
    "pointer": "The same desktop, at rest, with a pointer that goes over it all the time.",
    "motion": "The same desktop, scrolling all the time, with a coloured panel that changes in every frame.",
}

LOOK: dict[str, Any] = {
    "background": {
        "source": {"type": "gradient", "from": [71, 85, 255], "to": [255, 102, 196], "angle": 135},
        "padding": 25,
        "rounding": 12,
        "roundingType": "rounded",
        "shadow": 73.6,
        "advancedShadow": {"size": 14.4, "opacity": 68.1, "blur": 3.8},
    },
    "camera": {"hide": True},
    "screenMotionBlur": 0,
}
"""Padding, rounded corners and shadow over a gradient: what most exports have."""


@dataclass(frozen=True, slots=True)
class Spec:
    """One made recording."""

    kind: Kind
    width: int
    height: int
    seconds: float
    fps: int = 60
    fragmented: bool = False

    @property
    def name(self) -> str:
        """Of the folder in the cache; changes with everything that changes the content."""
        cut_up = "-fragmented" if self.fragmented else ""
        size = f"{self.width}x{self.height}-{self.fps}"
        return f"{self.kind}-{size}-{self.seconds:g}s{cut_up}-v{GENERATOR_VERSION}.cap"


def cache_folder() -> Path:
    """Where made sources are kept between runs."""
    from platformdirs import user_cache_path

    return user_cache_path("reelpress", appauthor=False) / "bench"


def make(spec: Spec, folder: Path) -> Path:
    """The recording of ``spec`` in ``folder``, made when it is not there yet.

    Raises:
        ReelpressError: It cannot be encoded or written.
    """
    target = folder / spec.name
    if target.is_dir():
        return target
    part = folder / f"{spec.name}.part"
    shutil.rmtree(part, ignore_errors=True)
    segment = part / "content/segments/segment-0"
    segment.mkdir(parents=True)
    video = segment / "display.mp4"
    _encode(spec, video)
    display = "content/segments/segment-0/display.mp4"
    if spec.fragmented:
        pieces = cut(video, segment / "display")
        video.unlink()
        _manifest(spec, segment / "display", pieces)
        display = "content/segments/segment-0/display"
    entry: dict[str, Any] = {"display": {"path": display, "fps": spec.fps, "start_time": 0.0}}
    meta: dict[str, Any] = {
        "platform": "Linux",
        "pretty_name": f"Benchmark {spec.kind}",
        "sharing": None,
        "segments": [entry],
        "cursors": {},
        "status": {"status": "Complete"},
    }
    project = {**LOOK, "cursor": {"hide": spec.kind != "pointer"}}
    if spec.kind == "pointer":
        entry["cursor"] = "content/segments/segment-0/cursor.json"
        _pointer(part, meta, spec)
    (part / "recording-meta.json").write_text(json.dumps(meta, indent=1), encoding="utf-8")
    (part / "project-config.json").write_text(json.dumps(project, indent=1), encoding="utf-8")
    part.rename(target)
    return target


def describe(spec: Spec, path: Path) -> dict[str, Any]:
    """``source`` of a scenario in the result; without places on this machine."""
    digest, size = fingerprint(path)
    return {
        "kind": "generated",
        "name": spec.name,
        "sha256": digest,
        "bytes": size,
        "generator_version": GENERATOR_VERSION,
        "seed": SEED,
        "description": DESCRIPTIONS[spec.kind],
        "codec": "h264",
        "pixel_format": "yuv420p",
        "width": spec.width,
        "height": spec.height,
        "fps": float(spec.fps),
        "seconds": spec.seconds,
        "fragmented": spec.fragmented,
    }


def describe_given(path: Path, kind: str) -> dict[str, Any]:
    """``source`` of a recording that was not made here."""
    digest, size = fingerprint(path)
    found: dict[str, Any] = {
        "kind": kind,
        "name": path.name,
        "sha256": digest,
        "bytes": size,
        "generator_version": None,
        "description": "A recording given by path." if kind == "given" else "An example of the repository.",
    }
    if path.is_file():
        info = probe(path)
        video = info.video
        if video is not None:
            found |= {
                "codec": video.codec,
                "pixel_format": video.pixel_format,
                "width": video.width,
                "height": video.height,
            }
    return found


def fingerprint(path: Path) -> tuple[str, int]:
    """SHA-256 over a file, or over the names and contents of a folder's files in order of names; and the bytes."""
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    digest, size = hashlib.sha256(), 0
    for file in files:
        if path.is_dir():
            digest.update(file.relative_to(path).as_posix().encode() + b"\0")
        with file.open("rb") as handle:
            while block := handle.read(1 << 20):
                digest.update(block)
                size += len(block)
    return digest.hexdigest(), size


# -- pictures ----------------------------------------------------------------------------------------------------------


def page(width: int, height: int, seed: int = SEED) -> Image.Image:
    """A tall page of text in several colours on a light ground, with panels as a program has them."""
    rng = random.Random(seed)
    image = Image.new("RGB", (width, height), (250, 250, 248))
    draw = ImageDraw.Draw(image)
    scale = max(1, width // 960)
    font = ImageFont.load_default(size=13 * scale)
    line = 20 * scale
    draw.rectangle((0, 0, width // 6, height), fill=(32, 36, 48))
    for y in range(line, height - line, line):
        if rng.random() < 0.12:
            right = width // 5 + rng.randrange(width // 8, width // 2)
            color = (rng.randrange(120, 240), rng.randrange(120, 240), rng.randrange(120, 240))
            draw.rectangle((width // 5, y, right, y + line * 3 // 4), fill=color)
            continue
        text = " ".join(rng.choice(WORDS) for _ in range(rng.randrange(3, 14)))
        ink = rng.choice([(20, 20, 24), (140, 30, 40), (20, 80, 150), (40, 110, 50)])
        draw.text((width // 5 + rng.randrange(0, 4) * 24 * scale, y), text, font=font, fill=ink)
        draw.text((12 * scale, y), rng.choice(WORDS), font=font, fill=(190, 196, 210))
    return image


@lru_cache(maxsize=1)
def _tall(width: int, height: int) -> tuple[Luma, Luma, Luma]:
    """The page as BT.709 limited 4:2:0, left-sited."""
    rgb = np.asarray(page(width, height))
    out = []
    for first in range(0, height, 1080 // 2 * 2):  # in strips: float32 of a whole 4K page would be a gigabyte
        r, g, b = (rgb[first : first + 1080, :, k].astype(np.float32) / 255 for k in range(3))
        luma = 0.2126 * r + 0.7152 * g + 0.0722 * b
        difference = (b - luma).astype(np.float32), (r - luma).astype(np.float32)
        out.append((np.rint(16 + 219 * luma), _chroma(difference[0], 1.8556), _chroma(difference[1], 1.5748)))
    y, u, v = (np.concatenate(parts).astype(np.uint8) for parts in zip(*out, strict=True))
    return y, u, v


def _chroma(difference: np.ndarray[Any, np.dtype[np.float32]], d: float) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Left-sited: [1 2 1]/4 around even columns, the mean of two rows."""
    padded = np.pad(difference / np.float32(d), ((0, 0), (1, 1)), mode="edge")
    wide = (padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:])[:, ::2] / 4
    both = (wide[::2] + wide[1::2]) / 2
    result: np.ndarray[Any, np.dtype[np.float32]] = np.rint(128 + 224 * both)
    return result


def _picture(spec: Spec, n: int) -> tuple[object, int, int]:
    """``(what is seen, first row of the page, length of the typed line)`` of frame ``n``; equal: nothing changed."""
    w, h, fps = spec.width, spec.height, spec.fps
    if spec.kind in ("still", "pointer"):
        return (0, 0), 0, 0
    if spec.kind == "motion":
        top = round(n * h / 3 / fps) % (h * 2) & ~1
        return (n,), top, 0
    whole, part = divmod(n, 5 * fps)
    scrolled = whole * 2 * fps + min(part, 2 * fps)
    top = round(scrolled * h / 3 / fps) % (h * 2) & ~1
    second = part / fps
    typed = int((second - 2.5) * 12) + 1 if 2.5 <= second < 4.5 else 0  # twelve letters a second
    return (top, typed), top, typed * max(8, w // 96)


def _encode(spec: Spec, path: Path) -> None:
    frames = round(spec.fps * spec.seconds)
    w, h = spec.width, spec.height
    tall = _tall(w, h * 3)
    encoder = EncoderSpec(
        width=w,
        height=h,
        fps=Fraction(spec.fps),
        crf=18.0,
        preset="veryfast",
        gop_frames=2 * spec.fps,
        threads=2,
        extra={"bf": "0"},  # as recorders do
    )
    writer = Mp4Writer(path, video=encoder)
    try:
        before: object = None
        for n in range(frames):
            seen, top, typed = _picture(spec, n)
            if seen == before and n != frames - 1:  # the last frame is always there: it says how long the rest is
                continue
            before = seen
            y, u, v = (
                plane[top >> shift : (top + h) >> shift].copy() for plane, shift in zip(tall, (0, 1, 1), strict=True)
            )
            if typed:
                y[h // 2 : h // 2 + max(2, h // 90), w // 4 : min(w, w // 4 + typed) : 6] = 30
            if spec.kind == "motion":
                _panel(y, u, v, n)
            planes = Planes("yuv420p", w, h, (y, u, v), BT709_LIMITED)
            writer.mux(writer.video.encode(planes, n))
        writer.mux(writer.video.flush())
        writer.finish()
    finally:
        writer.abort()


def _panel(y: Luma, u: Luma, v: Luma, n: int) -> None:
    """A panel whose colours wander, in the right half: what a film in a window is to an encoder."""
    h, w = y.shape
    rows, columns = np.mgrid[0 : h // 4, 0 : w // 4]
    y[h // 2 : h // 2 + h // 4, w // 2 : w // 2 + w // 4] = 60 + (rows * 2 + columns + 3 * n) % 120
    a, b = np.s_[h // 4 : h // 4 + h // 8], np.s_[w // 4 : w // 4 + w // 8]
    u[a, b], v[a, b] = 90 + n % 70, 160 - n % 70


def _manifest(spec: Spec, folder: Path, pieces: list[Path]) -> None:
    entries = [
        {"path": p.name, "index": k, "duration": 2.0, "is_complete": True, "file_size": p.stat().st_size}
        for k, p in enumerate(pieces, 1)
    ]
    manifest = {
        "version": 5,
        "type": "m4s_segments",
        "init_segment": INIT,
        "codec_info": {"width": spec.width, "height": spec.height},
        "segments": entries,
        "is_complete": True,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1), encoding="utf-8")


def _pointer(root: Path, meta: dict[str, Any], spec: Spec) -> None:
    """A pointer image and moves along a Lissajous curve, one for each frame."""
    (root / "content/cursors").mkdir(parents=True)
    image = Image.new("RGBA", (32, 48))
    outline = [(1, 1), (1, 34), (9, 27), (14, 41), (20, 39), (15, 25), (26, 25)]
    ImageDraw.Draw(image).polygon(outline, fill=(0, 0, 0, 255), outline=(255, 255, 255, 255))
    image.save(root / "content/cursors/cursor_0.png")
    meta["cursors"] = {
        "0": {"imagePath": "content/cursors/cursor_0.png", "hotspot": {"x": 0.04, "y": 0.02}, "shape": "MacOS|Arrow"}
    }
    moves = [
        {
            "active_modifiers": [],
            "cursor_id": "0",
            "time_ms": n * 1000 / spec.fps,
            "x": 0.5 + 0.35 * float(np.sin(1.3 * n / spec.fps)),
            "y": 0.5 + 0.35 * float(np.sin(1.7 * n / spec.fps + 0.4)),
        }
        for n in range(round(spec.fps * spec.seconds))
    ]
    file = root / "content/segments/segment-0/cursor.json"
    file.write_text(json.dumps({"clicks": [], "moves": moves}), encoding="utf-8")
