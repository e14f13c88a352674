"""The contact sheet of docs/formats.md: parts of GIFs beside the pictures they were made of, at 1x and 4x.

    python benchmarks/gif.py && python tools/gif_sheet.py

Needs the files that the benchmark leaves in its cache. Rows: a gradient with a shadow, text, a face, and a still area
(the difference of two frames a second apart, times 8: black where nothing crawls). Columns: composed, ours, ffmpeg.
"""

from __future__ import annotations

import sys
from pathlib import Path

import av
import numpy as np
from PIL import Image, ImageDraw

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "benchmarks"))

RATE = 15
SIDE, ZOOMED = 96, 24
"""Pixels of a part at 1x, and of what of it is shown at 4x."""

ROWS = (
    ("gradient, shadow", "tour", 30, (60, 560), (20, 40)),
    ("text, zoomed out", "demo", 150, (260, 180), (10, 30)),
    ("text, zoomed in", "demo", 80, (330, 380), (30, 20)),
    ("camera", "demo", 150, (1075, 500), (34, 30)),
)
"""Name, part, frame, left and top of the 1x crop, and of the 4x crop inside it."""
STILL = ("still area, change x8", "demo", 130, (100, 600))
COLUMNS = ("composed", "ours", "ffmpeg")


def picture(path: Path, index: int) -> np.ndarray:
    """The frame that is shown at ``index / RATE`` as RGB; BT.709 for the composed one."""
    last = None
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            if round(float(frame.pts * frame.time_base) * RATE) > index:
                break
            last = frame
    assert last is not None
    return (
        last.to_ndarray(format="rgb24", src_colorspace="ITU709", dst_color_range="JPEG")
        if path.suffix == ".mp4"
        else last.to_ndarray(format="rgb24")
    )


def main() -> None:
    from common import CACHE

    def paths(part: str) -> list[Path]:
        return [CACHE / f"gif-{part}.mp4", CACHE / f"gif-{part}-ours.gif", CACHE / f"gif-{part}-ffmpeg.gif"]

    pad, label = 6, 14
    width = 110 + len(COLUMNS) * 2 * (SIDE + pad)
    height = label + (len(ROWS) + 1) * (SIDE + pad)
    sheet = Image.new("RGB", (width, height), (250, 250, 250))
    draw = ImageDraw.Draw(sheet)
    for column, name in enumerate(COLUMNS):
        draw.text((110 + column * 2 * (SIDE + pad), 1), f"{name}, 1x and 4x", fill=(0, 0, 0))
    for row, (name, part, frame, (x, y), (zx, zy)) in enumerate(ROWS):
        top = label + row * (SIDE + pad)
        draw.text((2, top + SIDE // 2), name, fill=(0, 0, 0))
        for column, path in enumerate(paths(part)):
            left = 110 + column * 2 * (SIDE + pad)
            crop = Image.fromarray(picture(path, frame)[y : y + SIDE, x : x + SIDE])
            sheet.paste(crop, (left, top))
            zoom = crop.crop((zx, zy, zx + ZOOMED, zy + ZOOMED)).resize((SIDE, SIDE), Image.Resampling.NEAREST)
            sheet.paste(zoom, (left + SIDE + pad, top))
    name, part, frame, (x, y) = STILL
    top = label + len(ROWS) * (SIDE + pad)
    draw.text((2, top + SIDE // 2), name, fill=(0, 0, 0))
    for column, path in enumerate(paths(part)):
        left = 110 + column * 2 * (SIDE + pad)
        a, b = (picture(path, k)[y : y + SIDE, x : x + SIDE].astype(int) for k in (frame, frame + RATE))
        sheet.paste(Image.fromarray(a.astype(np.uint8)), (left, top))
        sheet.paste(Image.fromarray(np.clip(8 * abs(a - b), 0, 255).astype(np.uint8)), (left + SIDE + pad, top))
    target = ROOT / "docs" / "images" / "gif.png"
    sheet.save(target, optimize=True)
    print(f"wrote {target.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
