"""Reference, planar and GPU side by side, with their differences: ``docs/images/compositors.png``.

    python tools/compositor_pictures.py [--time S] [--gain N] [--out FILE]

One moment of ``examples/tour.cap``. Below the three pictures: each one's difference from another in luma, made
``--gain`` times as large, with its mean, its largest and how many samples are more than 4 of 255 off.
"""

from __future__ import annotations

import argparse
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from reelpress import clock
from reelpress.compose.gpu.compositor import GpuCompositor
from reelpress.compose.gpu.device import shared
from reelpress.compose.planar import PlanarCompositor
from reelpress.compose.reference import ReferenceCompositor
from reelpress.export.prepare import prepare
from reelpress.export.settings import ExportSettings
from reelpress.export.sources import SourcePool
from reelpress.media.rgb import to_rgb
from reelpress.media.scale import Scaler

if TYPE_CHECKING:
    from reelpress.media.planes import Planes

ROOT = Path(__file__).resolve().parent.parent
TOUR = ROOT / "examples" / "tour.cap"
OUT = ROOT / "docs" / "images" / "compositors.png"
TYPEFACE = ROOT / "src" / "reelpress" / "text" / "typefaces" / "inter-roman-wght.ttf"
SIZE, GAP, LABEL = (480, 270), 8, 26
MOMENT, GAIN = Fraction("6.9"), 96


def drawn(time: Fraction) -> dict[str, Planes]:
    """The moment by each compositor, as yuv420p."""
    settings = ExportSettings(resolution=f"{SIZE[0]}x{SIZE[1]}", renderer="cpu", decoder="software", no_audio=True)
    with prepare(TOUR, None, settings) as job:
        plan = job.director.plan(clock.frame_at(time, job.director.fps))
        pool = SourcePool(job.recording, threads=2, enforce_damage=False)
        pictures = {each.source: pool.planes(each.source, each.frame) for each in plan.pictures()}
        found = {}
        for compositor in (ReferenceCompositor(), PlanarCompositor(), GpuCompositor(gpu=shared(allow_software=True))):
            planes = compositor.compose(plan, pictures, None).planes
            found[compositor.name] = Scaler().scale(planes, planes.width, planes.height, "yuv420p")
            compositor.close()
        pool.close()
        return found


def difference(one: Planes, two: Planes, gain: int) -> tuple[Any, str]:
    """Luma's difference as grey, and its figures."""
    off = np.abs(one.planes[0].astype(np.int16) - two.planes[0])
    grey = np.minimum(off * gain, 255).astype(np.uint8)
    return np.stack([grey] * 3, -1), f"mean {off.mean():.3f}, most {off.max()}, over 4: {(off > 4).mean():.3%}"


def main() -> None:
    parser = argparse.ArgumentParser(description="The three compositors side by side.")
    parser.add_argument("--time", type=Fraction, default=MOMENT)
    parser.add_argument("--gain", type=int, default=GAIN)
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    found = drawn(options.time)
    adapter = shared(allow_software=True).info.name
    cells = [
        (to_rgb(found["reference"]), "reference (float64)"),
        (to_rgb(found["planar"]), "planar (CPU)"),
        (to_rgb(found["gpu"]), f"gpu ({adapter})"),
    ]
    for one, two in (("planar", "reference"), ("gpu", "reference"), ("gpu", "planar")):
        picture, told = difference(found[one], found[two], options.gain)
        cells.append((picture, f"|{one} - {two}| x{options.gain}: {told}"))
    width, height = SIZE
    sheet = Image.new("RGB", (3 * width + 4 * GAP, 2 * (height + LABEL) + 3 * GAP), (24, 24, 28))
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.truetype(str(TYPEFACE), 14)
    for n, (picture, text) in enumerate(cells):
        x, y = GAP + n % 3 * (width + GAP), GAP + n // 3 * (height + LABEL + GAP)
        sheet.paste(Image.fromarray(picture), (x, y))
        draw.text((x + 2, y + height + 4), text, font=font, fill=(230, 230, 235))
        print(text)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    sheet.quantize(192, dither=Image.Dither.NONE).save(options.out, optimize=True)
    print(options.out.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
