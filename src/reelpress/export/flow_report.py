"""What a report says about a run through the stages: the file, conversions, buffers, the GPU, subtitles."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from reelpress.compose.resilient import Resilient
from reelpress.export import stages
from reelpress.export.outputs.pipe import size_of
from reelpress.export.plan import Conversion
from reelpress.export.report import ExportReport, OutputInfo
from reelpress.media.text_track import CODEC as TEXT_CODEC

if TYPE_CHECKING:
    from reelpress.export.flow import Flow
    from reelpress.export.running import Running
    from reelpress.media.verify.verdict import VerifyResult
    from reelpress.pipeline.run import PipelineStats


def report_of(running: Running, stats: PipelineStats, result: VerifyResult, flow: Flow) -> ExportReport:
    """The report of a run that came to its end and was verified."""
    job = running.job
    width, height = job.director.size
    info = OutputInfo(
        width=width,
        height=height,
        fps=float(job.director.fps),
        duration_s=round(float(result.duration), 6),
        size_bytes=size_of(job),
        video_codec=job.output.video_codec,
        audio_codec=job.output.audio_codec if flow.has_audio else None,
        color=job.output.color,
    )
    report = running.report(flow.counts, stats, result, info, unchanged={"used": flow.unchanged, **flow.inserted})
    report.conversions = _conversions(flow)
    for name in ("rendered", "encoder"):
        channel = stats.channels[name]
        report.buffers |= {
            name: channel.max_items,
            f"{name}_peak": channel.peak_items,
            f"{name}_peak_bytes": channel.peak_bytes,
        }
    report.renderer, report.gpu = flow.compositor.name, _gpu(flow)
    if job.subtitles:
        report.subtitles = {
            "file": str(job.subtitle_target),
            "cues": len(job.subtitles),
            "codec": TEXT_CODEC,
            "language": job.labels.language,
        }
    return report


def _gpu(flow: Flow) -> dict[str, Any] | None:
    """``gpu`` of the report."""
    if not isinstance(flow.compositor, Resilient):
        return None
    traffic = flow.compositor.traffic
    return {
        "frames": traffic.frames,
        "uploaded_bytes": traffic.uploaded,
        "read_back_bytes": traffic.read_back,
        "lost_at": flow.compositor.lost_at,
    }


def _conversions(flow: Flow) -> list[dict[str, Any]]:
    """Those that were planned, with counts, and those of what the CPU drew (yuv420p) after a GPU gave up."""
    planned = flow.job.plan.conversions
    found = [{**asdict(one), "frames": _converted(flow, one.edge)} for one in planned]
    count = flow.converting.conversions if flow.converting is not None else 0
    if count and not any(one.edge == "compose->encode" for one in planned):
        full = "bt709 limited"
        target = flow.job.ways.spec.pixel_format
        reason = "the CPU drew what the GPU did not"
        edge = Conversion("compose->encode", f"yuv420p {full}", f"{target} {full}", "swscale", reason)
        found.append({**asdict(edge), "frames": count})
    return found


def _converted(flow: Flow, edge: str) -> int:
    """Pictures converted on a planned edge."""
    if flow.job.ways.converter.used == "encoder" and edge == "compose->encode":
        return flow.counts.encoded  # each picture that the encoder was given
    if flow.converting is not None and edge == "compose->encode":
        return flow.converting.conversions
    return flow.sources[stages.kind_of(edge)].conversions
