#!/usr/bin/env python3
"""Record ``examples/demo.cap``: a real program on a virtual screen, laid out as Cap lays out a recording.

Geany runs on an Xvfb screen, xdotool plays a fixed choreography on it, FFmpeg grabs the screen without the
pointer, and a second X connection watches the pointer as a recorder would. Speech is made by espeak-ng; the camera
picture is drawn here. Everything is timed by one clock, the system's wall clock: x11grab stamps its frames with it,
the pointer samples and key presses are stamped with it, and speech and camera are placed on it.

    python tools/record_sample.py [examples/demo.cap]

Debian packages: xvfb xdotool ffmpeg espeak-ng geany adwaita-icon-theme librsvg2-common fonts-dejavu-core libxfixes3.
The choreography, speech, noise and drawing are seeded; screen frames carry the times at which they really appeared,
so two runs differ by milliseconds. A busy machine makes late frames: run it on a quiet one.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import ctypes.util
import io
import json
import math
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import wave
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from av.filter import Graph
from PIL import Image, ImageDraw, ImageFilter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

WIDTH, HEIGHT = 1920, 1080
SCREEN_FPS = 60
CAMERA_FPS = 30
RATE = 48_000
LENGTH = 29.85  # seconds of screen that are kept

# Seconds from the recording's epoch. They differ, so that whoever reads the sample has to align the tracks; and by
# more than the 21 ms below which Cap's recorder would have made them equal.
DISPLAY_START, MIC_START, CAMERA_START = 0.250, 0.287, 0.331

SEED = 20240321
# A take in which the hand fell behind its score by more than this is thrown away.
TAKES, LATE_LIMIT = 4, 0.040
MP4_TIME_BASE = Fraction(1, 90_000)

# Where things are in Geany 1.38 with DejaVu Sans Mono 15 at 96 dpi, in pixels.
TEXT_LEFT, TEXT_TOP, LINE_HEIGHT, CHAR_WIDTH = 252, 133, 24, 12.0


# --------------------------------------------------------------------------------------------------------------
# What stands on the screen

TYPED_LINES = ("windy = [r for r in readings if r.gust > limit]", "return len(windy)")
TYPED_ON_LINE = 22  # 1-based; that line holds four blanks, and the text is typed after them

HEAD = '''"""Readings of the harbour weather station.

One line for each reading, oldest first. Wind and gusts are in metres per second, pressure is in hectopascal.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Reading:
    time: str
    place: str
    wind: float
    gust: float
    pressure: float
    note: str


def count_windy(readings: list[Reading], limit: float = 20.0) -> int:
    """How many readings had a gust above the limit?"""

    {blank}


def mean_pressure(readings: list[Reading]) -> float:
    """The plain mean; an empty list is an error on purpose."""

    return sum(r.pressure for r in readings) / len(readings)


