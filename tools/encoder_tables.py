"""Tables of docs/encoders.md: the candidates, and what each is told, from the code that tells them."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from bench_tables import rows
from reelpress.encode.candidates import CANDIDATES
from reelpress.encode.rate import rate_control
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
            ", ".join(each.formats),
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
