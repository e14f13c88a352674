"""The stage functions of an export: decode, compose, look, encode, audio + mux. ``pipeline`` gives them threads.

``decode`` and ``compose`` walk the same plans in the same order, so no request has to travel upstream: both know
which source pictures frame ``n`` needs that frame ``n - 1`` did not.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reelpress import clock
from reelpress.compose.ahead import ahead_of
from reelpress.encode.base import SHORT_AREA, UNKNOWN, Change, Kind
from reelpress.media import pulse, turn
from reelpress.media.steady import Steadier
from reelpress.scene.exposure import hides_more

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from fractions import Fraction

    from reelpress.compose.base import Composed, Compositor
    from reelpress.encode.base import Encoder, Looking, Piece, Writer
    from reelpress.export.report import FrameCounts
    from reelpress.export.sources import SourcePool
    from reelpress.media.audio import AudioMixer
    from reelpress.media.packets import EncodedPacket
    from reelpress.media.planes import Planes
    from reelpress.pipeline.channel import Channel
    from reelpress.pipeline.stage import StageContext
    from reelpress.scene.director import Director
    from reelpress.scene.plan.frame import FramePlan
    from reelpress.scene.plan.layers import PictureLayer

AUDIO_BLOCK = 4096
"""Samples mixed at a time: 85 ms."""

FIRST_S, FINISH_S = 25.0, 4.0
"""Seconds for a frame that was begun to be drawn before it is drawn by other means; shaders are compiled for the first.
Less than what the watchdog waits."""

ANEW_AREA = 0.9
"""Share of the frame from which damage on counts as composed anew rather than patched."""


@dataclass(frozen=True, slots=True)
class SourceFrame:
    """A decoded picture on its way to the compositor."""

    source: str
    frame: int
    planes: Planes


@dataclass(frozen=True, slots=True)
class RenderedFrame:
    """A composed picture on its way to the encoder. Held pictures share their planes."""

    index: int
    planes: Planes
    change: Change = UNKNOWN


@dataclass(slots=True)
class Progress:
    """Where the export is; written by stages (one field each), read by the monitor."""

    encoded: int = 0
    muxed: int = 0
    first_encoded_at: float | None = None
    phase: str = "encode"


def kind_of(source: str) -> str:
    """``display`` of ``display:0``: each kind has one decoder thread."""
    return source.split(":", 1)[0]


def fresh(plan: FramePlan, shown: dict[str, int]) -> Iterator[PictureLayer]:
    """The pictures of ``plan`` that are not in ``shown``; brings ``shown`` up to date.

    A source that the plan does not show is forgotten, so its picture is sent again when it comes back: nobody has to
    keep it alive meanwhile.
    """
    pictures = plan.pictures()
    for picture in pictures:
        if shown.get(picture.source) != picture.frame:
            shown[picture.source] = picture.frame
            yield picture
    if len(shown) > len(pictures):
        for gone in shown.keys() - {p.source for p in pictures}:
            del shown[gone]


def decode(
    ctx: StageContext,
    director: Director,
    kind: str,
    sources: SourcePool,
    channel: Channel[SourceFrame],
) -> None:
    """Decode what the plans show of one kind of track, each picture once."""
    shown: dict[str, int] = {}
    try:
        for index in range(director.frames):
            ctx.heartbeat()  # a long still stretch sends nothing, and is no stall
            for picture in fresh(director.plan(index), shown):
                if kind_of(picture.source) != kind:
                    continue
                # Behind a cut many pictures may be decoded before the wanted one comes: each packet is progress.
                with ctx.native(f"decoding {picture.source}"), pulse.listening(ctx.heartbeat):
                    planes = sources.planes(picture.source, picture.frame)
                channel.send(SourceFrame(picture.source, picture.frame, planes))
    finally:
        sources.close()


def compose(
    ctx: StageContext,
    director: Director,
    compositor: Compositor,
    inputs: dict[str, Channel[SourceFrame]],
    rendered: Channel[RenderedFrame],
    counts: FrameCounts,
    tolerance: int | None = None,
    *,
    late: bool = False,
) -> None:
    """Draw every output frame, or hand the last one on when nothing changed.

    A compositor that works ahead has several frames on their way; they come out in order all the same.

    With a ``tolerance`` a picture of the display that is within it of the one shown counts as that one
    (``media.steady``). It is looked at here because this thread has the least to do where it matters, and because
    nothing is drawn then. With ``late`` a picture that is handed on as it was decoded is not looked at: the encoder
    compares it with the last real one, macroblock by macroblock.
    """
    raw = False
    steadiers: dict[str, Steadier] = {}
    shown: dict[str, int] = {}
    planes: dict[str, Planes] = {}
    previous: Composed | None = None
    last: FramePlan | None = None
    area = director.size[0] * director.size[1]
    short = False
    ahead = ahead_of(compositor)
    waiting: deque[tuple[int, bool, bool]] = deque()
    """Of the frames on their way: number, whether it is the first, whether more is hidden than before."""

    def finished() -> Composed:
        nonlocal raw, short
        index, first, hides = waiting.popleft()
        with ctx.native(f"finishing frame {index}"):
            composed = ahead.finish(FIRST_S if index == 0 else FINISH_S)
        raw = late and tolerance is not None and any(composed.planes is one for one in planes.values())
        if raw:
            steadiers.clear()
        damaged = sum(rect.area for rect in composed.damage)
        short = damaged < SHORT_AREA * area  # the next one will most likely be so too
        if damaged == 0:
            counts.held += 1
            kind = "held"
        elif damaged < ANEW_AREA * area:
            counts.patched += 1
            kind = "patched"
        else:
            counts.composed += 1
            kind = "composed"
        ctx.decide(kind, index, damage=damaged / area)
        change = Change(None if first else composed.damage, hides, tolerance if raw and tolerance is not None else 0)
        rendered.send(RenderedFrame(index, composed.planes, change))
        return composed

    try:
        for index in range(director.frames):
            with turn.taken(wanted=short):
                plan = director.plan(index)
            for picture in fresh(plan, shown):
                arrived = inputs[kind_of(picture.source)].recv()
                if (arrived.source, arrived.frame) != (picture.source, picture.frame):
                    raise RuntimeError(f"frame {index} needs {picture.source}/{picture.frame}, got {arrived!r}")
                planes[picture.source] = arrived.planes
                if tolerance is not None and not raw and kind_of(picture.source) == "display":
                    steadier = steadiers.setdefault(picture.source, Steadier(tolerance))
                    with ctx.native(f"comparing {picture.source}"):
                        planes[picture.source] = steadier.steady(arrived.planes)
                # a picture that is not shown is not kept until the next one comes: its decoder can use the memory
                del arrived
            for gone in planes.keys() - shown.keys():
                del planes[gone]
                steadiers.pop(gone, None)
            waiting.append((index, last is None, plan is not last and hides_more(plan, last)))
            last = plan
            with ctx.native(f"composing frame {index}"), turn.taken(wanted=short):
                ahead.begin(plan, planes, previous)
            while ahead.in_flight >= ahead.depth:
                previous = None  # not kept while the one after it waits for a place in the channel
                previous = finished()
        while ahead.in_flight:
            finished()
    finally:
        compositor.close()


def look(
    ctx: StageContext,
    looking: Looking,
    rendered: Channel[RenderedFrame],
    seen: Channel[RenderedFrame],
) -> None:
    """Take the encoder's first look at every frame, while it is still at earlier ones."""
    for frame in rendered:
        with ctx.native(f"looking at frame {frame.index}"), pulse.listening(ctx.heartbeat):
            change = looking.look(frame.planes, frame.change)
        seen.send(replace(frame, change=change))
        del frame, change


