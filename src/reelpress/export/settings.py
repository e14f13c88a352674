"""ExportSettings: the options of an export, validated, by the names of the command line."""

from __future__ import annotations

import dataclasses
import difflib
import re
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from reelpress import clock
from reelpress.encode.candidates import ENCODERS
from reelpress.errors import SettingsError
from reelpress.flags import FeatureFlags, Setting, parse_bool

if TYPE_CHECKING:
    from collections.abc import Mapping

Format = Literal["mp4", "gif", "mov", "webm", "webp", "apng", "png", "m4a", "wav"]
Codec = Literal["h264", "hevc", "av1", "vp9", "prores"]
Quality = Literal["maximum", "social", "web", "potato"]
Renderer = Literal["auto", "gpu", "cpu"]
Converter = Literal["auto", "gpu", "videotoolbox", "swscale", "encoder"]
Unchanged = Literal["splice", "vfr", "encode"]
Verify = Literal["fast", "full"]
Subtitles = Literal["srt"]

FORMATS: tuple[str, ...] = get_args(Format)
CODECS: tuple[str, ...] = get_args(Codec)
QUALITIES: tuple[str, ...] = get_args(Quality)

BOXES: dict[str, tuple[int, int]] = {
    "360p": (640, 360),
    "480p": (854, 480),
    "720p": (1280, 720),
    "1080p": (1920, 1080),
    "1440p": (2560, 1440),
    "4k": (3840, 2160),
}
"""Named resolutions: boxes that the picture is fitted into (cap-format 3.1)."""

DECODERS = ("auto", "software", "cuda", "videotoolbox", "d3d11va", "qsv", "vaapi")
"""``software``, and the devices of ``reelpress.media.hardware`` (which this module must not load)."""

X264_PRESETS = (
    "ultrafast",
    "superfast",
    "veryfast",
    "faster",
    "fast",
    "medium",
    "slow",
    "slower",
    "veryslow",
)

MAX_TOLERANCE = 15
"""Of 255: beyond it real changes of a picture would be taken for noise."""

GIF_ENCODERS = ("gif", "gifski")
"""Values of ``--encoder`` beside those of videos."""

MIN_SIZE = 10_000
"""Bytes that ``--max-size`` may ask for: with less nothing can be seen."""

