"""Whether an export can copy packets, why not, and which ones."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from reelpress.clock import samples_until
from reelpress.color import BT709_LIMITED
from reelpress.encode.splice.errors import SpliceRefused
from reelpress.encode.splice.join import JoinSps, parameter_sets, parse_join_sps, with_colour
from reelpress.export.copy.drawn import check_nothing_drawn
from reelpress.export.copy.job import CopyJob, CopyRefused, Part
from reelpress.export.copy.parts import parts_of, with_different_ids
from reelpress.export.copy.sound import copied_sound
from reelpress.export.copy.times import shown_times
from reelpress.media.copy import VideoPackets, scan_video
from reelpress.media.decode import conversion_of
from reelpress.media.encoder import MATRIX_POINT, PRIMARIES_POINT, TRANSFER_POINT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reelpress.export.settings import ExportSettings
    from reelpress.media.audio import AudioSpan
    from reelpress.project.model import Project
    from reelpress.recording.model import Recording, VideoTrack
    from reelpress.scene.director import Director
    from reelpress.timeline.timeline import Span


def decide(
    settings: ExportSettings,
    recording: Recording,
    project: Project,
    director: Director,
    spans: Sequence[AudioSpan],
    *,
    has_subtitles: bool,
) -> CopyJob:
    """How the export is done by copying.

    Raises:
        CopyRefused: It cannot be, or is not wanted.
    """
    _asked(settings)
    if has_subtitles:
        raise CopyRefused("subtitles are written into the file, which copying does not do yet")
    shown = _spans(director)
    for track in {span.clip.segment: recording.segments[span.clip.segment].display for span, _, _ in shown}.values():
        _source(track, director)
    check_nothing_drawn(director, recording, project, shown)
    try:
        return _planned(settings, recording, director, spans, shown)
    except SpliceRefused as refusal:
        raise CopyRefused(refusal.reason.rstrip(".")) from refusal


def _asked(settings: ExportSettings) -> None:
    """What the user asked for that only an encoder can do."""
    asked = {
        f"--unchanged {settings.unchanged}": settings.unchanged != "splice",
        f"--quality {settings.quality}": settings.quality != "social",
        f"--crf {settings.crf}": settings.crf is not None,
        f"--encoder-preset {settings.encoder_preset}": settings.encoder_preset is not None,
        f"--encoder {settings.encoder}": settings.encoder != "auto",
        f"--codec {settings.codec}": settings.codec not in (None, "h264"),
        "--optimize-size": settings.optimize_size,
        f"--gop {float(settings.gop):g}": settings.gop != 2,
    }
    wanted = [name for name, given in asked.items() if given]
    if wanted:
        verb = "asks" if len(wanted) == 1 else "ask"
        raise CopyRefused(f"{' and '.join(wanted)} {verb} for encoding; leave it out to copy")


def _spans(director: Director) -> list[tuple[Span, int, int]]:
    """The spans that are seen, each with its first output frame of the whole output and the one behind its last."""
    first, last = director.range.first, director.range.first + director.range.count
    if any(fade.out_start * director.fps < last and fade.out_end * director.fps > first for fade in _fades(director)):
        raise CopyRefused("there is a transition")
    starts = [math.ceil(span.out_start * director.fps) for span in director.timeline.spans]
    found = []
    for k, span in enumerate(director.timeline.spans):
        begin = max(starts[k], first)
        end = min(starts[k + 1] if k + 1 < len(starts) else last, last)
        if begin >= end:
            continue
        if span.held:
            raise CopyRefused("the picture stands still under a title")
        if span.speed != 1:
            raise CopyRefused(f"a clip plays at {float(span.speed):g} times its speed")
        found.append((span, begin, end))
    return found


def _fades(director: Director) -> Sequence[Any]:
    return director.timeline.fades


def _source(track: VideoTrack, director: Director) -> None:
    """The properties of a recording's pictures."""
    info = track.info
    if info.codec != "h264":
        raise CopyRefused(f"the recording is {info.codec}, the output H.264")
    if info.bits != 8 or info.pixel_format != "yuv420p":
        raise CopyRefused(f"the recording's pictures are {info.pixel_format}, the output's yuv420p")
    if info.rotation or info.mirrored:
        raise CopyRefused("the recording is turned by a tag, which the output has not")
    if info.sar != 1:
        raise CopyRefused(f"the recording's pixels are not square ({info.sar})")
    if info.color != BT709_LIMITED or conversion_of(info):
        raise CopyRefused(f"the recording's colour is {info.color}, the output's {BT709_LIMITED}")
    if (info.width, info.height) != director.size:
        raise CopyRefused(
            f"the output is {director.size[0]}x{director.size[1]}, the recording {info.width}x{info.height}; "
            "--resolution source keeps its size if nothing is put around it"
        )
    if not info.frame_threads or track.index.damaged_packets or track.index.error or track.index.by_order:
        raise CopyRefused("the recording is damaged or has no times of its own")


