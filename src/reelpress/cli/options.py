"""The options that ``export``, ``plan``, ``frame`` and ``config`` share, in one table.

Each is given to the command as text or ``None``; ``ExportSettings.from_mapping`` reads the text, so that the command
line, the environment and the config file are read by the same code and refuse with the same sentences.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Option:
    """One option of the command line."""

    name: str
    """With underscores: the option's name in Python, in the environment and in the config file."""
    help: str
    metavar: str | None = None
    """``None`` makes it a switch."""
    panel: str = "Output"
    flags: tuple[str, ...] = ()
    """Other than ``--name-with-dashes``."""

    @property
    def declarations(self) -> tuple[str, ...]:
        """As click takes them."""
        return self.flags or (f"--{self.name.replace('_', '-')}",)


_PICTURE, _RATE, _ENGINE, _SAFETY = "Picture and sound", "Size and quality", "Engine", "Safety"
_TAGS = "What the file says about itself"
_ACCOUNT = "Account of the export"

EXPORT_OPTIONS: tuple[Option, ...] = (
    Option("format", "Container; read from the output's name otherwise.", "mp4|gif|mov|webm|…", _RATE),
    Option("codec", "Video codec.", "h264|hevc|av1|vp9|prores", _RATE),
    Option(
        "resolution", "Box that the picture is fitted into.", "360p|480p|720p|1080p|1440p|4k|source|WxH|640w", _RATE
    ),
    Option("fps", "Output frame rate. [.cap: 60; video: its own, up to 60; GIF: 15]", "N", _RATE),
    Option("quality", "What the bits are for.", "maximum|social|web|potato", _RATE),
    Option("optimize_size", "Smaller file, slower (x264 preset slow).", None, _RATE),
    Option("crf", "Rate factor instead of the quality's, 0 to 51.", "N", _RATE),
    Option("encoder_preset", "x264 preset.", "NAME", _RATE),
    Option("gop", "Seconds between key frames, at most.", "S", _RATE),
    Option("gif_quality", "Quality of a GIF, 1 to 100. [90]", "N", _RATE),
    Option("max_size", "Largest GIF; searches size, rate and colours that fit.", "SIZE", _RATE),
    Option("loop", "How often a GIF is played; 0: for ever. [0]", "N", _RATE),
    Option("transparent", "No background: transparent, in formats with alpha.", None, _PICTURE),
    Option("cursor_only", "The pointer alone, over nothing, for editors.", None, _PICTURE),
    Option("start", "First moment, in output time.", "T", _PICTURE),
    Option("end", "Last moment, in output time.", "T", _PICTURE),
    Option("project", "Edit description to use (project-config.json).", "FILE", _PICTURE),
    Option("preset", "Options and look from a file, or by name.", "FILE|NAME", _PICTURE),
    Option("no_audio", "No sound track.", None, _PICTURE),
    Option("subtitles", "Write captions as subtitles.", "srt", _PICTURE),
    Option("title", "Title in the file; @name is the .cap's own. [none]", "TEXT", _TAGS),
    Option("chapters", "A chapter for each part of the timeline.", None, _TAGS, ("--chapters/--no-chapters",)),
    Option("language", "Language of sound and subtitles (ISO 639-2).", "eng|…", _TAGS),
    Option("creation_time", "Say in the file when it was made.", None, _TAGS),
    Option("renderer", "Who composes.", "auto|gpu|cpu", _ENGINE),
    Option("converter", "Who converts pixel formats, where needed.", "auto|gpu|videotoolbox|swscale|encoder", _ENGINE),
    Option("encoder", "Encoder.", "auto|NAME", _ENGINE),
    Option("decoder", "Decoder.", "auto|software|NAME", _ENGINE),
    Option(
        "gpu_format_conversion",
        "Convert on the GPU before read-back.",
        None,
        _ENGINE,
        ("--gpu-format-conversion/--no-gpu-format-conversion", "--gpu-conversion/--no-gpu-conversion"),
    ),
    Option("unchanged", "What an unchanged picture becomes.", "splice|vfr|encode", _ENGINE),
    Option("unchanged_tolerance", "Difference that still counts as unchanged.", "N", _ENGINE),
    Option("memory", "Memory budget.", "SIZE", _ENGINE),
    Option("buffers", "Frames in the channel of rendered pictures.", "N", _ENGINE),
    Option("stall_timeout", "Seconds without any progress before giving up.", "S", _SAFETY),
    Option("strict", "A fallback is an error.", None, _SAFETY),
    Option("overwrite", "Replace an existing file, after success.", None, _SAFETY),
    Option("verify", "Check of the finished file.", "fast|full", _SAFETY),
    Option("report", "Write a page about the export (HTML, one file).", "FILE.html", _ACCOUNT),
    Option("trace", "Write what every stage did when (Chrome trace).", "FILE.json", _ACCOUNT),
)


def with_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command that ends in ``**options`` all of ``EXPORT_OPTIONS`` as keyword parameters.

    typer reads a function's signature and annotations; this writes them from the table.
    """
    signature = inspect.signature(command, eval_str=True)
    own = [p for p in signature.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
    added = []
    for option in EXPORT_OPTIONS:
        kind: Any = bool | None if option.metavar is None else str | None
        info = typer.Option(
            *option.declarations,
            help=option.help,
            metavar=option.metavar,
            rich_help_panel=option.panel,
            show_default=False,
        )
        added.append(
            inspect.Parameter(
                option.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind, info]
            )
        )
    parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own] + added

    def wrapper(**kwargs: Any) -> None:
        command(**kwargs)

    wrapper.__name__ = command.__name__
    wrapper.__doc__ = command.__doc__
    wrapper.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    wrapper.__annotations__ = {p.name: p.annotation for p in parameters} | {"return": None}
    return wrapper
