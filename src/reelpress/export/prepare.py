"""From a source and settings to a Job: everything opened, checked and decided before the first frame."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from reelpress.encode.open import unspliceable
from reelpress.encode.rate import rate_control
from reelpress.errors import SettingsError, StrictFallbackError, UnsupportedInputError
from reelpress.export.copy.decide import decide
from reelpress.export.copy.job import CopyJob, CopyRefused
from reelpress.export.estimates import expected
from reelpress.export.explain import copying, explain_subtitles, explain_unchanged, explained, once, without_effect
from reelpress.export.job import Job
from reelpress.export.labels import labels_of
from reelpress.export.loads import encoder_load, source_loads
from reelpress.export.outputs.base import Buffering
from reelpress.export.outputs.meaning import settled
from reelpress.export.outputs.stdout import is_pipe
from reelpress.export.outputs.stills import folder_of
from reelpress.export.outputs.table import WITH_ALPHA, output_of
from reelpress.export.presets import refuse_unapplied
from reelpress.export.settings import ExportSettings, Unchanged, parse_resolution
from reelpress.export.sound_only import sound_plan
from reelpress.export.subtitles import cues, subtitle_path
from reelpress.export.target import named_by, target_path
from reelpress.export.ways import choose_ways
from reelpress.media.steady import DEFAULT_TOLERANCE
from reelpress.pipeline.budget import Budget
from reelpress.pipeline.machine import cores
from reelpress.project.background import ColorSource
from reelpress.project.load import load_project
from reelpress.recording.load import load
from reelpress.scene.director import Director
from reelpress.timeline.build import full_length
from reelpress.timeline.rate import CAP_RATE, natural_rate

if TYPE_CHECKING:
    from reelpress.media.audio import AudioSpan
    from reelpress.media.text_track import TextCue
    from reelpress.project.model import Project
    from reelpress.recording.model import Recording
    from reelpress.scene.text_run import TextMetrics, TextRun


def prepare(source: Path, output: Path | None, settings: ExportSettings, *, estimated: bool = True) -> Job:
    """Load, check and decide; nothing is written.

    Args:
        source: A ``.cap`` or a video.
        output: The file to write.
        settings: Options.
        estimated: Look at some of the frames' plans, for what the export will take.

    Raises:
        InputError, UsageError: As their names say.
        StrictFallbackError: A fallback would be needed and ``strict`` is on.
    """
    source = Path(source)
    refuse_unapplied(settings)
    output = None if output is None else Path(output)
    settings = named_by(output, settings)
    target = target_path(source, output, settings)
    recording = load(source)
    try:
        return _prepared(source, target, settings, recording, estimated=estimated)
    except BaseException:
        recording.close()
        raise


def _prepared(source: Path, target: Path, settings: ExportSettings, recording: Recording, *, estimated: bool) -> Job:
    project = load_project(recording, settings.project, look=settings.preset)
    recording = project.recording
    settings, output, left_out = settled(settings, output_of(settings, target))
    files = ""
    if output.name == "png":
        target, files = folder_of(target)
    fps = settings.fps or output.rate(_default_rate(recording))
    if not output.alpha and _is_see_through(project.project) and output.name in WITH_ALPHA:
        with contextlib.suppress(SettingsError):  # asked for with a codec or an encoder that has no alpha
            output = output.of(replace(settings, transparent=True))
    output.check(settings, fps)
    try:
        director = Director(
            recording,
            project.project,
            resolution=parse_resolution(settings.resolution) or "source",
            fps=fps,
            start=settings.start,
            end=settings.end,
            base=project.base,
            image_size=_image_size,
            measure=_measure,
            alpha="pointer" if settings.cursor_only else "transparent" if output.alpha else None,
        )
    except UnsupportedInputError as error:  # the scene knows no files
        raise UnsupportedInputError(f"{source}: {str(error)[:1].lower()}{str(error)[1:]}") from None
    width, height = director.size
    rate = rate_control(
        width,
        height,
        fps,
        quality=settings.quality,
        optimize_size=settings.optimize_size,
        crf=settings.crf,
        preset=settings.encoder_preset,
    )
    spans: tuple[AudioSpan, ...] = ()
    warnings = list(left_out)
    if output.has_sound and not settings.no_audio:
        from reelpress.timeline.sound import music_spans  # a still needs none of it

        music, silent = music_spans(project.project, project.resolve, director.fps, director.range)
        spans = (*director.audio_spans(), *music)
        warnings.extend(silent)
    texts: tuple[TextCue, ...] = ()
    if settings.subtitles is not None:
        subtitle_path(target)  # refuses a target of that name
        begin = Fraction(director.range.first) / director.fps
        lengths = [full_length(recording, segment) for segment in recording.segments]
        texts = cues(project.project, director.timeline, lengths, begin, director.duration)
        if not texts:
            warnings.append("There are no captions in what is shown, so no subtitles are written.")
    labels, said = labels_of(settings, recording, project.project, director, output)
    warnings.extend(said)
    holding = output.buffering(settings) or Buffering(encoder_load(rate.preset, settings.flags.unchanged))
    buffers = Budget.detect(memory=settings.memory, buffers=settings.buffer_size).plan(
        frame_bytes=width * height * 3 // 2,
        sources=source_loads(director.tracks),
        encoder=holding.encoder,
        gif=holding.gif,
    )
    copied: CopyJob | None = None
    uncopied = ""
    try:
        if not output.has_pictures:
            raise CopyRefused(f"a {output.name} has sound alone, which is encoded")
        if output.name != "mp4" or output.video_codec != "h264":
            raise CopyRefused(f"the pictures of a {output.name} with {output.video_codec} are encoded")
        if is_pipe(target):
            raise CopyRefused("packets are copied into files only, and this goes to stdout")
        copied = decide(settings, recording, project.project, director, spans, has_subtitles=bool(texts))
    except CopyRefused as refusal:
        uncopied = refusal.reason
    bare = copied is not None or not output.has_pictures
    ways = choose_ways(director, recording, rate, buffers, settings, copying=bare, output=output)
    fallbacks = list(ways.fallbacks)
    own = output.unchanged(settings)
    refused = unspliceable(ways.spec) if own is None and settings.unchanged == "splice" else None
    unchanged = own[0] if own is not None else "vfr" if refused is not None else settings.unchanged
    tolerance = _tolerance(settings, recording, unchanged)
    if settings.flags.strict and fallbacks:
        first = fallbacks[0]
        raise StrictFallbackError(
            f"--strict: {first.used} would be used instead of {first.wanted} ({first.stage}): {first.reason}."
        )
    plan = explained(source, target, settings, recording, project, director, spans, rate, buffers, ways, output)
    warnings += without_effect(settings, plan.rate_control, ways.encoder.choice.used) if own is None else []
    plan = replace(
        plan,
        warnings=once(*plan.warnings, *warnings),
        subtitles=explain_subtitles(settings, target, texts),
        unchanged=explain_unchanged(unchanged, refused, tolerance) | ({} if own is None else {"reason": own[1]}),
        copy={"used": False, "reason": uncopied},
    )
    if not output.has_pictures:
        plan = sound_plan(plan, output, has_sound=bool(spans))
    if estimated:
        guess = expected(output, director, recording, settings, rate, sound=bool(spans), cores=cores())
        plan = replace(plan, estimate=guess or plan.estimate)
    encoding = plan
    if copied is not None:
        plan = copying(plan, copied)
    return Job(
        source,
        target,
        settings,
        recording,
        project,
        director,
        spans,
        rate,
        buffers,
        plan,
        ways,
        output,
        unchanged,
        fallbacks=fallbacks,
        subtitles=texts,
        labels=labels,
        files=files,
        tolerance=tolerance,
        copy=copied,
        encoding_plan=encoding,
    )


def _is_see_through(project: Project) -> bool:
    """Whether the project's background lets through what is behind the video."""
    source = project.background.source
    return isinstance(source, ColorSource) and source.alpha < 255


def _tolerance(settings: ExportSettings, recording: Recording, unchanged: Unchanged) -> int | None:
    """What counts as noise in the display's pictures; ``None``: they are taken as they are."""
    if unchanged == "encode":
        return None
    wanted = settings.unchanged_tolerance
    if wanted is None:
        # the system's capture writes no picture while the screen is still; other recorders repeat it with new noise
        wanted = 0 if recording.is_cap else DEFAULT_TOLERANCE
    return wanted or None


def _default_rate(recording: Recording) -> Fraction:
    if recording.is_cap:
        return CAP_RATE
    index = recording.segments[0].display.index
    return natural_rate(index.pts, index.time_base)


def _measure(run: TextRun, /) -> TextMetrics:
    """Sizes of a text run. Fonts are loaded only by who shows text."""
    from reelpress.text.layout import measure

    return measure(run)


def _image_size(path: str, /) -> tuple[int, int] | None:
    """Upright size of a picture file. Pillow is loaded only by who names one."""
    from reelpress.compose.assets import upright_size

    return upright_size(path)