# Time; place; wind; gust; pressure; what was seen.
READINGS = [
'''

PLACES = ("North Pier", "Lighthouse", "Fish Market", "Ferry Quay", "East Mole", "Old Crane", "Slipway", "Dry Dock")
NOTES = (
    "light rain at first, clearing from the west later",
    "fog over the outer basin, ferries wait for an hour",
    "calm, the water is like glass, gulls on every post",
    "two yachts came in early with a torn headsail",
    "gusts from the north, the small crane stays down",
    "bright morning, a swell from last night's storm",
    "hail for ten minutes, then sun and a fine rainbow",
    "steady breeze, good drying weather for the nets",
    "low cloud, the lamp was lit in the afternoon",
    "thunder far out at sea, nothing of it in here",
)

MORE = ("as usual", "for the third day now", "they say at the office", "and nobody minded", "so we waited", "at last")

NOTES_FILE = """# Notes on the station

The station stands at the end of the pier. It writes one line every hour, and somebody
looks at the list once a day. These notes say what is known about its instruments.

## What is sure

- The clock runs on local time without summer time.
- Wind is the mean of ten minutes; a gust is the strongest three seconds in them.
- The barometer was compared with the one in the harbour office: it reads 0.4 too low.

## Still to be done

1. Grease the vane before autumn.
2. Replace the cable on the *east mole*; salt has got into it.
3. Ask the lighthouse for their list, so that the two can be laid side by side.

> A reading that nobody looks at is a reading that nobody took.
"""


def harbour_file() -> str:
    """The program text that is shown; rows differ in length, so that scrolling changes the picture all over."""
    rng = random.Random(SEED)
    lines = [HEAD.replace("{blank}", "")]
    for hour in range(300):
        gust = rng.uniform(4, 29)
        wind = gust * rng.uniform(0.4, 0.8)
        stamp = f"2024-03-{1 + hour // 24:02d} {hour % 24:02d}:00"
        # One string a row: the editor draws long runs of one colour fast enough for a smooth scroll.
        lines.append(
            f'    "{stamp}; {rng.choice(PLACES)}; {wind:.1f}; {gust:.1f}; {rng.uniform(984, 1031):.1f}; '
            f'{rng.choice(NOTES)}, {rng.choice(MORE)}",\n'
        )
    lines.append("]\n")
    return "".join(lines)


GEANY_CONF = """[geany]
pref_main_load_session=false
pref_main_save_winpos=false
sidebar_visible=true
sidebar_openfiles_visible=false
msgwindow_visible=false
statusbar_visible=true
editor_font=DejaVu Sans Mono 15
tagbar_font=DejaVu Sans 11
auto_complete_symbols=false
line_wrapping=false
sidebar_page=0
"""


def line_y(line: int, top_line: int = 1) -> int:
    return TEXT_TOP + (line - top_line) * LINE_HEIGHT


def column_x(column: int) -> int:
    return round(TEXT_LEFT + column * CHAR_WIDTH)


# --------------------------------------------------------------------------------------------------------------
# The choreography: times in seconds after the first screen frame


@dataclass(frozen=True)
class Say:
    at: float
    text: str


SPEECH = (
    Say(0.25, "Here is a list of harbour weather, in a plain editor."),
    Say(3.2, "I type two lines. They count the readings that had a strong gust of wind."),
    Say(7.85, "The panel lists what is in the file. One click, and we are there."),
    Say(12.55, "Now I scroll through the readings, first with the wheel,"),
    Say(15.5, "and then all the way back, with the scroll bar."),
    Say(19.4, "This is the line I have just written. I mark it, so that you can see it."),
    Say(24.1, "And these are my notes. Some things are still to be done."),
    Say(27.75, "That is all for today."),
)


@dataclass(frozen=True, order=True)
class Action:
    """One line for xdotool, due ``at`` seconds after the start."""

    at: float
    command: str = field(compare=False)
    click: bool | None = field(default=None, compare=False)
    key: tuple[str, str, bool] | None = field(default=None, compare=False)


KEY_NAMES = {
    " ": ("space", "Space"),
    "=": ("equal", "Equal"),
    "[": ("bracketleft", "BracketLeft"),
    "]": ("bracketright", "BracketRight"),
    ".": ("period", "Period"),
    ">": ("greater", "Period"),
    "(": ("parenleft", "Digit9"),
    ")": ("parenright", "Digit0"),
    "\n": ("Return", "Enter"),
}


class Score:
    """Collects the actions of a hand at a mouse and a keyboard."""

    def __init__(self, x: float, y: float) -> None:
        self.rng = random.Random(SEED)
        self.actions: list[Action] = []
        self.x, self.y = x, y
        self.start_point = (round(x), round(y))

    def path(self, begin: float, end: float, x: float, y: float, bend: float = 0.12, interval: float = 0.008) -> None:
        """Move along a bent line with the speed of a human reach: slow, fast, slow, with a small late correction."""
        x0, y0 = self.x, self.y
        dx, dy = x - x0, y - y0
        # The hand turns about the elbow: the way is an arc, and it ends a little beside the goal, then corrects.
        cx, cy = x0 + dx * 0.5 - dy * bend, y0 + dy * 0.5 + dx * bend
        miss_x, miss_y = self.rng.uniform(-0.03, 0.03) * dx, self.rng.uniform(-0.03, 0.03) * dy
        phase = self.rng.uniform(0, math.tau)
        steps = max(2, round((end - begin) / interval))
        for step in range(1, steps + 1):
            u = step / steps
            s = u * u * u * (10 - 15 * u + 6 * u * u)
            near = math.sin(math.pi * s) ** 2 if s > 0.5 else 0.0
            tremor = 0.8 * math.sin(math.pi * u)
            px = (1 - s) ** 2 * x0 + 2 * s * (1 - s) * cx + s * s * x + near * miss_x
            py = (1 - s) ** 2 * y0 + 2 * s * (1 - s) * cy + s * s * y + near * miss_y
            px += tremor * math.sin(phase + u * 23)
            py += tremor * math.cos(phase + u * 19)
            px, py = min(max(px, 0), WIDTH - 1), min(max(py, 0), HEIGHT - 1)
            self.actions.append(Action(begin + (end - begin) * u, f"mousemove {round(px)} {round(py)}"))
        self.x, self.y = x, y

    def press(self, at: float) -> None:
        self.actions.append(Action(at, "mousedown 1", click=True))

    def release(self, at: float) -> None:
        self.actions.append(Action(at, "mouseup 1", click=False))

    def click(self, at: float) -> None:
        self.press(at)
        self.release(at + 0.09)

    def type(self, begin: float, end: float, text: str) -> None:
        """Spread the key strokes over the interval: uneven, slower after a word and at brackets."""
        weights = [self.rng.uniform(0.7, 1.3) * (1.5 if c in " \n[]()" else 1.0) for c in text]
        scale = (end - begin) / sum(weights)
        at = begin
        for char, weight in zip(text, weights, strict=True):
            name, code = KEY_NAMES.get(char, (char, f"Key{char.upper()}"))
            key = "Enter" if char == "\n" else char
            self.actions.append(Action(at, f"keydown {name}", key=(key, code, True)))
            self.actions.append(Action(at + min(0.04, 0.6 * weight * scale), f"keyup {name}", key=(key, code, False)))
            at += weight * scale

    def wheel(self, begin: float, end: float, notches: int, button: int) -> None:
        """Turn the wheel: gently at first, fast, and gently again, while the hand moves the mouse a little."""
        for index in range(notches):
            u = (index + 0.5) / notches
            # The inverse of a smooth rise and fall of speed, mild enough that no notch comes long after another.
            at = begin + (end - begin) * (u - 0.05 * math.sin(math.tau * u))
            # Not "click": that one sleeps for a tenth of a second afterwards.
            self.actions.append(Action(at, f"mousedown {button} mouseup {button}"))
        self.path(begin, end, self.x + 26, self.y - 38, bend=0.4)


def choreography() -> Score:
    score = Score(1290, 700)
    insert_x, insert_y = column_x(4) + 8, line_y(TYPED_ON_LINE)
    score.path(0.55, 1.95, insert_x, insert_y, bend=-0.14)
    score.click(2.15)
    score.type(2.9, 7.35, "\n".join(TYPED_LINES))
    score.path(8.2, 9.55, 96, 168, bend=0.16)  # over the panel
    score.path(9.6, 10.25, 118, SYMBOL_Y, bend=0.3)
    score.click(10.35)
    score.path(10.55, 11.45, 700, 470, bend=-0.2)
    # Nothing happens from here to 12.35; the project cuts most of it out.
    score.path(12.35, 12.95, 1010, 560, bend=0.18)
    score.wheel(13.0, 14.3, WHEEL_NOTCHES, button=5)
    score.path(14.45, 15.15, 1911, DRAG_FROM, bend=-0.12)
    score.press(15.25)
    # Fifty steps a second, which the editor can follow on a slow machine too: so about as many pictures change
    # wherever this is recorded.
    score.path(15.3, 18.75, 1909, DRAG_TO, bend=0.01, interval=0.02)
    score.release(18.9)
    mark_y = line_y(TYPED_ON_LINE)
    score.path(19.05, 20.0, column_x(4) + 1, mark_y, bend=0.13)
    score.press(20.1)
    score.path(20.15, 21.3, column_x(4 + len(TYPED_LINES[0])) + 1, mark_y, bend=0.01)
    score.release(21.4)
    score.path(21.5, 22.3, 880, mark_y + 70, bend=-0.3)
    score.path(22.35, 23.25, 520, mark_y + 120, bend=0.25)
    score.path(23.3, 24.7, NOTES_TAB_X, 102, bend=0.12)
    score.click(24.9)
    score.path(25.1, 26.1, column_x(20), line_y(14), bend=0.2)
    score.path(26.15, 27.25, column_x(52), line_y(15), bend=0.05)
    score.path(27.3, 28.5, 1180, 690, bend=-0.2)
    score.actions.sort()
    return score


SYMBOL_Y = 240
WHEEL_NOTCHES = 24
DRAG_FROM, DRAG_TO = 880, 140
NOTES_TAB_X = 218


# --------------------------------------------------------------------------------------------------------------
# Project: how the recording should look


def output_time(t: float) -> float:
    """Output time of a choreography time, by the timeline below."""
    return t - (CAMERA_START - DISPLAY_START) - 0.8


TIMELINE = (
    {"recordingSegment": 0, "timescale": 1.0, "start": 0.0, "end": 11.5},
    {"recordingSegment": 0, "timescale": 1.0, "start": 12.3, "end": 22.3},
    {"recordingSegment": 0, "timescale": 2.0, "start": 22.3, "end": 23.9, "speedAudioMode": "maintainPitch"},
    {"recordingSegment": 0, "timescale": 1.0, "start": 23.9, "end": 29.7},
)
ZOOM_TYPING = {
    "start": 2.35,
    "end": 8.0,
    "amount": 1.8,
    "mode": {"manual": {"x": 0.2, "y": 0.53}},
}
ZOOM_MARKING = {
    "start": 19.0,
    "end": 22.0,
    "amount": 1.6,
    "mode": {"manual": {"x": 0.24, "y": 0.5}},
}


def project_config() -> dict[str, Any]:
    return {
        "aspectRatio": None,
        "background": {
            "source": {"type": "gradient", "from": [38, 70, 140], "to": [112, 66, 148], "angle": 135},
            "blur": 0,
            "padding": 22,
            "rounding": 4,
            "roundingType": "squircle",
            "inset": 0,
            "crop": None,
            "shadow": 73.6,
            "advancedShadow": {"size": 14.4, "opacity": 68.1, "blur": 3.8},
        },
        "camera": {
            "hide": False,
            "mirror": False,
            "position": {"x": "right", "y": "bottom"},
            "size": 30,
            "scaleDuringZoom": 0.7,
            "shape": "square",
            "rounding": 100,
            "roundingType": "squircle",
            "shadow": 62.5,
            "advancedShadow": {"size": 33.9, "opacity": 44.2, "blur": 10.5},
        },
        "audio": {"mute": False, "improve": False, "micVolumeDb": 0, "micStereoMode": "stereo", "systemVolumeDb": 0},
        # The pointer images are ours: there is no vector pointer of that name to be used in their place.
        "cursor": {
            "hide": False,
            "hideWhenIdle": False,
            "size": 100,
            "type": "auto",
            "animationStyle": "mellow",
            "tension": 470,
            "mass": 3,
            "friction": 70,
            "raw": False,
            "motionBlur": 0.5,
            "useSvg": False,
            "rotationAmount": 0.15,
            "baseRotation": 0,
        },
        "hotkeys": {"show": False},
        "timeline": {"segments": list(TIMELINE), "zoomSegments": [ZOOM_TYPING, ZOOM_MARKING]},
        "captions": None,
        "clips": [],
        "screenMotionBlur": 0.5,
        "screenMovementSpring": {"stiffness": 200, "damping": 40, "mass": 2.25},
    }


# --------------------------------------------------------------------------------------------------------------
# The virtual screen and the hand

PROGRAMS = {
    "Xvfb": "xvfb",
    "xdotool": "xdotool",
    "ffmpeg": "ffmpeg",
    "espeak-ng": "espeak-ng",
    "geany": "geany",
}


def missing_packages() -> list[str]:
    missing = [package for program, package in PROGRAMS.items() if shutil.which(program) is None]
    libraries = {"X11": "libx11-6", "Xfixes": "libxfixes3"}
    missing += [package for name, package in libraries.items() if ctypes.util.find_library(name) is None]
    fonts = Path("/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf")
    if not fonts.exists():
        missing.append("fonts-dejavu-core")
    return missing


class CursorImage(ctypes.Structure):
    """XFixesCursorImage of Xfixes.h."""

    _fields_ = [
        ("x", ctypes.c_short),
        ("y", ctypes.c_short),
        ("width", ctypes.c_ushort),
        ("height", ctypes.c_ushort),
        ("xhot", ctypes.c_ushort),
        ("yhot", ctypes.c_ushort),
        ("serial", ctypes.c_ulong),
        ("pixels", ctypes.c_void_p),
        ("atom", ctypes.c_ulong),
        ("name", ctypes.c_char_p),
    ]


ARROW, IBEAM = "0", "1"


@dataclass(frozen=True)
class PointerSample:
    time: float
    x: int
    y: int
    cursor_id: str


class PointerWatch(threading.Thread):
    """Asks the X server for the pointer every 16 ms, as a screen recorder does, and keeps what moved."""

    def __init__(self, display: str) -> None:
        super().__init__(daemon=True)
        self.samples: list[PointerSample] = []
        self.names: set[str] = set()
        self.stopping = threading.Event()
        self._x11 = ctypes.CDLL(ctypes.util.find_library("X11") or "libX11.so.6")
        self._xfixes = ctypes.CDLL(ctypes.util.find_library("Xfixes") or "libXfixes.so.3")
        self._x11.XOpenDisplay.restype = ctypes.c_void_p
        self._x11.XFree.argtypes = [ctypes.c_void_p]
        self._x11.XCloseDisplay.argtypes = [ctypes.c_void_p]
        self._xfixes.XFixesQueryExtension.argtypes = [
            ctypes.c_void_p,
            ctypes.POINTER(ctypes.c_int),
            ctypes.POINTER(ctypes.c_int),
        ]
        self._xfixes.XFixesGetCursorImage.argtypes = [ctypes.c_void_p]
        self._xfixes.XFixesGetCursorImage.restype = ctypes.POINTER(CursorImage)
        self._display = self._x11.XOpenDisplay(display.encode())
        if not self._display:
            raise RuntimeError(f"cannot open display {display}")
        event, error = ctypes.c_int(), ctypes.c_int()
        self._xfixes.XFixesQueryExtension(self._display, ctypes.byref(event), ctypes.byref(error))

    def sample(self) -> PointerSample:
        image = self._xfixes.XFixesGetCursorImage(self._display)
        now = time.time()
        found = image.contents
        name = (found.name or b"").decode()
        self.names.add(f"{name} {found.width}x{found.height} hot {found.xhot},{found.yhot}")
        # Without a name it is the X server's own cross; a desktop would show an arrow where no window asks for one.
        is_beam = name in {"text", "xterm", "ibeam"}
        taken = PointerSample(now, found.x, found.y, IBEAM if is_beam else ARROW)
        self._x11.XFree(image)
        return taken

    def run(self) -> None:
        due = time.time()
        while not self.stopping.is_set():
            taken = self.sample()
            last = self.samples[-1] if self.samples else None
            if last is None or (last.x, last.y, last.cursor_id) != (taken.x, taken.y, taken.cursor_id):
                self.samples.append(taken)
            due = max(due + 0.016, time.time() - 0.016)
            self.stopping.wait(max(0.0, due - time.time()))
        self._x11.XCloseDisplay(self._display)


@dataclass
class Take:
    """What one recording run gave. All times are wall clock seconds."""

    base: float  # the moment of the first screen frame
    capture: Path
    pointer: list[PointerSample]
    clicks: list[tuple[float, bool]]
    keys: list[tuple[float, tuple[str, str, bool]]]
    worst_lateness: float


@contextlib.contextmanager
def ahead_of_others() -> Iterator[None]:
    """Late frames spoil a recording: while it runs, it and all it starts go before other work, if we may ask for it.

    Round-robin scheduling and not niceness: where the kernel groups processes by session, niceness counts only
    inside the group.
    """
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except PermissionError:
        print("not allowed to go before other work; a busy machine will show in the recording")
    try:
        yield
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def start_screen() -> tuple[subprocess.Popen[bytes], str]:
    read_end, write_end = os.pipe()
    server = subprocess.Popen(
        f"Xvfb -displayfd {write_end} -screen 0 {WIDTH}x{HEIGHT}x24 -dpi 96 -nolisten tcp -noreset".split(),
        pass_fds=(write_end,),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(write_end)
    with os.fdopen(read_end) as pipe:
        number = pipe.readline().strip()
    if not number:
        raise RuntimeError("Xvfb did not start")
    return server, f":{number}"


def play(score: Score, hand: subprocess.Popen[str], base: float, take: Take) -> None:
    """Hand every action to xdotool when it is due, and note when that really was."""
    assert hand.stdin is not None
    for action in score.actions:
        delay = base + action.at - time.time()
        if delay > 0:
            time.sleep(delay)
        now = time.time()
        hand.stdin.write(action.command + "\n")
        hand.stdin.flush()
        take.worst_lateness = max(take.worst_lateness, now - base - action.at)
        if action.click is not None:
            take.clicks.append((now, action.click))
        if action.key is not None:
            take.keys.append((now, action.key))


def record(work: Path, score: Score) -> Take:
    """Start the program, play the score, grab the screen."""
    home, documents = work / "home", work / "harbour"
    (home / "geany").mkdir(parents=True)
    documents.mkdir()
    (home / "geany" / "geany.conf").write_text(GEANY_CONF)
    (documents / "harbour.py").write_text(harbour_file())
    (documents / "notes.md").write_text(NOTES_FILE)
    capture = work / "screen.nut"
    started: list[subprocess.Popen[Any]] = []
    try:
        server, display = start_screen()
        started.append(server)
        environment = {
            "PATH": os.environ["PATH"],
            "DISPLAY": display,
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home),
            "XDG_CACHE_HOME": str(home / "cache"),
            "XDG_DATA_HOME": str(home / "data"),
            "LANG": "C.UTF-8",
            "GTK_THEME": "Adwaita",
            "NO_AT_BRIDGE": "1",  # no accessibility bus here
        }

        def tell(*words: str) -> str:
            done = subprocess.run(["xdotool", *words], env=environment, capture_output=True, text=True, check=True)
            return done.stdout

        tell("mousemove", *map(str, score.start_point))
        editor = subprocess.Popen(
            ["geany", "-i", "-c", str(home / "geany"), str(documents / "notes.md"), str(documents / "harbour.py")],
            env=environment,
            cwd=documents,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        started.append(editor)
        found = tell("search", "--sync", "--onlyvisible", "--class", "geany").split()
        time.sleep(2.0)
        # No window manager runs: the window is placed and given the keyboard by hand.
        tell("windowmove", found[0], "0", "0", "windowsize", found[0], str(WIDTH), str(HEIGHT))
        time.sleep(0.7)
        tell("windowfocus", found[0])
        tell("mousemove", str(HARBOUR_TAB_X), "102", "click", "1")
        time.sleep(0.3)
        tell("mousemove", *map(str, score.start_point))
        time.sleep(1.0)

        hand = subprocess.Popen(["xdotool", "-"], env=environment, stdin=subprocess.PIPE, text=True)
        started.append(hand)
        # Frames that equal the one before are dropped here, by exact comparison; what stays is kept without loss.
        grabber = subprocess.Popen(
            [
                *("ffmpeg", "-nostdin", "-loglevel", "error", "-y", "-f", "x11grab", "-draw_mouse", "0"),
                *("-framerate", str(SCREEN_FPS), "-video_size", f"{WIDTH}x{HEIGHT}", "-i", display),
                *("-vf", "format=gbrp,mpdecimate=max=0:hi=0:lo=0:frac=0", "-copyts", "-fps_mode", "passthrough"),
                *("-enc_time_base", "-1", "-c:v", "rawvideo", "-f", "nut", str(capture)),
            ],
            env=environment,
        )
        started.append(grabber)
        watch = PointerWatch(display)
        time.sleep(1.5)
        watch.start()
        base = time.time() + 0.5
        take = Take(base, capture, watch.samples, [], [], 0.0)
        play(score, hand, base, take)
        time.sleep(max(0.0, base + LENGTH + 0.3 - time.time()))
        grabber.send_signal(signal.SIGINT)
        if grabber.wait(timeout=60) not in (0, 255):
            raise RuntimeError("the screen grabber failed")
        watch.stopping.set()
        watch.join()
        tell("mousemove", str(HARBOUR_TAB_X), "102", "click", "1")
        time.sleep(0.3)
        tell("key", "ctrl+s")
        time.sleep(0.7)
        print("pointer images seen:", "; ".join(sorted(watch.names)))
    finally:
        for process in reversed(started):
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(timeout=10)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
    written = (documents / "harbour.py").read_text()
    if "\n".join("    " + line for line in TYPED_LINES) not in written:
        raise RuntimeError("the typed text did not reach the program; is its layout another one here?")
    return take


HARBOUR_TAB_X = 350


# --------------------------------------------------------------------------------------------------------------
# Encoding


def open_mp4(path: Path) -> av.container.OutputContainer:
    # bitexact: no creation time and no name of the muxer in the file.
    return av.open(str(path), "w", format="mp4", options={"movflags": "+faststart", "fflags": "+bitexact"})


def encode_h264(
    path: Path, size: tuple[int, int], frames: Iterator[tuple[int, av.VideoFrame]], options: dict[str, str], rate: int
) -> int:
    """Encode yuv420p frames with their pts in 1/90000 s; tagged BT.709 limited; no encoder settings in the stream."""
    count = 0
    with open_mp4(path) as container:
        stream = container.add_stream("libx264", rate=rate, options=options)
        assert isinstance(stream, av.VideoStream)
        codec = stream.codec_context
        codec.width, codec.height = size
        codec.pix_fmt = "yuv420p"
        codec.time_base = MP4_TIME_BASE
        stream.time_base = MP4_TIME_BASE
        codec.thread_type = "FRAME"
        codec.color_primaries = codec.color_trc = codec.colorspace = 1
        codec.color_range = 1
        codec.flags |= av.codec.context.Flags.bitexact
        container.start_encoding()
        # x264 writes its version and all its options into an SEI of the first picture; it is nobody's business.
        strip = av.BitStreamFilterContext("filter_units=remove_types=6", in_stream=stream)

        def write(packets: list[Any]) -> None:
            for packet in packets:
                for kept in strip.filter(packet):
                    kept.stream = stream
                    container.mux(kept)

        for pts, frame in frames:
            frame.pts = pts
            frame.time_base = MP4_TIME_BASE
            # Decoded frames say "I" (the capture is all intra), which would make each of them a key frame here.
            frame.pict_type = av.video.frame.PictureType.NONE
            write(codec.encode(frame))
            count += 1
        write(codec.encode(None))
        for kept in strip.filter(None):
            kept.stream = stream
            container.mux(kept)
    return count


def to_yuv(width: int, height: int, pixel_format: str) -> Callable[[av.VideoFrame], av.VideoFrame]:
    """RGB to BT.709 limited with left-sited chroma, in one swscale pass with exact rounding."""
    graph = Graph()
    source = graph.add_buffer(width=width, height=height, format=av.VideoFormat(pixel_format), time_base=MP4_TIME_BASE)
    scale = graph.add(
        "scale",
        "out_color_matrix=bt709:out_range=tv:out_chroma_loc=left:flags=bicubic+accurate_rnd+full_chroma_inp",
    )
    pixels = graph.add("format", "pix_fmts=yuv420p")
    sink = graph.add("buffersink")
    source.link_to(scale)
    scale.link_to(pixels)
    pixels.link_to(sink)
    graph.configure()

    def convert(frame: av.VideoFrame) -> av.VideoFrame:
        graph.push(frame)
        made = graph.pull()
        assert isinstance(made, av.VideoFrame)
        return made

    return convert


def screen_frames(take: Take) -> Iterator[tuple[int, av.VideoFrame]]:
    """The captured frames with their true times, from the picture that stands at the first moment."""
    convert = to_yuv(WIDTH, HEIGHT, "gbrp")
    with av.open(str(take.capture)) as container:
        stream = container.streams.video[0]
        waiting: av.VideoFrame | None = None
        last_pixels: NDArray[Any] | None = None
        shown: av.VideoFrame | None = None

        def made(frame: av.VideoFrame, pts: int) -> tuple[int, av.VideoFrame]:
            frame.pts = pts
            frame.time_base = MP4_TIME_BASE
            return pts, convert(frame)

        for frame in container.decode(stream):
            assert frame.pts is not None
            assert frame.time_base is not None
            seconds = float(frame.pts * frame.time_base) - take.base
            if seconds <= 0:
                waiting = frame  # the newest picture before the start is the one the start shows
                continue
            if waiting is not None:
                last_pixels = waiting.to_ndarray()
                shown = waiting
                yield made(waiting, 0)
                waiting = None
            if seconds >= LENGTH - 1 / SCREEN_FPS:
                break
            pixels = frame.to_ndarray()
            if last_pixels is not None and np.array_equal(pixels, last_pixels):
                continue
            last_pixels, shown = pixels, frame
            yield made(frame, round(seconds / MP4_TIME_BASE))
        if shown is None:
            raise RuntimeError("the screen grabber gave no frame before the start")
        # One repeat at the end: a track lasts until its last frame, and the screen rests there.
        yield made(shown, round((LENGTH - 1 / SCREEN_FPS) / MP4_TIME_BASE))


# --------------------------------------------------------------------------------------------------------------
# Speech


def speech_track() -> NDArray[np.float32]:
    """All sentences at their times on the choreography's clock, mono, 48 kHz."""
    track = np.zeros(round((LENGTH + 0.5) * RATE), np.float32)
    free_from = 0
    for sentence in SPEECH:
        made = subprocess.run(
            ["espeak-ng", "-v", "en-gb", "-s", "172", "-p", "46", "--stdout", sentence.text],
            capture_output=True,
            check=True,
        )
        with wave.open(io.BytesIO(made.stdout)) as source:
            rate = source.getframerate()
            samples = np.frombuffer(made.stdout[44:], np.int16)
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = rate
        resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
        parts = [part.to_ndarray()[0] for part in [*resampler.resample(frame), *resampler.resample(None)]]
        voice = np.concatenate(parts)
        first = round(sentence.at * RATE)
        if first < free_from:
            raise RuntimeError(f"{sentence.text!r} begins before the sentence before it ends")
        free_from = first + len(voice)
        if free_from > len(track):
            raise RuntimeError(f"{sentence.text!r} does not end in time")
        track[first:free_from] += voice
        print(f"  {sentence.at:5.2f}-{free_from / RATE:5.2f} s  {sentence.text}")
    track *= 0.7 / float(np.abs(track).max())
    # A room is never silent.
    track += np.random.default_rng(SEED).normal(0, 0.0008, len(track)).astype(np.float32)
    return track


def write_opus(path: Path, samples: NDArray[np.float32]) -> None:
    with av.open(str(path), "w", format="ogg", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libopus", rate=RATE, options={"b": "32k", "application": "voip"})
        assert isinstance(stream, av.AudioStream)
        stream.codec_context.layout = "mono"
        stream.codec_context.format = "flt"
        stream.codec_context.flags |= av.codec.context.Flags.bitexact
        for begin in range(0, len(samples), 960):
            piece = np.ascontiguousarray(samples[begin : begin + 960])
            frame = av.AudioFrame.from_ndarray(piece.reshape(1, -1), format="flt", layout="mono")
            frame.sample_rate = RATE
            frame.pts = begin
            frame.time_base = Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


# --------------------------------------------------------------------------------------------------------------
# Camera

CAMERA_SIZE = (480, 360)


def camera_room(scale: int) -> Image.Image:
    """What stands behind the figure, out of focus."""
    width, height = CAMERA_SIZE[0] * scale, CAMERA_SIZE[1] * scale
    down = np.linspace(0, 1, height)[:, None, None]
    across = np.linspace(0, 1, width)[None, :, None]
    wall = np.array([196, 186, 170]) * (1 - 0.25 * down) * (0.8 + 0.25 * across)
    room = Image.fromarray(np.clip(wall, 0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(room)

    def box(x0: float, y0: float, x1: float, y1: float, colour: tuple[int, int, int]) -> None:
        draw.rectangle((x0 * scale, y0 * scale, x1 * scale, y1 * scale), fill=colour)

    box(352, 22, 462, 152, (226, 236, 242))  # a window
    box(405, 22, 409, 152, (150, 140, 128))
    box(352, 84, 462, 88, (150, 140, 128))
    box(18, 96, 140, 104, (112, 84, 62))  # a shelf with books
    rng = random.Random(SEED)
    x = 22.0
    while x < 126:
        wide = rng.uniform(7, 13)
        tone = rng.choice([(146, 62, 54), (58, 92, 118), (84, 112, 76), (190, 156, 84), (90, 76, 110)])
        box(x, 96 - rng.uniform(34, 52), x + wide, 96, tone)
        x += wide + 1.5
    return room.filter(ImageFilter.GaussianBlur(3 * scale))


def blink_times() -> list[float]:
    rng = random.Random(SEED + 1)
    times, at = [], 1.1
    while at < LENGTH:
        times.append(at)
        at += rng.uniform(2.1, 4.4)
    return times


def draw_face(room: Image.Image, scale: int, t: float, mouth: float, lid: float) -> Image.Image:
    """One picture: the head sways slowly, the mouth follows the voice, the lids close to ``lid``."""
    picture = room.copy()
    draw = ImageDraw.Draw(picture)
    sway_x = 7 * math.sin(0.9 * t) + 3 * math.sin(2.3 * t + 1)
    sway_y = 3 * math.sin(1.4 * t + 0.5) + 2.2 * mouth
    tilt = 0.035 * math.sin(0.7 * t + 2)
    cx, cy = 240 + sway_x, 172 + sway_y

    def at(x: float, y: float) -> tuple[float, float]:
        return (cx + x - y * tilt) * scale, (cy + y + x * tilt) * scale

    def ellipse(x: float, y: float, rx: float, ry: float, colour: tuple[int, int, int]) -> None:
        px, py = at(x, y)
        draw.ellipse((px - rx * scale, py - ry * scale, px + rx * scale, py + ry * scale), fill=colour)

    shoulder = 240 + 0.35 * sway_x
    draw.ellipse(((shoulder - 150) * scale, 268 * scale, (shoulder + 150) * scale, 520 * scale), fill=(52, 84, 110))
    draw.polygon(
        [at(-30, 55), at(30, 55), ((shoulder + 38) * scale, 292 * scale), ((shoulder - 38) * scale, 292 * scale)],
        fill=(198, 146, 116),
    )
    draw.ellipse(((shoulder - 40) * scale, 268 * scale, (shoulder + 40) * scale, 312 * scale), fill=(198, 146, 116))
    ellipse(0, -22, 86, 98, (66, 46, 36))  # hair
    ellipse(-76, 6, 12, 20, (206, 152, 122))
    ellipse(76, 6, 12, 20, (206, 152, 122))
    ellipse(0, 8, 72, 92, (222, 170, 138))
    ellipse(0, -66, 62, 34, (66, 46, 36))  # fringe
    look = 3.2 * math.sin(0.53 * t + 0.4)
    for side in (-1, 1):
        opened = max(0.6, 9.5 * (1 - lid))
        ellipse(side * 28, -8, 14, opened, (246, 244, 240))
        if opened > 3:
            ellipse(side * 28 + look, -8, 6.2, min(6.2, opened), (70, 92, 84))
            ellipse(side * 28 + look, -8, 2.9, min(2.9, opened), (18, 18, 20))
        brow = [at(side * (28 + dx), -33 + 0.012 * dx * dx + 0.1 * dx - 3 * mouth) for dx in range(-15, 19, 3)]
        draw.line(brow, fill=(60, 42, 34), width=5 * scale, joint="curve")
        ellipse(side * 44, 26, 14, 9, (226, 158, 132))
    draw.line([at(2, -4), at(9, 22), at(-4, 25)], fill=(186, 130, 102), width=3 * scale, joint="curve")
    if mouth > 0.12:
        ellipse(0, 52, 25 - 5 * mouth, 4 + 14 * mouth, (150, 62, 62))
        ellipse(0, 53, 19 - 5 * mouth, 12.5 * mouth, (72, 22, 26))
    else:
        smile = [at(dx, 54 - 0.012 * dx * dx) for dx in range(-25, 26, 5)]
        draw.line(smile, fill=(150, 62, 62), width=6 * scale, joint="curve")
    return picture


def camera_frames(voice: NDArray[np.float32]) -> Iterator[tuple[int, av.VideoFrame]]:
    """Every picture is new: the figure moves, and the sensor is noisy."""
    scale = 2
    width, height = CAMERA_SIZE
    room = camera_room(scale)
    blinks = blink_times()
    rng = np.random.default_rng(SEED)
    window = np.hanning(round(0.08 * RATE)).astype(np.float32)
    window /= window.sum()
    loud = np.sqrt(np.convolve(voice * voice, window, mode="same"))
    loud = np.clip((loud - 0.02) / 0.2, 0, 1) ** 0.7
    shift = CAMERA_START - DISPLAY_START
    convert = to_yuv(width, height, "rgb24")
    for index in range(int((LENGTH - shift) * CAMERA_FPS)):
        t = index / CAMERA_FPS + shift  # on the choreography's clock
        mouth = float(loud[min(len(loud) - 1, round(t * RATE))])
        lid = max((1 - abs(t - b) / 0.11 for b in blinks), default=0.0)
        lid = min(1.0, max(0.0, lid) * 1.4)
        clean = draw_face(room, scale, t, mouth, lid).resize(CAMERA_SIZE, Image.Resampling.BOX)
        noise = rng.normal(0, 2.6, (height, width, 1)) + rng.normal(0, 1.0, (height, width, 3))
        pixels = np.clip(np.asarray(clean) + noise + 0.5, 0, 255).astype(np.uint8)
        frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
        pts = round(Fraction(index, CAMERA_FPS) / MP4_TIME_BASE)
        frame.pts, frame.time_base = pts, MP4_TIME_BASE
        yield pts, convert(frame)


# --------------------------------------------------------------------------------------------------------------
# Pointer images

POINTER_SIZE = 48


def draw_pointer(points: list[tuple[float, float]], outline: float) -> Image.Image:
    """A black shape with a white rim and a faint shadow, drawn eight times as large and reduced."""
    big = 8
    size = POINTER_SIZE * big
    path = [(x * big, y * big) for x, y in points]
    shape = Image.new("L", (size, size), 0)
    ImageDraw.Draw(shape).polygon(path, fill=255)
    rim = Image.new("L", (size, size), 0)
    pen = ImageDraw.Draw(rim)
    pen.polygon(path, fill=255)
    pen.line([*path, path[0], path[1]], fill=255, width=round(2 * outline * big), joint="curve")
    shadow = Image.new("L", (size, size), 0)
    shadow.paste(rim, (0, big))
    shadow = shadow.filter(ImageFilter.GaussianBlur(1.2 * big)).point(lambda value: value * 0.35)
    image = Image.composite(
        Image.new("RGBA", (size, size), (255, 255, 255, 255)),
        Image.merge("RGBA", [Image.new("L", (size, size), 0)] * 3 + [shadow]),
        rim,
    )
    image.paste((20, 20, 24, 255), mask=shape)
    return image.resize((POINTER_SIZE, POINTER_SIZE), Image.Resampling.BOX)


def write_pointers(folder: Path) -> dict[str, dict[str, Any]]:
    """Draw both pointers; returns the ``cursors`` object of the metadata."""
    folder.mkdir(parents=True)
    tip = (13.0, 7.0)
    arrow = [tip, (13, 35), (19.5, 29.2), (24.2, 39.6), (28.6, 37.7), (24, 27.6), (33, 27.2)]
    m = POINTER_SIZE / 2
    beam = [
        (m - 6, 9), (m - 2.2, 9), (m, 10.6), (m + 2.2, 9), (m + 6, 9), (m + 6, 11.4), (m + 2.6, 11.4), (m + 1.1, 13),
        (m + 1.1, 35), (m + 2.6, 36.6), (m + 6, 36.6), (m + 6, 39), (m + 2.2, 39), (m, 37.4), (m - 2.2, 39),
        (m - 6, 39), (m - 6, 36.6), (m - 2.6, 36.6), (m - 1.1, 35), (m - 1.1, 13), (m - 2.6, 11.4), (m - 6, 11.4),
    ]  # fmt: skip
    made = {
        ARROW: ("Arrow", draw_pointer(arrow, 1.7), tip),
        IBEAM: ("IBeam", draw_pointer([(float(x), float(y)) for x, y in beam], 1.2), (m, m)),
    }
    cursors: dict[str, dict[str, Any]] = {}
    for cursor_id, (shape, image, hot) in made.items():
        image.save(folder / f"cursor_{cursor_id}.png", optimize=True)
        cursors[cursor_id] = {
            "imagePath": f"content/cursors/cursor_{cursor_id}.png",
            "hotspot": {"x": round(hot[0] / POINTER_SIZE, 4), "y": round(hot[1] / POINTER_SIZE, 4)},
            "shape": f"MacOS|{shape}",
        }
    return cursors


# --------------------------------------------------------------------------------------------------------------


def write_json(path: Path, value: object, compact: bool = False) -> None:
    if compact:
        path.write_text(json.dumps(value, separators=(",", ":")) + "\n")
    else:
        path.write_text(json.dumps(value, indent=2) + "\n")


def write_project(target: Path, cursors: dict[str, dict[str, Any]], take: Take) -> None:
    segment = "content/segments/segment-0"
    epoch = take.base - DISPLAY_START

    def epoch_ms(moment: float) -> float:
        return round((moment - epoch) * 1000, 3)

    def shape_at(moment: float) -> str:
        return next((s.cursor_id for s in reversed(take.pointer) if s.time <= moment), ARROW)

    first = take.pointer[0]
    # The position before the first movement belongs to the start, however early it was seen.
    samples = [PointerSample(max(s.time, epoch), s.x, s.y, s.cursor_id) for s in take.pointer]
    if len(samples) > 1 and samples[0].time > take.base:
        samples[0] = PointerSample(take.base, first.x, first.y, first.cursor_id)
    moves = [
        {
            "active_modifiers": [],
            "cursor_id": s.cursor_id,
            "time_ms": epoch_ms(s.time),
            "x": round(s.x / WIDTH, 6),
            "y": round(s.y / HEIGHT, 6),
        }
        for s in samples
        if s.time <= take.base + LENGTH
    ]
    clicks = [
        {
            "active_modifiers": [],
            "cursor_num": 0,
            "cursor_id": shape_at(moment),
            "time_ms": epoch_ms(moment),
            "down": down,
        }
        for moment, down in take.clicks
    ]
    write_json(target / segment / "cursor.json", {"clicks": clicks, "moves": moves}, compact=True)
    presses = [
        {"key": key, "keyCode": code, "timeMs": epoch_ms(moment), "down": down}
        for moment, (key, code, down) in take.keys
    ]
    write_json(target / segment / "keyboard.json", {"presses": presses}, compact=True)
    write_json(
        target / "recording-meta.json",
        {
            "platform": "Linux",
            "pretty_name": "Harbour readings",
            "sharing": None,
            "segments": [
                {
                    "display": {"path": f"{segment}/display.mp4", "fps": SCREEN_FPS, "start_time": DISPLAY_START},
                    "camera": {"path": f"{segment}/camera.mp4", "fps": CAMERA_FPS, "start_time": CAMERA_START},
                    "mic": {"path": f"{segment}/audio-input.ogg", "start_time": MIC_START},
                    "cursor": f"{segment}/cursor.json",
                    "keyboard": f"{segment}/keyboard.json",
                }
            ],
            "cursors": cursors,
            "status": {"status": "Complete"},
        },
    )
    write_json(target / "project-config.json", project_config())


def good_take(work: Path, score: Score) -> Take:
    for attempt in range(TAKES):
        scratch = work / f"take-{attempt}"
        scratch.mkdir()
        take = record(scratch, score)
        if take.worst_lateness <= LATE_LIMIT:
            return take
        print(f"an action came {take.worst_lateness * 1000:.0f} ms late; the machine is busy, once more ...")
        take.capture.unlink()
    raise RuntimeError("no take was good enough; try again on a quieter machine")


def build(target: Path, work: Path) -> None:
    score = choreography()
    print("speech:")
    voice = speech_track()
    print(f"recording {LENGTH} s of Geany on a virtual {WIDTH}x{HEIGHT} screen ...")
    with ahead_of_others():
        take = good_take(work, score)
    print(f"{len(score.actions)} actions, the latest {take.worst_lateness * 1000:.1f} ms late")

    made = work / "demo.cap"
    segment = made / "content" / "segments" / "segment-0"
    segment.mkdir(parents=True)
    cursors = write_pointers(made / "content" / "cursors")
    display_options = {"preset": "slow", "crf": "17", "bf": "0", "g": "480", "profile": "high"}
    # Text that scrolls jumps farther than x264 looks by default: a quarter of the bytes.
    display_options["x264-params"] = "me=umh:merange=160:mvrange=512"
    count = encode_h264(segment / "display.mp4", (WIDTH, HEIGHT), screen_frames(take), display_options, SCREEN_FPS)
    print(f"screen: {count} frames")
    camera_options = {"preset": "slow", "crf": "22", "bf": "0", "g": "150", "profile": "high"}
    count = encode_h264(segment / "camera.mp4", CAMERA_SIZE, camera_frames(voice), camera_options, CAMERA_FPS)
    print(f"camera: {count} frames")
    begin = round((MIC_START - DISPLAY_START) * RATE)
    write_opus(segment / "audio-input.ogg", voice[begin : round(LENGTH * RATE)])
    write_project(made, cursors, take)

    if target.exists():
        shutil.rmtree(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(made, target)
    total = 0
    for path in sorted(p for p in target.rglob("*") if p.is_file()):
        total += path.stat().st_size
        print(f"{path.stat().st_size:9d}  {path.relative_to(target)}")
    print(f"{total:9d}  bytes in {target.name}; now run: python tools/sample_stats.py {target}")


def main() -> int:
    parser = argparse.ArgumentParser(description="Record the sample project (needs Debian's programs, see the top).")
    default = Path(__file__).resolve().parent.parent / "examples" / "demo.cap"
    parser.add_argument("target", nargs="?", type=Path, default=default, help="folder to write; replaced if it exists")
    parser.add_argument("--keep-work", type=Path, help="keep the capture and the program's files in this new folder")
    options = parser.parse_args()
    missing = missing_packages()
    if missing:
        print("missing; on Debian: apt-get install --no-install-recommends " + " ".join(missing), file=sys.stderr)
        return 2
    target: Path = options.target
    if target.exists() and not (target / "recording-meta.json").exists():
        print(f"{target} exists and is no recording; it stays as it is", file=sys.stderr)
        return 2
    if options.keep_work is not None:
        options.keep_work.mkdir(parents=True)
        build(target, options.keep_work)
    else:
        with tempfile.TemporaryDirectory(prefix="reelpress-sample-") as work:
            build(target, Path(work))
    return 0


if __name__ == "__main__":
    sys.exit(main())
