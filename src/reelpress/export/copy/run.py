"""Run an export that copies packets, and check the file."""

from __future__ import annotations

import functools
import itertools
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from reelpress.clock import AUDIO_RATE
from reelpress.color import BT709_LIMITED
from reelpress.encode.splice.errors import SpliceRefused
from reelpress.errors import VerifyError
from reelpress.export.copy.flow import CopyFlow
from reelpress.export.copy.job import CopyRefused
from reelpress.export.copy.sound import LATEST_SOUND
from reelpress.export.report import ExportReport, OutputInfo
from reelpress.export.running import Running
from reelpress.media.copy_sound import AAC_PACKET
from reelpress.media.labels_check import check as check_labels
from reelpress.media.verify.mp4 import verify

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from reelpress.events import Event
    from reelpress.export.copy.job import CopyJob
    from reelpress.export.job import Job
    from reelpress.media.verify.verdict import VerifyResult
    from reelpress.pipeline.cancel import CancelToken
    from reelpress.pipeline.stage import StageContext


def run_copy(job: Job, plan: CopyJob, *, on_event: Callable[[Event], None] | None, cancel: CancelToken) -> ExportReport:
    """Export ``job`` by copying, as ``export.run`` does by encoding.

    Raises:
        CopyRefused: It turned out that these packets cannot be copied; nothing is left, and encoding is the way.
        ReelpressError: As ``export.run.run``.
    """
    director = job.director
    with Running(job, plan.pictures, on_event, cancel) as running:
        flow: CopyFlow | None = None
        try:
            flow = CopyFlow(job, plan, running.guard.part_path, cancel, running.observer)
            stats = flow.run(cancel, running.teller, running.warn)
            for line in flow.afterwards():
                running.warn(line)
            flow.release()
            checked = functools.partial(_checked, flow, running.guard.part_path, cancel)
            result = running.verify(checked)
        except SpliceRefused as refusal:
            raise CopyRefused(refusal.reason.rstrip(".")) from refusal
        except VerifyError as error:
            raise CopyRefused(f"the copy did not pass its check ({error})") from error
        finally:
            if flow is not None:
                flow.abandon()
        running.commit()
        width, height = director.size
        info = OutputInfo(
            width=width,
            height=height,
            fps=float(director.fps if plan.constant else plan.pictures / director.duration),
            duration_s=round(float(result.duration if plan.constant else director.duration), 6),
            size_bytes=job.target.stat().st_size,
            video_codec="h264",
            audio_codec="aac" if flow.has_audio else None,
            color=str(BT709_LIMITED),
        )
        report = running.report(flow.counts, stats, result, info, unchanged={"used": "copy"})
        running.finish(report)
    return running.completed(report)


def _checked(flow: CopyFlow, part: Path, cancel: CancelToken, ctx: StageContext) -> VerifyResult:
    """Compare the finished file with the plan. Where pictures keep their own times, their ticks are the places."""
    job, plan = flow.job, flow.plan
    director, even = job.director, plan.constant
    gaps = [b - a for a, b in itertools.pairwise([*plan.times, plan.end])]
    rate = AUDIO_RATE if plan.sound is None else plan.sound.rate
    said = check_labels(part, job.labels, director.fps)
    result = verify(
        part,
        frames=plan.pictures if even else plan.end,
        fps=director.fps if even else Fraction(plan.scale),
        size=director.size,
        duration=director.duration,
        color=BT709_LIMITED,
        has_audio=flow.has_audio,
        mode=job.settings.verify,
        shown=None if even else plan.times,
        end_slack=Fraction(0) if even or not plan.delay else Fraction(max(gaps), plan.scale),
        sound_slack=Fraction((1 if plan.sound is None else 2) * AAC_PACKET, rate)
        + (plan.sound is not None) * LATEST_SOUND,
        heartbeat=ctx.heartbeat,
        cancelled=lambda: cancel.cancelled,
    )
    return replace(result, checked=(*result.checked, *said))
