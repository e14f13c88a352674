"""Small synthetic videos for tests; each frame can carry its own number as big blocks of light and dark."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from reelpress.media.planes import Planes

DARK, LIGHT = 40, 210
BITS = 12
COLUMNS, ROWS = 4, 3
"""The number is drawn as 12 bits in 4 x 3 blocks over the whole picture, most significant first."""

Picture = np.ndarray[Any, np.dtype[np.uint8]]


def number_luma(number: int, width: int, height: int) -> Picture:
    """A luma plane that shows ``number``."""
    luma = np.empty((height, width), np.uint8)
    for bit in range(BITS):
        value = LIGHT if number >> (BITS - 1 - bit) & 1 else DARK
        row, column = divmod(bit, COLUMNS)
        luma[
            row * height // ROWS : (row + 1) * height // ROWS,
            column * width // COLUMNS : (column + 1) * width // COLUMNS,
        ] = value
    return luma


def read_number(planes: Planes) -> int:
    """The number in the luma of a decoded picture; the middle of each block decides."""
    luma = planes.planes[0]
    height, width = luma.shape
    number = 0
    for bit in range(BITS):
        row, column = divmod(bit, COLUMNS)
        y0, y1 = (4 * row + 1) * height // (4 * ROWS), (4 * row + 3) * height // (4 * ROWS)
        x0, x1 = (4 * column + 1) * width // (4 * COLUMNS), (4 * column + 3) * width // (4 * COLUMNS)
        number = number << 1 | int(luma[y0:y1, x0:x1].mean() > (DARK + LIGHT) / 2)
    return number


def frame_planes(frame: av.VideoFrame) -> list[Picture]:
    """Writable views of the planes of an 8-bit planar frame."""
    views = []
    for plane in frame.planes:
        whole = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)  # type: ignore[call-overload]
        views.append(whole[:, : plane.width])
    return views


def numbered(number: int, width: int, height: int) -> av.VideoFrame:
    """A grey yuv420p picture that shows ``number``."""
    frame = av.VideoFrame(width, height, "yuv420p")
    luma, *chroma = frame_planes(frame)
    luma[:] = number_luma(number, width, height)
    for plane in chroma:
        plane[:] = 128
    return frame


def make_video(
    path: Path,
    *,
    size: tuple[int, int] = (64, 48),
    fps: Fraction | int = 30,
    frames: int = 30,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    colorspace: int | None = None,
    color_range: int | None = None,
    primaries: int | None = None,
    transfer: int | None = None,
    gop: int = 10,
    bframes: int = 0,
    options: dict[str, str] | None = None,
    pts: Sequence[int] | None = None,
    time_base: Fraction | None = None,
    rotation: int | None = None,
    hflip: bool = False,
    vflip: bool = False,
    sar: Fraction | None = None,
    container_options: dict[str, str] | None = None,
    draw: Callable[[int], av.VideoFrame] | None = None,
) -> Path:
    """Write a video whose frame ``n`` shows the number ``n`` (or what ``draw(n)`` returns).

    Args:
        path: The suffix decides on the container.
        size: Width and height; at least 32 x 24 if numbers are to be read.
        colorspace, color_range, primaries, transfer: FFmpeg's numbers; ``None`` leaves them unset.
        pts: Presentation ticks of the frames in ``time_base`` (default: one tick a frame at ``fps``).
        rotation: Degrees counter-clockwise for the display matrix.
    """
    base = time_base or 1 / Fraction(fps)
    with av.open(str(path), "w", options=container_options or {}) as container:
        stream: Any = container.add_stream(
            codec, rate=Fraction(fps), options=_codec_options(codec, gop, bframes, options)
        )
        stream.width, stream.height = size
        stream.pix_fmt = pix_fmt
        stream.time_base = base
        context = stream.codec_context
        context.time_base = base
        context.gop_size = gop
        context.thread_count = 1
        for name, value in (
            ("colorspace", colorspace),
            ("color_range", color_range),
            ("color_primaries", primaries),
            ("color_trc", transfer),
        ):
            if value is not None:
                setattr(context, name, value)
        if sar is not None:
            context.sample_aspect_ratio = sar
        if rotation is not None:
            stream.set_display_rotation(rotation, hflip=hflip, vflip=vflip)
        for n in range(frames):
            frame = draw(n) if draw else numbered(n, *size)
            if frame.format.name != pix_fmt:
                frame = frame.reformat(format=pix_fmt)
            frame.pts = pts[n] if pts is not None else n
            frame.time_base = base
            for name, value in (("colorspace", colorspace), ("color_range", color_range)):
                if value is not None:
                    setattr(frame, name, value)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _codec_options(codec: str, gop: int, bframes: int, extra: dict[str, str] | None) -> dict[str, str]:
    options: dict[str, str] = {}
    if codec == "libx264":
        options = {
            "preset": "ultrafast",
            "crf": "12",
            "x264-params": f"keyint={gop}:min-keyint={gop}:scenecut=0:bframes={bframes}:b-adapt=0",
        }
    elif codec.startswith("libvpx"):
        options = {"deadline": "realtime", "cpu-used": "8", "g": str(gop), "crf": "10", "b": "0"}
    if extra:
        options |= extra
    return options
