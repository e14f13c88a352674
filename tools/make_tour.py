#!/usr/bin/env python3
"""Make ``examples/tour.cap``: a short project that uses everything that Reelpress draws.

    python tools/make_tour.py [examples/tour.cap]

The first recording segment is that of ``examples/demo.cap``, byte for byte. The second is a page drawn here, with the
demo's camera and commentary, whose tracks started long before its display: their start times say so. Everything is
computed from constants, so two runs on one machine write the same files.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import shutil
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
DEMO = ROOT / "examples" / "demo.cap"
TYPEFACE = ROOT / "src" / "reelpress" / "text" / "typefaces" / "inter-roman-wght.ttf"
SEGMENT = "content/segments/segment-{}"

PAGE = (1600, 1000)
PAGE_FPS = 30
PAGE_SECONDS = 12.5
PAGE_START = 17.2
"""Seconds after the epoch of its segment at which the page's recording began; camera and microphone ran before."""
DEMO_LATEST = 0.331
RATE = 48_000
OPENING = 2.5
"""Seconds of the title at the start, during which the recording stands."""

# --------------------------------------------------------------------------------------------------------------
# The second display: a page of settings

INK, PALE, LINE, ACCENT = (30, 38, 52), (112, 122, 138), (214, 219, 228), (38, 110, 224)
KEY = "hk_live_51c9-Zt0-0000-9f3e"
SPLITTER = ((8.9, 700), (9.9, 620))


def _font(size: int, weight: str = "Regular") -> ImageFont.FreeTypeFont:
    font = ImageFont.truetype(str(TYPEFACE), size)
    font.set_variation_by_name(weight)
    return font


def _ramp(at: float, points: tuple[tuple[float, float], ...]) -> float:
    return float(np.interp(at, [p[0] for p in points], [p[1] for p in points]))


def draw_page(at: float, fonts: dict[str, ImageFont.FreeTypeFont]) -> Image.Image:
    """The page at a time of its segment."""
    page = Image.new("RGB", PAGE, (244, 246, 250))
    draw = ImageDraw.Draw(page)
    draw.rectangle((0, 0, PAGE[0], 74), fill=(255, 255, 255))
    draw.line((0, 74, PAGE[0], 74), fill=LINE, width=2)
    draw.text((44, 20), "Harbour station", font=fonts["title"], fill=INK)
    draw.text((1390, 26), "Settings", font=fonts["body"], fill=ACCENT)
    split = round(_ramp(at, SPLITTER))
    draw.rectangle((44, 112, split - 16, 900), fill=(255, 255, 255), outline=LINE, width=2)
    saved = at >= 5.2
    typed = "saved" if saved else KEY[: max(0, min(len(KEY), int((at - 1.7) / 0.06)))]
    mail = "a…y@harbour.example" if saved else "ada.quay@harbour.example"
    fields = (("Owner", "Ada Quay"), ("E-mail", mail), ("Key", typed), ("Refresh", "every 10 min"))
    for row, (name, value) in enumerate(fields):
        top = 150 + row * 128
        draw.text((76, top), name, font=fonts["small"], fill=PALE)
        active = name == "Key" and 1.4 <= at < 5.0
        draw.rounded_rectangle(
            (76, top + 32, split - 48, top + 92), 8, fill=(250, 251, 253), outline=ACCENT if active else LINE, width=3
        )
        draw.text((96, top + 45), value, font=fonts["body"], fill=INK)
    pressed = 5.0 <= at < 5.2
    draw.rounded_rectangle((76, 780, 296, 850), 14, fill=(20, 78, 168) if pressed else ACCENT)
    draw.text((186, 815), "Saved" if saved else "Save", font=fonts["body"], fill=(255, 255, 255), anchor="mm")
    _draw_chart(draw, (split + 16, 112, 1556, 900), at, fonts)
    return page


