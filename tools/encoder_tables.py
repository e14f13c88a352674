"""Tables of docs/encoders.md: the candidates, what each is told, and the switches, from the code that has them."""

from __future__ import annotations

from dataclasses import fields, replace
from fractions import Fraction

from bench_tables import rows
from reelpress.cli.options import EXPORT_OPTIONS
from reelpress.encode.candidates import CANDIDATES
from reelpress.encode.rate import rate_control
from reelpress.export.settings import ExportSettings
from reelpress.flags import SECOND_NAMES, FeatureFlags, variable_of
from reelpress.media.codec_options import WHY
from reelpress.media.encoder import EncoderSpec

PRESETS = ("ultrafast", "veryfast", "medium", "slow")
RATE = rate_control(1920, 1080, Fraction(60), quality="social")
SPEC = EncoderSpec(1920, 1080, Fraction(60), crf=RATE.crf, maxrate=RATE.maxrate, bufsize=RATE.bufsize)
PLATFORMS = {"linux": "Linux", "darwin": "macOS", "win32": "Windows"}
COMMON = ("chroma_sample_location", "maxrate", "bufsize")
"""The same for all."""


def candidates() -> str:
    """Who is asked, in this order."""
    body = [
        [
            each.codec,
            f"`{each.name}`",
            each.note,
            ", ".join(PLATFORMS[name] for name in each.platforms),
            ", ".join((*each.formats, *(f"{name} (converted inside)" for name in each.converts))),
            "trial of pictures" if each.hardware else "taken as it is",
        ]
        for each in CANDIDATES
    ]
    return rows(["codec", "encoder", "whose", "systems", "takes", "before it is used"], body)


def options() -> str:
    """Options at 1080p60 ``social``, and the preset's part of them."""
    body = []
    for each in CANDIDATES:
        spec = replace(SPEC, codec=each.name, pixel_format=each.formats[0])
        told = {name: value for name, value in spec.options().items() if name not in COMMON}
        preset = [replace(spec, preset=name).options().get("preset", "–") for name in PRESETS]
        rest = " ".join(f"{name}={value}" for name, value in told.items() if name != "preset")
        body.append([f"`{each.name}`", f"`{rest}`", " ".join(preset)])
    return rows(["encoder", "options", f"preset for {', '.join(PRESETS)}"], body)


def reasons() -> str:
    """Each option that anybody is told, by whom, and why."""
    told: dict[str, list[str]] = {}
    for each in CANDIDATES:
        for name in replace(SPEC, codec=each.name, pixel_format=each.formats[0], lookahead=10).options():
            maker = each.name.partition("_")[2] or each.name
            told.setdefault(name, [])
            told[name] += [maker] if maker not in told[name] else []
    makers = {maker for names in told.values() for maker in names}
    body = [
        [f"`{name}`", "all" if set(names) == makers else ", ".join(names), WHY[name]] for name, names in told.items()
    ]
    return rows(["option", "told to", "why"], body)


def variables() -> str:
    """Every variable of the environment that is an option, those first that switch ways through the engine."""
    switches = [each.name for each in fields(FeatureFlags)]
    settings = ExportSettings()
    body = []
    for each in sorted(EXPORT_OPTIONS, key=lambda option: option.name not in switches):
        others = [f"`{name}`" for name, option in SECOND_NAMES.items() if option == each.name]
        value = getattr(settings, "buffer_size" if each.name == "buffers" else each.name)
        values = "0, 1" if each.metavar is None else each.metavar.replace("|", ", ")
        default = "–" if value is None else f"{value:g}" if isinstance(value, int | float) else value
        body.append(
            [
                ", ".join([f"`{variable_of(each.name)}`", *others]),
                values,
                str(default),
                ("**" if each.name in switches else "")
                + each.help.rstrip(".")
                + ("**" if each.name in switches else ""),
            ]
        )
    return rows(["variable", "values", "default", "what"], body)