MAX_SIDE = 8192
"""Pixels. H.264 level 6.2 ends near it, and so does every hardware decoder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportSettings:
    """Options of one export. All have defaults; a bad value raises SettingsError when the object is made."""

    format: Format | None = None
    """Container; ``None`` is read from the output's suffix, else mp4."""
    codec: Codec | None = None
    """``None`` is the format's usual one: h264, in a MOV prores, in a WebM vp9."""
    resolution: str = "1080p"
    """A named box, ``source``, ``WxH``, or ``640w`` for a width alone."""
    fps: Fraction | None = None
    """Output rate; ``None`` is 60 for a .cap and the source's own rate up to 60 for a plain video, but
    15 for a GIF."""
    quality: Quality = "social"
    optimize_size: bool = False
    crf: float | None = None
    """0..51; ``None`` is by quality."""
    encoder_preset: str | None = None
    """An x264 preset; ``None`` is veryfast (slow with ``optimize_size``)."""
    gop: Fraction = Fraction(2)
    """Seconds between key frames at most."""
    start: Fraction | None = None
    """Output time in seconds."""
    end: Fraction | None = None
    project: Path | None = None
    """A project-config.json to use instead of the source's own."""
    preset: str | None = None
    """A preset's name or file: its look. Its options come with ``with_preset``."""
    renderer: Renderer = "auto"
    converter: Converter = "auto"
    encoder: str = "auto"
    decoder: str = "auto"
    gpu_format_conversion: bool = True
    unchanged: Unchanged = "splice"
    """What becomes of frames in which nothing or little changes: inserted, longer durations, or all encoded."""
    unchanged_tolerance: int | None = None
    """Differences of a sample (of 255) that count as codec noise in a recording that was encoded again; ``None`` is 0
    (exact) for a .cap, whose capture repeats no picture, and ``DEFAULT_TOLERANCE`` for a plain video."""
    gif_quality: int | None = None
    """1..100 for a GIF; ``None`` is 90."""
    loop: int | None = None
    """How often a GIF is played; ``None`` and 0 are for ever."""
    max_size: int | None = None
    """Bytes that a GIF may have; size, rate and colours are searched for that fit."""
    transparent: bool = False
    """No background: what lies around the card is transparent, where the format has alpha."""
    cursor_only: bool = False
    """The pointer alone over nothing, to be laid over the recording in an editor."""
    memory: int | None = None
    """Bytes; ``None`` is half of the usable RAM, up to 2 GB."""
    buffer_size: int | None = None
    """Frames in the channel of rendered pictures (``--buffers``); ``None`` is by RAM."""
    stall_timeout: float = 5.0
    """Seconds."""
    strict: bool = False
    overwrite: bool = False
    verify: Verify = "fast"
    no_audio: bool = False
    subtitles: Subtitles | None = None
    """``srt`` writes the captions beside the video, and as a track that players can switch on into it."""
    title: str | None = None
    """Of the file; ``@name`` is the name that a .cap has for itself."""
    chapters: bool = False
    """A chapter for each part of the timeline."""
    language: str | None = None
    """Of sound and subtitles: three letters of ISO 639-2 (``eng``)."""
    creation_time: bool = False
    """Say in the file when it was made."""
    report: Path | None = None
    """An HTML page about the export to write; in a folder it gets the output's name."""
    trace: Path | None = None
    """A Chrome trace of the export to write (JSON); in a folder it gets the output's name."""
    asked: frozenset[str] = field(default=frozenset(), compare=False, repr=False)
    """Fields that the command line gave, be it their default. Not an option: :meth:`from_mapping` knows."""
    assumed: frozenset[str] = field(default=frozenset(), compare=False, repr=False)
    """Fields that a preset, the environment or a config file gave, for whatever kind of file there will be."""

    def __post_init__(self) -> None:
        for name, allowed in _CHOICES.items():
            value = getattr(self, name)
            if value is not None and value not in allowed:
                raise SettingsError(_not_allowed(name, str(value), allowed))
        if self.unchanged_tolerance is not None and not 0 <= self.unchanged_tolerance <= MAX_TOLERANCE:
            raise SettingsError(
                f"--unchanged-tolerance is {self.unchanged_tolerance}. "
                f"Allowed is 0 (exact) to {MAX_TOLERANCE} (of 255)."
            )
        if self.gif_quality is not None and not 1 <= self.gif_quality <= 100:
            raise SettingsError(f"--gif-quality is {self.gif_quality}. Allowed is 1 (smallest) to 100 (best).")
        if self.loop is not None and not 0 <= self.loop <= 65535:
            raise SettingsError(f"--loop is {self.loop}. Allowed is 0 (for ever) to 65535 times.")
        if self.max_size is not None and self.max_size < MIN_SIZE:
            raise SettingsError(f"--max-size is {self.max_size} bytes. Allowed is {MIN_SIZE // 1000} kB or more.")
        if self.language is not None and not re.fullmatch(r"[a-z]{3}", self.language):
            raise SettingsError(
                f"--language is {self.language!r}. Allowed are three small letters of ISO 639-2, such as eng or deu."
            )
        if self.title is not None:
            check_title(self.title)
        parse_resolution(self.resolution)
        if self.fps is not None and not Fraction(1) <= self.fps <= 240:
            raise SettingsError(f"--fps is {str(self.fps)[:20]}. Allowed is 1 to 240.")
        if self.crf is not None and not 0 <= self.crf <= 51:
            raise SettingsError(f"--crf is {self.crf:g}. Allowed is 0 (lossless) to 51 (smallest).")
        if not Fraction(1, 10) <= self.gop <= 60:
            raise SettingsError(f"--gop is {float(self.gop):g} s. Allowed is 0.1 to 60 seconds.")
        if not 0.1 <= self.stall_timeout <= 3600:
            raise SettingsError(f"--stall-timeout is {self.stall_timeout:g} s. Allowed is 0.1 to 3600.")
        if self.buffer_size is not None and not 2 <= self.buffer_size <= 512:
            raise SettingsError(f"--buffers is {self.buffer_size}. Allowed is 2 to 512 frames.")
        if self.start is not None and self.start < 0:
            raise SettingsError(f"--start is {float(self.start):g} s. It cannot lie before the beginning.")
        if self.end is not None and self.end <= (self.start or 0):
            raise SettingsError(
                f"--end is {float(self.end):g} s, but must lie after --start ({float(self.start or 0):g} s)."
            )

    @property
    def usual_format(self) -> str:
        """The format where neither ``format`` nor a file's name says one: MP4, or what the codec goes into."""
        return self.format or {"prores": "mov", "vp9": "webm"}.get(self.codec or "", "mp4")

    @property
    def flags(self) -> FeatureFlags:
        """The switches among the options, as stages see them."""
        return FeatureFlags(**{each.name: getattr(self, each.name) for each in dataclasses.fields(FeatureFlags)})

    def is_asked(self, name: str) -> bool:
        """Whether somebody gave this field for this very export: on the command line, or in Python (where a value that
        is the default's cannot be told from none)."""
        return name in self.asked or (name not in self.assumed and getattr(self, name) != DEFAULTS[name])

    def for_pictures(self, **ours: Any) -> ExportSettings:
        """The settings where pictures are made and no file: ``ours`` set by the program, so nobody asked for them.

        A format of sound alone that is only a default is left out.
        """
        if self.format in ("m4a", "wav") and not self.is_asked("format"):
            ours["format"] = None
        return dataclasses.replace(self, **ours, asked=self.asked - ours.keys(), assumed=self.assumed | ours.keys())

    @classmethod
    def from_mapping(cls, values: Mapping[str, Setting]) -> ExportSettings:
        """Settings from layered values as the command line, the environment or a file gives them.

        Text is read by the option's type. Option names are those of ``OPTION_NAMES``.

        Raises:
            SettingsError: A value cannot be read; the message names its origin.
        """
        kwargs: dict[str, Any] = {}
        given: dict[bool, set[str]] = {True: set(), False: set()}
        for name, setting in values.items():
            key = _FIELD_OF_OPTION.get(name, name)
            given[setting.origin == "command line"].add(key)
            try:
                kwargs[key] = _read(key, setting.value, name)
            except SettingsError as error:
                if setting.origin == "command line":
                    raise
                raise SettingsError(f"{error} (From {setting.origin}.)") from None
        try:
            return cls(**kwargs, asked=frozenset(given[True]), assumed=frozenset(given[False]))
        except SettingsError as error:
            named = re.match(r"--([a-z-]+)", str(error))
            origin = values.get(named[1].replace("-", "_")) if named else None
            if origin is None or origin.origin == "command line":
                raise
            raise SettingsError(f"{error} (From {origin.origin}.)") from None

    @classmethod
    def with_preset(cls, preset: str | Path, **given: Any) -> ExportSettings:
        """Settings of a preset (a name or a file), with the fields given here above it.

        Raises:
            SettingsError: There is no such preset, or it or a field cannot be used.
        """
        from reelpress.export.presets import settings_with

        return settings_with(preset, given)


