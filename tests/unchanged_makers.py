"""What the tests of held, patched and left-out pictures share: small drawn pictures, sessions, and a plain decoder."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from reelpress.color import BT709_LIMITED
from reelpress.encode.base import Change, Decision, Encoder
from reelpress.encode.splice.policy import Policy, PolicyLimits
from reelpress.encode.splice.session import SpliceSession
from reelpress.encode.splice.stream import Splicer
from reelpress.encode.splice.transplant import Transplanter
from reelpress.media.encoder import EncoderSpec
from reelpress.media.mux import Mp4Writer
from reelpress.media.packets import EncodedPacket
from reelpress.media.patch_encoder import PatchEncoder
from reelpress.media.planes import Planes
from reelpress.media.scale import plane_views
from reelpress.scene.plan.rect import IntRect

Picture = tuple[NDArray[np.uint8], ...]
"""Luma, Cb, Cr."""

KEEPING_ORDER = {"bf": "0", "forced-idr": "1", "x264-params": "min-keyint=1"}
"""Encoder options of a stream that can be spliced."""


def page(width: int, height: int, seed: int, format_name: str = "yuv420p") -> Planes:
    """Flat paper with bars like lines of text; the chroma is calm."""
    rng = np.random.default_rng(seed)
    luma = np.full((height, width), 225, np.uint8)
    for y in range(3, height - 3, 8):
        for x in range(2, width - 4, 6):
            if rng.random() < 0.5:
                luma[y : y + 4, x : x + 3] = rng.integers(30, 90)
    cb, cr = (np.full((height // 2, width // 2), value, np.uint8) for value in (118, 135))
    return of_planes(luma, cb, cr, format_name)


def of_planes(
    luma: NDArray[np.uint8], cb: NDArray[np.uint8], cr: NDArray[np.uint8], format_name: str = "yuv420p"
) -> Planes:
    height, width = luma.shape
    chroma = (cb, cr) if format_name == "yuv420p" else (np.stack([cb, cr], axis=2).reshape(cb.shape[0], -1),)
    return Planes(format_name, width, height, (luma, *chroma), BT709_LIMITED)


def copied(planes: Planes) -> Planes:
    """The same picture in memory of its own."""
    return Planes(planes.format, planes.width, planes.height, tuple(p.copy() for p in planes.planes), planes.color)


def planar(planes: Planes) -> Picture:
    """Luma, Cb, Cr of either format."""
    if planes.format == "yuv420p":
        return planes.planes
    return planes.planes[0], planes.planes[1][:, 0::2], planes.planes[1][:, 1::2]


def painted(planes: Planes, rect: IntRect, value: int, chroma: int = 128) -> Planes:
    """A copy with a rectangle (even edges) of one colour."""
    made = copied(planes)
    luma, *rest = planar(made)
    luma[rect.y : rect.bottom, rect.x : rect.right] = value
    for plane in rest:
        plane[rect.y // 2 : rect.bottom // 2, rect.x // 2 : rect.right // 2] = chroma
    return made


def spec_of(width: int = 96, height: int = 80, **more: Any) -> EncoderSpec:
    values: dict[str, Any] = {"fps": Fraction(30), "crf": 20.0, "preset": "ultrafast", "gop_frames": 1000, "threads": 1}
    return EncoderSpec(width, height, **(values | more))


def limits(gop: int = 1000, **more: Any) -> PolicyLimits:
    """Limits that let everything pass but what is given."""
    values: dict[str, Any] = {
        "gop": gop,
        "patch_area": 8,
        "patch_bytes": 1 << 20,
        "allowance": 1 << 30,
        "still_allowance": 0,
        "income": 1e6,
        "share": 0.0,
        "savings": 1e9,
        "motion_area": 10_000,
        "settle_after": 1 << 30,
    }
    return replace(PolicyLimits.of(96, 80, gop, 1e6), **(values | more))


class Session:
    """A splicing session over x264, writing nowhere that anyone looks."""

    def __init__(self, path: Path, spec: EncoderSpec, goes_by: PolicyLimits) -> None:
        tiny = PatchEncoder(spec.pixel_format)
        editors: list[Splicer] = []

        def edited(parameter_sets: bytes) -> bytes:
            editors.append(Splicer(parameter_sets, patch_pps=tiny.pps))
            return editors[0].header

        asked = replace(spec, extra={**spec.extra, **KEEPING_ORDER})
        self.writer = Mp4Writer(path, video=asked, parameter_sets=edited)
        self.qp = int(spec.crf)
        self.splicer = editors[0]
        self.encoder = SpliceSession(self.writer.video, self.splicer, Transplanter(tiny, self.qp), Policy(goes_by))
        self.header = editors[0].header

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.writer.abort()


def fed(
    encoder: Encoder, pictures: Iterable[tuple[Planes, Change]]
) -> tuple[list[Decision], list[EncodedPacket], list[int]]:
    """Give all pictures: what became of each, all packets, and how many packets were out after each picture."""
    decisions, packets, out = [], [], []
    for index, (planes, change) in enumerate(pictures):
        packets += encoder.encode(planes, index, change)
        decisions.append(encoder.decision)
        out.append(len(packets))
    packets += encoder.flush()
    return decisions, packets, out


def decoded(header: bytes, packets: Sequence[bytes]) -> list[Picture]:
    """Luma, Cb, Cr of every picture; what the decoder complains about is raised."""
    context = av.CodecContext.create("h264", "r")
    context.extradata = header
    context.thread_count = 1
    context.options = {"err_detect": "explode"}
    frames = []
    for data in packets:
        frames += context.decode(av.Packet(data))
    frames += context.decode(None)
    assert not any(frame.is_corrupt for frame in frames)
    return [tuple(view.copy() for view in plane_views(frame)) for frame in frames]


def unit_type(packet: bytes) -> int:
    """nal_unit_type of the first unit of a byte stream."""
    return packet[packet.index(b"\x00\x00\x01") + 3] & 0x1F


def same(a: Picture, b: Picture) -> bool:
    return all(np.array_equal(p, q) for p, q in zip(a, b, strict=True))


def psnr(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    error = float(np.mean((a.astype(np.float64) - b) ** 2))
    return 99.0 if error == 0 else 10 * float(np.log10(255**2 / error))


def blocks(width: int, height: int) -> list[tuple[int, int]]:
    """Row and column of every macroblock."""
    return [(row, column) for row in range(-(-height // 16)) for column in range(-(-width // 16))]


def cell(picture: Picture, row: int, column: int) -> Picture:
    """One macroblock of a picture."""
    sizes = (16, 8, 8)
    return tuple(p[row * s : (row + 1) * s, column * s : (column + 1) * s] for p, s in zip(picture, sizes, strict=True))


def differing_blocks(a: Picture, b: Picture) -> set[tuple[int, int]]:
    """The macroblocks in which any sample differs, one by one."""
    height, width = a[0].shape
    return {at for at in blocks(width, height) if not same(cell(a, *at), cell(b, *at))}
