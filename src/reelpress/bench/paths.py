"""Ways through the engine that are measured, and encoders. What does not exist here is listed with its reason."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from reelpress.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

BASELINE = "baseline"
BASELINE_BUFFERS = 8
"""Frames in both of the seed's channels."""


CPU = {"renderer": "cpu", "decoder": "software"}
"""Said, so that a machine with a GPU does not turn a path of the CPU into another one."""
EVERY = {**CPU, "unchanged": "encode"}
"""Every frame is encoded, as the seed does: the way of holding pictures is ours, and no baseline may have it."""
GPU = {"renderer": "gpu", "decoder": "software", "unchanged": "encode"}
"""Only who composes differs: decoded on the CPU and every frame encoded, as on the other paths."""


APPLE = "h264_videotoolbox"


@dataclass(frozen=True, slots=True)
class Way:
    """One path of the matrix."""

    id: str
    title: str
    kind: Literal["baseline", "ours"]
    description: str
    rgba: bool = False
    """Composed in RGBA by ``bench.baseline`` and converted by swscale."""
    gpu: bool = False
    """Composed on the GPU."""
    twice: bool = False
    """RGBA that the GPU drew is sent back to a second device, converted there, and read back again."""
    buffers: int | None = None
    """Frames in the channels; ``None``: as an export chooses."""
    settings: dict[str, str] = field(default_factory=dict)
    check: Callable[[], str | None] = lambda: None

    @property
    def composer(self) -> Literal["baseline", "gpu", "planar"]:
        """Whose pictures it encodes."""
        return "baseline" if self.rgba else "gpu" if self.gpu else "planar"

    @property
    def null_too(self) -> bool:
        """Whether it is also measured with the encoder that costs nothing: for swscale's share, and for what composing
        alone takes."""
        return self.rgba or self.gpu or self.id == "planar"

    @property
    def missing(self) -> str | None:
        """Why it cannot be measured here; ``None`` when it can."""
        return self.check()


def _refused(**options: Any) -> str | None:
    """The sentence with which the settings refuse options that are not built."""
    from reelpress.export.settings import ExportSettings

    try:
        ExportSettings(**options)
    except SettingsError as error:
        return str(error)
    return None


@cache
def _adapter() -> tuple[str, str] | None:
    """Name and kind of the GPU that an export would take, software adapters last; ``None``: there is none."""
    from reelpress.compose.gpu.device import GpuUnavailable, adapters

    try:
        found = adapters()
    except GpuUnavailable:
        return None
    return (found[0].name, found[0].kind) if found else None


def _no_gpu() -> str | None:
    """Why nothing can be measured on a GPU; a software adapter is none, for who did not ask for the path by name."""
    reason = _no_adapter()
    if reason is not None:
        return reason
    name, kind = _adapter() or ("", "")
    if kind != "software":
        return None
    return f"The only adapter here is a software one ({name}), which says nothing of a GPU; --path gpu takes it anyway."


def _no_adapter() -> str | None:
    return None if _adapter() is not None else "There is no adapter for Vulkan, Metal or D3D12 here."


def _no_videotoolbox() -> str | None:
    if sys.platform != "darwin":
        return f"VideoToolbox exists on macOS only; this is {sys.platform}."
    return _no_gpu() or _refused(encoder=APPLE)


