"""What the container of a finished file says: boxes, tracks, colour tags, the list of key frames."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from reelpress.color import ColorSpec, Range
from reelpress.errors import InputError, OutputError
from reelpress.media._av import open_input
from reelpress.media.boxes import find_all, top_level_boxes
from reelpress.media.encoder import MATRIX_POINT, PRIMARIES_POINT, TRANSFER_POINT
from reelpress.media.h264_sps import sps_of_extradata
from reelpress.media.verify.verdict import wrong

if TYPE_CHECKING:
    from pathlib import Path

    from av.container import InputContainer

    from reelpress.media.verify.packets import PacketTable
    from reelpress.media.verify.verdict import Expected


class opened:
    """A file to be read; one that cannot be opened is not what was planned."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> InputContainer:
        try:
            self._container = open_input(self._path, header_only=True)
        except InputError as fault:
            raise wrong(f"it cannot be opened again ({fault})") from fault
        return self._container

    def __exit__(self, *_: object) -> None:
        self._container.close()


def streams_of(container: InputContainer, expected: Expected) -> tuple[int, int]:
    """Indices of the video and the sound track (-1: none), where there are those planned and no others."""
    videos = [s for s in container.streams if s.type == "video"]
    audios = [s for s in container.streams if s.type == "audio"]
    texts = [s for s in container.streams if s.type == "subtitle"]
    if len(videos) != 1:
        raise wrong(f"it has {len(videos)} video tracks instead of 1")
    if len(audios) != int(expected.has_audio):
        raise wrong(f"it has {len(audios)} audio tracks instead of {int(expected.has_audio)}")
    if len(texts) != int(expected.subtitles is not None):
        raise wrong(f"it has {len(texts)} subtitle tracks instead of {int(expected.subtitles is not None)}")
    context, *_ = [codec_of(track) for track in (*videos, *audios)]
    if (context.width, context.height) != expected.size:
        raise wrong(f"it is {context.width}x{context.height} instead of {expected.size[0]}x{expected.size[1]}")
    return videos[0].index, audios[0].index if audios else -1


def codec_of(track: Any) -> Any:
    """The library's decoder of a track, not opened yet.

    Raises:
        VerifyError: It knows none: the file names another codec than was written.
    """
    if track.codec_context is None:
        raise wrong(f"its {track.type} track is of no known codec")
    return track.codec_context


def time_base(track: Any) -> Fraction:
    """Seconds in a tick of a track."""
    return Fraction(track.time_base.numerator, track.time_base.denominator)


def structure(path: Path) -> bytes:
    """The index, after a check that the boxes fill the file."""
    try:
        with path.open("rb") as file:
            boxes = top_level_boxes(file)
            total = path.stat().st_size
            end = max((offset + size for _, offset, size in boxes), default=0)
            names = [name for name, _, _ in boxes]
            if end != total or b"mdat" not in names:
                raise wrong(f"it is cut off: {end} of its {total} bytes are whole boxes")
            if names.count(b"moov") != 1:
                raise wrong("it has no index (moov)")
            _, offset, size = boxes[names.index(b"moov")]
            file.seek(offset)
            return file.read(size)
    except OSError as fault:
        raise OutputError(f"{path} cannot be read back: {fault.strerror}. Check the disk.") from fault


def container_colour(moov: bytes, color: ColorSpec) -> None:
    boxes = [b for entry in ("avc1", "hvc1", "av01") for b in find_all(moov, f"trak/mdia/minf/stbl/stsd/{entry}/colr")]
    if not boxes:
        raise wrong("the container has no colour tag (colr)")
    box = boxes[0]
    if box[8:12] != b"nclx" or len(box) < 19:
        raise wrong("the container's colour tag is not of the kind nclx")
    found = (*(int.from_bytes(box[at : at + 2], "big") for at in (12, 14, 16)), bool(box[18] & 0x80))
    _compare_colour("container", found, color)


def bitstream_colour(extradata: bytes, expected: Expected) -> None:
    sps = sps_of_extradata(extradata)
    if sps is None:
        raise wrong("the bitstream has no readable parameter set (SPS)")
    if (sps.width, sps.height) != expected.size:
        raise wrong(f"the bitstream is {sps.width}x{sps.height} instead of {expected.size[0]}x{expected.size[1]}")
    _compare_colour("bitstream", (sps.primaries, sps.transfer, sps.matrix, sps.full_range), expected.color)


def key_flags(moov: bytes, packets: PacketTable) -> None:
    """The index's list of key frames (stss; absent: all are) against what the packets themselves are."""
    for track in find_all(moov, "trak"):
        if any(box[16:20] == b"vide" for box in find_all(track, "mdia/hdlr")):
            listed = np.ones(len(packets), np.bool_)
            for box in find_all(track, "mdia/minf/stbl/stss"):
                numbers = np.frombuffer(box, ">u4", offset=16)
                listed[:] = False
                listed[numbers[numbers <= len(packets)] - 1] = True
            if (listed != packets.key).any():
                k = int(np.argmax(listed != packets.key))
                raise wrong(f"packet {k} is {'not ' if listed[k] else ''}a key frame, the index says otherwise")


def _compare_colour(where: str, found: tuple[int | bool, ...], color: ColorSpec) -> None:
    wanted = (
        PRIMARIES_POINT[color.primaries],
        TRANSFER_POINT[color.transfer],
        MATRIX_POINT[color.matrix],
        color.range is Range.FULL,
    )
    if found != wanted:
        names = ("primaries", "transfer", "matrix", "full range")
        bad = [f"{n} {f} instead of {w}" for n, f, w in zip(names, found, wanted, strict=True) if f != w]
        raise wrong(f"the colour tags of the {where} are wrong: {', '.join(bad)}")
