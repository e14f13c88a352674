"""Read a finished file of H.264 in MP4 back and compare it with what was planned.

Fast: every packet is looked at (times, sizes, key flags, colour tags in the bitstream and in the container), and the
first picture, the last one and up to eight key frames between them are decoded. Full: every picture is decoded.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Literal

import numpy as np

from reelpress.clock import AUDIO_RATE
from reelpress.color import BT709_LIMITED, ColorSpec
from reelpress.errors import Cancelled
from reelpress.media.encoder import AAC_FRAME
from reelpress.media.verify.container import (
    bitstream_colour,
    container_colour,
    key_flags,
    opened,
    streams_of,
    structure,
)
from reelpress.media.verify.decoding import KEY_FRAMES, decode_all, decode_audio, decode_some
from reelpress.media.verify.packets import check_audio_packets, check_text, check_video_packets, listed, walk
from reelpress.media.verify.verdict import Expected, VerifyResult

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from reelpress.media.text_track import TextCue


def verify(
    path: Path,
    *,
    frames: int,
    fps: Fraction,
    size: tuple[int, int],
    duration: Fraction | None = None,
    color: ColorSpec = BT709_LIMITED,
    has_audio: bool = False,
    subtitles: Sequence[TextCue] | None = None,
    mode: Literal["fast", "full"] = "fast",
    shown: Sequence[int] | None = None,
    end_slack: Fraction = Fraction(0),
    sound_slack: Fraction | None = None,
    key_frames: int = KEY_FRAMES,
    key_frames_s: float | None = None,
    heartbeat: Callable[[], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> VerifyResult:
    """Check a finished MP4. Uses the calling thread only, and no more memory than a decoder and 35 bytes a packet.

    Args:
        path: The file.
        frames: Pictures planned.
        fps: Frame rate; picture k must be shown at exactly k/fps seconds.
        size: Width and height in pixels.
        duration: Seconds of video; ``None`` is frames/fps.
        color: What the tags must say.
        has_audio: Whether there must be one audio track as long as the video (to one AAC frame), or none.
        subtitles: What the one subtitle track must say when; ``None``: there must be no such track.
        mode: ``"fast"`` decodes up to 10 places, ``"full"`` everything.
        shown: Numbers of the frames at which pictures come, rising, where the rate is variable; ``None``: at each.
        end_slack: Seconds by which the video's end may be off.
        sound_slack: Seconds by which packets of sound may reach beyond the video; ``None`` is one AAC frame.
        key_frames: Key frames decoded in fast mode at most; the first picture and the last one always are.
        key_frames_s: No more key frames are begun in fast mode after so many seconds of it; ``None``: no such bound.
        heartbeat: Called after every little piece of work.
        cancelled: Asked as often; True raises Cancelled.

    Raises:
        VerifyError: The first difference, in a sentence.
        OutputError: The file cannot be read at all any more.
        Cancelled: ``cancelled`` said so.
    """
    cues = None if subtitles is None else tuple(subtitles)
    times = None if shown is None else np.asarray(shown, np.int64)
    slack = Fraction(AAC_FRAME, AUDIO_RATE) if sound_slack is None else sound_slack
    expected = Expected(frames, fps, size, color, has_audio, duration, cues, end_slack, slack, times)

    def pause() -> None:
        if heartbeat is not None:
            heartbeat()
        if cancelled is not None and cancelled():
            raise Cancelled("The export was cancelled.")

    checked = ["structure"]
    moov = structure(path)
    container_colour(moov, expected.color)
    video = audio = -1
    with opened(path) as container:
        video, audio = streams_of(container, expected)
        bitstream_colour(container.streams[video].codec_context.extradata or b"", expected)
    checked += ["streams", "size", "colour in bitstream and container"]
    packets = (listed(path, moov, pause) if mode == "fast" else None) or walk(path, video, pause)
    check_video_packets(packets, expected)
    key_flags(moov, packets)
    checked += ["packet times", "packet sizes", "key frames"]
    if expected.has_audio:
        check_audio_packets(walk(path, audio, pause), expected)
        checked.append("audio")
    if cues is not None:
        check_text(path, cues, expected.seconds, pause)
        checked.append("subtitles")
    if mode == "full":
        decoded = decode_all(path, video, expected, pause)
    else:
        decoded = decode_some(path, video, packets, key_frames, key_frames_s, pause)
    if expected.has_audio:
        decode_audio(path, audio, mode, pause)
    checked.append("decoded all" if mode == "full" else "decoded first, last and key frames")
    return VerifyResult(len(packets), packets.end(), int(packets.key.sum()), decoded, tuple(checked))