def _draw_chart(
    draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int], at: float, fonts: dict[str, ImageFont.FreeTypeFont]
) -> None:
    left, top, right, bottom = box
    draw.rectangle(box, fill=(255, 255, 255), outline=LINE, width=2)
    draw.text((left + 32, top + 28), "Wind and gusts, last hours", font=fonts["body"], fill=INK)
    for row in range(6):
        y = top + 130 + row * 116
        draw.line((left + 32, y, right - 32, y), fill=(232, 236, 242), width=2)
        draw.text((left + 36, y - 30), f"{30 - row * 6} m/s", font=fonts["small"], fill=PALE)
    xs = np.linspace(left + 120, right - 40, 180)
    phase = (xs - left) / 120 + 0.5 * math.floor(at * 5) / 5
    wind = bottom - 190 - 120 * np.sin(phase) - 60 * np.sin(2.7 * phase + 1)
    gust = wind - 90 - 40 * np.abs(np.sin(4.1 * phase))
    for ys, color in ((wind, ACCENT), (gust, (226, 92, 58))):
        draw.line([(float(x), float(y)) for x, y in zip(xs, ys, strict=True)], fill=color, width=5, joint="curve")


def write_page(path: Path) -> None:
    """Encode the page; frames only where it changed, as a recorder writes them."""
    fonts = {"title": _font(34, "Bold"), "body": _font(26, "Medium"), "small": _font(20)}
    with av.open(str(path), "w", format="mp4", options={"fflags": "bitexact", "movflags": "faststart"}) as out:
        stream = out.add_stream("libx264", rate=PAGE_FPS)
        stream.width, stream.height, stream.pix_fmt = *PAGE, "yuv420p"
        stream.options = {"preset": "slow", "crf": "23", "x264-params": "threads=1:bframes=0", "g": "60"}
        context = stream.codec_context
        context.color_primaries = context.color_trc = context.colorspace = 1
        context.color_range = 1
        stream.time_base = context.time_base = Fraction(1, PAGE_FPS)
        last: NDArray[np.uint8] | None = None
        frames = round(PAGE_SECONDS * PAGE_FPS)
        for n in range(frames):
            pixels = np.asarray(draw_page(n / PAGE_FPS, fonts))
            if last is not None and n < frames - 1 and np.array_equal(pixels, last):
                continue
            last = pixels
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame = frame.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG")
            frame.pts, frame.time_base = n, Fraction(1, PAGE_FPS)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


# --------------------------------------------------------------------------------------------------------------
# The pointer on it

ARROW, IBEAM, HAND, CROSS, RESIZE, OWN = "0", "1", "2", "3", "4", "5"
PATH = (  # seconds, x, y in pixels of the page, image until the next
    (0.0, 900, 620, ARROW),
    (0.6, 900, 620, ARROW),
    (1.25, 420, 462, IBEAM),
    (3.4, 424, 464, IBEAM),
    (4.6, 200, 818, HAND),
    (5.6, 196, 820, HAND),
    (6.5, 880, 520, CROSS),
    (7.6, 1330, 360, CROSS),
    (8.7, 700, 520, RESIZE),
    (8.9, 700, 520, RESIZE),
    (9.9, 620, 530, RESIZE),
    (10.2, 620, 530, OWN),
    (10.9, 1020, 300, OWN),
    (11.6, 1240, 620, OWN),
    (12.4, 1250, 640, ARROW),
)
CLICKS = ((1.4, 1.5, IBEAM), (5.0, 5.12, HAND), (8.9, 9.9, RESIZE))


def pointer() -> dict[str, Any]:
    """``cursor.json`` of the page: about every 16 ms, and only where it moved; two images flicker on the way."""
    moves = []
    before = None
    for tick in range(int(PAGE_SECONDS * 1000 / 16)):
        at = tick * 0.016
        k = max(i for i, point in enumerate(PATH) if point[0] <= at)
        here, there = PATH[k], PATH[min(k + 1, len(PATH) - 1)]
        u = 0.0 if there[0] == here[0] else min((at - here[0]) / (there[0] - here[0]), 1.0)
        u = u * u * (3 - 2 * u)
        spot = (round(here[1] + (there[1] - here[1]) * u), round(here[2] + (there[2] - here[2]) * u))
        image = here[3] if u < 0.6 else there[3]
        if spot == before:
            continue
        before = spot
        moves.append(
            {
                "active_modifiers": [],
                "cursor_id": image,
                "time_ms": round((at + PAGE_START) * 1000, 2),
                "x": round(spot[0] / PAGE[0], 6),
                "y": round(spot[1] / PAGE[1], 6),
            }
        )
    clicks = [
        {"active_modifiers": [], "cursor_num": 0, "cursor_id": image, "time_ms": (t + PAGE_START) * 1000, "down": down}
        for begin, end, image in CLICKS
        for t, down in ((begin, True), (end, False))
    ]
    return {"clicks": clicks, "moves": moves}


