"""Make a tiny ``.cap`` project: drawn pictures, tone bursts, everything a recording has, in about a second.

    python tests/make_tiny_cap.py FOLDER

Only PyAV's own encoders are used: no virtual screen, no ffmpeg program, no speech. Flash and tone stand at the same
moments (``BURSTS``, in seconds of the segment), so a test can look whether picture and sound stay together.
"""

from __future__ import annotations

import json
import math
import sys
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from PIL import Image, ImageDraw

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

WIDTH, HEIGHT = 640, 360
CAMERA_WIDTH, CAMERA_HEIGHT = 160, 120
CAMERA_FPS = 30
RATE = 48_000
LENGTH = 2.5
# Seconds from the epoch; ``latest`` is the camera's, so segment time 0 is 60 ms into the display.
DISPLAY_START, MIC_START, SYSTEM_START, CAMERA_START = 0.200, 0.230, 0.215, 0.260
BURSTS = (0.5, 1.25, 1.9)
BURST_LENGTH = 0.1
TICKS = Fraction(1, 90_000)


def _encode_video(path: Path, size: tuple[int, int], fps: int, pictures: Iterable[NDArray[np.uint8]]) -> None:
    """RGB pictures at a steady rate to H.264, BT.709 limited."""
    with av.open(str(path), "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libx264", rate=fps, options={"preset": "veryfast", "crf": "23", "bf": "0"})
        assert isinstance(stream, av.VideoStream)
        codec = stream.codec_context
        codec.width, codec.height = size
        codec.pix_fmt = "yuv420p"
        codec.time_base = TICKS
        codec.thread_count = 1
        codec.colorspace = codec.color_primaries = codec.color_trc = 1
        codec.color_range = 1
        for index, picture in enumerate(pictures):
            source = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame = source.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG")
            frame.pts = round(Fraction(index, fps) / TICKS)
            frame.time_base = TICKS
            container.mux(codec.encode(frame))
        container.mux(codec.encode(None))


