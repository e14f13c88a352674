"""Colour bars as lossless files in every matrix, range and format, from the recommendations' formulas.

Rec. ITU-R BT.601-7 (2.5, 3.5) and BT.709-6 (3, 4) for limited range, H.273 for full range; BT.471/EBU 3325 for the
bars. Nothing here comes from the engine.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

SIZE = (640, 160)
BAR = SIZE[0] // 8
LEVELS = (0.75, 1.0)
"""Upper and lower half."""
ORDER = ((1, 1, 1), (1, 1, 0), (0, 1, 1), (0, 1, 0), (1, 0, 1), (1, 0, 0), (0, 0, 1), (0, 0, 0))
"""White, yellow, cyan, green, magenta, red, blue, black."""
FPS = 25

BARS = np.array([[[level * c for c in bar] for bar in ORDER] for level in LEVELS])
"""R'G'B' in 0..1, (2, 8, 3)."""


@dataclass(frozen=True)
class Kind:
    """How the bars are stored."""

    format: str
    matrix: int = 709
    full: bool = False

    def __str__(self) -> str:
        return self.format if self.is_rgb else f"{self.format} {self.matrix} {'full' if self.full else 'limited'}"

    @property
    def is_rgb(self) -> bool:
        return self.format in ("rgb24", "gbrp")

    @property
    def bits(self) -> int:
        return 10 if "10" in self.format else 8

    @property
    def subsampling(self) -> tuple[int, int]:
        """Luma samples a chroma sample, across and down."""
        return (1 if "444" in self.format else 2), (2 if "420" in self.format or self.format == "nv12" else 1)

    @property
    def codec(self) -> str:
        """Lossless (Motion JPEG but for a rounding); H.264, the usual one, where it has the format."""
        other = {"rgb24": "png", "gbrp": "libx264rgb", "nv12": "rawvideo", "yuvj420p": "mjpeg"}
        return other.get(self.format, "ffv1" if self.bits > 8 else "libx264")

    @property
    def encoded_format(self) -> str:
        return "rgb24" if self.is_rgb else self.format


def ycc(rgb: npt.NDArray[np.float64], matrix: int) -> npt.NDArray[np.float64]:
    """R'G'B' to E'Y, E'CB, E'CR: BT.601-7 2.5.1 and 2.5.2, BT.709-6 3.2 and 3.3."""
    kr, kb, cb, cr = {601: (0.299, 0.114, 1.772, 1.402), 709: (0.2126, 0.0722, 1.8556, 1.5748)}[matrix]
    luma = kr * rgb[..., 0] + (1 - kr - kb) * rgb[..., 1] + kb * rgb[..., 2]
    return np.stack([luma, (rgb[..., 2] - luma) / cb, (rgb[..., 0] - luma) / cr], axis=-1)


def codes(values: npt.NDArray[np.float64], *, bits: int, full: bool) -> npt.NDArray[np.int64]:
    """Quantised: BT.601-7 3.5.3, BT.709-6 4.6; full range by H.273 8.3 (equations 23 to 25)."""
    if full:
        top = 2**bits - 1
        scale, offset = np.array([top, top, top]), np.array([0, 1 << (bits - 1), 1 << (bits - 1)])
        return np.clip(np.rint(values * scale + offset), 0, top).astype(np.int64)
    step = 1 << (bits - 8)
    scale, offset = np.array([219, 224, 224]) * step, np.array([16, 128, 128]) * step
    return np.rint(values * scale + offset).astype(np.int64)


def _spread(bars: npt.NDArray[Any], width: int, height: int) -> npt.NDArray[Any]:
    return np.repeat(np.repeat(bars, height // 2, axis=0), width // 8, axis=1)


def write(path: Path, kind: Kind, frames: int = 2) -> Path:
    """A Matroska (PNG: QuickTime) file with the bars, tagged as ``kind`` says."""
    options = {"mjpeg": {"qmin": "1", "qmax": "1"}}.get(kind.codec, {})
    if kind.codec.startswith("libx264"):
        options = {"qp": "0", "preset": "ultrafast"}
    with av.open(str(path), "w", format="mov" if kind.codec == "png" else "matroska") as container:
        stream: Any = container.add_stream(kind.codec, rate=FPS, options=options)
        stream.width, stream.height = SIZE
        stream.pix_fmt = kind.encoded_format
        context = stream.codec_context
        context.thread_count = 1
        if not kind.is_rgb:
            context.colorspace = 1 if kind.matrix == 709 else 6
            context.color_primaries = context.color_trc = context.colorspace
            context.color_range = 2 if kind.full else 1
        planes = _planes(kind)
        for index in range(frames):
            frame = av.VideoFrame(*SIZE, kind.encoded_format)
            for plane, samples in zip(frame.planes, planes, strict=True):
                rows = np.zeros((plane.height, plane.line_size), np.uint8)
                data = np.ascontiguousarray(samples).view(np.uint8).reshape(plane.height, -1)
                rows[:, : data.shape[1]] = data
                plane.update(rows.tobytes())
            if not kind.is_rgb:
                frame.colorspace, frame.color_range = context.colorspace, context.color_range
            frame.pts, frame.time_base = index, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _planes(kind: Kind) -> list[npt.NDArray[Any]]:
    width, height = SIZE
    if kind.is_rgb:
        return [_spread(np.rint(BARS * 255).astype(np.uint8), width, height)]
    sample = np.dtype("<u2" if kind.bits > 8 else np.uint8)
    bars = codes(ycc(BARS, kind.matrix), bits=kind.bits, full=kind.full).astype(sample)
    across, down = kind.subsampling
    chroma = [_spread(bars[..., i], width // across, height // down) for i in (1, 2)]
    if kind.format == "nv12":
        chroma = [np.stack(chroma, axis=-1)]
    return [_spread(bars[..., 0], width, height), *chroma]
