"""The finished pictures as numpy arrays, without a file: ``python examples/frames_to_numpy.py SOURCE``.

Prints the mean brightness of every tenth frame.
"""

from __future__ import annotations

import sys
from fractions import Fraction

import numpy as np

import reelpress


def main() -> None:
    settings = reelpress.ExportSettings(resolution="320x180", fps=Fraction(10))
    for index, planes in enumerate(reelpress.render(sys.argv[1], settings=settings)):
        if index % 10:
            continue
        # yuv420p: full-size luma and two chroma planes of half the width and height. They are views that may be
        # shown again in the next frame: copy what is kept, and do not write to them.
        luma, cb, cr = (np.array(plane) for plane in planes.planes)
        brightness = (float(luma.mean()) - 16) / 219
        print(f"frame {index}: luma {luma.shape}, chroma {cb.shape} and {cr.shape}, brightness {brightness:.3f}")


if __name__ == "__main__":
    main()
