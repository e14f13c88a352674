"""Subtitles as a soft track of an MP4: 3GPP timed text (``tx3g``, FFmpeg's ``mov_text``).

A sample is two bytes of length and UTF-8 text (3GPP TS 26.245, 5.17); an empty one shows nothing. Samples follow each
other without gaps, so the silence between two cues is a sample of its own and the track is as long as the video.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from reelpress.errors import SettingsError
from reelpress.media.packets import EncodedPacket

if TYPE_CHECKING:
    from collections.abc import Sequence

CODEC = "mov_text"
TICK = Fraction(1, 1000)
"""Seconds: what SRT files have too, so that both say the same."""
TIMESCALE = 240_000
"""Ticks a second of the track. FFmpeg's muxer compares the ends of texts with other tracks' times without converting
them, and puts empty samples of no length wherever a text seems to have ended; in a scale at least as fine as theirs
none does."""
MAX_BYTES = 65_535

HEADER = (
    b"[Script Info]\r\nScriptType: v4.00+\r\nPlayResX: 384\r\nPlayResY: 288\r\n\r\n[V4+ Styles]\r\n"
    b"Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, "
    b"Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, "
    b"MarginV, Encoding\r\n"
    b"Style: Default,Arial,16,&Hffffff,&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,1\r\n\r\n"
    b"[Events]\r\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\r\n"
)
"""Style from which the encoder makes the sample description: white, at the bottom, centred."""


@dataclass(frozen=True, slots=True)
class TextCue:
    """Lines of text for a while. Times in milliseconds of the output."""

    start_ms: int
    end_ms: int
    """Exclusive, after ``start_ms``."""
    text: str
    """Not empty; lines end in a line feed."""


@dataclass(frozen=True, slots=True)
class TextTrackSettings:
    """What the subtitle track is told."""

    language: str = "und"
    """Three letters of ISO 639-2, ``und`` for unknown."""

    def __post_init__(self) -> None:
        if len(self.language) != 3 or not (self.language.isascii() and self.language.islower()):
            raise SettingsError(
                f"The subtitles' language is {self.language!r}. Allowed are three small letters, such as eng or und."
            )


def text_packets(cues: Sequence[TextCue], total_ms: int) -> list[EncodedPacket]:
    """The samples of a whole track, from 0 to ``total_ms`` (or the end of the last cue) without gaps.

    Raises:
        ValueError: Cues overlap or are not in order.
    """
    packets: list[EncodedPacket] = []
    at = 0
    for cue in cues:
        if cue.start_ms < at or cue.end_ms <= cue.start_ms:
            raise ValueError(f"cue at {cue.start_ms} ms begins before {at} ms or does not end after its start")
        if cue.start_ms > at:
            packets.append(_sample("", at, cue.start_ms))
        packets.append(_sample(cue.text, cue.start_ms, cue.end_ms))
        at = cue.end_ms
    if at < total_ms:
        packets.append(_sample("", at, total_ms))
    return packets


def is_mark(sample: bytes, duration: int) -> bool:
    """Whether a sample is empty and takes no time: the muxer's end mark, not one of ours."""
    return duration == 0 and sample[:2] == b"\0\0"


def text_of(sample: bytes) -> str:
    """The text of a sample, without the style boxes that may follow it."""
    return sample[2 : 2 + int.from_bytes(sample[:2], "big")].decode("utf-8")


def _sample(text: str, start: int, end: int) -> EncodedPacket:
    data = text.encode("utf-8", "replace")
    if len(data) > MAX_BYTES:
        data = data[:MAX_BYTES].decode("utf-8", "ignore").encode()
    return EncodedPacket("text", len(data).to_bytes(2, "big") + data, start, start, end - start, True, TICK)
