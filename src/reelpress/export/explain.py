"""The plan of an export, in the words of its choices."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from reelpress.color import BT709_LIMITED
from reelpress.encode.candidates import named
from reelpress.encode.select import Choice
from reelpress.export.plan import Conversion, Estimate, ExportPlan, FormatEdge, estimate
from reelpress.export.subtitles import subtitle_path
from reelpress.media.codec_options import options_of
from reelpress.media.decode import conversion_of
from reelpress.pipeline.machine import cores

if TYPE_CHECKING:
    from pathlib import Path

    from reelpress.encode.rate import RateControl
    from reelpress.export.copy.job import CopyJob
    from reelpress.export.outputs.base import Output
    from reelpress.export.settings import ExportSettings, Unchanged
    from reelpress.export.ways import Ways
    from reelpress.media.audio import AudioSpan
    from reelpress.media.encoder import EncoderSpec
    from reelpress.media.text_track import TextCue
    from reelpress.pipeline.budget import BufferSizes
    from reelpress.project.load import LoadedProject
    from reelpress.recording.model import Recording
    from reelpress.scene.director import Director

NATIVE = "yuv420p"
"""What planar composes and x264 takes."""


def explained(
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
    last, converted = last_edges(ways, output)
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
        converter=explain_converter(ways, conversions),
        encoder=ways.encoder.choice,
        rate_control=output.control(settings) or rate_told(ways.spec),
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
        estimate=output.estimate(director.frames, float(director.duration), width, height, cores())
        or estimate(director.frames, width, height, float(director.fps), rate.crf, rate.preset, cores()),
        not_drawn=director.not_drawn,
        warnings=once(*recording.warnings, *project.warnings, *director.warnings),
        fallbacks=ways.fallbacks,
    )


def last_edges(ways: Ways, output: Output) -> tuple[list[FormatEdge], list[Conversion]]:
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


def explain_converter(ways: Ways, conversions: list[Conversion]) -> Choice:
    """Who converts between drawing and encoding, or else before drawing."""
    found = ways.converter
    rejected = tuple((row.backend, row.why_not or "") for row in found.rejected)
    if found.used == "none" and conversions:
        return Choice("swscale", "the source's format has to be reduced once", rejected)
    if found.used == "none":
        return Choice("none", "decoder, compositor and encoder share one format", rejected)
    return Choice(found.used, found.reason, rejected)


def once(*lines: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(lines))


def rate_told(spec: EncoderSpec) -> dict[str, Any]:
    """``rate_control``: what the encoder of a video is really told, each on its own scale.

    ``crf`` (of NVENC ``cq``, of Quick Sync ``global_quality``), ``bit_rate`` where quality alone does not decide,
    ``preset``, ``maxrate`` and ``bufsize``, ``lookahead`` and ``threads``, as far as it has them; ``gop_s``. And with
    another scale than x264's: ``scale``, the encoder's name, and ``asked``, the same quality on x264's.
    """
    options = options_of(spec)
    params: dict[str, str] = {}
    for name in ("x265-params", "svtav1-params"):
        params |= dict(each.split("=", 1) for each in options.get(name, "").split(":") if "=" in each)
    told: dict[str, Any] = {"gop_s": round(float(spec.gop_frames / spec.fps), 3)}
    quality = next((name for name in ("crf", "cq", "global_quality") if name in options), None)
    if quality is not None:
        told[quality] = float(options[quality])
        if spec.codec != "libx264":
            told |= {"scale": spec.codec, "asked": spec.crf}
    if int(options.get("b", 0)):
        told["bit_rate"] = int(options["b"])
    preset = options.get("preset") or options.get("quality")
    if "cpu-used" in options:
        preset = f"{options['deadline']} {options['cpu-used']}"
    if preset is not None:
        told["preset"] = preset
    told |= {name: int(options[name]) for name in ("maxrate", "bufsize") if name in options}
    ahead = {**params, **options}
    held = next((ahead[name] for name in ("rc-lookahead", "lookahead", "lag-in-frames") if name in ahead), None)
    if held is not None:
        told["lookahead"] = int(held)
    found = named(spec.codec)
    if found is not None and not found.hardware:
        told["threads"] = spec.threads
    return told


def without_effect(settings: ExportSettings, rate: dict[str, Any], encoder: str) -> list[str]:
    """Warnings of what was asked for and the chosen encoder has no place for: those on chips differ in it."""
    lines = []
    if settings.is_asked("crf") and not rate.keys() & {"crf", "cq", "global_quality"}:
        lines.append(f"crf has no effect: {encoder} is given a bit rate, by quality. Encoders in software heed it.")
    if settings.is_asked("encoder_preset") and "preset" not in rate:
        lines.append(f"encoder-preset has no effect: {encoder} has none. Encoders in software heed it.")
    return lines


def copying(plan: ExportPlan, copied: CopyJob) -> ExportPlan:
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


def explain_unchanged(used: Unchanged, refused: str | None, tolerance: int | None) -> dict[str, Any]:
    """``refused``: why nothing can be spliced, where it is wanted."""
    reasons = {
        "splice": "pictures in which nothing or little changes are inserted into the H.264 stream, not encoded",
        "vfr": "a picture lasts until the next one that differs" + ("" if refused is None else f"; {refused}"),
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


def explain_subtitles(settings: ExportSettings, target: Path, texts: tuple[TextCue, ...]) -> dict[str, Any]:
    if settings.subtitles is None:
        return {"used": False, "reason": "not asked for (--subtitles srt)"}
    if not texts:
        return {"used": False, "reason": "there are no captions in what is shown"}
    reason = "an SRT file beside the video, and a track in it that is off until it is asked for"
    return {"used": True, "reason": reason, "file": str(subtitle_path(target)), "cues": len(texts)}
