"""The colour tags of a video: what the container says, what the bitstream says, and what the decoder makes of both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reelpress.media._av import AV_ERRORS, input_errors, open_input, packets_of, stream_of
from reelpress.media.boxes import find_all, top_level_boxes
from reelpress.media.h264_sps import sps_of_extradata
from reelpress.media.probe import CHECK_PACKETS, container_tags

if TYPE_CHECKING:
    from pathlib import Path

UNSET = 2
"""H.273: not specified."""

MAX_INDEX_BYTES = 64 << 20
"""A larger index (moov) is not read for its one colour tag."""


@dataclass(frozen=True, slots=True)
class Tags:
    """H.273 code points; 2 where nothing is said."""

    primaries: int
    transfer: int
    matrix: int
    full_range: bool | None
    """``None``: not said."""


@dataclass(frozen=True, slots=True)
class ColourTags:
    """What a file says about its colour, and where."""

    container: Tags | None
    """MP4 and MOV: the ``colr`` box. Others: what FFmpeg knows before decoding. ``None``: no tag."""
    bitstream: Tags | None
    """H.264 with its parameter sets in the container: the SPS. ``None``: no description, or another codec."""
    decoder: Tags
    """Of the first decoded picture: what a player that trusts FFmpeg sees."""


def colour_tags(path: Path, stream: int) -> ColourTags:
    """Read the tags of one video stream; decodes its first picture with one thread.

    Raises:
        InputError: The file cannot be read, or nothing can be decoded.
    """
    with open_input(path, only=stream) as container, input_errors(path, "reading its colour tags"):
        track: Any = stream_of(container, stream, path)
        context = track.codec_context
        primaries, transfer, matrix, value_range = _in_order(container_tags(track))
        general: Tags | None = Tags(primaries, transfer, matrix, _full(value_range))
        if general == Tags(UNSET, UNSET, UNSET, None):
            general = None
        bitstream = None
        if context.name == "h264":
            sps = sps_of_extradata(bytes(context.extradata or b""))
            if sps is not None and (sps.has_range or sps.matrix != UNSET):
                full = sps.full_range if sps.has_range else None
                bitstream = Tags(sps.primaries, sps.transfer, sps.matrix, full)
        if "mp4" in container.format.name.split(","):
            general = _colr(path)
        context.thread_type = "NONE"
        context.thread_count = 1
        decoder = general or Tags(UNSET, UNSET, UNSET, None)
        for count, packet in enumerate(packets_of(container, track)):
            try:
                frames = context.decode(packet if packet.size else None)
            except AV_ERRORS:
                frames = []
            if frames:
                frame = frames[0]
                decoder = Tags(frame.color_primaries, frame.color_trc, frame.colorspace, _full(frame.color_range))
                break
            if count > CHECK_PACKETS or packet.size == 0:
                break
        return ColourTags(general, bitstream, decoder)


def _in_order(tags: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    matrix, primaries, transfer, value_range = tags
    return primaries, transfer, matrix, value_range


def _full(value_range: int) -> bool | None:
    """FFmpeg's AVColorRange: 0 unset, 1 limited, 2 full."""
    return None if value_range == 0 else value_range == 2


def _colr(path: Path) -> Tags | None:
    """The first ``colr`` box of a video track (ISO/IEC 14496-12, 12.1.5; QuickTime: nclc, without the range)."""
    try:
        with path.open("rb") as file:
            for name, offset, size in top_level_boxes(file):
                if name == b"moov" and size <= MAX_INDEX_BYTES:
                    file.seek(offset)
                    moov = file.read(size)
                    break
            else:
                return None
    except OSError:
        return None
    for entry in ("avc1", "hvc1", "av01", "apch", "ap4h"):
        for box in find_all(moov, f"trak/mdia/minf/stbl/stsd/{entry}/colr"):
            if box[8:12] in (b"nclx", b"nclc") and len(box) >= 18:
                primaries, transfer, matrix = (int.from_bytes(box[at : at + 2], "big") for at in (12, 14, 16))
                full = bool(box[18] & 0x80) if box[8:12] == b"nclx" and len(box) >= 19 else None
                return Tags(primaries, transfer, matrix, full)
    return None
