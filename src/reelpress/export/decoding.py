"""Which decoder an export uses: a chip only where it gives the same pictures sooner."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reelpress.encode.select import Choice
from reelpress.events import Fallback

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reelpress.export.settings import ExportSettings
    from reelpress.media.hardware import Tried
    from reelpress.recording.model import VideoTrack

SHORTEST = 240
"""Pictures: opening a chip's decoder takes longer than decoding so few in software."""


def choose_decoder(
    tracks: Sequence[VideoTrack],
    settings: ExportSettings,
    *,
    threads: int,
    frames: int,
    trial: Callable[[str, VideoTrack], Tried] | None = None,
    present: Callable[[], list[str]] | None = None,
) -> tuple[str, Choice, list[Fallback]]:
    """The name for ``VideoSource``, the choice for the plan, and what had to be given up.

    Args:
        tracks: What will be decoded; the one with the most pixels a second speaks for all.
        settings: ``decoder`` is ``auto``, ``software`` or a device type.
        threads: Of a software decoder.
        frames: Of the output: as many pictures are decoded at most.
        trial, present: Try a device, and the devices there can be; for tests.
    """
    codecs = ", ".join(dict.fromkeys(track.info.codec for track in tracks)) or "nothing to decode"
    software = f"software ({codecs})"
    bounded = f"{threads} threads, bounded by the memory budget"
    if settings.flags.decoder == "software":
        return "software", Choice(software, f"asked for with --decoder; {bounded}"), []
    if not tracks:
        return "software", Choice(software, bounded), []
    largest = max(tracks, key=lambda track: track.info.width * track.info.height)
    if trial is None:
        from reelpress.media.hardware import try_device

        def trial(name: str, track: VideoTrack) -> Tried:
            return try_device(name, track.path, track.info, threads=threads, frames=min(frames, len(track.index)))

    if present is None:
        from reelpress.media.hardware import devices

        present = devices
    wanted = settings.flags.decoder
    rejected: list[tuple[str, str]] = []
    if wanted == "auto" and frames < SHORTEST:
        why = f"{frames} frames are decoded sooner than a chip is opened"
        return "software", Choice(software, bounded, tuple((name, why) for name in present())), []
    for name in present() if wanted == "auto" else [wanted]:
        if name not in present():
            from reelpress.media.hardware import why_absent

            rejected.append((name, why_absent(name) or "not here"))
            continue
        tried = trial(name, largest)
        # Who asks for it by name may have reasons; only wrong pictures are no matter of taste.
        if tried.why_not is None or (wanted == name and tried.ratio is not None):
            gain = f"the same pictures, {tried.ratio or 0:.1f} times as fast in a trial of this file"
            reason = f"asked for with --decoder; {gain}" if wanted == name else gain
            return name, Choice(f"{name} ({codecs})", reason, tuple(rejected)), []
        rejected.append((name, tried.why_not))
    lost = [] if wanted == "auto" else [Fallback("decode", wanted, "software", rejected[0][1])]
    return "software", Choice(software, bounded, tuple(rejected)), lost