def draw_pointer(kind: str) -> Image.Image:
    """A captured pointer image of 48 x 48 pixels; those with a known shape are replaced by drawn ones."""
    big = Image.new("RGBA", (384, 384))
    draw = ImageDraw.Draw(big)
    if kind == HAND:
        draw.polygon(
            [(130, 60), (180, 60), (190, 190), (300, 210), (290, 340), (150, 340), (80, 230)], "white", "black", 14
        )
    elif kind == CROSS:
        draw.line((192, 40, 192, 344), "black", 24)
        draw.line((40, 192, 344, 192), "black", 24)
    elif kind == RESIZE:
        draw.polygon([(40, 192), (130, 100), (130, 284)], "black")
        draw.polygon([(344, 192), (254, 100), (254, 284)], "black")
        draw.line((120, 192, 264, 192), "black", 30)
    else:  # a shape that no system knows: it stays as captured
        draw.ellipse((70, 70, 314, 314), outline=(226, 92, 58, 255), width=34)
        draw.ellipse((166, 166, 218, 218), fill=(226, 92, 58, 255))
    return big.resize((48, 48), Image.Resampling.LANCZOS)


# --------------------------------------------------------------------------------------------------------------
# Sound


def _tone(frequency: float, seconds: float, decay: float) -> NDArray[np.float64]:
    t = np.arange(round(seconds * RATE)) / RATE
    attack = np.minimum(t / 0.02, 1)
    return attack * np.exp(-decay * t) * (np.sin(2 * np.pi * frequency * t) + 0.3 * np.sin(4 * np.pi * frequency * t))


