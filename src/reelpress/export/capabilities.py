"""What this machine and installation can do, tried out rather than looked up: the tables of ``reelpress doctor``."""

from __future__ import annotations

import sys
from fractions import Fraction
from typing import Any

from reelpress.convert.base import SEED_PAIRS
from reelpress.convert.proof import HEIGHT as PROOF_HEIGHT
from reelpress.convert.proof import WIDTH as PROOF_WIDTH
from reelpress.convert.proof import proved
from reelpress.convert.select import BACKENDS, table
from reelpress.convert.select import make as make_converter
from reelpress.encode.candidates import CANDIDATES
from reelpress.errors import EncoderError
from reelpress.export.rendering import gpu_possible
from reelpress.media.encoder import EncoderSpec
from reelpress.media.hardware import DEVICES, why_absent
from reelpress.media.opening import has_encoder
from reelpress.media.trial import trial

SIZE = (640, 360)
"""At which encoders are tried: all of them take it, and software is quick with it."""


def encoders() -> list[dict[str, Any]]:
    """Each candidate: ``name``, ``codec``, ``available``, ``right`` (``None``: not tried), ``reason``, ``note``.

    Opens every encoder that this platform can have and sends a few pictures through; about a second where there are
    none on a chip.
    """
    rows = []
    for each in CANDIDATES:
        available, right, reason = False, None, ""
        if not sys.platform.startswith(each.platforms):
            reason = "not on this platform"
        elif not has_encoder(each.name):
            reason = "not in this installation's codec library"
        else:
            spec = EncoderSpec(
                *SIZE,
                Fraction(30),
                codec=each.name,
                pixel_format=each.formats[0],
                maxrate=8_000_000,
                lookahead=4,
                preset="ultrafast",
            )
            try:
                wrong = trial(spec, each.codec)
            except EncoderError as error:
                reason = str(error).removeprefix(f"The video encoder {each.name} ")
            else:
                available, right = True, wrong is None
                reason = wrong or f"right in a trial at {SIZE[0]}x{SIZE[1]}"
        rows.append(
            {
                "name": each.name, "codec": each.codec, "available": available, "right": right, "reason": reason,
                "note": each.note,
            }
        )  # fmt: skip
    return rows


def devices() -> list[dict[str, Any]]:
    """Devices that may decode: ``name``, ``present``, ``reason``. Whether one is used is tried with each file."""
    absent = {name: why_absent(name) for name in DEVICES}
    return [
        {
            "name": name,
            "present": reason is None,
            "reason": reason or "used where a trial of the file says exact and faster",
        }
        for name, reason in absent.items()
    ]


def adapters() -> list[dict[str, Any]]:
    """GPUs: ``name``, ``kind``, ``backend``, ``driver``, ``usable``, ``reason``; one row without a name for none."""
    from reelpress.compose.gpu.device import adapters as found
    from reelpress.compose.gpu.errors import GpuError

    none = {"name": "", "kind": "", "backend": "", "driver": "", "usable": False}
    try:
        infos = found()
    except GpuError as error:
        return [{**none, "reason": str(error)}]
    if not infos:
        return [{**none, "reason": gpu_possible() or "the drivers tell of none"}]
    return [
        {
            "name": info.name,
            "kind": info.kind,
            "backend": info.backend,
            "driver": info.driver,
            "usable": info.kind != "software",
            "reason": "a software adapter: only with --renderer gpu, never by auto"
            if info.kind == "software"
            else "by auto where two frames of the export are right and faster than on the CPU",
        }
        for info in infos
    ]


def converters() -> list[dict[str, Any]]:
    """Every pair of formats that an export may need, by backend.

    Of each: ``backend``, ``source``, ``target``, ``available``, ``right`` (``None``: not tried; only what leads to NV12
    is), ``reason``. A small picture of colours is converted and compared with the float64 reference.
    """
    found = []
    made = [make_converter(name, allow_software=True) for name in BACKENDS]
    try:
        for converter in made:
            for row in table([converter], SEED_PAIRS, 1920, 1080):
                right, reason = None, row.why_not or ""
                if row.available and row.target == "nv12":
                    wrong = proved(converter, row.source, row.target)
                    right = wrong is None
                    reason = wrong or f"right, by a picture of {PROOF_WIDTH}x{PROOF_HEIGHT}"
                found.append(
                    {
                        "backend": row.backend, "source": row.source, "target": row.target,
                        "available": row.available, "right": right, "reason": reason,
                    }
                )  # fmt: skip
    finally:
        for each in made:
            each.close()
    return [*found, *_inside()]


def _inside() -> list[dict[str, Any]]:
    """``--converter encoder``: encoders that convert by themselves."""
    return [
        {
            "backend": "encoder", "source": name, "target": each.name, "available": here, "right": None,
            "reason": "tried when an export asks for it" if here else "not on this platform",
        }
        for each in CANDIDATES
        for name in each.converts
        for here in [sys.platform.startswith(each.platforms) and has_encoder(each.name)]
    ]  # fmt: skip
