"""Whether the sound can be copied too."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from reelpress.clock import AUDIO_RATE
from reelpress.errors import InputError
from reelpress.media.copy_sound import AAC_PACKET, AudioPackets, scan_audio

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reelpress.media.audio import AudioSpan

LATEST_SOUND = Fraction(1, 50)
"""Seconds by which copied sound may begin late or end early: about one AAC packet."""


def copied_sound(spans: Sequence[AudioSpan], total: int) -> tuple[AudioPackets | None, str]:
    """Sound that can be taken over, and what is said about it."""
    if not spans:
        return None, "there is no sound"
    mixed = "its sound is mixed and encoded"
    if len(spans) > 1:
        return None, f"{mixed}: it is put together from {len(spans)} pieces"
    span = spans[0]
    plain = span.mode == "normal" and span.gain == 1.0 and span.channels == "stereo" and not span.ramps
    if not plain or span.out_start > 0 or span.out_end < total:
        return None, f"{mixed}: it is changed"
    try:
        packets = scan_audio(span.path, span.stream)
    except InputError:
        return None, f"{mixed}: it cannot be read as it is"
    if packets.refusal is not None:
        return None, f"{mixed}: {packets.refusal}"
    begin = span.source_start
    end = begin + Fraction(total, AUDIO_RATE)
    starts = Fraction(packets.start, packets.rate)
    ends = Fraction(packets.start + packets.count * AAC_PACKET, packets.rate)
    if starts > begin + LATEST_SOUND or ends < end - LATEST_SOUND:
        return None, f"{mixed}: it does not last as long as the picture"
    return packets, "its sound is copied too"
