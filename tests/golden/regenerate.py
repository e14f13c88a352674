"""Draw the golden frames anew with the reference compositor: ``python tests/golden/regenerate.py [--look FOLDER]``.

Only for a deliberate change of what a frame means (say so in the commit): the point of these files is that they stay.
``--look FOLDER`` writes colour pictures for people there and leaves the golden files alone.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import golden_plans as golden
import numpy as np
from PIL import Image

from reelpress.compose.reference import ReferenceCompositor


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--look", type=Path, help="write colour pictures into this folder instead")
    look = parser.parse_args().look
    with tempfile.TemporaryDirectory() as folder:
        golden.write_art(Path(folder))
        for name, plan in golden.plans(Path(folder)).items():
            compositor = ReferenceCompositor()
            if look is not None:
                rgb = compositor.render_rgb(plan, golden.sources()).clip(0, 1)
                Image.fromarray(np.rint(rgb * 255).astype(np.uint8)).resize((640, 360), 0).save(look / f"{name}.png")
                continue
            planes = compositor.compose(plan, golden.sources(), None).planes
            Image.fromarray(golden.stored(planes)).save(golden.FOLDER / f"{name}.png", optimize=True)
            print(f"{name}.png")


if __name__ == "__main__":
    main()
