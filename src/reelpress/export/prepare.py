"""From a source and settings to a Job: everything opened, checked and decided before the first frame."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reelpress.color import BT709_LIMITED
from reelpress.encode.rate import RateControl, rate_control
from reelpress.encode.select import Choice, EncoderChoice
from reelpress.errors import SettingsError, StrictFallbackError, UnsupportedInputError
from reelpress.events import Fallback
from reelpress.export.copy import CopyJob, CopyRefused, decide
from reelpress.export.estimates import expected
from reelpress.export.labels import labels_of
from reelpress.export.outputs.base import Buffering, Output
from reelpress.export.outputs.stdout import is_pipe
from reelpress.export.outputs.stills import folder_of
from reelpress.export.outputs.table import WITH_ALPHA, output_of
from reelpress.export.plan import Conversion, Estimate, ExportPlan, FormatEdge, estimate
from reelpress.export.presets import refuse_unapplied
from reelpress.export.settings import FORMATS, ExportSettings, Unchanged, parse_resolution
from reelpress.export.sound_only import sound_plan
from reelpress.export.stages import kind_of
from reelpress.export.subtitles import cues, subtitle_path
from reelpress.export.ways import Ways, choose_ways
from reelpress.media.decode import conversion_of
from reelpress.media.labels import NO_LABELS, Labels
from reelpress.media.steady import DEFAULT_TOLERANCE
from reelpress.pipeline.budget import Budget, BufferSizes, EncoderLoad, SourceLoad
from reelpress.pipeline.machine import cores
from reelpress.project.background import ColorSource
from reelpress.project.load import LoadedProject, load_project
from reelpress.recording.load import load
from reelpress.scene.director import Director
from reelpress.timeline.build import full_length
from reelpress.timeline.rate import CAP_RATE, natural_rate

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from reelpress.media.audio import AudioSpan
    from reelpress.media.text_track import TextCue
    from reelpress.project.model import Project
    from reelpress.recording.model import Recording, VideoTrack
    from reelpress.scene.text_run import TextMetrics, TextRun

NATIVE = "yuv420p"
"""What planar composes and x264 takes."""

ENCODER_LOADS = {
    "ultrafast": EncoderLoad(lookahead=0, bframes=0, references=1),
    "superfast": EncoderLoad(lookahead=0, bframes=3, references=1),
    "veryfast": EncoderLoad(lookahead=10, bframes=3, references=1),
    "faster": EncoderLoad(lookahead=20, bframes=3, references=2),
    "fast": EncoderLoad(lookahead=30, bframes=3, references=2),
    "medium": EncoderLoad(lookahead=40, bframes=3, references=3),
    "slow": EncoderLoad(lookahead=50, bframes=3, references=5),
    "slower": EncoderLoad(lookahead=60, bframes=3, references=8),
    "veryslow": EncoderLoad(lookahead=60, bframes=8, references=16),
}
"""What x264's presets hold (its own preset table)."""


@dataclass
class Job:
    """An export that is ready to run. A context manager: it owns the recording's temporary files."""

    source: Path
    target: Path
    settings: ExportSettings
    recording: Recording
    project: LoadedProject
    director: Director
    spans: tuple[AudioSpan, ...]
    rate: RateControl
    buffers: BufferSizes
    plan: ExportPlan
    ways: Ways
    output: Output
    """The kind of file."""
    unchanged: Unchanged = "splice"
    """What becomes of frames that do not change: what was asked for, as far as the encoder allows it."""
    fallbacks: list[Fallback] = field(default_factory=list)
    subtitles: tuple[TextCue, ...] = ()
    """Captions to be written; without any there is no file and no track."""
    labels: Labels = NO_LABELS
    """What the file says about itself."""
    files: str = ""
    """Where the target is a folder: what the files in it are called, with one ``%0Nd``."""
    tolerance: int | None = None
    """What counts as noise in the display's pictures (of 255); ``None``: they are taken as they are."""

    gif_colours: int = 255
    """Of a palette; fewer where ``--max-size`` asks for it."""

    @property
    def subtitle_target(self) -> Path | None:
        """The SRT file that is written, if any."""
        return subtitle_path(self.target) if self.subtitles else None

    copy: CopyJob | None = None
    """How packets are copied; ``None``: every picture goes through the stages."""

    def encode_instead(self, reason: str) -> None:
        """Give up copying, which turned out not to be possible.

        Raises:
            StrictFallbackError: ``strict`` is on.
        """
        if self.settings.flags.strict:
            raise StrictFallbackError(f"--strict: the pictures would be encoded instead of copied, because {reason}.")
        self.copy = None
        self.plan = replace(self.encoding_plan or self.plan, copy={"used": False, "reason": reason})
        self.fallbacks.append(Fallback("copy", "copy", "encode", reason))

    def encode_in_software(self, reason: str) -> str:
        """Go on with an encoder that needs no chip: the one on a chip failed in the middle of the export.

        Returns:
            Its name.

        Raises:
            EncoderError: There is none for this codec.
        """
        self.ways = self.ways.in_software(self.output.video_codec, reason)
        last, converted = _last_edges(self.ways, self.output)
        kept = tuple(edge for edge in self.plan.formats if edge.edge not in ("compose->encode", "encoded"))
        conversions = [each for each in self.plan.conversions if each.edge != "compose->encode"] + converted
        self.plan = replace(
            self.plan,
            formats=(*kept, *last),
            conversions=tuple(conversions),
            converter=_explain_converter(self.ways, conversions),
            encoder=self.ways.encoder.choice,
        )
        return self.ways.encoder.choice.used

    encoding_plan: ExportPlan | None = None
    """Where packets are copied: the plan of encoding them."""

    def close(self) -> None:
        """Remove temporary files; calling it twice is harmless."""
        self.recording.close()

    def __enter__(self) -> Job:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


