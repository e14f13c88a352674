"""The golden frames: what they show, and how they are stored.

Sources and art are integer arithmetic only (no fonts, no random generators), so every machine makes the same ones. A
frame is stored as one grey PNG: luma on top, Cb and Cr side by side under it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from reelpress.color import BT709_LIMITED
from reelpress.media.planes import Planes
from reelpress.scene.plan import (
    BackgroundLayer,
    Border,
    CornerKind,
    FramePlan,
    GradientFill,
    ImageFill,
    PictureLayer,
    Rect,
    Shadow,
    Shape,
    SolidFill,
    SpriteLayer,
)

FOLDER = Path(__file__).parent
SIZE = (160, 90)
SCREEN, CAMERA = "display:0", "camera:0"


def _mixed(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A scrambled number in 0..255 for each cell, by plain 32-bit arithmetic."""
    h = (x.astype(np.uint64) * 374761393 + y.astype(np.uint64) * 668265263) & 0xFFFFFFFF
    h = ((h ^ (h >> np.uint64(13))) * np.uint64(1274126177)) & np.uint64(0xFFFFFFFF)
    return (h >> np.uint64(16)) & np.uint64(0xFF)


def screen() -> Planes:
    """192x108: lines of grey strokes like text on white, a blue sidebar, a red and a green button."""
    y, x = np.mgrid[0:108, 0:192]
    luma = np.full((108, 192), 235)
    strokes = (_mixed(x // 2, y // 2) > 130) & (y % 12 < 8) & (x % 7 < 5) & (_mixed(x // 35, y // 12) > 60)
    luma[strokes & (x > 46) & (x < 180)] = 70
    luma[x < 40] = 70
    cy, cx = np.mgrid[0:54, 0:96]
    cb, cr = np.full((54, 96), 128), np.full((54, 96), 128)
    cb[cx < 20], cr[cx < 20] = 160, 112
    for left, codes in ((60, (63, 102, 240)), (76, (173, 42, 26))):
        luma[(x // 2 >= left) & (x // 2 < left + 12) & (y >= 88) & (y < 100)] = codes[0]
        inside = (cx >= left) & (cx < left + 12) & (cy >= 44) & (cy < 50)
        cb[inside], cr[inside] = codes[1:]
    return _planes(luma, cb, cr)


def camera() -> Planes:
    """96x72: a bright disc with grain on a dark ramp."""
    y, x = np.mgrid[0:72, 0:96]
    luma = 50 + x // 2 + _mixed(x, y).astype(int) // 24
    luma[(x - 48) ** 2 + (y - 34) ** 2 < 24**2] += 110
    cy, cx = np.mgrid[0:36, 0:48]
    disc = (cx - 24) ** 2 + (cy - 17) ** 2 < 12**2
    return _planes(luma, np.where(disc, 108, 130 + cy // 4), np.where(disc, 158, 126 - cx // 8))


def _planes(*planes: np.ndarray) -> Planes:
    luma = planes[0]
    return Planes(
        "yuv420p", luma.shape[1], luma.shape[0], tuple(p.astype(np.uint8) for p in planes), BT709_LIMITED
    )  # fmt: skip


def write_art(folder: Path) -> None:
    """``pointer.png`` (24x32, hard edges, straight alpha) and ``wallpaper.png`` (120x90)."""
    y, x = np.mgrid[0:32, 0:24]
    arrow = (x <= y * 3 // 4) & (x + y < 34) & (y < 28)
    rim = arrow & ((x == 0) | (x >= y * 3 // 4 - 1) | (x + y >= 32) | (y >= 26))
    pointer = np.zeros((32, 24, 4), np.uint8)
    pointer[arrow] = (20, 20, 20, 255)
    pointer[rim] = (255, 255, 255, 230)
    Image.fromarray(pointer).save(folder / "pointer.png")
    y, x = np.mgrid[0:90, 0:120]
    wallpaper = np.stack([x * 2, 200 - y - x // 2, 90 + y], axis=-1)
    wallpaper[(x // 20 + y // 15) % 2 == 0] += 15
    Image.fromarray(wallpaper.clip(0, 255).astype(np.uint8)).save(folder / "wallpaper.png")


def sources() -> dict[str, Planes]:
    return {SCREEN: screen(), CAMERA: camera()}


def plans(art: Path) -> dict[str, FramePlan]:
    """Golden frames by name; ``art`` is the folder that ``write_art`` filled."""
    back = BackgroundLayer(GradientFill((0.25, 0.2, 0.7), (0.95, 0.5, 0.45), 135))
    shadow, border = Shadow(8, 4, 0.6), Border(2, (1.0, 1.0, 1.0), 0.7)

    def card(rect: Rect, radius: float = 0.0, source: str = SCREEN, **more) -> PictureLayer:
        kind = more.pop("kind", CornerKind.SQUIRCLE)
        whole = Rect(0, 0, 192, 108) if source == SCREEN else Rect(0, 0, 96, 72)
        return PictureLayer(source, 0, more.pop("crop", whole), rect, Shape(rect, radius, kind), **more)

    def pointer(x: float, y: float, scale: float = 1.0, **more) -> SpriteLayer:
        return SpriteLayer(str(art / "pointer.png"), Rect(x, y, 24 * scale, 32 * scale), width=24, height=32, **more)

    rest = Rect(16, 8, 128, 72)
    layers = {
        "plain": (card(Rect(0, 0, 160, 90)),),
        "card": (back, card(rest, 10, shadow=shadow)),
        "card-rounded-border": (back, card(rest, 14, kind=CornerKind.ROUNDED, shadow=shadow, border=border)),
        "card-in-motion": (back, card(Rect(13.37, 6.81, 133.1, 74.87), 10.4, shadow=shadow, border=border)),
        "zoomed": (back, card(Rect(-97.3, -20.6, 301.2, 169.4), 24, shadow=shadow), pointer(70.6, 30.2, 1.6)),
        "cropped": (BackgroundLayer(SolidFill((0.1, 0.12, 0.16))), card(rest, 6, crop=Rect(37, 21, 120, 68))),
        "wallpaper": (BackgroundLayer(ImageFill(str(art / "wallpaper.png"), 120, 90)), card(Rect(40, 20, 80, 46), 6)),
        "wallpaper-blurred": (
            BackgroundLayer(ImageFill(str(art / "wallpaper.png"), 120, 90), blur_sigma=4.5),
            card(Rect(40, 20, 80, 46), 6, opacity=0.5, shadow=shadow),
        ),
        "noise": (
            BackgroundLayer(GradientFill((0.1, 0.5, 0.4), (0.9, 0.8, 0.2), 20, noise_intensity=90, noise_scale=90)),
        ),
        "camera-and-pointers": (
            back,
            card(rest, 8),
            card(Rect(112.5, 50.25, 40, 30), 15, CAMERA, kind=CornerKind.ROUNDED, shadow=shadow),
            pointer(30.25, 20.75, 0.6, opacity=0.6),
            pointer(-5.5, 70.4, clip=Shape(Rect(0, 60, 12.5, 60), 4)),
        ),
    }
    return {name: FramePlan(SIZE, each) for name, each in layers.items()}


def stored(planes: Planes) -> np.ndarray:
    """A composed frame as the picture that is kept."""
    luma, cb, cr = planes.planes
    return np.concatenate([luma, np.concatenate([cb, cr], axis=1)])


def parts(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Luma, Cb and Cr of a kept picture, as signed integers."""
    width, height = SIZE
    signed = picture.astype(int)
    return signed[:height], signed[height:, : width // 2], signed[height:, width // 2 :]