def music(seconds: float = 18.0) -> NDArray[np.float32]:
    """A slow broken chord in stereo."""
    total = np.zeros((2, round(seconds * RATE)))
    chords = ((220.0, 277.18, 329.63), (196.0, 246.94, 293.66), (174.61, 220.0, 261.63), (196.0, 246.94, 329.63))
    for step in range(int(seconds / 0.3)):
        chord = chords[step // 8 % 4]
        note = 0.12 * _tone(chord[step % 3] * (2 if step % 8 == 5 else 1), 1.6, 2.2)
        first = round(step * 0.3 * RATE)
        note = note[: total.shape[1] - first]
        pan = 0.5 + 0.4 * math.sin(step)
        total[0, first : first + len(note)] += note * (1 - pan)
        total[1, first : first + len(note)] += note * pan
    return total.astype(np.float32)


def system_sound() -> NDArray[np.float32]:
    """A tick at each click and a chime when it is saved, from the page's first moment on."""
    total = np.zeros((2, round(PAGE_SECONDS * RATE)))
    for begin, _, _ in CLICKS:
        sound = 0.3 * _tone(1800, 0.05, 90)
        first = round(begin * RATE)
        total[:, first : first + len(sound)] += sound
    for delay, frequency in ((5.2, 659.26), (5.35, 987.77)):
        sound = 0.25 * _tone(frequency, 1.2, 3)
        first = round(delay * RATE)
        total[:, first : first + len(sound)] += sound
    return total.astype(np.float32)


def write_sound(path: Path, samples: NDArray[np.float32], bit_rate: int) -> None:
    """Opus in Ogg."""
    with av.open(str(path), "w", format="ogg", options={"fflags": "bitexact"}) as out:
        stream = out.add_stream("libopus", rate=RATE)
        stream.layout = "stereo"
        stream.bit_rate = bit_rate
        for first in range(0, samples.shape[1], 960):
            block = np.ascontiguousarray(samples[:, first : first + 960].T.reshape(1, -1))
            frame = av.AudioFrame.from_ndarray(block, format="flt", layout="stereo")
            frame.sample_rate, frame.pts, frame.time_base = RATE, first, Fraction(1, RATE)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def wallpaper() -> Image.Image:
    """Soft hills at dusk."""
    w, h = 1600, 1000
    y, x = np.mgrid[0:h, 0:w] / np.array([h, w])[:, None, None]
    sky = np.stack([52 + 150 * y, 62 + 70 * y, 120 + 20 * y], axis=-1)
    for level, (base, color) in enumerate(((0.62, (70, 62, 118)), (0.75, (44, 58, 104)), (0.88, (26, 40, 76)))):
        ridge = base + 0.06 * np.sin(5 * x + 2 * level) + 0.03 * np.sin(13 * x + level)
        sky = np.where((y > ridge)[..., None], np.array(color), sky)
    return Image.fromarray(np.clip(sky, 0, 255).astype(np.uint8))


# --------------------------------------------------------------------------------------------------------------
# The edit. Output seconds, except for the ends of clips.

CLIPS = [
    {"recordingSegment": 0, "timescale": 1.0, "start": 0.0, "end": 10.0},  # 2.5 .. 12.5
    {"recordingSegment": 0, "timescale": 2.0, "start": 15.0, "end": 19.0, "speedAudioMode": "maintainPitch"},  # .. 14.5
    {"recordingSegment": 1, "timescale": 1.0, "start": 0.0, "end": 12.0},  # 13.7 .. 25.7
    {"recordingSegment": 0, "timescale": 1.0, "start": 19.5, "end": 23.5},  # 24.9 .. 28.9
    {"recordingSegment": 0, "timescale": 0.5, "start": 23.5, "end": 25.5, "speedAudioMode": "matchSpeed"},  # .. 32.9
    {"recordingSegment": 1, "timescale": 1.5, "start": 5.0, "end": 11.0, "speedAudioMode": "mute"},  # 32.3 .. 36.3
    {"recordingSegment": 0, "timescale": 1.0, "start": 25.5, "end": 29.5},  # 36.3 .. 42.3, with the last title
]
TRANSITIONS = [
    {"segmentIndex": 2, "type": "cross-fade", "duration": 0.8},
    {"segmentIndex": 3, "type": "fade-through-black", "duration": 0.8},
    {"segmentIndex": 5, "type": "cross-fade", "duration": 0.6},
]
ZOOMS = [
    {"start": 4.6, "end": 8.6, "amount": 1.8, "mode": {"manual": {"x": 0.2, "y": 0.53}}},
    {"start": 19.6, "end": 22.0, "amount": 1.9, "mode": "auto", "edgeSnapRatio": 0.25},
    {"start": 26.2, "end": 27.6, "amount": 1.7, "mode": {"manual": {"x": 0.3, "y": 0.6}}, "instantAnimation": True},
    {"start": 37.4, "end": 39.0, "amount": 2.2, "mode": {"manual": {"x": 0.55, "y": 0.45}}},
]
SCENES = [
    {
        "start": 9.6,
        "end": 12.0,
        "mode": "splitScreen",
        "splitLayout": {
            "screenZoom": 1.2,
            "screenPosition": {"x": 0.3, "y": 0.5},
            "cameraZoom": 1.0,
            "cameraPosition": {"x": 0.5, "y": 0.45},
        },
        "transitionIn": 0.4,
        "transitionOut": 0.4,
    },
    {"start": 29.4, "end": 31.0, "mode": "floating", "transitionIn": 0.3, "transitionOut": 0.4},
    {"start": 31.0, "end": 32.2, "mode": "cameraOnly", "transitionIn": 0.3, "transitionOut": 0.3},
    {"start": 36.9, "end": 39.4, "mode": "hideCamera", "transitionIn": 0.3, "transitionOut": 0.3},
]
MASKS = [
    {"start": 13.7, "end": 19.0, "maskType": "sensitive", "center": {"x": 0.323, "y": 0.4965},
     "size": {"x": 0.25, "y": 0.066}, "pixelation": 18},
    {"start": 13.7, "end": 19.0, "maskType": "sensitive", "center": {"x": 0.323, "y": 0.404},
     "size": {"x": 0.25, "y": 0.07}, "pixelation": 1022, "feather": 0.1},
    {"start": 17.6, "end": 19.4, "maskType": "highlight", "center": {"x": 0.25, "y": 0.77},
     "size": {"x": 0.16, "y": 0.12}, "darkness": 0.65, "feather": 0.3, "fadeDuration": 0.3,
     "keyframes": {"position": [{"time": 0.5, "x": 0.25, "y": 0.77}, {"time": 1.3, "x": 0.63, "y": 0.53}],
                   "size": [{"time": 0.5, "x": 0.16, "y": 0.12}, {"time": 1.3, "x": 0.4, "y": 0.5}],
                   "intensity": [{"time": 0.0, "value": 0.6}, {"time": 0.6, "value": 1.0}]}},
    {"start": 38.0, "end": 39.3, "maskType": "sensitive", "center": {"x": 0.3, "y": 0.35},
     "size": {"x": 0.25, "y": 0.2}, "pixelation": 30,
     "keyframes": {"position": [{"time": 0.0, "x": 0.3, "y": 0.35}, {"time": 1.2, "x": 0.62, "y": 0.45}]}},
]  # fmt: skip


def _text(start: float, end: float, content: str, **more: Any) -> dict[str, Any]:
    return {"start": start, "end": end, "content": content, "fontFamily": "sans-serif", "color": "#ffffff"} | more


TEXTS = [
    _text(0.0, OPENING, "Reelpress", layout="fullscreen", size={"x": 0.9, "y": 0.3}, fontSize=150, letterSpacing=2,
          animationIn="pop", animationOut="fade", animationInDuration=0.5, animationOutDuration=0.3,
          layoutTransition=0.6),
    _text(2.9, 4.6, "The look of a Cap project, frame by frame", center={"x": 0.5, "y": 0.055},
          size={"x": 0.9, "y": 0.08}, fontSize=52, shadow=0.8,
          animationIn="slideUp", animationOut="slideDown", animationInDuration=0.3, animationOutDuration=0.3),
    _text(12.6, 14.6, "Twice as fast, pitch kept", center={"x": 0.5, "y": 0.055}, size={"x": 0.9, "y": 0.08},
          fontSize=48, shadow=1,
          fontFamily="monospace", animationIn="typewriter", animationOut="none", animationInDuration=1.1),
    _text(26.0, 28.4, "An instant zoom", center={"x": 0.7, "y": 0.2}, fontSize=72, fontFamily="serif", italic=True,
          color="#b0481c", shadow=0.3, align="right", animationIn="pop", animationOut="slideUp",
          animationInDuration=0.4, animationOutDuration=0.3),
    _text(29.6, 30.9, "Half speed", center={"x": 0.3, "y": 0.12}, fontSize=44, opacity=0.9, shadow=0.7,
          animationIn="slideDown", animationOut="fade", animationInDuration=0.3, animationOutDuration=0.3),
    _text(33.2, 35.8, "Split title\nThe recording\nmakes room", layout="splitLeft", fontSize=72, align="left",
          size={"x": 0.42, "y": 0.5}, center={"x": 0.26, "y": 0.5}, lineHeight=1.3, animationIn="slideUp",
          animationOut="fade", animationInDuration=0.4, animationOutDuration=0.3, layoutTransition=0.6),
    _text(40.2, 42.2, "Thank you", layout="fullscreen", size={"x": 0.9, "y": 0.3}, fontSize=130, fontFamily="serif",
          animationIn="fade", animationOut="none", animationInDuration=0.4, layoutTransition=0.5),
]  # fmt: skip

SPACE = {
    "start": 22.4, "end": 24.8, "transitionIn": 0.5, "transitionOut": 0.5,
    "properties": {"tiltX": 12, "tiltY": -18, "roll": 2, "zoom": 1.7, "fov": 45},
    "tracks": {"tiltY": [{"time": 0.0, "value": -18, "outEasing": {"x": 0.65, "y": 0}},
                         {"time": 2.4, "value": 20, "inEasing": {"x": 0.35, "y": 1}}]},
}  # fmt: skip

SPOKEN = (
    (2.75, 5.5, "Here is a list of harbour weather, in a plain editor.", None),
    (5.75, 9.5, "I type two lines. They count the strong gusts of wind.", None),
    (10.4, 12.4, "One click, and we are there.", None),
    (16.3, 19.3, "This is the line I have just written.", None),
    (21.0, 24.0, "Some things are still to be done.", "top-center"),
    (24.95, 28.4, "I mark it, so that you can see it.", None),
    (38.6, 40.1, "That is all for today.", None),
)


def captions() -> dict[str, Any]:
    """``captions.json``: words share the time of their sentence by length."""
    segments = []
    for number, (start, end, text, position) in enumerate(SPOKEN):
        words, at = [], start
        for word in text.split():
            last = at + (end - start) * (len(word) + 1) / (len(text) + 1)
            words.append({"text": word, "start": round(at, 3), "end": round(last, 3)})
            at = last
        segment: dict[str, Any] = {"id": f"caption-{number}", "start": start, "end": end, "text": text, "words": words}
        if position:
            segment |= {"positionOverride": position, "fadeDurationOverride": 0.4}
        segments.append(segment)
    return {"segments": segments}


def key_segments() -> list[dict[str, Any]]:
    """What was typed in the demo, a word at a time, as the editor groups it; and a shortcut."""
    presses = json.loads((DEMO / SEGMENT.format(0) / "keyboard.json").read_text(encoding="utf-8"))["presses"]
    typed = [(p["timeMs"] / 1000 - DEMO_LATEST + OPENING, p["key"]) for p in presses if p["down"]]
    segments: list[dict[str, Any]] = []
    for blank, group in itertools.groupby(typed, key=lambda item: item[1] in (" ", "Space") or len(item[1]) > 1):
        keys = list(group)
        if blank or keys[-1][0] > 9.0:
            continue
        start = keys[0][0]
        segments.append(
            {
                "id": f"key-{len(segments)}",
                "start": round(start, 3),
                "end": round(keys[-1][0] + 0.35, 3),
                "displayText": "".join(key for _, key in keys),
                "keys": [{"key": key, "timeOffset": round((at - start) * 1000, 1)} for at, key in keys],
            }
        )
    for segment, following in itertools.pairwise(segments):
        segment["end"] = min(segment["end"], following["start"])
    segments.append(
        {
            "id": "shortcut",
            "start": 29.0,
            "end": 30.8,
            "displayText": "⌘ s",
            "keys": [{"key": "⌘", "timeOffset": 0}, {"key": " ", "timeOffset": 0}, {"key": "s", "timeOffset": 150}],
            "uppercaseOverride": True,
            "positionOverride": "top-right",
            "colorOverride": "#ffd28a",
            "backgroundColorOverride": "#1a284c",
            "fontSizeOverride": 64,
            "fadeDurationOverride": 0.3,
        }
    )
    return segments


def project() -> dict[str, Any]:
    """``project-config.json``."""
    return {
        "aspectRatio": "wide",
        "background": {
            "source": {"type": "image", "path": "content/wallpaper.jpg"},
            "blur": 12,
            "padding": 22,
            "rounding": 6,
            "roundingType": "squircle",
            "shadow": 73.6,
            "advancedShadow": {"size": 14.4, "opacity": 68.1, "blur": 3.8},
            "border": {"enabled": True, "width": 3, "color": [255, 255, 255], "opacity": 55},
            "frame": {"style": "macOS", "theme": "dark", "title": "harbour"},
        },
        "camera": {
            "mirror": True,
            "position": {"x": "left", "y": "bottom"},
            "size": 28,
            "scaleDuringZoom": 0.6,
            "shape": "source",
            "rounding": 45,
            "roundingType": "rounded",
            "shadow": 62.5,
            "advancedShadow": {"size": 33.9, "opacity": 44.2, "blur": 10.5},
        },
        "audio": {"micVolumeDb": 1.5, "micStereoMode": "monoL", "systemVolumeDb": -8},
        "cursor": {
            "size": 150,
            "type": "auto",
            "useSvg": True,
            "hideWhenIdle": True,
            "hideWhenIdleDelay": 1.2,
            "animationStyle": "custom",
            "tension": 300,
            "mass": 2.5,
            "friction": 50,
            "motionBlur": 0.6,
            "rotationAmount": 0.6,
            "clickSpring": {"tension": 600, "mass": 1, "friction": 45},
            "stopMovementInLastSeconds": 0.4,
        },
        "timeline": {
            "segments": CLIPS,
            "transitions": TRANSITIONS,
            "zoomSegments": ZOOMS,
            "sceneSegments": SCENES,
            "maskSegments": MASKS,
            "textSegments": TEXTS,
            "keyboardSegments": key_segments(),
            "camera3dSegments": [SPACE],
            "audioSegments": [
                {"start": 0.0, "end": 13.0, "path": "content/music.ogg", "volumeDb": -6,
                 "fadeIn": 1.0, "fadeOut": 2.5},
                {"start": 30.0, "end": 42.3, "path": "content/music.ogg", "trimStart": 4.8, "volumeDb": -5,
                 "fadeIn": 2.0, "fadeOut": 1.5},
            ],
        },
        "captions": {
            "settings": {
                "enabled": True,
                "size": 38,
                "color": "#ffffff",
                "backgroundColor": "#101828",
                "backgroundOpacity": 82,
                "highlightColor": "#ffd28a",
                "activeWordHighlight": True,
                "highlightStyle": "pill",
                "outline": True,
                "animation": "bounce",
                "wordTransitionDuration": 0.2,
            }
        },
        "keyboard": {"settings": {"enabled": True, "size": 44, "position": "bottom-center"}},
        "screenMotionBlur": 0.6,
        "screenMovementSpring": {"stiffness": 200, "damping": 40, "mass": 2.25},
        "colorCorrection": {
            "screen": {"preset": "custom", "intensity": 0.8, "exposure": 0.03, "contrast": 0.06, "saturation": 0.12,
                       "vignette": 0.15},
            "camera": {"preset": "custom", "temperature": 0.2, "tint": 0.06, "splitTone": 0.4, "fade": 0.15,
                       "grain": 0.12},
            "gradeCursor": True,
        },
        "textSizeVersion": 1,
        "textAnimVersion": 1,
    }  # fmt: skip


def meta() -> dict[str, Any]:
    """``recording-meta.json``."""
    demo = json.loads((DEMO / "recording-meta.json").read_text(encoding="utf-8"))
    folder = SEGMENT.format(1)
    demo["pretty_name"] = "Tour"
    demo["segments"].append(
        {
            "display": {"path": f"{folder}/display.mp4", "fps": PAGE_FPS, "start_time": PAGE_START},
            "camera": {"path": f"{folder}/camera.mp4", "fps": 30, "start_time": 0.331},
            "mic": {"path": f"{folder}/audio-input.ogg", "start_time": 0.287},
            "system_audio": {"path": f"{folder}/system_audio.ogg", "start_time": PAGE_START},
            "cursor": f"{folder}/cursor.json",
        }
    )
    shapes = {HAND: "MacOS|PointingHand", CROSS: "MacOS|Crosshair", RESIZE: "MacOS|ResizeLeftRight", OWN: None}
    for name, shape in shapes.items():
        demo["cursors"][name] = {"imagePath": f"content/cursors/cursor_{name}.png", "hotspot": {"x": 0.5, "y": 0.5}}
        if shape:
            demo["cursors"][name]["shape"] = shape
    return demo


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", nargs="?", type=Path, default=ROOT / "examples" / "tour.cap")
    parser.add_argument("--edit-only", action="store_true", help="write the JSON files, keep tracks and pictures")
    options = parser.parse_args()
    target: Path = options.target
    first, second = (target / SEGMENT.format(k) for k in (0, 1))
    for folder in (first, second, target / "content" / "cursors"):
        folder.mkdir(parents=True, exist_ok=True)
    files = {
        "recording-meta.json": meta(),
        "project-config.json": project(),
        "captions.json": captions(),
        f"{SEGMENT.format(1)}/cursor.json": pointer(),
    }
    for name, data in files.items():
        text = json.dumps(data, indent=None if name.endswith("cursor.json") else 1, ensure_ascii=False)
        (target / name).write_text(text + "\n", encoding="utf-8", newline="\n")
    if options.edit_only:
        return
    for name in ("display.mp4", "camera.mp4", "audio-input.ogg", "cursor.json", "keyboard.json"):
        shutil.copyfile(DEMO / SEGMENT.format(0) / name, first / name)
    for name in ("camera.mp4", "audio-input.ogg"):
        shutil.copyfile(DEMO / SEGMENT.format(0) / name, second / name)
    for name in ("cursor_0.png", "cursor_1.png"):
        shutil.copyfile(DEMO / "content" / "cursors" / name, target / "content" / "cursors" / name)
    for kind in (HAND, CROSS, RESIZE, OWN):
        draw_pointer(kind).save(target / "content" / "cursors" / f"cursor_{kind}.png", optimize=True)
    wallpaper().save(target / "content" / "wallpaper.jpg", quality=85)
    write_page(second / "display.mp4")
    write_sound(second / "system_audio.ogg", system_sound(), 48_000)
    write_sound(target / "content" / "music.ogg", music(), 64_000)


if __name__ == "__main__":
    main()