_OTHERS = frozenset(
    (
        *("3gp", "avi", "flv", "m2ts", "mka", "mkv", "mpeg", "mpg", "mts", "mxf", "ogv", "ts", "wmv"),
        *("aac", "ac3", "aif", "aiff", "flac", "mp3", "oga", "ogg", "opus", "wma"),
        *("avif", "bmp", "heic", "heif", "jpeg", "jpg", "jxl", "svg", "tif", "tiff"),
    )
)
"""Suffixes of pictures, sound and video that no format here has."""


def target_path(source: Path, output: Path | None, settings: ExportSettings) -> Path:
    """The file that an export writes: ``output``, or ``./<source stem>.<ext>``.

    Raises:
        SettingsError: The suffix contradicts ``--format``, or is that of a kind of file that is not made here.
    """
    if output is None:
        # abspath, not resolve: a link to a recording gives its own name to the result
        name = Path(os.path.abspath(source)).stem
        return Path(f"{name}.{settings.usual_format}")
    suffix = output.suffix.lower().lstrip(".")
    if settings.format is not None and suffix in FORMATS and suffix != settings.format:
        raise SettingsError(f"-o {output} and --format {settings.format} contradict each other. Leave one out.")
    if settings.format is None and suffix in _OTHERS:  # else it would be an MP4 under a name that says otherwise
        raise SettingsError(
            f"-o {output}: no .{suffix} is made here. Allowed are: {', '.join(FORMATS)}. "
            "--format mp4 writes one under this name."
        )
    return output


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
    target = target_path(source, None if output is None else Path(output), settings)
    recording = load(source)
    try:
        return _prepared(source, target, settings, recording, estimated=estimated)
    except BaseException:
        recording.close()
        raise


def _prepared(source: Path, target: Path, settings: ExportSettings, recording: Recording, *, estimated: bool) -> Job:
    project = load_project(recording, settings.project, look=settings.preset)
    recording = project.recording
    output = output_of(settings, target)
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
    warnings: list[str] = []
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
    holding = output.buffering(settings) or Buffering(_encoder_load(rate.preset, settings.flags.unchanged))
    buffers = Budget.detect(memory=settings.memory, buffers=settings.buffer_size).plan(
        frame_bytes=width * height * 3 // 2,
        sources=_loads(director.tracks),
        encoder=holding.encoder,
        gif=holding.gif,
    )
    tolerance = _tolerance(settings, recording)
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
    unchanged = _unchanged(settings, ways.encoder) if own is None else own[0]
    if settings.flags.strict and fallbacks:
        first = fallbacks[0]
        raise StrictFallbackError(
            f"--strict: {first.used} would be used instead of {first.wanted} ({first.stage}): {first.reason}."
        )
    plan = _explain(source, target, settings, recording, project, director, spans, rate, buffers, ways, output)
    plan = replace(
        plan,
        warnings=_once(*plan.warnings, *warnings),
        subtitles=_explain_subtitles(settings, target, texts),
        unchanged=_explain_unchanged(unchanged, ways.encoder, tolerance) | ({} if own is None else {"reason": own[1]}),
        copy={"used": False, "reason": uncopied},
    )
    if not output.has_pictures:
        plan = sound_plan(plan, output, has_sound=bool(spans))
    if estimated:
        guess = expected(output, director, recording, settings, rate, sound=bool(spans), cores=cores())
        plan = replace(plan, estimate=guess or plan.estimate)
    encoding = plan
    if copied is not None:
        plan = _copying(plan, copied)
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


