"""Which options mean something for which kind of file.

One that was given for an export and cannot have any effect on it is refused, with what is allowed: whoever wrote it
expects something that will not come. What a preset, the environment or a config file says is a default for exports of
every kind, and is left out where it means nothing. A wish that is met anyway is no mistake: ``--no-audio`` for a GIF,
``--unchanged encode`` for ProRes, ``--renderer auto`` for a WAV.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from reelpress.encode.candidates import for_codec
from reelpress.encode.gif.settings import FASTEST
from reelpress.errors import SettingsError
from reelpress.export.outputs.base import LABELS
from reelpress.export.outputs.pipe import PipeOutput
from reelpress.export.settings import DEFAULTS, GIF_ENCODERS, option_of

if TYPE_CHECKING:
    from reelpress.export.outputs.base import Output
    from reelpress.export.settings import ExportSettings, Unchanged

ENCODED = ("h264", "hevc", "av1", "vp9")
"""Kinds of pictures that an encoder makes by a quality and a distance of key frames."""
ANIMATED = ("gif", "webp", "apng")
PICTURES = (*ENCODED, "prores", *ANIMATED, "png")
"""All kinds but sound alone."""

MEANT_FOR: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("resolution", "fps", "renderer", "converter", "gpu_format_conversion", "decoder"), PICTURES),
    "buffer_size": PICTURES,
    **dict.fromkeys(("crf", "encoder_preset", "optimize_size", "gop"), ENCODED),
    "quality": (*ENCODED, "webp"),
    "unchanged_tolerance": (*ENCODED, *ANIMATED),
    **dict.fromkeys(("gif_quality", "max_size"), ("gif",)),
    "loop": ANIMATED,
    **dict.fromkeys(("transparent", "cursor_only"), ("prores", *ANIMATED, "png")),
}
"""Field -> kinds of pictures on which it has an effect. Those that depend on more are in :func:`_is_meant`; all others
mean something everywhere."""

_KEPT: dict[str, tuple[Unchanged, ...]] = {
    "h264": ("splice", "vfr", "encode"),
    **dict.fromkeys(("hevc", "av1", "vp9"), ("vfr", "encode")),
    **dict.fromkeys(ANIMATED, ("vfr",)),
    **dict.fromkeys(("prores", "png"), ("encode",)),
}
"""What can become of unchanged pictures, for each kind."""

CONTENT = ("transparent", "cursor_only", "subtitles", *LABELS)
"""Fields that say what is to be in the file: where a default of that sort is left out, a warning says so."""

_NAMES = {"h264": "H.264", "hevc": "HEVC", "av1": "AV1", "vp9": "VP9", "gif": "GIF", "webp": "WebP", "apng": "APNG"}
_ALPHA = "needs a format with alpha: --format mov (ProRes 4444), webp, apng, png or gif."


def settled(settings: ExportSettings, base: Output) -> tuple[ExportSettings, Output, list[str]]:
    """The options and the kind of file of an export, when everything that means nothing is gone.

    Args:
        settings: As given.
        base: The kind of file, of the table: not yet the settings' own.

    Returns:
        Options, ``base`` with these options, and warnings of what is left out and would have been seen.

    Raises:
        SettingsError: What was asked for cannot have any effect.
    """
    warnings: list[str] = []
    if not _codec_fits(settings, base) and not settings.is_asked("codec"):
        settings = replace(settings, codec=None)
    kind = kind_of(settings, base)
    if kind is None:  # a codec that this cannot have: it says so
        return settings, base.of(settings), warnings
    for name, default in DEFAULTS.items():
        value = getattr(settings, name)
        given = name in settings.asked or value != default
        if not given or value is None or (isinstance(value, bool) and value is default):  # --no-chapters is met by all
            continue
        if _is_meant(name, value, kind, settings, base):
            continue
        if settings.is_asked(name):
            if name in LABELS or (name == "encoder" and kind in ENCODED):
                continue  # refused where more is known of it
            raise SettingsError(_refusal(name, value, kind, settings, base))
        settings = replace(settings, **{name: default})
        if name in CONTENT:
            warnings.append(f"{option_of(name)} is left out: {_lacking(name, kind, base)} cannot have it.")
    return settings, base.of(settings), warnings


def kind_of(settings: ExportSettings, base: Output) -> str | None:
    """The kind of pictures: a codec, or the format's name; ``None`` where they do not go together."""
    codecs = _codecs(base)
    if not codecs:
        return base.name if settings.codec is None else None
    return settings.codec or codecs[0] if _codec_fits(settings, base) else None


def _codecs(base: Output) -> tuple[str, ...]:
    return getattr(base, "codecs", ())


def _codec_fits(settings: ExportSettings, base: Output) -> bool:
    return settings.codec is None or settings.codec in _codecs(base)