WAYS: tuple[Way, ...] = (
    Way(
        BASELINE,
        "seed baseline",
        "baseline",
        "RGBA composed on the CPU, a full-size copy for the read-back, swscale RGBA to NV12 in the encode stage, "
        "channels of 8 frames",
        rgba=True,
        buffers=BASELINE_BUFFERS,
        settings=EVERY,
    ),
    Way(
        "baseline-adaptive",
        "swscale, adaptive buffers",
        "baseline",
        "As the seed baseline, with channels by the machine's memory",
        rgba=True,
        settings=EVERY,
    ),
    Way(
        "gpu",
        "GPU NV12",
        "ours",
        "Composed and converted on the GPU, NV12 read back, every frame encoded",
        gpu=True,
        settings=GPU,
        check=_no_gpu,
    ),
    Way(
        "gpu-rgba",
        "GPU, swscale after read-back",
        "baseline",
        "GPU composition, RGBA read back (--no-gpu-format-conversion), swscale RGBA to NV12 on the CPU",
        gpu=True,
        settings={**GPU, "gpu_format_conversion": "false"},
        check=_no_gpu,
    ),
    Way(
        "gpu-twice",
        "GPU conversion after read-back",
        "baseline",
        "As the seed tried it: RGBA read back, sent to a second device, converted there to NV12 and read back again, "
        "waiting for each picture",
        gpu=True,
        twice=True,
        settings={**GPU, "gpu_format_conversion": "false"},
        check=_no_gpu,
    ),
    Way(
        "planar",
        "planar",
        "ours",
        "Composed in the encoder's own planes on the CPU, every frame encoded (--unchanged encode)",
        settings=EVERY,
    ),
    Way(
        "splice",
        "planar + unchanged pictures",
        "ours",
        "As planar, and pictures that did not change are not encoded (--unchanged splice)",
        settings={**CPU, "unchanged": "splice"},
        check=lambda: _refused(unchanged="splice"),
    ),
    Way(
        "videotoolbox",
        "VideoToolbox",
        "ours",
        "The seed's S06: BGRA read back, converted by Apple's pixel transfer session, into Apple's encoder",
        gpu=True,
        settings={**GPU, "converter": "videotoolbox", "encoder": APPLE},
        check=_no_videotoolbox,
    ),
    Way(
        "videotoolbox-nv12",
        "GPU NV12 into VideoToolbox",
        "ours",
        "As gpu, into Apple's encoder: what auto takes on a Mac",
        gpu=True,
        settings={**GPU, "encoder": APPLE},
        check=_no_videotoolbox,
    ),
    Way(
        "videotoolbox-bgra",
        "BGRA into VideoToolbox",
        "ours",
        "The seed's option A without swscale: BGRA read back and handed to Apple's encoder, which converts it",
        gpu=True,
        settings={**GPU, "converter": "encoder", "encoder": APPLE},
        check=_no_videotoolbox,
    ),
)


@dataclass(frozen=True, slots=True)
class EncoderKind:
    """An encoder of the matrix."""

    id: str
    title: str
    missing: str | None = None


X264 = EncoderKind("x264", "libx264, as an export opens it")
NULL = EncoderKind("null", "costs nothing: counts the pictures and drops them")
ENCODERS: tuple[EncoderKind, ...] = (X264, NULL)


def chosen_ways(names: Sequence[str]) -> list[Way]:
    """The paths of these ids (none: all). Those of the GPU take a software adapter when they are asked for by name, and
    say so.

    Raises:
        SettingsError: An id is not known.
    """
    ways: list[Way] = _chosen("--path", names, {w.id: w for w in WAYS})
    return [_by_name(way) for way in ways] if names else ways


def _by_name(way: Way) -> Way:
    if way.check is not _no_gpu or (_adapter() or ("", ""))[1] != "software":
        return way
    name = (_adapter() or ("", ""))[0]
    text = f"{way.description}. On a software adapter ({name}): its speed says nothing of a GPU"
    return replace(way, description=text, check=_no_adapter)


def chosen_encoders(names: Sequence[str]) -> list[EncoderKind]:
    """The encoders of these ids (none: all).

    Raises:
        SettingsError: An id is not known.
    """
    return _chosen("--encoder", names, {e.id: e for e in ENCODERS})


def _chosen(option: str, names: Sequence[str], known: dict[str, Any]) -> list[Any]:
    for name in names:
        if name not in known:
            raise SettingsError(f"{option} {name!r} is not known. Known are: {', '.join(known)}.")
    return [known[name] for name in dict.fromkeys(names)] if names else list(known.values())