def _copying(plan: ExportPlan, copied: CopyJob) -> ExportPlan:
    """The plan of an export that copies packets, given that of one that does not."""
    share = Fraction(copied.encoded, copied.pictures)
    again = copied.encoded > 0
    source = "the recording's packets" if not again else "the recording's packets; libx264 for the pictures at the cuts"
    sizes = sum(int(packets.size.sum()) for packets in copied.packets.values())
    return replace(
        plan,
        frames=copied.pictures,
        formats=(FormatEdge("copied", "h264", "bt709", "limited", "packets are not decoded"),),
        conversions=(),
        decoder=plan.decoder if again else Choice("none", "packets are copied"),
        renderer=Choice("none", "nothing is drawn"),
        converter=Choice("none", "nothing is converted"),
        encoder=Choice("copy, libx264 at the cuts" if again else "copy", source),
        copy=copied.explained(),
        unchanged={
            "used": "copy",
            "reason": "packets are copied",
            "tolerance": 0,
            "tolerance_reason": "nothing is compared",
        },
        estimate=Estimate(
            min(plan.estimate.size_bytes, sizes) or sizes, round(0.5 + plan.estimate.wall_s * float(share), 1)
        ),
    )


def _encoder_load(preset: str, unchanged: Unchanged) -> EncoderLoad:
    load = ENCODER_LOADS.get(preset, EncoderLoad())
    return replace(load, bframes=0) if unchanged == "vfr" else load


def _unchanged(settings: ExportSettings, encoder: EncoderChoice) -> Unchanged:
    """``splice`` needs a stream that can be edited."""
    wanted = settings.flags.unchanged
    return "vfr" if wanted == "splice" and encoder.choice.used != "libx264" else wanted


def _explain_unchanged(used: Unchanged, encoder: EncoderChoice, tolerance: int | None) -> dict[str, Any]:
    reasons = {
        "splice": "pictures in which nothing or little changes are inserted into the H.264 stream, not encoded",
        "vfr": "a picture lasts until the next one that differs"
        + ("" if encoder.choice.used == "libx264" else "; only the streams of libx264 can be spliced"),
        "encode": "asked for: every frame goes through the encoder",
    }
    exact = "only equal source pictures count as unchanged"
    noise = f"blocks within {tolerance} of 255 of what is shown count as unchanged: the recording was encoded before"
    return {
        "used": used,
        "reason": reasons[used],
        "tolerance": tolerance or 0,
        "tolerance_reason": noise if tolerance else exact,
    }


def _tolerance(settings: ExportSettings, recording: Recording) -> int | None:
    """What counts as noise in the display's pictures; ``None``: they are taken as they are."""
    if settings.flags.unchanged == "encode":
        return None
    wanted = settings.unchanged_tolerance
    if wanted is None:
        # the system's capture writes no picture while the screen is still; other recorders repeat it with new noise
        wanted = 0 if recording.is_cap else DEFAULT_TOLERANCE
    return wanted or None


def _explain_subtitles(settings: ExportSettings, target: Path, texts: tuple[TextCue, ...]) -> dict[str, Any]:
    if settings.subtitles is None:
        return {"used": False, "reason": "not asked for (--subtitles srt)"}
    if not texts:
        return {"used": False, "reason": "there are no captions in what is shown"}
    reason = "an SRT file beside the video, and a track in it that is off until it is asked for"
    return {"used": True, "reason": reason, "file": str(subtitle_path(target)), "cues": len(texts)}