def _is_meant(name: str, value: Any, kind: str, settings: ExportSettings, base: Output) -> bool:
    """Whether it can have the effect that is expected of it."""
    foreign = settings.encoder == "gifski"  # compares pictures itself, and gets them without alpha
    if name == "subtitles":
        return base.has_subtitles and kind != "prores"
    if name in LABELS:
        return name in base.labels
    if name == "encoder":
        return value in encoders(kind)
    if value == "auto":
        return True  # whatever is needed, be it nothing
    if name == "unchanged":
        return value in kept(kind, settings)
    if name == "no_audio":
        return base.has_pictures
    if name == "format":
        return not isinstance(base, PipeOutput) or value == "mp4"
    if name == "verify":
        return not isinstance(base, PipeOutput) or value == "fast"
    if name == "quality" and kind in ("apng", "png") and value == "maximum":
        return True  # nothing is ever lost
    if name == "unchanged_tolerance" and base.has_pictures and value == 0:
        return True  # where every picture is coded, every difference is
    if kind not in MEANT_FOR.get(name, (kind,)):
        return False
    if settings.is_asked(name):
        # what contradicts another option is told by that one's own words
        every = foreign or (settings.unchanged == "encode" and settings.is_asked("unchanged"))
        return name != "unchanged_tolerance" or not every
    if name == "fps" and kind == "gif":
        return bool(1 <= value <= FASTEST)
    return not (foreign and kind == "gif" and name in ("max_size", "transparent", "cursor_only", "unchanged_tolerance"))


def encoders(kind: str) -> tuple[str, ...]:
    """Values of ``--encoder`` for a kind of pictures."""
    if kind in ENCODED:
        return ("auto", *(each.name for each in for_codec(kind)))
    return {"gif": ("auto", *GIF_ENCODERS), "prores": ("auto", "prores_ks")}.get(kind, ("auto",))


def kept(kind: str, settings: ExportSettings) -> tuple[Unchanged, ...]:
    """Values of ``--unchanged`` for a kind of pictures, the usual one first."""
    return ("encode",) if kind == "gif" and settings.encoder == "gifski" else _KEPT.get(kind, ())


def _refusal(name: str, value: Any, kind: str, settings: ExportSettings, base: Output) -> str:
    """The sentence."""
    given = f"--{option_of(name)}"
    if name == "gpu_format_conversion":
        given = "--no-gpu-format-conversion"
    if name == "no_audio":
        return f"{given} leaves nothing of {_article(base.name)} {base.name}. Leave one of the two out."
    if isinstance(base, PipeOutput) and name in ("format", "subtitles", "verify"):
        return {
            "format": f"-o - sends an MP4, no {value}: others are written into files only.",
            "subtitles": f"{given} writes a file beside the video, which -o - has none of. Leave one out.",
            "verify": f"{given} full decodes the finished file, which -o - has none of. Leave one out.",
        }[name]
    if not base.has_pictures:
        return f"{given} is for pictures, and {_article(base.name)} {base.name} has none. Leave it out."
    if name == "encoder":
        what = {"gif": "no GIF", "prores": "no ProRes"}.get(kind, f"no {_NAMES.get(kind, kind)}")
        allowed = encoders(kind)
        return f"{given} {value} makes {what}. Allowed {_are(allowed)}: {', '.join(allowed)}."
    if name == "unchanged":
        allowed = kept(kind, settings)
        return f"{given} {value} means nothing for {_called(kind)}. Allowed {_are(allowed)}: {', '.join(allowed)}."
    if name == "quality" and kind in ("apng", "png"):
        return f"{given} {value} means nothing for {_called(kind)}, which never loses anything. Allowed is: maximum."
    if name == "unchanged_tolerance" and kind in MEANT_FOR[name]:
        other = "--encoder gifski" if settings.encoder == "gifski" else "--unchanged encode"
        return f"{given} means nothing with {other}. Leave one of the two out."
    if name == "subtitles" and base.name == "webm":
        return f"{given} writes a track that a WebM cannot have. Use --format mp4, or leave it out."
    if name == "subtitles" and kind == "prores":
        return f"{given} writes a track that is not put beside ProRes. Use --codec h264 or hevc, or leave it out."
    if name in ("gif_quality", "max_size"):
        return f"{given} is for --format gif only."
    if name == "loop":
        return f"{given} is for --format gif, webp and apng only."
    if name in ("transparent", "cursor_only"):
        if base.name == "mov":
            return f"{given} needs alpha, which {kind} has not. Use --codec prores."
        return f"{given} {_ALPHA}"
    meant = ("mp4", "mov with H.264 or HEVC") if name == "subtitles" else [_NAMES.get(k, k) for k in MEANT_FOR[name]]
    sentence = f"{given} means nothing for {_called(kind)}. It is for {', '.join(meant[:-1])} and {meant[-1]}."
    if kind == "gif" and name in ("quality", "crf", "optimize_size"):
        sentence += " How good a GIF is, --gif-quality and --max-size say."
    return f"{sentence} Leave it out."


def _called(kind: str) -> str:
    if kind == "prores":
        return "ProRes, which has a rate of its own and codes every picture by itself"
    return "a GIF" if kind == "gif" else f"--format {kind}" if kind in PICTURES[5:] else _NAMES[kind]


def _lacking(name: str, kind: str, base: Output) -> str:
    """What cannot have it: the codec, where the same format could with another one."""
    if base.name == "mov" and name in ("transparent", "cursor_only", "subtitles"):
        return "ProRes" if kind == "prores" else _NAMES[kind]
    return f"{_article(base.name)} {base.name}"


def _article(name: str) -> str:
    return "an" if name in ("apng", "m4a", "mp4") else "a"


def _are(allowed: tuple[str, ...]) -> str:
    return "are" if len(allowed) > 1 else "is"
