"""Take the picture of a report as a browser shows it, 1280 pixels wide: ``screenshot.py PAGE.html PICTURE.png``.

``docs/images/bench.png`` is the top of the page that ``make bench`` writes::

    python tools/screenshot.py benchmarks/results/bench.html docs/images/bench.png --height 2400

``--part ID`` takes one section instead (targets, baseline, time, memory, quality, worst, peers, ...). Needs a Chromium
or Chrome on the PATH.
"""

from __future__ import annotations

import argparse
import base64
import io
import sys
import tempfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
COLOURS = 192


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--height", type=int, default=0, help="only so much from the top; 0: all")
    parser.add_argument("--part", help="id of a section")
    parser.add_argument("--dark", action="store_true")
    options = parser.parse_args()
    sys.path.insert(0, str(ROOT / "tests"))
    from headless_browser import Browser, find_browser  # type: ignore[import-not-found, unused-ignore]

    with tempfile.TemporaryDirectory() as profile, Browser(find_browser(), Path(profile)) as browser:
        browser.open(options.page, width=options.width, dark=options.dark)
        if options.height and not options.part:  # of a page that is longer than a browser draws at once
            clip = {"x": 0, "y": 0, "width": options.width, "height": options.height, "scale": 1}
            answer = browser.call("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
            shot = base64.b64decode(answer["data"])
        else:
            shot = browser.screenshot(f"#{options.part}" if options.part else None)
    image = Image.open(io.BytesIO(shot)).convert("RGB")
    if options.height:
        image = image.crop((0, 0, image.width, min(image.height, options.height)))
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(options.picture, optimize=True)
    print(f"{options.picture}: {image.width}x{image.height}, {options.picture.stat().st_size / 1e3:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