def _loads(tracks: Iterable[VideoTrack]) -> list[SourceLoad]:
    """What is decoded at the same time: of each kind of track the largest."""
    largest: dict[str, int] = {}
    for track in tracks:
        kind = kind_of(track.key)
        largest[kind] = max(largest.get(kind, 0), track.info.width * track.info.height * 3 // 2)
    return [SourceLoad(size) for size in largest.values()]


def _default_rate(recording: Recording) -> Fraction:
    if recording.is_cap:
        return CAP_RATE
    index = recording.segments[0].display.index
    return natural_rate(index.pts, index.time_base)


def _measure(run: TextRun, /) -> TextMetrics:
    """Sizes of a text run. Fonts are loaded only by who shows text."""
    from reelpress.text.layout import measure

    return measure(run)


def _image_size(path: str) -> tuple[int, int] | None:
    """Upright size of a picture file, ``None`` when it cannot be read; reads no more than its header."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            turned = image.getexif().get(0x0112, 1) >= 5  # EXIF orientations 5 to 8 swap the sides
            return (image.height, image.width) if turned else (image.width, image.height)
    except (OSError, ValueError, Image.DecompressionBombError):
        return None


def _explain(
    source: Path,
    target: Path,
    settings: ExportSettings,
    recording: Recording,
    project: LoadedProject,
    director: Director,
    spans: tuple[AudioSpan, ...],
    rate: RateControl,
    buffers: BufferSizes,
    ways: Ways,
    output: Output,
) -> ExportPlan:
    width, height = director.size
    formats: list[FormatEdge] = []
    conversions: list[Conversion] = []
    codecs = []
    for track in director.tracks:
        info = track.info
        codecs.append(info.codec)
        formats.append(
            FormatEdge(
                f"{track.key} decoded",
                info.pixel_format,
                str(info.color.matrix),
                str(info.color.range),
                f"{info.codec} decoder",
            )
        )
        what = conversion_of(info)
        if what:
            conversions.append(
                Conversion(
                    f"{track.key} decode->compose",
                    f"{info.pixel_format} {info.color}",
                    f"{NATIVE} {BT709_LIMITED}",
                    "swscale",
                    what,
                )
            )
        formats.append(
            FormatEdge(
                f"{track.key} decode->compose",
                NATIVE if what else info.pixel_format,
                "bt709",
                "limited",
                "swscale" if what else "decoder, no copy",
            )
        )
    last, converted = _last_edges(ways, output)
    formats += last
    conversions += converted
    has_audio = bool(spans)
    return ExportPlan(
        source=str(source),
        output=str(target),
        frames=director.frames,
        width=width,
        height=height,
        fps=str(director.fps),
        duration_s=float(Fraction(director.frames) / director.fps),
        formats=tuple(formats),
        conversions=tuple(conversions),
        decoder=ways.decoder,
        renderer=ways.renderer.choice,
        converter=_explain_converter(ways, conversions),
        encoder=ways.encoder.choice,
        rate_control=output.control(settings)
        or {
            "crf": rate.crf,
            "preset": rate.preset,
            "maxrate": rate.maxrate,
            "bufsize": rate.bufsize,
            "gop_s": float(settings.gop),
            "lookahead": buffers.lookahead,
            "threads": buffers.encode_threads,
        },
        audio={
            "used": has_audio,
            "reason": output.sound
            if has_audio
            else f"a {output.name} has none"
            if not output.has_sound
            else ("--no-audio" if settings.no_audio else "there is no sound in what is shown"),
        },
        buffers={"rendered": buffers.rendered, "encoder": buffers.encoder, "bytes": buffers.bytes},
        memory_bytes=buffers.memory_bytes,
        copy={},
        estimate=output.estimate(director.frames, width, height, cores())
        or estimate(director.frames, width, height, float(director.fps), rate.crf, rate.preset, cores()),
        not_drawn=director.not_drawn,
        warnings=_once(*recording.warnings, *project.warnings, *director.warnings),
        fallbacks=ways.fallbacks,
    )


def _last_edges(ways: Ways, output: Output) -> tuple[list[FormatEdge], list[Conversion]]:
    """From what is drawn to what is in the file."""
    drawn, taken, by = ways.renderer.output, ways.spec.pixel_format, ways.converter.used
    full = ("rgb", "full") if drawn in ("rgba", "bgra") else ("bt709", "limited")
    if by == "encoder":
        taken, by = "yuv420p", ways.spec.codec
    converted = []
    if by not in ("none", "gpu"):
        edge = f"{drawn} {' '.join(full)}", f"{taken} {ways.spec.color}"
        converted.append(Conversion("compose->encode", *edge, by, ways.converter.reason))
    encoded = output.encoded() or FormatEdge("encoded", taken, "bt709", "limited", ways.encoder.choice.used)
    return [FormatEdge("compose->encode", drawn, *full, f"{ways.renderer.name} compositor"), encoded], converted


def _explain_converter(ways: Ways, conversions: list[Conversion]) -> Choice:
    """Who converts between drawing and encoding, or else before drawing."""
    found = ways.converter
    rejected = tuple((row.backend, row.why_not or "") for row in found.rejected)
    if found.used == "none" and conversions:
        return Choice("swscale", "the source's format has to be reduced once", rejected)
    if found.used == "none":
        return Choice("none", "decoder, compositor and encoder share one format", rejected)
    return Choice(found.used, found.reason, rejected)


def _once(*lines: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(lines))
