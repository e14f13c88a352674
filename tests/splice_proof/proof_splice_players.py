"""Programs that decode a file: MD5 of each picture as planar yuv420p, their times, and everything they said."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT_S = 900


@dataclass(frozen=True)
class Played:
    """What a player made of a file."""

    pictures: list[str]
    """MD5 in the order shown."""
    times: list[int] | None
    """Presentation times in ticks, where the player tells them."""
    said: str
    """Messages; empty is what we want."""


@dataclass(frozen=True)
class Player:
    """One program on this machine."""

    name: str
    version: str
    play: Callable[[Path, tuple[int, int]], Played]


def _output(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout + done.stderr


def pyav(path: Path, size: tuple[int, int], decoder: str = "software") -> Played:
    command = [sys.executable, str(ROOT / "tools" / "frame_hashes.py"), str(path), "--decoder", decoder]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    lines = [line.split() for line in done.stdout.splitlines()]
    said = done.stderr + ("" if done.returncode == 0 else f"exit {done.returncode}")
    return Played([line[1] for line in lines], [int(line[0]) for line in lines], said)


def ffmpeg(program: str, path: Path, size: tuple[int, int]) -> Played:
    """Sound is decoded with the pictures, for what may be said about it."""
    done = subprocess.run(
        [program, "-nostdin", "-hide_banner", "-v", "warning", "-xerror", "-err_detect", "explode", "-i", str(path),
         "-map", "0:v:0", "-fps_mode", "passthrough", "-pix_fmt", "yuv420p", "-c:v", "rawvideo", "-f", "framemd5", "-",
         "-map", "0:a?", "-f", "null", "-"],
        capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
    )  # fmt: skip
    rows = [line.split(",") for line in done.stdout.splitlines() if line and not line.startswith("#")]
    said = done.stderr + ("" if done.returncode == 0 else f"exit {done.returncode}")
    return Played([row[5].strip() for row in rows], [int(row[2]) for row in rows], said)


def openh264(path: Path, size: tuple[int, int]) -> Played:
    """GStreamer's MP4 reader and H.264 parser before Cisco's decoder; warnings are messages.

    Not those of two elements that warn at files of any make: of boxes about AAC priming, and of starting up.
    """
    width, height = size
    assert width % 8 == 0 and height % 2 == 0, "rows of other sizes would be padded"
    length = width * height * 3 // 2
    environment = os.environ | {"GST_DEBUG": "2,qtdemux:1,basesrc:1", "GST_DEBUG_NO_COLOR": "1"}
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            ["gst-launch-1.0", "-q", "filesrc", f"location={path}", "!", "qtdemux", "!", "h264parse", "!",
             "openh264dec", "!", f"video/x-raw,format=I420,width={width},height={height}", "!", "fdsink", "fd=1",
             "sync=false"],
            stdout=subprocess.PIPE, stderr=log, env=environment,
        )  # fmt: skip
        assert process.stdout is not None
        pictures = []
        with process.stdout:
            while len(block := process.stdout.read(length)) == length:
                pictures.append(hashlib.md5(block).hexdigest())
        code = process.wait(TIMEOUT_S)
        log.seek(0)
        said = log.read().decode(errors="replace")
    if block:
        said += f"{len(block)} bytes are left over"
    return Played(pictures, None, said + ("" if code == 0 else f"exit {code}"))


@cache
def players(*, reordered: bool = False) -> tuple[Player, ...]:
    """Those that are here; PyAV always is.

    Args:
        reordered: The file has B pictures. OpenH264 2.3.1 is then no witness: of x264's own stream of the sample's
            first 6 s, with nothing spliced, it shows 81 of 360 pictures wrong.
    """
    import av

    found = [
        Player("PyAV", f"{av.__version__} (libavcodec {'.'.join(map(str, av.library_versions['libavcodec']))})", pyav)
    ]
    for name, program in (("ffmpeg of the system", shutil.which("ffmpeg")), ("imageio-ffmpeg", _bundled())):
        if program is not None:
            version = re.findall(r"ffmpeg version (\S+)", _output(program, "-version"))
            found.append(Player(name, version[0], lambda path, size, p=program: ffmpeg(p, path, size)))
    if not reordered and (version := openh264_version()) is not None:
        found.append(Player("OpenH264 (GStreamer)", version, openh264))
    return tuple(found)


def _bundled() -> str | None:
    try:
        import imageio_ffmpeg
    except ImportError:
        return None
    return str(imageio_ffmpeg.get_ffmpeg_exe())


def openh264_version() -> str | None:
    """Of GStreamer and of the library that its plug-in is linked with."""
    if shutil.which("gst-inspect-1.0") is None:
        return None
    told = _output("gst-inspect-1.0", "openh264dec")
    plugin = re.search(r"Filename\s+(\S+)", told)
    if plugin is None:
        return None
    gst = re.findall(r"Version\s+(\S+)", told)
    linked = re.findall(r"libopenh264\S* => (\S+)", _output("ldd", plugin[1]))
    library = Path(linked[0]).resolve().name.removeprefix("libopenh264.so.") if linked else "?"
    return f"{library}, GStreamer {gst[0] if gst else '?'}"
