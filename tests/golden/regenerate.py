"""Draw the golden frames anew with the reference compositor: ``python tests/golden/regenerate.py [--look FOLDER]``.

Only for a deliberate change of what a frame means (say so in the commit): the point of these files is that they stay.
``--look FOLDER`` writes colour pictures and contact sheets of them for people there and leaves the golden files alone.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import golden_plans as golden
import numpy as np
from PIL import Image, ImageDraw

from reelpress.compose.reference import ReferenceCompositor


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--look", type=Path, help="write colour pictures into this folder instead")
    look = parser.parse_args().look
    if look is not None:
        look.mkdir(parents=True, exist_ok=True)
    pictures: dict[str, Image.Image] = {}
    with tempfile.TemporaryDirectory() as folder:
        golden.write_art(Path(folder))
        for name, plan in golden.plans(Path(folder)).items():
            compositor = ReferenceCompositor()
            if look is not None:
                rgb = compositor.render_rgb(plan, golden.sources()).clip(0, 1)
                pictures[name] = Image.fromarray(np.rint(rgb * 255).astype(np.uint8))
                pictures[name].resize((640, 360), 0).save(look / f"{name}.png")
                continue
            planes = compositor.compose(plan, golden.sources(), None).planes
            Image.fromarray(golden.stored(planes)).save(golden.FOLDER / f"{name}.png", optimize=True)
            print(f"{name}.png")
    names = sorted(pictures)
    for first in range(0, len(names), COLUMNS * ROWS):
        sheet = contact_sheet({name: pictures[name] for name in names[first : first + COLUMNS * ROWS]})
        sheet.save(look / f"sheet-{first // (COLUMNS * ROWS) + 1}.png")


COLUMNS, ROWS = 4, 5


def contact_sheet(pictures: dict[str, Image.Image]) -> Image.Image:
    """Pictures twice as large, with their names."""
    width, height = 2 * golden.SIZE[0] + 8, 2 * golden.SIZE[1] + 22
    sheet = Image.new("RGB", (COLUMNS * width, ROWS * height), (40, 40, 44))
    draw = ImageDraw.Draw(sheet)
    for i, (name, picture) in enumerate(pictures.items()):
        x, y = i % COLUMNS * width + 4, i // COLUMNS * height + 2
        sheet.paste(picture.resize((width - 8, height - 22), 0), (x, y))
        draw.text((x + 2, y + height - 20), name, fill=(230, 230, 230))
    return sheet


if __name__ == "__main__":
    main()