def _encode_opus(path: Path, samples: NDArray[np.float32]) -> None:
    with av.open(str(path), "w", format="ogg", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libopus", rate=RATE, options={"b": "48k"})
        assert isinstance(stream, av.AudioStream)
        stream.codec_context.layout = "mono"
        stream.codec_context.format = "flt"
        for begin in range(0, len(samples), 960):
            piece = np.ascontiguousarray(samples[begin : begin + 960]).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(piece, format="flt", layout="mono")
            frame.sample_rate = RATE
            frame.pts = begin
            frame.time_base = Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _in_burst(t: float) -> bool:
    return any(begin <= t < begin + BURST_LENGTH for begin in BURSTS)


def _screen(segment: int, fps: int) -> Iterable[NDArray[np.uint8]]:
    """A page with lines, a box that travels for a while, and a lamp that is lit during the bursts."""
    page = Image.new("RGB", (WIDTH, HEIGHT), (246, 246, 242))
    draw = ImageDraw.Draw(page)
    draw.rectangle((0, 0, WIDTH, 27), fill=(40, 52, 78) if segment == 0 else (78, 44, 40))
    for row in range(11):
        long = 260 + (row * 97) % 230
        draw.rectangle((30, 52 + 26 * row, 30 + long, 60 + 26 * row), fill=(70 + 12 * row, 92, 128))
    base = np.asarray(page)
    for index in range(round(LENGTH * fps)):
        # The burst times are segment times: this much later in the display's own file.
        t = index / fps - (CAMERA_START - DISPLAY_START)
        picture = base.copy()
        along = min(max(t - 0.9, 0.0), 0.7) / 0.7
        x = 60 + round(380 * along)
        picture[250:310, x : x + 90] = (214, 96, 52)
        if _in_burst(t):
            picture[40:140, 500:620] = (255, 255, 255) if segment == 0 else (250, 240, 120)
        else:
            picture[40:140, 500:620] = (16, 16, 18)
        yield picture


def _camera(segment: int, length: float) -> Iterable[NDArray[np.uint8]]:
    """A head before a wall; sensor noise makes every picture new."""
    rng = np.random.default_rng(7 + segment)
    for index in range(int(length * CAMERA_FPS)):
        picture = Image.new("RGB", (CAMERA_WIDTH, CAMERA_HEIGHT), (120, 140, 130))
        draw = ImageDraw.Draw(picture)
        x = 80 + 6 * math.sin(index / 5)
        draw.ellipse((x - 42, 86, x + 42, 170), fill=(60, 80, 120))
        draw.ellipse((x - 26, 22, x + 26, 92), fill=(222, 176, 142))
        for side in (-10, 10):
            draw.ellipse((x + side - 3, 46, x + side + 3, 52), fill=(30, 30, 40))
        noise = rng.normal(0, 4, (CAMERA_HEIGHT, CAMERA_WIDTH, 1))
        yield np.clip(np.asarray(picture) + noise, 0, 255).astype(np.uint8)


def _tone(start: float, length: float, hertz: float, *, bursts: bool) -> NDArray[np.float32]:
    """A tone in the bursts, or a faint one all the time; ``start`` is the track's start time."""
    t = np.arange(round(length * RATE)) / RATE - (CAMERA_START - start)
    wave = np.sin(math.tau * hertz * t)
    if not bursts:
        return (0.05 * wave).astype(np.float32)
    loud = np.zeros(len(t))
    for begin in BURSTS:
        loud[(t >= begin) & (t < begin + BURST_LENGTH)] = 0.6
    return (loud * wave).astype(np.float32)


def _pointer_image(path: Path) -> None:
    big = Image.new("RGBA", (256, 256), (0, 0, 0, 0))
    draw = ImageDraw.Draw(big)
    shape = [(40, 24), (40, 200), (84, 164), (112, 232), (142, 218), (114, 154), (172, 150)]
    draw.polygon(shape, fill=(255, 255, 255, 255))
    draw.line([*shape, shape[0], shape[1]], fill=(16, 16, 16, 255), width=14, joint="curve")
    big.resize((32, 32), Image.Resampling.BOX).save(path)


def _cursor() -> dict[str, Any]:
    """The pointer goes from left to right between 0.3 and 1.3 s of the segment and clicks in the middle."""
    moves = []
    for step in range(63):
        u = step / 62
        eased = u * u * (3 - 2 * u)
        moves.append(
            {
                "active_modifiers": [],
                "cursor_id": "0",
                "time_ms": round((CAMERA_START + 0.3) * 1000 + 16 * step, 3),
                "x": round(0.15 + 0.6 * eased, 6),
                "y": round(0.3 + 0.35 * eased - 0.1 * math.sin(math.pi * eased), 6),
            }
        )
    click = {"active_modifiers": [], "cursor_num": 0, "cursor_id": "0"}
    clicks = [{**click, "time_ms": at, "down": down} for at, down in ((1060.0, True), (1150.0, False))]
    return {"clicks": clicks, "moves": moves}


def _config(segments: int) -> dict[str, Any]:
    """A cut from 1.0 to 1.2 s and double speed from 1.6 to 2.0 s of the first segment: 2.0 s of output; + 1 s each."""
    clips: list[dict[str, Any]] = [
        {"recordingSegment": 0, "timescale": 1.0, "start": 0.0, "end": 1.0},
        {"recordingSegment": 0, "timescale": 1.0, "start": 1.2, "end": 1.6},
        {"recordingSegment": 0, "timescale": 2.0, "start": 1.6, "end": 2.0, "speedAudioMode": "maintainPitch"},
        {"recordingSegment": 0, "timescale": 1.0, "start": 2.0, "end": 2.4},
    ]
    clips += [{"recordingSegment": n, "timescale": 1.0, "start": 0.25, "end": 1.25} for n in range(1, segments)]
    return {
        "aspectRatio": None,
        "background": {
            "source": {"type": "gradient", "from": [40, 80, 160], "to": [160, 70, 120], "angle": 90},
            "padding": 20,
            "rounding": 8,
            "roundingType": "squircle",
            "shadow": 60,
            "advancedShadow": {"size": 14.4, "opacity": 68.1, "blur": 3.8},
        },
        "camera": {"hide": False, "size": 30, "position": {"x": "right", "y": "bottom"}},
        "audio": {"mute": False, "micVolumeDb": 0},
        "cursor": {"hide": False, "size": 100, "useSvg": False, "raw": False},
        "timeline": {
            "segments": clips,
            "zoomSegments": [{"start": 0.4, "end": 1.1, "amount": 1.5, "mode": {"manual": {"x": 0.3, "y": 0.4}}}],
        },
        "clips": [],
    }


def make_tiny_cap(
    folder: Path,
    *,
    segments: int = 1,
    fps: int = 30,
    with_camera: bool = True,
    with_mic: bool = True,
    with_system_audio: bool = False,
) -> Path:
    """Write a project into ``folder`` (made if absent) and return it. ``fps`` is that of the screen."""
    metas: list[dict[str, Any]] = []
    for number in range(segments):
        place = f"content/segments/segment-{number}"
        target = folder / place
        target.mkdir(parents=True, exist_ok=True)
        _encode_video(target / "display.mp4", (WIDTH, HEIGHT), fps, _screen(number, fps))
        meta: dict[str, Any] = {
            "display": {"path": f"{place}/display.mp4", "fps": fps, "start_time": DISPLAY_START},
        }
        # ``latest`` must not depend on what is left out: without a camera its start moves to a track that is there.
        if with_camera:
            length = LENGTH - (CAMERA_START - DISPLAY_START)
            _encode_video(target / "camera.mp4", (CAMERA_WIDTH, CAMERA_HEIGHT), CAMERA_FPS, _camera(number, length))
            meta["camera"] = {"path": f"{place}/camera.mp4", "fps": CAMERA_FPS, "start_time": CAMERA_START}
        for key, name, wanted, start, hertz in (
            ("mic", "audio-input.ogg", with_mic, MIC_START, 880.0),
            ("system_audio", "system_audio.ogg", with_system_audio, SYSTEM_START, 220.0),
        ):
            if wanted:
                begin = start if with_camera else CAMERA_START
                samples = _tone(begin, LENGTH - (begin - DISPLAY_START), hertz, bursts=key == "mic")
                _encode_opus(target / name, samples)
                meta[key] = {"path": f"{place}/{name}", "start_time": begin}
        (target / "cursor.json").write_text(json.dumps(_cursor()))
        meta["cursor"] = f"{place}/cursor.json"
        metas.append(meta)
    cursors = folder / "content" / "cursors"
    cursors.mkdir(parents=True, exist_ok=True)
    _pointer_image(cursors / "cursor_0.png")
    pointer = {
        "imagePath": "content/cursors/cursor_0.png",
        "hotspot": {"x": 0.15625, "y": 0.09375},
        "shape": "MacOS|Arrow",
    }
    recording = {
        "platform": "Linux",
        "pretty_name": "Tiny",
        "sharing": None,
        "segments": metas,
        "cursors": {"0": pointer},
        "status": {"status": "Complete"},
    }
    (folder / "recording-meta.json").write_text(json.dumps(recording, indent=2))
    (folder / "project-config.json").write_text(json.dumps(_config(segments), indent=2))
    return folder


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python tests/make_tiny_cap.py FOLDER")
    print(make_tiny_cap(Path(sys.argv[1])))
