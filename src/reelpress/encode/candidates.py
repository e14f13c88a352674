"""Which encoders there are for a codec, best first, and where each exists."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Candidate:
    """An encoder that an export may use."""

    name: str
    """As the codec library and ``--encoder`` name it."""
    codec: str
    """``h264``, ``hevc``, ``av1`` or ``vp9``."""
    formats: tuple[str, ...]
    """Pixel formats that it takes as they are, the one it likes best first."""
    platforms: tuple[str, ...] = ("linux", "darwin", "win32")
    """Values of ``sys.platform`` on which it can exist."""
    hardware: bool = True
    """Whether it stands and falls with a chip and a driver, so that it must prove itself before it is used."""
    note: str = ""
    """For people."""
    device: str | None = None
    """Device type of frames that it takes as well (``EncoderSpec.device``)."""
    converts: tuple[str, ...] = ()
    """Pixel formats in frames of ``device`` that it converts by itself; only with ``--converter encoder``."""


CANDIDATES: tuple[Candidate, ...] = (
    Candidate(
        "h264_videotoolbox",
        "h264",
        ("nv12", "yuv420p"),
        ("darwin",),
        note="Apple",
        device="videotoolbox",
        converts=("bgra",),
    ),
    Candidate("h264_nvenc", "h264", ("nv12", "yuv420p"), ("linux", "win32"), note="NVIDIA"),
    Candidate("h264_qsv", "h264", ("nv12",), ("linux", "win32"), note="Intel"),
    Candidate("h264_amf", "h264", ("nv12", "yuv420p"), ("linux", "win32"), note="AMD"),
    Candidate("h264_mf", "h264", ("nv12", "yuv420p"), ("win32",), note="Windows, by whatever chip there is"),
    Candidate("libx264", "h264", ("yuv420p", "nv12"), hardware=False, note="software, the same everywhere"),
    Candidate(
        "hevc_videotoolbox",
        "hevc",
        ("nv12", "yuv420p"),
        ("darwin",),
        note="Apple",
        device="videotoolbox",
        converts=("bgra",),
    ),
    Candidate("hevc_nvenc", "hevc", ("nv12", "yuv420p"), ("linux", "win32"), note="NVIDIA"),
    Candidate("hevc_qsv", "hevc", ("nv12",), ("linux", "win32"), note="Intel"),
    Candidate("hevc_amf", "hevc", ("nv12", "yuv420p"), ("linux", "win32"), note="AMD"),
    Candidate("hevc_mf", "hevc", ("nv12", "yuv420p"), ("win32",), note="Windows, by whatever chip there is"),
    Candidate("libx265", "hevc", ("yuv420p",), hardware=False, note="software, the same everywhere"),
    Candidate("av1_nvenc", "av1", ("nv12", "yuv420p"), ("linux", "win32"), note="NVIDIA"),
    Candidate("av1_qsv", "av1", ("nv12",), ("linux", "win32"), note="Intel"),
    Candidate("av1_amf", "av1", ("nv12", "yuv420p"), ("linux", "win32"), note="AMD"),
    Candidate("libsvtav1", "av1", ("yuv420p",), hardware=False, note="software, the same everywhere"),
    Candidate("libvpx-vp9", "vp9", ("yuv420p",), hardware=False, note="software, the same everywhere"),
)
"""Chips before software, and of the chips the maker's own interface before Windows' common one."""


INSIDE: tuple[str, ...] = tuple(dict.fromkeys(name for each in CANDIDATES for name in each.converts))
"""Pixel formats that no encoder here takes from memory, but some convert by themselves."""

ENCODERS: tuple[str, ...] = ("auto", *(each.name for each in CANDIDATES))
"""Values of ``--encoder`` for videos."""


def for_codec(codec: str) -> tuple[Candidate, ...]:
    """The candidates of a codec, best first."""
    return tuple(each for each in CANDIDATES if each.codec == codec)


def named(name: str) -> Candidate | None:
    """The candidate of that name."""
    return next((each for each in CANDIDATES if each.name == name), None)
