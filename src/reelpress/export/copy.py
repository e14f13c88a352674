"""Whether an export can copy packets instead of encoding pictures, why not, and which packets (design 6.4).

Copied is what nothing is drawn over and nobody asked to be coded in another way. A cut that lies inside of a group of
pictures is re-encoded up to the next IDR picture; behind the last picture that can be kept in the order of decoding,
the one to three pictures that need a later one are re-encoded. All other packets go into the new file as they are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from reelpress.clock import AUDIO_RATE, samples_until
from reelpress.color import BT709_LIMITED
from reelpress.encode.splice.errors import SpliceRefused
from reelpress.encode.splice.join import (
    JoinSps,
    idr_pic_id,
    parameter_sets,
    parse_join_sps,
    with_colour,
)
from reelpress.errors import InputError
from reelpress.media.copy import VideoPackets, scan_video
from reelpress.media.copy_sound import AAC_PACKET, AudioPackets, scan_audio
from reelpress.media.decode import conversion_of
from reelpress.media.encoder import MATRIX_POINT, PRIMARIES_POINT, TRANSFER_POINT
from reelpress.scene.plan import PictureLayer, Rect
from reelpress.timeline.source import FrameMap

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reelpress.export.settings import ExportSettings
    from reelpress.media.audio import AudioSpan
    from reelpress.project.model import Project
    from reelpress.recording.model import Recording, VideoTrack
    from reelpress.scene.director import Director
    from reelpress.scene.plan import FramePlan
    from reelpress.timeline.timeline import Span

TOO_SHORT = Fraction(1, 1000)
"""Seconds: a picture that would be seen for less than that before a cut is left out."""
FIRST_LOOK = 24
"""Plans that are looked at before all are, spread over the export."""
LATEST_SOUND = Fraction(1, 50)
"""Seconds by which copied sound may begin late or end early: about one AAC packet."""


class CopyRefused(Exception):
    """Packets cannot be copied; ``reason`` says why, as a sentence without its capital and its full stop."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of one recording's pictures that follow each other."""

    track: VideoTrack
    ordinal: int
    """First picture, in the order of presentation of its track."""
    count: int
    at: int
    """Number of its first picture in the output."""
    packet: int | None = None
    """First packet in the order of decoding, an IDR picture; ``None``: the pictures are re-encoded."""

    @property
    def copied(self) -> bool:
        """Its packets are taken over."""
        return self.packet is not None


@dataclass(frozen=True, eq=False)
class CopyJob:
    """An export by copying, decided in every detail."""

    parts: tuple[Part, ...]
    packets: dict[str, VideoPackets]
    """By the track's key."""
    sps: tuple[bytes, ...]
    """With the output's colour tags."""
    pps: tuple[bytes, ...]
    source_sps: JoinSps
    scale: int
    """Ticks a second of ``times``."""
    times: tuple[int, ...]
    """When each picture is shown."""
    end: int
    """When the last one ends."""
    constant: bool
    """Picture k is shown at k/fps. Else the pictures keep the recording's own times."""
    sound: AudioPackets | None
    """Sound that is copied too; ``None``: it is mixed and encoded as always, or there is none."""
    sound_reason: str
    delay: int
    """Pictures by which decoding runs ahead."""

    @property
    def copied(self) -> int:
        """Pictures taken over."""
        return sum(part.count for part in self.parts if part.copied)

    @property
    def encoded(self) -> int:
        """Pictures re-encoded."""
        return sum(part.count for part in self.parts if not part.copied)

    @property
    def pictures(self) -> int:
        """Pictures in the output."""
        return len(self.times)

    def order(self, part: Part) -> list[int]:
        """Numbers in the output of a part's pictures, in the order of decoding."""
        if part.packet is None:
            return list(range(part.at, part.at + part.count))
        packets = self.packets[part.track.key]
        index = part.track.index
        found = np.searchsorted(index.pts, packets.pts[part.packet : part.packet + part.count])
        numbers: list[int] = (found - part.ordinal + part.at).tolist()
        return numbers

    def explained(self) -> dict[str, Any]:
        """``copy`` of the plan."""
        cuts = f"; {self.encoded} at the cuts are encoded again" if self.encoded else ""
        times = "" if self.constant else ", with the recording's own times"
        return {
            "used": True,
            "reason": f"nothing is drawn and nothing else was asked for: {self.copied} of {self.pictures} pictures are "
            f"copied as they are{times}{cuts}; {self.sound_reason}",
            "copied": self.copied,
            "encoded": self.encoded,
            "sound": "copied" if self.sound is not None else "encoded",
        }


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
    _nothing_drawn(director, recording, project, shown)
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