def _planned(
    settings: ExportSettings,
    recording: Recording,
    director: Director,
    spans: Sequence[AudioSpan],
    shown: Sequence[tuple[Span, int, int]],
) -> CopyJob:
    ranges, times, constant, scale = shown_times(settings, recording, director, shown)
    packets: dict[str, VideoPackets] = {}
    for track, _, _ in ranges:
        if track.key not in packets:
            packets[track.key] = found = scan_video(track.path, track.info.index, track.index.packets)
            if found.refusal is not None:
                raise CopyRefused(f"the recording cannot be joined: {found.refusal}")
    sps, pps, first_sps = _parameter_sets(packets.values(), director.size)
    parts: list[Part] = []
    at = 0
    for track, first, last in ranges:
        parts += parts_of(track, packets[track.key], first, last, at)
        at += last - first + 1
    parts = with_different_ids(parts, packets, first_sps.frame_num_bits)
    if not any(part.copied for part in parts):
        raise CopyRefused("no key frame lies in what is shown, so all of it has to be encoded again")
    color = BT709_LIMITED
    tagged = tuple(
        with_colour(
            parse_join_sps(unit),
            PRIMARIES_POINT[color.primaries],
            TRANSFER_POINT[color.transfer],
            MATRIX_POINT[color.matrix],
            full_range=False,
        )
        for unit in sps
    )
    sound, why = copied_sound(spans, samples_until(director.frames, director.fps))
    end = round(director.duration * scale)
    if any(b <= a for a, b in zip(times, [*times[1:], end], strict=True)):
        raise CopyRefused("two pictures of the recording are closer to each other than its clock can tell")
    job = CopyJob(tuple(parts), packets, tagged, pps, first_sps, scale, tuple(times), end, constant, sound, why, 0)
    order = [number for part in parts for number in job.order(part)]
    if sorted(order) != list(range(len(times))):
        raise CopyRefused("the recording has two pictures at the same time")
    return replace(job, delay=max(k - number for k, number in enumerate(order)))


def _parameter_sets(
    found: Sequence[VideoPackets] | Any, size: tuple[int, int]
) -> tuple[tuple[bytes, ...], tuple[bytes, ...], JoinSps]:
    """The sets that all recordings share."""
    sets = [parameter_sets(packets.extradata) for packets in found]
    if any((one.sps, one.pps) != (sets[0].sps, sets[0].pps) for one in sets):
        raise CopyRefused("the recording's segments were encoded with different settings")
    parsed = [parse_join_sps(unit) for unit in sets[0].sps]
    if len({sps.id for sps in parsed}) != len(parsed):
        raise CopyRefused("its parameter sets contradict each other")
    first = parsed[0]
    for sps in parsed:
        if not sps.progressive:
            raise CopyRefused("the recording may be interlaced")
        if sps.size != size or sps.profile != first.profile or sps.frame_num_bits != first.frame_num_bits:
            raise CopyRefused("its parameter sets change within the recording")
    return sets[0].sps, sets[0].pps, first
