"""Run the stages of an export, and run them again in another way where something is given up while they run."""

from __future__ import annotations

import functools
from dataclasses import asdict
from typing import TYPE_CHECKING

from reelpress.encode.splice.errors import SpliceRefused
from reelpress.errors import EncoderError, ExportError, StallError, StrictFallbackError
from reelpress.events import Fallback, FallbackEvent
from reelpress.export.flow import ENCODE, Flow
from reelpress.export.outputs.pipe import PipeOutput
from reelpress.export.outputs.stdout import is_pipe
from reelpress.pipeline.stage import THREAD_PREFIX

if TYPE_CHECKING:
    from reelpress.export.hooks import Hooks
    from reelpress.export.job import Job
    from reelpress.export.running import Running, Teller
    from reelpress.pipeline.cancel import CancelToken
    from reelpress.pipeline.run import PipelineStats


def run_stages(running: Running, cancel: CancelToken, hooks: Hooks) -> tuple[Flow, PipelineStats]:
    """Run the stages; once more in software where an encoder on a chip fails, or does not answer.

    And once more with every frame encoded where the encoder's stream turns out not to be splicable.

    Returns:
        The run that came to its end, and what its pipeline counted.

    Raises:
        StrictFallbackError: ``strict`` is on and something else would have to be used.
        ReelpressError: What the stages raise.
    """
    try:
        return _once(running, cancel, hooks)
    except (EncoderError, StallError) as error:
        if isinstance(error, StallError) and (error.stage != ENCODE or _held(running, error)):
            raise
        give_up_chip(running, error)
    return _once(running, cancel, hooks)


def _held(running: Running, stall: StallError) -> bool:
    """Whether a thread that is stuck still has the file, or the pipe, that would have to be written anew."""
    if is_pipe(running.job.target):
        return stall.leaked_threads not in ((), (THREAD_PREFIX + ENCODE,))
    return bool(stall.leaked_threads) and running.guard.part_path.exists()


def give_up_chip(running: Running, error: ExportError) -> None:
    """Have the rest of the export done by an encoder that needs no chip, because the one with a chip did not do.

    Args:
        running: The export.
        error: What it did: failed, did not answer, or made a file that is not what was planned.

    Raises:
        StrictFallbackError: ``strict`` is on.
        ExportError: ``error``, where no chip was at work, or what was made is in a pipe and cannot be taken back.
    """
    job = running.job
    lost = job.ways.encoder.candidate
    if not lost.hardware or (isinstance(job.output, PipeOutput) and job.output.sent):
        raise error
    reason = f"it did not answer for {error.waited_s:.0f} s" if isinstance(error, StallError) else str(error)
    reason = reason.rstrip(".")
    used = job.encode_in_software(reason)
    _fall_back(job, running.teller, "encode", lost.name, used, reason)


def _fall_back(job: Job, teller: Teller, stage: str, wanted: str, used: str, reason: str) -> None:
    """Tell that something else goes on, which ``--strict`` forbids.

    Raises:
        StrictFallbackError: ``strict`` is on.
    """
    fallback = Fallback(stage, wanted, used, reason)
    if job.settings.flags.strict:
        raise StrictFallbackError(f"--strict: {used} would be used instead of {wanted} ({stage}): {reason}")
    if fallback not in job.fallbacks:  # an export to a size runs several times
        job.fallbacks.append(fallback)
    teller.event(FallbackEvent(**asdict(fallback)))


def _once(running: Running, cancel: CancelToken, hooks: Hooks) -> tuple[Flow, PipelineStats]:
    """Run the stages with the encoder that was chosen; what one that fails left open is closed.

    Raises:
        EncoderError: It could not be opened, or refused a picture.
        StallError: A stage stood still. If it was that of an encoder on a chip, it has no hold on the file any more.
    """
    job, teller, observer, part_path = running.job, running.teller, running.observer, running.guard.part_path
    fell_back = functools.partial(_fall_back, job, teller)

    def tell_losses(flow: Flow) -> None:
        """Tell of a GPU that gave up as soon as it did. ``--strict`` ends the export then."""
        lost = flow.renderer_lost()
        if lost is not None:
            fell_back("renderer", "gpu", "planar", lost)
        unconverted = flow.converter_lost()
        if unconverted is not None:
            fell_back("converter", job.ways.converter.used, *unconverted)

    flow = Flow(job, part_path, cancel, hooks, observer, job.unchanged)
    try:
        if flow.refused is not None:
            fell_back("encode", job.unchanged, flow.unchanged, flow.refused)
        stats = flow.run(cancel, teller, running.warn, tell_losses)
        tell_losses(flow)
        for key, why in flow.devices_lost().items():
            fell_back("decode", job.ways.decoder_name, "software", f"{key}: {why}")
        return flow, stats
    except StrictFallbackError:
        flow.abandon()
        raise
    except ExportError as error:
        # What a stage raises that is no error for users comes wrapped (Pipeline.run).
        if not isinstance(error.__cause__, SpliceRefused):
            if job.ways.encoder.candidate.hardware:
                if isinstance(error, EncoderError):
                    flow.abandon()
                elif isinstance(error, StallError) and error.stage == ENCODE:
                    flow.forsake(error)
            raise
        flow.abandon()
        reason = error.__cause__.reason  # not the error itself: its traceback holds pictures
    fell_back("encode", job.unchanged, "encode", reason)
    flow = Flow(job, part_path, cancel, hooks, observer, "encode")
    try:
        stats = flow.run(cancel, teller, running.warn, tell_losses)
        tell_losses(flow)
    except StrictFallbackError:
        flow.abandon()
        raise
    return flow, stats