_CHOICES: dict[str, tuple[str, ...]] = {
    "format": FORMATS,
    "codec": CODECS,
    "encoder": (*ENCODERS, *GIF_ENCODERS, "prores_ks"),
    "decoder": DECODERS,
    "quality": QUALITIES,
    "renderer": get_args(Renderer),
    "converter": get_args(Converter),
    "unchanged": get_args(Unchanged),
    "verify": get_args(Verify),
    "subtitles": get_args(Subtitles),
    "encoder_preset": X264_PRESETS,
}

DEFAULTS: dict[str, Any] = {
    f.name: f.default for f in dataclasses.fields(ExportSettings) if f.name not in ("asked", "assumed")
}
"""Field -> value where nobody gives one."""

_FIELD_OF_OPTION = {"buffers": "buffer_size"}
OPTION_NAMES: tuple[str, ...] = tuple({v: k for k, v in _FIELD_OF_OPTION.items()}.get(name, name) for name in DEFAULTS)
"""Option names with underscores, as ``--x-y``, ``REELPRESS_X_Y`` and in the config file."""

_BOOL_FIELDS = {
    "chapters",
    "creation_time",
    "optimize_size",
    "gpu_format_conversion",
    "strict",
    "overwrite",
    "no_audio",
    "transparent",
    "cursor_only",
}
_TIME_FIELDS = {"start", "end", "gop"}
_WHOLE_FIELDS = {"buffer_size", "unchanged_tolerance", "gif_quality", "loop"}
_BYTE_FIELDS = {"memory", "max_size"}