def encode(
    ctx: StageContext,
    encoder: Encoder,
    rendered: Channel[RenderedFrame],
    packets: Channel[Sequence[Piece]],
    counts: FrameCounts,
    progress: Progress,
    now: Callable[[], float],
) -> None:
    """Give every frame to the encoder, which decides what becomes of it."""
    for frame in rendered:
        with ctx.native(f"encoding frame {frame.index}"):
            ready = encoder.encode(frame.planes, frame.index, frame.change)
        decision = encoder.decision
        counts.encoded += decision.kind in (Kind.REAL, Kind.KEY)
        ctx.decide(
            f"encode: {decision.kind}",
            frame.index,
            why=decision.reason,
            macroblocks=decision.macroblocks,
            bytes=decision.size_bytes,
        )
        progress.encoded = frame.index + 1
        if progress.first_encoded_at is None:
            progress.first_encoded_at = now()
        if ready:
            packets.send(ready)
        del frame
    with ctx.native("flushing the encoder"):
        ready = encoder.flush()
    if ready:
        packets.send(ready)


def audio_and_mux(
    ctx: StageContext,
    writer: Writer,
    mixer: AudioMixer | None,
    total_samples: int,
    packets: Channel[Sequence[Piece]],
    fps: Fraction,
    progress: Progress,
    texts: Sequence[EncodedPacket] = (),
) -> None:
    """Write packets; sound is mixed and encoded, and subtitles are written, just ahead of their pictures.

    Both are pulled by the pictures' times, so the muxer never has to hold more than a moment of anything.
    """
    done = 0
    said = 0

    def alive() -> None:
        """While who reads a pipe takes its time."""
        ctx.heartbeat()
        ctx.raise_if_cancelled()

    def texts_until(time: Fraction | None) -> None:
        nonlocal said
        first = said
        while said < len(texts) and (time is None or texts[said].pts * texts[said].time_base <= time):
            said += 1
        if said > first:
            writer.mux(texts[first:said])

    def sound_until(sample: int) -> None:
        nonlocal done
        if mixer is None or writer.audio is None:
            return
        while done < min(sample, total_samples):
            count = min(AUDIO_BLOCK, total_samples - done)
            with ctx.native("mixing sound"), pulse.listening(alive):
                samples = mixer.read(count)
                writer.mux(writer.audio.encode(samples, done))
            done += count

    try:
        for batch in packets:
            for packet in batch if texts or mixer is not None else ():
                texts_until(max(0, packet.dts + 1) / fps)
                sound_until(clock.samples_until(max(0, packet.dts) + 1, fps))
            with ctx.native("writing"), pulse.listening(alive):
                writer.mux(batch)
            progress.muxed += len(batch)
        texts_until(None)
        sound_until(total_samples)
        with pulse.listening(alive):
            if writer.audio is not None:
                writer.mux(writer.audio.flush())
        progress.phase = "finish"
        with ctx.native("finishing the file"), pulse.listening(alive):
            writer.finish(cancelled=lambda: ctx.cancelled, progress=ctx.heartbeat)
    finally:
        if mixer is not None:
            mixer.close()
        writer.abort()