def _nothing_drawn(
    director: Director, recording: Recording, project: Project, shown: Sequence[tuple[Span, int, int]]
) -> None:
    """Every plan is the recording's picture and nothing else."""
    base = director.range.first
    for span, begin, _ in shown:
        display = recording.segments[span.clip.segment].display
        _only_picture(director, begin - base, display.key)
    if not _changes(project, recording):
        return  # one plan of each span says how all of them are
    keys = {
        n: recording.segments[span.clip.segment].display.key for span, b, e in shown for n in range(b - base, e - base)
    }
    step = max(1, director.frames // FIRST_LOOK)
    view = director.for_thread()
    for n in (*range(0, director.frames, step), *range(director.frames)):
        _only_picture(view, n, keys[n])


def _changes(project: Project, recording: Recording) -> bool:
    """Whether anything but the recording's picture may come, go or move between two frames of a span."""
    config, captions = project.timeline, project.captions
    timed: list[object] = [] if config is None else [
        config.zoom_segments, config.scene_segments, config.mask_segments, config.text_segments,
        config.caption_segments, config.keyboard_segments, config.camera3d_segments,
    ]  # fmt: skip
    if any(timed) or (captions is not None and captions.segments):
        return True
    return any(segment.pointer.moves or segment.camera is not None for segment in recording.segments)


def _only_picture(director: Director, n: int, key: str) -> None:
    reason = drawn(director.plan(n), key)
    if reason is not None:
        raise CopyRefused(f"{reason} (at {n / director.fps.numerator * director.fps.denominator:.2f} s)")


def drawn(plan: FramePlan, key: str) -> str | None:
    """What a plan shows beside the untouched picture of the track ``key``; ``None``: nothing."""
    whole = Rect(0.0, 0.0, float(plan.size[0]), float(plan.size[1]))
    top = plan.layers[-1] if plan.layers else None
    if not isinstance(top, PictureLayer) or top.source != key:
        kind = type(top).__name__.removesuffix("Layer").lower() if top is not None else "nothing"
        return {"sprite": "the pointer is drawn", "picture": "the camera is drawn"}.get(kind, f"{kind} is drawn")
    if top.crop != whole:
        return "the picture is cropped"
    if top.rect != whole or top.shape.rect.intersect(whole) != whole or top.shape.radius > 0:
        return "the picture is scaled or lies on a background"
    if top.opacity < 1 or top.mirror or top.soften > 0 or top.grade is not None or top.blur is not None:
        return "the picture is graded, blurred or faded"
    return None


# Parts and times


def _planned(
    settings: ExportSettings,
    recording: Recording,
    director: Director,
    spans: Sequence[AudioSpan],
    shown: Sequence[tuple[Span, int, int]],
) -> CopyJob:
    ranges, times, constant, scale = _times(settings, recording, director, shown)
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
        parts += _parts(track, packets[track.key], first, last, at)
        at += last - first + 1
    parts = _different_ids(parts, packets, first_sps.frame_num_bits)
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
    sound, why = _sound(spans, samples_until(director.frames, director.fps))
    end = round(director.duration * scale)
    if any(b <= a for a, b in zip(times, [*times[1:], end], strict=True)):
        raise CopyRefused("two pictures of the recording are closer to each other than its clock can tell")
    job = CopyJob(tuple(parts), packets, tagged, pps, first_sps, scale, tuple(times), end, constant, sound, why, 0)
    order = [number for part in parts for number in job.order(part)]
    if sorted(order) != list(range(len(times))):
        raise CopyRefused("the recording has two pictures at the same time")
    return replace(job, delay=max(k - number for k, number in enumerate(order)))


def _times(
    settings: ExportSettings, recording: Recording, director: Director, shown: Sequence[tuple[Span, int, int]]
) -> tuple[list[tuple[VideoTrack, int, int]], list[int], bool, int]:
    """``(track, first and last picture)`` of each span, when the output shows them, whether evenly, and the clock."""
    fps = director.fps
    ranges: list[tuple[VideoTrack, int, int]] = []
    even = True
    for span, begin, end in shown:
        track = recording.segments[span.clip.segment].display
        ordinals = FrameMap(track, span.source_at(Fraction(0)), span.speed / fps).ordinals(begin, end - begin)
        even = even and ordinals == list(range(ordinals[0], ordinals[0] + len(ordinals)))
        ranges.append((track, ordinals[0], ordinals[-1]))
    if even:
        scale = fps.numerator
        while scale < 10_000:
            scale *= 2
        tick = int(scale / fps)  # a whole number: scale is the rate's numerator times a power of two
        return ranges, [k * tick for k in range(director.frames)], True, scale
    if settings.fps is not None:
        raise CopyRefused(
            f"--fps {settings.fps} asks for a constant rate, which is not the recording's; leave it out to copy"
        )
    base = ranges[0][0].index.time_base
    scale = base.denominator if base.numerator == 1 and 10_000 <= base.denominator <= 1_000_000 else 90_000
    zero = Fraction(director.range.first) / fps
    ranges, times = [], []
    for k, (span, begin, _) in enumerate(shown):
        track = recording.segments[span.clip.segment].display
        index = track.index
        opens = max(span.out_start, zero)
        closes = shown[k + 1][0].out_start if k + 1 < len(shown) else zero + director.duration
        first = FrameMap(track, span.source_at(Fraction(0)), span.speed / fps).ordinal(begin)
        position = span.source_at(closes) + track.offset - TOO_SHORT
        last = int(np.searchsorted(index.pts, index.start + math.ceil(position / index.time_base))) - 1
        last = max(first, last)
        # when tick 0 of the track's clock is shown
        shift = opens - zero - span.source_at(opens) - track.offset - index.start * index.time_base
        own = _scaled(index.pts[first : last + 1].tolist(), index.time_base * scale, shift * scale)
        own[0] = round((opens - zero) * scale)
        times += own
        ranges.append((track, first, last))
    return ranges, times, False, scale


def _scaled(ticks: Sequence[int], factor: Fraction, shift: Fraction) -> list[int]:
    """``ticks * factor + shift``, each rounded to the nearest, in whole numbers throughout."""
    common = math.lcm(factor.denominator, shift.denominator)
    a, b = int(factor * common), int(shift * common)
    return [(2 * (a * tick + b) + common) // (2 * common) for tick in ticks]


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


def _parts(track: VideoTrack, packets: VideoPackets, first: int, last: int, at: int) -> list[Part]:
    """Pictures ``first`` to ``last`` of a track as parts; the first is picture ``at`` of the output."""
    index = track.index
    found = np.searchsorted(index.pts, packets.pts)
    known = (found < len(index.pts)) & packets.shown
    ordinals = np.where(known & (index.pts[np.minimum(found, len(index.pts) - 1)] == packets.pts), found, -1)
    keys = _closed(ordinals, packets.idr)
    parts: list[Part] = []

    def add(ordinal: int, count: int, packet: int | None) -> None:
        if count <= 0:
            return
        before = parts[-1] if parts else None
        if before is not None and before.copied == (packet is not None):
            joins = packet is None or (before.packet is not None and before.packet + before.count == packet)
            if joins:
                parts[-1] = replace(before, count=before.count + count)
                return
        parts.append(Part(track, ordinal, count, at + ordinal - first, packet))

    bounds = [*keys, len(ordinals)]
    here = first
    for k, key in enumerate(keys):
        begins = int(ordinals[key])
        group = ordinals[key : bounds[k + 1]]
        if int(group.max()) < here or begins > last:
            continue
        if begins < here:  # the cut lies inside of this group
            upto = min(last, int(group.max()))
            add(here, upto - here + 1, None)
            here = upto + 1
            continue
        add(here, begins - here, None)  # before the first key frame, or between two
        kept = _kept(group, last)
        add(begins, kept, key if kept else None)
        here = begins + kept
        upto = min(last, int(group.max()))
        add(here, upto - here + 1, None)
        here = max(here, upto + 1)
    add(here, last - here + 1, None)
    return parts


def _closed(ordinals: np.ndarray[Any, Any], idr: np.ndarray[Any, Any]) -> list[int]:
    """Packet numbers of the IDR pictures from which on everything is shown later, and before which everything is
    shown earlier: places to cut at."""
    if not len(ordinals):
        return []
    later = np.where(ordinals < 0, np.iinfo(np.int64).max, ordinals)
    least_after = np.minimum.accumulate(later[::-1])[::-1]
    most_before = np.concatenate(([-1], np.maximum.accumulate(ordinals)[:-1]))
    return np.flatnonzero(idr & (ordinals >= 0) & (least_after == ordinals) & (most_before < ordinals)).tolist()


def _kept(group: np.ndarray[Any, Any], last: int) -> int:
    """How many packets of a group, in the order of decoding, can be kept: they show pictures in a row, none after
    ``last``. What is left out needs nothing that comes later, so nothing is missing to those that are kept."""
    bad = np.flatnonzero((group < 0) | (group > last))
    usable = group[: bad[0]] if len(bad) else group
    if not len(usable):
        return 0
    whole = np.flatnonzero(np.maximum.accumulate(usable) - group[0] == np.arange(len(usable)))
    return int(whole[-1]) + 1 if len(whole) else 0


def _different_ids(parts: list[Part], packets: dict[str, VideoPackets], frame_num_bits: int) -> list[Part]:
    """Where two copied IDR pictures with one idr_pic_id would follow each other (7.4.3), the second is re-encoded."""
    result: list[Part] = []
    for part in parts:
        before = result[-1] if result else None
        if part.packet is not None and before is not None and before.packet is not None:
            own, other = packets[part.track.key], packets[before.track.key]
            ends = before.packet + before.count - 1
            if ends in other.idr_slices and idr_pic_id(other.idr_slices[ends], frame_num_bits) == idr_pic_id(
                own.idr_slices[part.packet], frame_num_bits
            ):
                following = [k for k in own.idr_slices if part.packet < k < part.packet + part.count]
                count = following[0] - part.packet if following else part.count
                result.append(Part(part.track, part.ordinal, count, part.at))
                if following:
                    result.append(
                        Part(part.track, part.ordinal + count, part.count - count, part.at + count, following[0])
                    )
                continue
        result.append(part)
    return result


def _sound(spans: Sequence[AudioSpan], total: int) -> tuple[AudioPackets | None, str]:
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
