"""Planes as an RGB picture, for files that people look at (``reelpress frame``). Never on the way of an export."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from reelpress.color import BT709_LIMITED
from reelpress.media.scale import to_frame

if TYPE_CHECKING:
    from reelpress.media.planes import Planes

RgbArray = np.ndarray[Any, np.dtype[np.uint8]]


def to_rgb(planes: Planes) -> RgbArray:
    """A composed picture as (height, width, 3) full-range R'G'B'.

    Raises:
        FormatError: It is not yuv420p or nv12 in BT.709 limited range.
    """
    planes.require(("yuv420p", "nv12"), BT709_LIMITED)
    frame = VideoReformatter().reformat(
        to_frame(planes),
        format="rgb24",
        src_colorspace=Colorspace.ITU709,
        dst_colorspace=Colorspace.ITU709,
        src_color_range=ColorRange.MPEG,
        dst_color_range=ColorRange.JPEG,
        interpolation=Interpolation.BICUBIC
        | Interpolation.FULL_CHR_H_INP
        | Interpolation.FULL_CHR_H_INT
        | Interpolation.ACCURATE_RND,
    )
    return np.asarray(frame.to_ndarray(), np.uint8)


def available_codecs() -> list[dict[str, Any]]:
    """Codecs that an export may use: ``kind``, ``name``, ``available``, ``required``, ``note``."""
    from av.codec import Codec

    wanted = (
        ("encoder", "libx264", "w", True, "H.264, used for every MP4"),
        ("encoder", "aac", "w", True, "sound"),
        ("decoder", "h264", "r", True, "what most recorders write"),
        ("decoder", "hevc", "r", False, "phones, newer recorders"),
        ("decoder", "vp9", "r", False, "browsers' screen capture"),
        ("decoder", "libdav1d", "r", False, "AV1"),
        ("decoder", "opus", "r", False, "sound of .cap projects"),
    )
    rows = []
    for kind, name, mode, required, note in wanted:
        try:
            Codec(name, mode)  # type: ignore[arg-type]
            available = True
        except ValueError:  # UnknownCodecError
            available = False
        rows.append({"kind": kind, "name": name, "available": available, "required": required, "note": note})
    return rows
