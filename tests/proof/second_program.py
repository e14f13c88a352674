"""Look at a finished file with a program that is not us: an ffmpeg binary, its own demuxer, decoder and clock.

Times are the program's own presentation times (``-copyts``, edit lists and priming applied by it), as exact
Fractions from the tick numbers that it prints.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import numpy.typing as npt

TIMEOUT_S = 300


@cache
def bundled() -> str:
    """The binary of imageio-ffmpeg, which every development environment has."""
    return str(imageio_ffmpeg.get_ffmpeg_exe())


def installed() -> str | None:
    """The system's own ffmpeg (another version, built by others), if there is one."""
    return shutil.which("ffmpeg")


def run(*arguments: object, program: str | None = None) -> tuple[bytes, str]:
    """``(stdout, stderr)`` of the program; an exit code is an error."""
    done = subprocess.run(
        [program or bundled(), "-hide_banner", "-nostdin", *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    stderr = done.stderr.decode(errors="replace")
    assert done.returncode == 0, stderr[-2000:]
    return done.stdout, stderr


@dataclass(frozen=True)
class Sound:
    """Decoded sound: mono samples and the time of the first."""

    samples: npt.NDArray[np.float32]
    rate: int
    start: Fraction
    """Seconds."""

    def slice(self, begin: Fraction, end: Fraction) -> npt.NDArray[np.float32]:
        """The samples between two times."""
        first, last = (max(0, round((t - self.start) * self.rate)) for t in (begin, end))
        return self.samples[first:last]


def grey_frames(
    file: Path, size: tuple[int, int], *, program: str | None = None
) -> tuple[list[Fraction], npt.NDArray[np.uint8]]:
    """Times in seconds and luma ``(n, height, width)`` of every frame that the program shows."""
    raw, said = run(
        "-v", "info", "-nostats", "-copyts", "-i", file, "-map", "0:v:0",
        "-vf", "showinfo=checksum=0,extractplanes=y", "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "gray",
        "-", program=program,
    )  # fmt: skip
    base = Fraction(_only(r"showinfo.*config in time_base: (\d+/\d+)", said))
    times = [int(ticks) * base for ticks in re.findall(r"showinfo.*\bn: *\d+ pts: *(-?\d+)", said)]
    frames = np.frombuffer(raw, np.uint8).reshape(-1, size[1], size[0])
    assert len(frames) == len(times)
    return times, frames


def sound(file: Path, *, program: str | None = None) -> Sound:
    """The first sound track as the program plays it, mixed to mono; it must have no gap."""
    raw, said = run(
        "-v", "info", "-nostats", "-copyts", "-i", file, "-map", "0:a:0",
        "-af", "ashowinfo", "-f", "f32le", "-c:a", "pcm_f32le", "-", program=program,
    )  # fmt: skip
    blocks = re.findall(r"ashowinfo.*\bn:\d+ pts:(-?\d+) .*?rate:(\d+) nb_samples:(\d+)", said)
    rate = int(blocks[0][1])
    at = start = int(blocks[0][0])
    for pts, _, count in blocks:
        assert abs(int(pts) - at) <= 1, f"a gap in the sound at {at / rate:.3f} s"  # 1: time bases coarser than samples
        at += int(count)
    samples = np.frombuffer(raw, np.float32)
    channels, rest = divmod(len(samples), at - start)
    assert rest == 0
    return Sound(samples.reshape(-1, channels).mean(axis=1), rate, Fraction(start, rate))


def video_line(file: Path, *, program: str | None = None) -> str:
    """What the program says of the video stream: codec, format, tags."""
    done = subprocess.run(
        [program or bundled(), "-hide_banner", "-nostdin", "-i", str(file)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    return _only(r"(Stream #0.*Video: .*)", done.stderr.decode(errors="replace"))


def _only(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    assert found, f"{pattern} not in: {text[-2000:]}"
    return found[1]
