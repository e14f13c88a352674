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

SIZE = (256, 64)
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
    def codec(self) -> str:
        """Lossless everywhere; H.264, the usual one, where it has the format."""
        if self.format in ("rgb24", "nv12"):
            return "rawvideo"
        return "ffv1" if self.format in ("gbrp", "yuv422p10le", "yuv420p10le") else "libx264"


def ycc(rgb: npt.NDArray[np.float64], matrix: int) -> npt.NDArray[np.float64]:
    """R'G'B' to E'Y, E'CB, E'CR: BT.601-7 2.5.1 and 2.5.2, BT.709-6 3.2 and 3.3."""
    kr, kb, cb, cr = {601: (0.299, 0.114, 1.772, 1.402), 709: (0.2126, 0.0722, 1.8556, 1.5748)}[matrix]
    luma = kr * rgb[..., 0] + (1 - kr - kb) * rgb[..., 1] + kb * rgb[..., 2]
    return np.stack([luma, (rgb[..., 2] - luma) / cb, (rgb[..., 0] - luma) / cr], axis=-1)


def rgb_of(ycc_values: npt.NDArray[np.float64], matrix: int) -> npt.NDArray[np.float64]:
    """The inverse of :func:`ycc`, solved and not written down a second time."""
    forward = ycc(np.eye(3), matrix).T
    return np.linalg.solve(forward, ycc_values.reshape(-1, 3).T).T.reshape(ycc_values.shape)


def codes(values: npt.NDArray[np.float64], *, bits: int, full: bool) -> npt.NDArray[np.int64]:
    """Quantised: BT.601-7 3.5.3, BT.709-6 4.6; full range by H.273 8.3 (equations 23 to 25)."""
    if full:
        top = 2**bits - 1
        scale, offset = np.array([top, top, top]), np.array([0, 1 << (bits - 1), 1 << (bits - 1)])
        return np.clip(np.rint(values * scale + offset), 0, top).astype(np.int64)
    step = 1 << (bits - 8)
    scale, offset = np.array([219, 224, 224]) * step, np.array([16, 128, 128]) * step
    return np.rint(values * scale + offset).astype(np.int64)


def values_of(picture: npt.NDArray[np.float64], *, bits: int, full: bool) -> npt.NDArray[np.float64]:
    """The inverse of :func:`codes` for (..., 3) code values."""
    if full:
        top = 2.0**bits - 1
        return (picture - [0, 1 << (bits - 1), 1 << (bits - 1)]) / top
    step = 1 << (bits - 8)
    return (picture - np.array([16, 128, 128]) * step) / (np.array([219, 224, 224]) * step)


def stored(kind: Kind) -> npt.NDArray[np.float64]:
    """R'G'B' (0..1) that the file's own numbers mean: the bars after one rounding to its codes."""
    if kind.is_rgb:
        return np.rint(BARS * 255) / 255
    bits = 10 if "10" in kind.format else 8
    quantised = codes(ycc(BARS, kind.matrix), bits=bits, full=kind.full).astype(float)
    return rgb_of(values_of(quantised, bits=bits, full=kind.full), kind.matrix)


def _spread(bars: npt.NDArray[Any], width: int, height: int) -> npt.NDArray[Any]:
    return np.repeat(np.repeat(bars, height // 2, axis=0), width // 8, axis=1)


def write(path: Path, kind: Kind, frames: int = 2) -> Path:
    """A file with the bars, tagged as ``kind`` says."""
    width, height = SIZE
    with av.open(str(path), "w") as container:
        options = {"qp": "0", "preset": "ultrafast"} if kind.codec == "libx264" else {}
        stream: Any = container.add_stream(kind.codec, rate=FPS, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, kind.format
        context = stream.codec_context
        context.thread_count = 1
        if not kind.is_rgb:
            context.colorspace = 1 if kind.matrix == 709 else 6
            context.color_primaries = context.color_trc = context.colorspace
            context.color_range = 2 if kind.full else 1
        picture = _picture(kind)
        for index in range(frames):
            frame = av.VideoFrame.from_ndarray(picture, format=kind.format)
            if not kind.is_rgb:
                frame.colorspace, frame.color_range = context.colorspace, context.color_range
            frame.pts, frame.time_base = index, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _picture(kind: Kind) -> npt.NDArray[Any]:
    width, height = SIZE
    if kind.is_rgb:
        return _spread(np.rint(BARS * 255).astype(np.uint8), width, height)  # PyAV takes R, G, B for gbrp too
    bits = 10 if "10" in kind.format else 8
    bars = codes(ycc(BARS, kind.matrix), bits=bits, full=kind.full).astype(np.uint16 if bits > 8 else np.uint8)
    luma = _spread(bars[..., 0], width, height)
    wide, high = (1 if "444" in kind.format else 2), (2 if "420" in kind.format or kind.format == "nv12" else 1)
    chroma = [_spread(bars[..., i], width // wide, height // high) for i in (1, 2)]
    if kind.format == "nv12":
        return np.concatenate([luma, np.stack(chroma, axis=-1).reshape(height // 2, width)])
    if wide == 1:
        return np.stack([luma, *chroma])
    if high == 1:
        return np.concatenate([luma.ravel(), *(c.ravel() for c in chroma)])
    return np.concatenate([luma, *(c.reshape(-1, width) for c in chroma)])
