"""The pictures at a cut: re-encoded so that they fit between copied ones."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reelpress.encode.splice.bits import nal_units
from reelpress.encode.splice.join import (
    PROFILES,
    free_id,
    idr_pic_id,
    parameter_sets,
    with_other_idr_pic_id,
    with_reorder,
)
from reelpress.encode.splice.parameters import NAL_IDR, NAL_SLICE, parse_sps
from reelpress.errors import EncoderError
from reelpress.export.copy.job import CopyRefused
from reelpress.media import pulse
from reelpress.media.encoder import EncoderSpec
from reelpress.media.opening import bare_session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reelpress.encode.splice.join import ParameterSets
    from reelpress.export.copy.job import CopyJob, Part
    from reelpress.export.job import Job
    from reelpress.export.sources import SourcePool
    from reelpress.media.encoder import VideoSession
    from reelpress.pipeline.stage import StageContext

CUT_CRF = 16.0
"""Quality of the pictures at a cut, unless the export's own is better: they are few, and a copy should not show."""


class CutEncoder:
    """x264 for the pictures at a cut: the source's profile, size and colour, other ids, nothing reordered."""

    def __init__(self, job: Job, plan: CopyJob, sources: SourcePool) -> None:
        self._job, self._plan, self._sources = job, plan, sources
        own = parameter_sets(self._session().extradata)
        reorder = plan.source_sps.reorder
        reordered = plan.delay if reorder is None else reorder
        self.sets: ParameterSets = replace(
            own, sps=tuple(with_reorder(unit, reordered, plan.source_sps.buffering or 0) for unit in own.sps)
        )
        """What its pictures need in the file."""

    def pictures(self, ctx: StageContext, part: Part, avoid: set[int]) -> Iterator[tuple[bytes, int | None]]:
        """The slice of each picture of a part, and its idr_pic_id if it is an IDR picture.

        Args:
            avoid: idr_pic_id of the pictures before and after the part: the first one gets another.
        """
        for n, unit in enumerate(self._encoded(ctx, part)):
            if n == 0:
                unit = with_other_idr_pic_id(unit, self.sets.sps[0], self.sets.pps[0], avoid)
            key = unit[0] & 0x1F == NAL_IDR
            yield unit, idr_pic_id(unit, parse_sps(self.sets.sps[0]).frame_num_bits) if key else None

    def _encoded(self, ctx: StageContext, part: Part) -> Iterator[bytes]:
        session = self._session()
        if parameter_sets(session.extradata).pps != self.sets.pps:
            raise CopyRefused("the encoder changed its parameter sets between two cuts")
        for n in range(part.count):
            with ctx.native(f"decoding {part.track.key}"), pulse.listening(ctx.heartbeat):
                planes = self._sources.planes(part.track.key, part.ordinal + n)
            with ctx.native("encoding a picture at a cut"):
                ready = session.encode(planes, n, key=n == 0)
            for packet in ready:
                yield _slice(packet.data)
        with ctx.native("flushing the encoder"):
            ready = session.flush()
        for packet in ready:
            yield _slice(packet.data)

    def _session(self) -> VideoSession:
        job, plan = self._job, self._plan
        width, height = job.director.size
        number = free_id(plan.sps, plan.pps)
        return bare_session(
            EncoderSpec(
                width=width,
                height=height,
                fps=job.director.fps,
                crf=min(CUT_CRF, job.rate.crf),
                preset="ultrafast",
                gop_frames=1 << 20,
                threads=job.buffers.encode_threads,
                lookahead=job.buffers.lookahead,
                extra={
                    "profile": PROFILES[plan.source_sps.profile],
                    "bf": "0",
                    "forced-idr": "1",
                    "x264-params": f"keyint=infinite:scenecut=0:sps-id={number}",
                },
            )
        )


def _slice(packet: bytes) -> bytes:
    """The one slice of a packet of the encoder."""
    found = [packet[a:b] for a, b in nal_units(packet) if packet[a] & 0x1F in (NAL_SLICE, NAL_IDR)]
    if len(found) != 1:
        raise EncoderError(f"The encoder made {len(found)} slices of a picture; one was asked for.")
    return found[0]
