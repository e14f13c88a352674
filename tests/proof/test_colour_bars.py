"""Colour: bars of every matrix, range and format come out as the colours that they are (issue 2: within 2 of 255).

What comes out is judged by another program that trusts only the tags: its own scaler makes RGB of it, with the matrix
and range that it reads from the file. What has to come out are the R'G'B' values of the bars themselves.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import colour_bars
import numpy as np
import numpy.typing as npt
import pytest
import second_program
from colour_bars import BARS, SIZE, Kind

import reelpress
from reelpress.export.settings import ExportSettings

TOLERANCE = 2.0
"""Codes of 255."""

KINDS = [
    *(
        Kind(name, matrix, full)
        for name in ("yuv420p", "nv12", "yuv444p", "yuv422p10le", "yuv420p10le")
        for matrix in (601, 709)
        for full in (False, True)
    ),
    Kind("yuvj420p", 601, True),
    Kind("rgb24"),
    Kind("gbrp"),
]
CARD_KINDS = [Kind("yuv420p", 601), Kind("nv12", 709), Kind("yuv422p10le", 601, True), Kind("gbrp")]
PADDING = 25
GROUND = (32, 96, 224)


def decoded(file: Path, size: tuple[int, int]) -> npt.NDArray[np.float64]:
    """The first picture as R'G'B' of 0..255, by another program, from the tags alone."""
    raw, _ = second_program.run(
        "-v", "error", "-i", file, "-frames:v", 1,
        "-vf", "scale=in_color_matrix=auto:in_range=auto:flags=bicubic+accurate_rnd+full_chroma_int+full_chroma_inp",
        "-f", "rawvideo", "-pix_fmt", "rgb24", "-",
    )  # fmt: skip
    return np.frombuffer(raw, np.uint8).reshape(size[1], size[0], 3).astype(float)


def tags(file: Path) -> tuple[str, str, str]:
    """Pixel format, range and matrix as the other program reads them from the file."""
    line = second_program.video_line(file)
    found = re.search(r"(\w+)\((tv|pc), ([\w/]+)", line)
    assert found, line
    return found[1], found[2], found[3]


def export(source: Path, target: Path, **settings: Any) -> Path:
    reelpress.export(source, target, settings=ExportSettings(**({"resolution": "source"} | settings)))
    return target


def card(folder: Path, ground: tuple[int, int, int] = GROUND, padding: float = PADDING) -> Path:
    """A look with a card with rounded corners and a shadow over one colour."""
    look = {
        "background": {
            "source": {"type": "color", "value": list(ground)},
            "padding": padding,
            "rounding": 10,
            "shadow": 60,
            "advancedShadow": {"size": 10, "opacity": 60, "blur": 5},
        }
    }
    path = folder / "look.json"
    path.write_text(json.dumps(look))
    return path


def worst(picture: npt.NDArray[np.float64], x: float, y: float, width: float, height: float) -> tuple[float, str]:
    """The greatest error of a channel in the middle of any bar, with the bars in the given rectangle."""
    off = np.zeros(BARS.shape)
    for row in range(2):
        for bar in range(8):
            cx, cy = round(x + (bar + 0.5) * width / 8), round(y + (row + 0.5) * height / 2)
            patch = picture[cy - 3 : cy + 3, cx - 3 : cx + 3]
            off[row, bar] = np.abs(patch - 255 * BARS[row, bar]).max(axis=(0, 1))
    row, bar, channel = np.unravel_index(off.argmax(), off.shape)
    return float(off.max()), f"{'RGB'[channel]} of {255 * BARS[row, bar]}"


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_bars_pass_through(kind: Kind, tmp_path: Path) -> None:
    source = colour_bars.write(tmp_path / "bars.mkv", kind)
    file = export(source, tmp_path / "out.mp4")
    assert tags(file) == ("yuv420p", "tv", "bt709")
    error, where = worst(decoded(file, SIZE), 0, 0, *SIZE)
    print(f"bars {kind}: off by at most {error:g} ({where})")
    assert error <= TOLERANCE, where


@pytest.mark.parametrize("kind", CARD_KINDS, ids=str)
def test_bars_on_a_card(kind: Kind, tmp_path: Path) -> None:
    """Scaled, in YUV, and the colour around them is right too. Geometry by cap-format 3.1."""
    source = colour_bars.write(tmp_path / "bars.mkv", kind)
    file = export(source, tmp_path / "out.mp4", project=card(tmp_path), resolution="768x384")
    assert tags(file) == ("yuv420p", "tv", "bt709")
    share = PADDING / 100 * 0.4
    base = [(int(side * (1 + 2 * share)) + 1) & ~1 for side in SIZE]
    s = min(768 / base[0], 384 / base[1])
    size = (int(base[0] * s) + 3) & ~3, (int(base[1] * s) + 1) & ~1
    x, y = (side * share * s for side in SIZE)
    picture = decoded(file, size)
    error, where = worst(picture, x, y, size[0] - 2 * x, size[1] - 2 * y)
    ground = np.abs(picture[:4] - GROUND).max()
    print(f"bars {kind} on a card: off by at most {error:g} ({where}); the colour around them {ground:g}")
    assert error <= TOLERANCE, where
    assert ground <= TOLERANCE


@pytest.mark.parametrize(
    "colour", [(255, 0, 0), (0, 0, 255), (0, 255, 0), (255, 255, 255), (0, 0, 0), (255, 0, 255)], ids=str
)
def test_a_drawn_colour(colour: tuple[int, int, int], tmp_path: Path) -> None:
    """What is synthetic takes another way than what is decoded."""
    source = colour_bars.write(tmp_path / "bars.mkv", Kind("yuv420p", 709))
    file = export(source, tmp_path / "out.mp4", project=card(tmp_path, colour, padding=100), resolution="256x128")
    width, height = map(int, re.search(r", (\d+)x(\d+)", second_program.video_line(file)).groups())
    error = np.abs(decoded(file, (width, height))[:4] - colour).max()
    print(f"drawn {colour}: off by at most {error:g}")
    assert error <= TOLERANCE


def test_tags_stand_in_the_container_and_in_the_bitstream(tmp_path: Path) -> None:
    """Each alone is enough for a player: QuickTime reads the box, Chromium the sequence parameter set."""
    source = colour_bars.write(tmp_path / "bars.mkv", Kind("yuv420p", 601, True))
    file = export(source, tmp_path / "out.mp4")
    limited_709 = b"colrnclx" + bytes([0, 1, 0, 1, 0, 1, 0])  # ISO/IEC 14496-12 12.1.5: three code points, range bit
    assert limited_709 in file.read_bytes()
    raw = tmp_path / "out.h264"
    second_program.run(
        "-v", "error", "-i", file, "-map", "0:v", "-c", "copy", "-bsf:v", "h264_mp4toannexb", "-f", "h264", raw
    )
    assert tags(raw) == ("yuv420p", "tv", "bt709")
