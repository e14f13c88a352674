"""ExportPlan: every choice of an export, made and explained before the first frame."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reelpress.encode.select import Choice
    from reelpress.events import Fallback


@dataclass(frozen=True, slots=True)
class FormatEdge:
    """What travels between two stages."""

    edge: str
    """``display:0 decoded``, ``display:0 decode->compose``, ..., ``compose->encode``, ``encoded``."""
    format: str
    matrix: str
    range: str
    by: str
    """Who makes pictures of this format."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """A pixel format conversion that will happen; an export without one is the normal case."""

    edge: str
    source: str
    target: str
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Estimate:
    """What to expect: within 20 % in most cases by a trial, good to the order of magnitude by the model."""

    size_bytes: int
    wall_s: float
    by: str = "model"
    """``model``; ``trial`` where both come from parts of the export that were made."""


@dataclass(frozen=True, slots=True)
class ExportPlan:
    """The plan; ``to_dict`` has the names of design 7."""

    source: str
    output: str
    frames: int
    width: int
    height: int
    fps: str
    duration_s: float
    formats: tuple[FormatEdge, ...]
    conversions: tuple[Conversion, ...]
    decoder: Choice
    renderer: Choice
    converter: Choice
    encoder: Choice
    rate_control: dict[str, Any]
    audio: dict[str, Any]
    buffers: dict[str, int]
    memory_bytes: int
    copy: dict[str, Any]
    estimate: Estimate
    not_drawn: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    fallbacks: tuple[Fallback, ...] = field(default_factory=tuple)
    subtitles: dict[str, Any] = field(default_factory=dict)
    """``used`` and ``reason``; ``file`` and ``cues`` where they are written."""
    unchanged: dict[str, Any] = field(default_factory=dict)
    """``used``, ``reason``, ``tolerance`` (of 255) and ``tolerance_reason``."""

    @property
    def rejected(self) -> dict[str, list[dict[str, str]]]:
        """Of decoder, renderer, converter and encoder what is not used: ``name`` and ``reason`` of each."""
        return {
            stage: [{"name": name, "reason": reason} for name, reason in getattr(self, stage).rejected]
            for stage in ("decoder", "renderer", "converter", "encoder")
        }

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        result = asdict(self)
        for name in ("decoder", "renderer", "converter", "encoder"):
            result[name] = getattr(self, name).to_dict()
        return result


def is_sound_alone(plan: Mapping[str, Any]) -> bool:
    """Whether a plan (:meth:`ExportPlan.to_dict`) is of a file without pictures; its frames only count time."""
    return any(edge["edge"] == "encoded" and edge["matrix"] == "none" for edge in plan["formats"])


def said_of_rate(rate: Mapping[str, Any]) -> str:
    """``rate_control`` in words, without a full stop."""
    if "profile" in rate:
        return f"ProRes {rate['profile']}, at its own rate"
    if "gop_s" not in rate:
        if "bit_rate" in rate:
            return f"{rate['bit_rate'] / 1000:g} kbit/s"
        limit = "" if rate.get("max_size") is None else f", at most {rate['max_size'] / 1e6:g} MB"
        return f"quality {rate['quality']}{limit}" if "quality" in rate else "none"
    said = []
    for name, called in (("crf", "CRF"), ("cq", "CQ"), ("global_quality", "global quality")):
        if name in rate:
            other = f" on the scale of {rate['scale']} ({rate['asked']:g} on x264's)" if "scale" in rate else ""
            said.append(f"{called} {rate[name]:g}{other}")
    if "bit_rate" in rate:
        said.append(f"about {rate['bit_rate'] / 1e6:.1f} Mbit/s")
    if "preset" in rate:
        said.append(f"preset {rate['preset']}")
    if "maxrate" in rate:
        said.append(f"at most {rate['maxrate'] / 1e6:.1f} Mbit/s")
    said.append(f"a key frame every {rate['gop_s']:g} s at least")
    if "lookahead" in rate:
        said.append(f"look-ahead {rate['lookahead']} frames")
    if "threads" in rate:
        said.append(f"{rate['threads']} threads")
    return ", ".join(said)


def estimate(frames: int, width: int, height: int, fps: float, crf: float, preset: str, cores: int) -> Estimate:
    """Size and time of an H.264 export of ordinary screen content.

    Round numbers for x264 veryfast at CRF 20: 0.012 bits a pixel, and 9 ns of processor time a pixel for decoding,
    composing and encoding together. Six steps of CRF halve the bits.
    """
    pixels = float(width) * height * frames
    bits = pixels * 0.012 * 2 ** ((20 - crf) / 6)
    speed = {"ultrafast": 0.45, "superfast": 0.8, "veryfast": 1.0, "faster": 1.3, "fast": 1.6}.get(preset, 2.2)
    seconds = pixels * 9e-9 * speed / max(1, cores)
    audio = frames / fps * 192_000 / 8
    return Estimate(int(bits / 8 + audio), round(seconds + 0.3, 1))
