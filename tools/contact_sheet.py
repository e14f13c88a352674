#!/usr/bin/env python3
"""Render 20 moments of ``examples/tour.cap`` into ``docs/images/tour.png`` and list them in ``docs/tour.md``.

    python tools/contact_sheet.py [--frames FOLDER] [--only S ...]

``--frames`` writes the moments in full size, too.
"""

from __future__ import annotations

import argparse
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageDraw, ImageFont

from reelpress import clock
from reelpress.compose.planar import PlanarCompositor
from reelpress.export.prepare import prepare
from reelpress.export.settings import ExportSettings
from reelpress.export.sources import SourcePool
from reelpress.media.rgb import to_rgb

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np

ROOT = Path(__file__).resolve().parent.parent
TOUR = ROOT / "examples" / "tour.cap"
SHEET = ROOT / "docs" / "images" / "tour.png"
PAGE = ROOT / "docs" / "tour.md"
TYPEFACE = ROOT / "src" / "reelpress" / "text" / "typefaces" / "inter-roman-wght.ttf"

COLUMNS, CELL, GAP, LABEL = 4, (440, 248), 10, 30
LIMIT = 900_000
"""Bytes of the sheet."""

MOMENTS = (
    ("0.25", "title enters", "full-screen title, `pop`; the recording stands until 2.5 s"),
    (
        "3.2",
        "text, frame",
        "text with `slideUp` and shadow, window frame, border, shadow, blurred picture behind",
    ),
    ("4.8", "zoom, card blur", "manual zoom on its way: motion blur of the card, drawn I-beam, camera shrinks"),
    ("6.9", "keys, caption", "zoomed in; typed keys, caption with its word in a pill; the idle pointer is gone"),
    ("9.45", "to split screen", "on the way to the split screen"),
    ("11.0", "split screen", "`splitScreen` with `splitLayout`, mirrored camera, its own grading"),
    ("13.3", "typewriter", "double speed; text with `typewriter`"),
    ("14.1", "cross-fade, masks", "`cross-fade`; both masks are there from its first frame"),
    ("16.6", "masks", "`sensitive`: blur (e-mail) and pixelation (key), whatever lies below"),
    ("18.9", "highlight", "`highlight` with keyframes of position, size and intensity"),
    ("20.9", "auto zoom", "auto zoom follows the pointer: drawn crosshair"),
    ("23.6", "camera in space", "`camera3dSegments` with a track; drawn resize pointer; caption at the top"),
    ("25.1", "through black", "`fade-through-black`; a captured pointer image without a known shape"),
    ("26.5", "instant zoom", "`instantAnimation`; text with `pop`, serif, italic"),
    ("30.2", "floating", "`floating` scene; half speed; keys with overrides; text that slid down"),
    ("31.7", "camera only", "`cameraOnly` scene with grain, split tone and fade"),
    ("32.6", "cross-fade", "`cross-fade` between two recording segments"),
    ("34.5", "split title", "`splitLeft` title: the card makes room"),
    ("38.6", "moving mask", "`hideCamera`, zoom 2.2, mask with keyframes"),
    ("41.0", "last title", "full-screen title, `fade`; sound stands, music plays on"),
)


def frames(times: Sequence[Fraction], resolution: str) -> Iterator[np.ndarray[Any, Any]]:
    """RGB pictures of the tour at output times."""
    with prepare(TOUR, None, ExportSettings(resolution=resolution)) as job:
        director = job.director
        sources = SourcePool(job.recording, threads=1, enforce_damage=False)
        compositor = PlanarCompositor()
        try:
            for time in times:
                plan = director.plan(clock.frame_at(time, director.fps))
                pictures = {p.source: sources.planes(p.source, p.frame) for p in plan.pictures()}
                yield to_rgb(compositor.compose(plan, pictures, None).planes)
        finally:
            compositor.close()
            sources.close()


def sheet(pictures: Sequence[Image.Image], labels: Sequence[str]) -> Image.Image:
    """All pictures in rows, each with its label below."""
    font = ImageFont.truetype(str(TYPEFACE), 17)
    rows = -(-len(pictures) // COLUMNS)
    step = (CELL[0] + GAP, CELL[1] + LABEL + GAP)
    whole = Image.new("RGB", (COLUMNS * step[0] + GAP, rows * step[1] + GAP), (24, 26, 32))
    draw = ImageDraw.Draw(whole)
    for k, (picture, label) in enumerate(zip(pictures, labels, strict=True)):
        x, y = GAP + k % COLUMNS * step[0], GAP + k // COLUMNS * step[1]
        whole.paste(picture.resize(CELL, Image.Resampling.LANCZOS), (x, y))
        draw.text((x + 2, y + CELL[1] + 4), label, font=font, fill=(228, 230, 236))
    return whole


def save(picture: Image.Image, path: Path) -> None:
    """As a PNG with as many colours as its limit in bytes allows.

    Raises:
        SystemExit: It is too big with few colours, too.
    """
    for colors in (256, 192, 128, 96):
        few = picture.quantize(colors, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        few.save(path, optimize=True)
        if path.stat().st_size < LIMIT:
            return
    raise SystemExit(f"{path} has {path.stat().st_size} bytes; at most {LIMIT} are wanted.")


def page() -> str:
    """``docs/tour.md``."""
    lines = [
        "# Tour",
        "",
        "`examples/tour.cap` is a project of 42 seconds that uses everything that is drawn; `make tour` exports it.",
        "The sheet and this list are made by `python tools/contact_sheet.py`, the project by",
        "`python tools/make_tour.py`.",
        "",
        "![20 moments of the tour](images/tour.png)",
        "",
        "| time (s) | what is seen |",
        "| --- | --- |",
        *(f"| {time} | {text} |" for time, _, text in MOMENTS),
        "",
        "Of what is one setting for a whole project, one value is in the tour: caption highlight (`pill`, not `color`)",
        "and animation (`bounce`), camera shape (`source`), pointer type (`auto`: drawn pointers, and one captured",
        "image without a known shape), window frame (`macOS`, so no notch), corner kind, background (a blurred",
        "picture; the gradient is in the demo). The golden frames hold the others.",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=Path, help="folder for the moments in full size")
    parser.add_argument("--only", nargs="*", help="times; no sheet is made")
    parser.add_argument("--resolution", default="1280x720")
    options = parser.parse_args()
    times = options.only or [time for time, _, _ in MOMENTS]
    pictures = []
    for time, rgb in zip(times, frames([Fraction(t) for t in times], options.resolution), strict=True):
        pictures.append(Image.fromarray(rgb, "RGB"))
        if options.frames:
            options.frames.mkdir(parents=True, exist_ok=True)
            pictures[-1].save(options.frames / f"tour-{float(time):05.2f}.png")
    if options.only:
        return
    SHEET.parent.mkdir(parents=True, exist_ok=True)
    save(sheet(pictures, [f"{float(time):.2f} s  {label}" for time, label, _ in MOMENTS]), SHEET)
    PAGE.write_text(page(), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
