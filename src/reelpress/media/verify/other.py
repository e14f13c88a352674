"""Read back files that are not H.264 in MP4: HEVC, AV1, VP9 and ProRes, in MP4, MOV and WebM.

The same as :mod:`reelpress.media.verify.mp4`, but nothing is taken from parameter sets of H.264: colours are those of
the container and those that a decoder without the container's help finds in the bitstream, and which packets are key
frames is read from the packets of each codec.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from av.codec.context import CodecContext

from reelpress.color import BT709_LIMITED, ColorSpec, Range
from reelpress.errors import Cancelled
from reelpress.media._av import AV_ERRORS
from reelpress.media.boxes import find_all
from reelpress.media.encoder import MATRIX_POINT, PRIMARIES_POINT, TRANSFER_POINT
from reelpress.media.probe import container_tags
from reelpress.media.verify.container import codec_of, key_flags, opened, streams_of, structure
from reelpress.media.verify.decoding import KEY_FRAMES, decode_all, decode_audio, decode_some
from reelpress.media.verify.keys import KEY_OF
from reelpress.media.verify.packets import (
    check_audio_packets,
    check_packets,
    check_text,
    check_video_packets,
    walk,
)
from reelpress.media.verify.verdict import Expected, VerifyResult, wrong

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from reelpress.media.text_track import TextCue
    from reelpress.media.verify.packets import PacketTable

MILLISECOND = Fraction(1, 1000)
"""Times in WebM are whole milliseconds."""

ENTRIES = {"h264": ("avc1",), "hevc": ("hvc1",), "av1": ("av01",), "prores": ("apch", "ap4h")}
"""Sample entries in MP4 and MOV: those that QuickTime plays."""


@dataclass(frozen=True, slots=True)
class OtherFile:
    """What kind of file it is."""

    container: Literal["mp4", "mov", "webm"]
    codec: str
    """``h264``, ``hevc``, ``av1``, ``vp9`` or ``prores``."""
    entry: str | None = None
    """The sample entry, where the codec may have several."""


def verify_other(
    path: Path,
    kind: OtherFile,
    *,
    frames: int,
    fps: Fraction,
    size: tuple[int, int],
    color: ColorSpec = BT709_LIMITED,
    sound_slack: Fraction | None = None,
    subtitles: Sequence[TextCue] | None = None,
    mode: Literal["fast", "full"] = "fast",
    shown: Sequence[int] | None = None,
    key_frames_s: float | None = None,
    heartbeat: Callable[[], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> VerifyResult:
    """Check a finished file; threads and memory as :func:`reelpress.media.verify.mp4.verify`.

    Args:
        path: The file.
        kind: Container and codec.
        frames, fps, size, color, mode, shown, key_frames_s: As ``verify``.
        sound_slack: Seconds by which packets of sound may reach beyond the video; ``None``: there must be no sound.
        subtitles: As ``verify``.
        heartbeat, cancelled: As ``verify``.

    Raises:
        VerifyError, OutputError, Cancelled: As ``verify``.
    """
    cues = None if subtitles is None else tuple(subtitles)
    times = None if shown is None else np.asarray(shown, np.int64)
    expected = Expected(frames, fps, size, color, sound_slack is not None, None, cues, shown=times)
    if sound_slack is not None:
        expected = replace(expected, sound_slack=sound_slack)

    def pause() -> None:
        if heartbeat is not None:
            heartbeat()
        if cancelled is not None and cancelled():
            raise Cancelled("The export was cancelled.")

    checked = ["structure"]
    moov = b"" if kind.container == "webm" else structure(path)
    if moov:
        _entry(moov, kind, color)
    with opened(path) as container:
        video, audio = streams_of(container, expected)
        track: Any = container.streams[video]
        if kind.container == "webm":
            matrix, primaries, transfer, value_range = container_tags(track)
            _colours("container", (primaries, transfer, matrix), value_range, color)
            _length(container.duration, expected)
    _first_picture(path, video, kind, expected)
    checked += ["streams", "size", "colour in bitstream and container"]
    packets = walk(path, video, pause)
    if kind.container == "webm":
        _rounded_times(packets, expected)
    else:
        check_video_packets(packets, expected)
        key_flags(moov, packets)
    _own_keys(path, video, kind.codec, packets, pause)
    checked += ["packet times", "packet sizes", "key frames"]
    if expected.has_audio:
        sound = walk(path, audio, pause)
        if kind.container == "webm":
            _rounded_sound(sound, expected)
        else:
            check_audio_packets(sound, expected)
        checked.append("audio")
    if cues is not None:
        check_text(path, cues, expected.seconds, pause)
        checked.append("subtitles")
    if mode == "full":
        decoded = decode_all(path, video, expected, pause, MILLISECOND if kind.container == "webm" else Fraction(0))
    else:
        decoded = decode_some(path, video, packets, KEY_FRAMES, key_frames_s, pause)
    if expected.has_audio:
        decode_audio(path, audio, mode, pause)
    checked.append("decoded all" if mode == "full" else "decoded first, last and key frames")
    end = expected.seconds if kind.container == "webm" else packets.end()
    return VerifyResult(len(packets), end, int(packets.key.sum()), decoded, tuple(checked))


def _entry(moov: bytes, kind: OtherFile, color: ColorSpec) -> None:
    """The sample entry and its colour tag (``nclx``, in MOV also ``nclc``, which has no range)."""
    names = (kind.entry,) if kind.entry is not None else ENTRIES[kind.codec]
    for name in names:
        if not find_all(moov, f"trak/mdia/minf/stbl/stsd/{name}"):
            continue
        boxes = find_all(moov, f"trak/mdia/minf/stbl/stsd/{name}/colr")
        if not boxes or boxes[0][8:12] not in (b"nclx", b"nclc") or len(boxes[0]) < 18:
            raise wrong("the container has no colour tag (colr)")
        box = boxes[0]
        found = tuple(int.from_bytes(box[at : at + 2], "big") for at in (12, 14, 16))
        full = None if box[8:12] == b"nclc" else 1 + (box[18] >> 7)
        _colours("container", found, full, color)
        return
    raise wrong(f"its pictures are not marked as {' or '.join(names)}")


def _colours(where: str, found: tuple[int, ...], value_range: int | None, color: ColorSpec) -> None:
    """Primaries, transfer and matrix; the range (1 limited, 2 full) where it is said: 0 and ``None`` are limited."""
    wanted = PRIMARIES_POINT[color.primaries], TRANSFER_POINT[color.transfer], MATRIX_POINT[color.matrix]
    names = ("primaries", "transfer", "matrix")
    bad = [f"{n} {f} instead of {w}" for n, f, w in zip(names, found, wanted, strict=True) if f != w]
    if (value_range == 2) is not (color.range is Range.FULL):
        bad.append(f"range {value_range}")
    if bad:
        raise wrong(f"the colour tags of the {where} are wrong: {', '.join(bad)}")


def _length(microseconds: int | None, expected: Expected) -> None:
    seconds = Fraction(microseconds or 0, 1_000_000)
    # sound may reach beyond the pictures
    slack = MILLISECOND + (expected.sound_slack if expected.has_audio else 0)
    if abs(seconds - expected.seconds) > slack:
        raise wrong(f"it lasts {float(seconds):.3f} s instead of {float(expected.seconds):.3f} s")


def _first_picture(path: Path, stream: int, kind: OtherFile, expected: Expected) -> None:
    """Size and colour as the bitstream alone says them."""
    with opened(path) as container:
        track: Any = container.streams[stream]
        own = codec_of(track)
        context: Any = CodecContext.create(own.name, "r")
        context.extradata = own.extradata
        context.thread_type, context.thread_count = "NONE", 1
        if kind.codec == "prores":
            context.codec_tag = own.codec_tag
        frames: list[Any] = []
        try:
            for packet in container.demux(track):
                frames += context.decode(packet if packet.size else None)
                if frames:
                    break
        except AV_ERRORS as fault:
            raise wrong(f"the first picture cannot be decoded ({fault})") from fault
    if not frames:
        raise wrong("no picture comes out of the decoder")
    frame = frames[0]
    if (frame.width, frame.height) != expected.size:
        raise wrong(f"the bitstream is {frame.width}x{frame.height} instead of {expected.size[0]}x{expected.size[1]}")
    found = (int(frame.color_primaries), int(frame.color_trc), int(frame.colorspace))
    if kind.codec == "vp9":  # its headers tell matrix and range only (VP9 bitstream 7.2.2)
        wanted = PRIMARIES_POINT[expected.color.primaries], TRANSFER_POINT[expected.color.transfer]
        found = (*wanted, found[2])
    _colours("bitstream", found, int(frame.color_range), expected.color)


def _rounded_times(packets: PacketTable, expected: Expected) -> None:
    """As ``check_video_packets`` where times are rounded to milliseconds."""
    check_packets(packets, "picture")
    frames = np.arange(expected.frames, dtype=np.int64) if expected.shown is None else expected.shown
    if len(packets) != len(frames):
        raise wrong(f"it has {len(packets)} pictures instead of {len(frames)}")
    if not packets.key[0]:
        raise wrong("its first picture is not a key frame")
    for k, (ticks, frame) in enumerate(zip(np.sort(packets.pts).tolist(), frames.tolist(), strict=True)):
        if abs(ticks * packets.time_base - frame / expected.fps) > MILLISECOND / 2:
            wanted = float(frame / expected.fps)
            raise wrong(f"picture {k} is shown at {packets.seconds(ticks)} instead of {wanted:.6f} s")


def _rounded_sound(packets: PacketTable, expected: Expected) -> None:
    """As ``check_audio_packets`` where times are rounded to milliseconds."""
    check_packets(packets, "sound packet")
    slack = expected.sound_slack + MILLISECOND
    if abs(int(packets.pts[0]) * packets.time_base) > slack:
        raise wrong(f"its sound starts at {packets.seconds(int(packets.pts[0]))} instead of 0")
    if abs(packets.end() - expected.seconds) > slack:
        raise wrong(f"its sound lasts {float(packets.end()):.6f} s, its video {float(expected.seconds):.6f} s")
    apart = np.abs(packets.pts[1:] - packets.pts[:-1] - packets.duration[:-1])
    if (apart > 1).any():
        raise wrong(f"there is a gap or an overlap after sound packet {int(np.argmax(apart > 1))}")


def _own_keys(path: Path, stream: int, codec: str, packets: PacketTable, pause: Callable[[], None]) -> None:
    """Which packets are key frames, by the container and by themselves."""
    read = KEY_OF[codec]
    with opened(path) as container:
        number = 0
        for packet in container.demux(container.streams[stream]):
            if packet.size == 0 and packet.pts is None:
                continue
            key = read(memoryview(packet))
            if key is None:
                raise wrong(f"packet {number} holds no picture")
            if key != bool(packets.key[number]):
                raise wrong(f"packet {number} is {'' if key else 'not '}a key frame, the container says otherwise")
            number += 1
            if number % 500 == 0:
                pause()
