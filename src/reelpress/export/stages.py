"""The stage functions of an export: decode, compose, encode, audio + mux. Passive; ``pipeline`` gives them threads.

``decode`` and ``compose`` walk the same plans in the same order, so no request has to travel upstream: both know
which source pictures frame ``n`` needs that frame ``n - 1`` did not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reelpress import clock
from reelpress.encode.base import UNKNOWN, Change, Kind
from reelpress.media import pulse
from reelpress.media.steady import Steadier
from reelpress.scene.exposure import hides_more

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from fractions import Fraction

    from reelpress.compose.base import Composed, Compositor
    from reelpress.encode.base import Encoder
    from reelpress.export.report import FrameCounts
    from reelpress.export.sources import SourcePool
    from reelpress.media.audio import AudioMixer
    from reelpress.media.mux import Mp4Writer
    from reelpress.media.packets import EncodedPacket
    from reelpress.media.planes import Planes
    from reelpress.pipeline.channel import Channel
    from reelpress.pipeline.stage import StageContext
    from reelpress.scene.director import Director
    from reelpress.scene.plan import FramePlan, PictureLayer

AUDIO_BLOCK = 4096
"""Samples mixed at a time: 85 ms."""

HELD_AREA = 0.9
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
) -> None:
    """Draw every output frame, or hand the last one on when nothing changed.

    With a ``tolerance`` a picture of the display that is within it of the one shown counts as that one
    (``media.steady``). It is looked at here because this thread has the least to do where it matters.
    """
    steadiers: dict[str, Steadier] = {}
    shown: dict[str, int] = {}
    planes: dict[str, Planes] = {}
    previous: Composed | None = None
    last: FramePlan | None = None
    area = director.size[0] * director.size[1]
    try:
        for index in range(director.frames):
            plan = director.plan(index)
            for picture in fresh(plan, shown):
                arrived = inputs[kind_of(picture.source)].recv()
                if (arrived.source, arrived.frame) != (picture.source, picture.frame):
                    raise RuntimeError(f"frame {index} needs {picture.source}/{picture.frame}, got {arrived!r}")
                planes[picture.source] = arrived.planes
                if tolerance is not None and kind_of(picture.source) == "display":
                    steadier = steadiers.setdefault(picture.source, Steadier(tolerance))
                    with ctx.native(f"comparing {picture.source}"):
                        planes[picture.source] = steadier.steady(arrived.planes)
            for gone in planes.keys() - shown.keys():
                del planes[gone]
                steadiers.pop(gone, None)
            with ctx.native(f"composing frame {index}"):
                previous = compositor.compose(plan, planes, previous)
            damaged = sum(rect.area for rect in previous.damage)
            if damaged == 0:
                counts.held += 1
                kind = "held"
            elif damaged < HELD_AREA * area:
                counts.patched += 1
                kind = "patched"
            else:
                counts.composed += 1
                kind = "composed"
            ctx.decide(kind, index, damage=damaged / area)
            change = Change(previous.damage if last is not None else None, plan is not last and hides_more(plan, last))
            last = plan
            rendered.send(RenderedFrame(index, previous.planes, change))
    finally:
        compositor.close()


def encode(
    ctx: StageContext,
    encoder: Encoder,
    rendered: Channel[RenderedFrame],
    packets: Channel[list[EncodedPacket]],
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
    writer: Mp4Writer,
    mixer: AudioMixer | None,
    total_samples: int,
    packets: Channel[list[EncodedPacket]],
    fps: Fraction,
    progress: Progress,
    texts: Sequence[EncodedPacket] = (),
) -> None:
    """Write packets; sound is mixed and encoded, and subtitles are written, just ahead of their pictures.

    Both are pulled by the pictures' times, so the muxer never has to hold more than a moment of anything.
    """
    done = 0
    said = 0

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
            with ctx.native("mixing sound"), pulse.listening(ctx.heartbeat):
                samples = mixer.read(count)
                writer.mux(writer.audio.encode(samples, done))
            done += count

    try:
        for batch in packets:
            for packet in batch:
                texts_until(max(0, packet.dts + 1) / fps)
                sound_until(clock.samples_until(max(0, packet.dts) + 1, fps))
            with ctx.native("writing"):
                writer.mux(batch)
            progress.muxed += len(batch)
        texts_until(None)
        sound_until(total_samples)
        if writer.audio is not None:
            writer.mux(writer.audio.flush())
        progress.phase = "finish"
        with ctx.native("finishing the file"):
            writer.finish(cancelled=lambda: ctx.cancelled, progress=ctx.heartbeat)
    finally:
        if mixer is not None:
            mixer.close()
        writer.abort()