def option_of(name: str) -> str:
    """A field's option without the dashes in front."""
    return {"buffer_size": "buffers"}.get(name, name).replace("_", "-")


def _not_allowed(name: str, value: str, allowed: tuple[str, ...]) -> str:
    close = difflib.get_close_matches(value, allowed, n=1)
    hint = f" Did you mean {close[0]}?" if close else ""
    return f"--{option_of(name)} is {value!r}. Allowed are: {', '.join(allowed)}.{hint}"


def _read(field: str, value: Any, option: str) -> Any:
    """One option's value from text (or a TOML type)."""
    label = f"--{option.replace('_', '-')}"
    if field in _BOOL_FIELDS:
        return value if isinstance(value, bool) else parse_bool(str(value), label)
    try:
        if field in _TIME_FIELDS:
            return value if isinstance(value, Fraction) else clock.parse_time(str(value))
        if field == "fps":
            return Fraction(str(value))
        if field in ("crf", "stall_timeout"):
            return float(value)
        if field in _WHOLE_FIELDS:
            return int(str(value))  # not int(value): 3.7 is no number of frames
        if field in _BYTE_FIELDS:
            return parse_bytes(value)
    except (ValueError, TypeError, ZeroDivisionError) as error:
        whole = "a whole number" if field in _WHOLE_FIELDS else "a number"
        detail = str(error) if field in _TIME_FIELDS | _BYTE_FIELDS else f"{value!r} is not {whole}."
        raise SettingsError(f"{label}: {detail}") from None
    if field in ("project", "report", "trace"):
        return Path(value)
    return value if isinstance(value, str) else str(value)  # a str of its own kind stays what it is (presets)


MAX_TITLE = 1000


def check_title(title: str) -> None:
    """Refuse what is no title.

    Raises:
        SettingsError: It is empty, too long, or has characters that cannot be shown.
    """
    if not title.strip() or len(title) > MAX_TITLE or not title.isprintable():
        raise SettingsError(f"--title takes 1 to {MAX_TITLE} characters that can be shown, in one line.")


_SIZE = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?\s*$", re.IGNORECASE)


def parse_bytes(value: str | float) -> int:
    """Bytes of ``256MB``, ``1.5GiB``, ``800k`` or a plain number. K, M, G, T are powers of 1000; Ki, Mi, ... of 1024.

    Raises:
        ValueError: Another form.
    """
    match = _SIZE.match(str(value))
    if not match:
        raise ValueError(f"{value!r} is not a size. Allowed are forms like 256MB, 1.5GiB or 800k.")
    step = 1024 if match[3] else 1000
    return int(Fraction(match[1]) * step ** " kmgt".index(match[2].lower() or " "))


def parse_resolution(text: str) -> tuple[int, int] | None:
    """The box of ``--resolution``: a name, ``WxH``, ``640w`` for a width alone, or ``None`` for ``source``.

    Raises:
        SettingsError: Another form, or a side outside 16..8192.
    """
    name = text.strip().lower()
    if name == "source":
        return None
    if name in BOXES:
        return BOXES[name]
    if re.fullmatch(r"\d{1,6}w", name):
        name = f"{name[:-1]}x{MAX_SIDE}"
    match = re.fullmatch(r"(\d{1,6})\s*[x×]\s*(\d{1,6})", name)
    if not match:
        raise SettingsError(
            f"--resolution is {text!r}. Allowed are {', '.join(BOXES)}, source, or a size such as 1280x720."
        )
    box = int(match[1]), int(match[2])
    if not all(16 <= side <= MAX_SIDE for side in box):
        raise SettingsError(f"--resolution is {text!r}. Each side must be 16 to {MAX_SIDE} pixels.")
    return box
