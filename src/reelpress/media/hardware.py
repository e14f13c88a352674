"""Decoders on a chip: which there are, and whether one is right and faster for a given file.

A chip's decoder has to give exactly the pictures of the software decoder (H.264, HEVC, VP9 and AV1 are defined to the
bit), and to be faster with bringing them into memory counted. What it costs to open it counts too, spread over the
pictures that will be decoded.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from av.codec.hwaccel import hwdevices_available

from reelpress.errors import ReelpressError
from reelpress.media._decoder import DecoderRun

if TYPE_CHECKING:
    from collections.abc import Callable

    from av.video.frame import VideoFrame

    from reelpress.media.probe import VideoStreamInfo

DEVICES: dict[str, tuple[str, ...]] = {
    "cuda": ("linux", "win32"),
    "videotoolbox": ("darwin",),
    "d3d11va": ("win32",),
    "qsv": ("linux", "win32"),
    "vaapi": ("linux",),
}
"""Names for ``--decoder`` (FFmpeg's device types), best first, and the values of ``sys.platform`` they exist on."""

CODECS = ("h264", "hevc", "vp9", "av1", "libdav1d")
"""What chips decode. Others are not tried."""

TRIAL_FRAMES = 24
GAIN = 1.1
"""How many times as fast a chip has to be to be worth leaving the decoder that is the same everywhere."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What a trial of one device said."""

    name: str
    why_not: str | None
    """A sentence without the name; ``None``: it is right and faster."""
    ratio: float | None = None
    """How many times as fast as software it was over the whole export, where it was right."""


_NODES = {
    "cuda": ("dev/nvidiactl", "dev/dxg", "dev/nvhost-ctrl"),
    "qsv": ("dev/dri/renderD*", "dev/dxg"),
    "vaapi": ("dev/dri/renderD*", "dev/dxg"),
}
"""Device files without which it is no use to try on Linux (dxg: Windows' card inside WSL)."""


def devices(system: str = sys.platform, root: Path = Path("/")) -> list[str]:
    """Device types that this machine can have and the codec library was built with, best first.

    On Linux only those with a device file: trying the others costs 50 ms each.
    """
    built = set(hwdevices_available())
    found = [name for name, platforms in DEVICES.items() if system.startswith(platforms) and name in built]
    if system.startswith("linux"):
        found = [name for name in found if any(next(root.glob(node), None) for node in _NODES[name])]
    return found


def why_absent(name: str, system: str = sys.platform, root: Path = Path("/")) -> str | None:
    """Why a device type of :data:`DEVICES` is not among :func:`devices`, without its name; ``None``: it is."""
    if not system.startswith(DEVICES[name]):
        return "not on this platform"
    if name not in hwdevices_available():
        return "not in this installation's codec library"
    return None if name in devices(system, root) else "no device file of it"


def try_device(
    name: str,
    path: Path,
    info: VideoStreamInfo,
    *,
    threads: int,
    frames: int,
    cancel: Callable[[], bool] | None = None,
    clock: Callable[[], float] = time.perf_counter,
    opened: Callable[..., DecoderRun] = DecoderRun,
) -> Tried:
    """Decode the first pictures of a file by software and on a chip and compare pictures and times.

    Blocks for the time of decoding :data:`TRIAL_FRAMES` pictures twice, and of opening the device.

    Args:
        name: A device type of :data:`DEVICES`.
        path, info: The file.
        threads: Of the software decoder.
        frames: Pictures that the export will decode.
        cancel: Asked between packets.
        clock, opened: For tests.
    """
    if info.codec not in CODECS:
        return Tried(name, f"chips do not decode {info.codec}")
    try:
        opening, chip, found = _run(path, info, name, threads, cancel, clock, opened)  # the one that may not open
        _, software, wanted = _run(path, info, None, threads, cancel, clock, opened)
    except (ReelpressError, RuntimeError, OSError, ValueError) as error:
        why = str(getattr(error, "strerror", None) or error).rstrip(".")
        return Tried(name, f"cannot be opened for this file ({why})")
    for number, (one, two) in enumerate(zip(wanted, found, strict=False)):
        if not same_picture(one, two):
            return Tried(name, f"its picture {number} is not that of the software decoder")
    if len(found) != len(wanted):
        return Tried(name, f"it gave {len(found)} pictures where software gives {len(wanted)}")
    count = max(1, len(wanted))
    ratio = (software / count * frames) / max(1e-9, opening + chip / count * frames)
    if ratio < GAIN:
        return Tried(name, f"it takes {1 / ratio:.1f} times as long as software for {frames} pictures", ratio)
    return Tried(name, None, ratio)


def same_picture(one: VideoFrame, two: VideoFrame) -> bool:
    """Whether two decoded pictures of 4:2:0 are equal in every sample, whatever the layout of their planes."""
    if (one.width, one.height) != (two.width, two.height):
        return False
    a, b = _samples(one), _samples(two)
    return a is not None and b is not None and all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


def _samples(frame: VideoFrame) -> list[np.ndarray[Any, Any]] | None:
    """Y, Cb and Cr as integers of the picture's own depth."""
    name = frame.format.name
    width, height = frame.width, frame.height
    half = -(-width // 2), -(-height // 2)
    wide = name.endswith("le")
    kind: Any = np.dtype("<u2") if wide else np.dtype(np.uint8)

    def plane(index: int, columns: int, rows: int) -> np.ndarray[Any, Any]:
        each = frame.planes[index]
        row = each.line_size // kind.itemsize
        return np.frombuffer(memoryview(each), kind)[: row * rows].reshape(rows, row)[:, :columns]

    if name in ("yuv420p", "yuvj420p", "yuv420p10le"):
        return [plane(0, width, height), plane(1, *half), plane(2, *half)]
    if name in ("nv12", "p010le"):
        shift = 6 if wide else 0  # P010 has its ten bits at the top
        chroma = plane(1, 2 * half[0], half[1]) >> shift
        return [plane(0, width, height) >> shift, chroma[:, 0::2], chroma[:, 1::2]]
    return None


def _run(
    path: Path,
    info: VideoStreamInfo,
    device: str | None,
    threads: int,
    cancel: Callable[[], bool] | None,
    clock: Callable[[], float],
    opened: Callable[..., DecoderRun],
) -> tuple[float, float, list[VideoFrame]]:
    """Seconds to open and bring out the first picture, seconds for the others, and all of them."""
    begin = clock()
    run = opened(path, info.index, threads if info.frame_threads else 1, cancel, hardware=device)
    try:
        found: list[VideoFrame] = []
        first = begin
        while len(found) < TRIAL_FRAMES:
            frame = run.next()
            if frame is None:
                break
            if not found:
                first = clock()
            found.append(frame)
        if run.error is not None:
            raise RuntimeError(run.error)
        end = clock()
    finally:
        run.close()
    # The first picture stands for the rest of its time where there is no other.
    return first - begin, (end - first) * len(found) / max(1, len(found) - 1), found
