"""The golden frames: what they show, and how they are stored.

Sources and art are integer arithmetic only (no random generators), and text is in the shipped fonts only, so every
machine makes the same ones. A frame is stored as one grey PNG: luma on top, Cb and Cr side by side under it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from reelpress.color import BT709_LIMITED
from reelpress.media.planes import Planes
from reelpress.scene.plan.effects import Blur, Effect, Grade
from reelpress.scene.plan.fills import GradientFill, ImageFill, SolidFill
from reelpress.scene.plan.frame import FramePlan
from reelpress.scene.plan.layers import (
    BackgroundLayer,
    EffectLayer,
    FillLayer,
    GroupLayer,
    PictureLayer,
    SpriteLayer,
    TextLayer,
)
from reelpress.scene.plan.outline import Border, CornerKind, Shadow, Shape
from reelpress.scene.plan.rect import Rect
from reelpress.scene.text_run import Backing, Outline, Pill, TextRun, TextSpan, TextStyle

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
    layers |= _cards(art) | _boxes_and_pointers(art) | _masks(art) | _groups(art) | _texts(art)
    return {name: FramePlan(SIZE, each) for name, each in layers.items()}


BACK = BackgroundLayer(GradientFill((0.25, 0.2, 0.7), (0.95, 0.5, 0.45), 135))
DARK = BackgroundLayer(SolidFill((0.1, 0.12, 0.16)))
REST = Rect(16, 8, 128, 72)
SHADOW, BORDER = Shadow(8, 4, 0.6), Border(2, (1.0, 1.0, 1.0), 0.7)
WHOLE = {SCREEN: Rect(0, 0, 192, 108), CAMERA: Rect(0, 0, 96, 72)}
FRAME = Rect(0, 0, *SIZE)
TILTED = (1.1, 0.1, -12.0, -0.08, 1.15, 4.0, 0.0003, 0.0016, 0.95)


def _card(rect: Rect = REST, radius: float = 10.0, source: str = SCREEN, **more) -> PictureLayer:
    shape = more.pop("shape", None) or Shape(rect, radius, more.pop("kind", CornerKind.SQUIRCLE))
    return PictureLayer(source, 0, more.pop("crop", WHOLE[source]), rect, shape, **more)


def _cards(art: Path) -> dict[str, tuple]:
    """What issue 3 added to pictures: mirror, soften, grading, motion blur, shapes rounded on one side, scenes."""
    face = Rect(40, 12, 80, 60)
    grades = {
        "exposure": Grade(exposure=0.4),
        "contrast": Grade(contrast=0.5),
        "grey": Grade(saturation=-1.0),
        "warm": Grade(temperature=0.9),
        "cold": Grade(temperature=-0.9),
        "tint": Grade(tint=0.9),
        "split-tone": Grade(split_tone=1.0),
        "fade": Grade(fade=1.0),
        "vignette": Grade(vignette=1.0),
        "grain": Grade(grain=0.7, seed=12),
        "everything": Grade(0.2, 0.3, -0.2, 0.5, 0.3, 0.6, 0.3, 0.6, 0.3, 599),
    }
    moving = Rect(13.37, 6.81, 133.1, 74.87)
    return {f"grade-{name}": (BACK, _card(face, 12, CAMERA, grade=grade)) for name, grade in grades.items()} | {
        "grade-of-the-screen": (BACK, _card(grade=Grade(contrast=0.2, temperature=0.5, vignette=0.7), border=BORDER)),
        "mirrored": (BACK, _card(mirror=True, shadow=SHADOW)),
        "mirrored-camera": (
            BACK, _card(Rect(40.3, 12.7, 78.5, 58.9), 20, CAMERA, mirror=True, kind=CornerKind.ROUNDED),
        ),
        "softened-camera": (_card(Rect(-20, -30, 200, 150), 0, CAMERA, soften=6), _card(face, 12, CAMERA)),
        "softened-screen": (BACK, _card(soften=1.2)),
        "blur-pan": (BACK, _card(moving, 10, shadow=SHADOW, blur=Blur(18, 0))),
        "blur-diagonal": (BACK, _card(moving, 10, shadow=SHADOW, border=BORDER, blur=Blur(11, -14))),
        "blur-zoom-in": (BACK, _card(moving, 10, shadow=SHADOW, blur=Blur(spread=0.2, origin=(60.0, 40.0)))),
        "blur-zoom-past": (DARK, _card(Rect(-97.3, -20.6, 301.2, 169.4), 24, blur=Blur(6, 2, 0.08, (70.0, 30.0)))),
        "rounded-above": (BACK, _card(shape=Shape(REST, 20, round_bottom=False), border=BORDER)),
        "rounded-below": (BACK, _card(shape=Shape(REST, 20, CornerKind.ROUNDED, round_top=False), shadow=SHADOW)),
        "split-screen": (
            _card(Rect(-28, 0, 160, 90), shape=Shape(Rect(0, 0, 80, 90))),
            _card(Rect(60, 0, 120, 90), source=CAMERA, shape=Shape(Rect(80, 0, 80, 90)), mirror=True),
        ),
        "camera-only": (_card(Rect(0, -15, 160, 120), 0, CAMERA, mirror=True),),
        "camera-over-screen": (
            BACK,
            _card(shadow=SHADOW),
            _card(Rect(108, 50, 44, 33), shape=Shape(Rect(113.5, 50, 33, 33), 16.5, CornerKind.ROUNDED),
                  source=CAMERA, mirror=True, shadow=Shadow(6, 3, 0.7), grade=Grade(exposure=0.15, contrast=0.2)),
        ),
    }  # fmt: skip


def _pointer(art: Path, x: float, y: float, scale: float = 1.0, **more) -> SpriteLayer:
    return SpriteLayer(str(art / "pointer.png"), Rect(x, y, 24 * scale, 32 * scale), width=24, height=32, **more)


def _drawn(name: str, x: float, y: float, side: float, **more) -> SpriteLayer:
    return SpriteLayer(f"builtin:{name}", Rect(x, y, side, side), width=200, height=200, **more)


def _boxes_and_pointers(art: Path) -> dict[str, tuple]:
    bar = Rect(REST.x, REST.y, REST.w, 10)
    window = (
        FillLayer(Shape(bar, 5, CornerKind.ROUNDED, round_bottom=False), (0.16, 0.17, 0.2), shadow=SHADOW),
        *(
            FillLayer(Shape(Rect(20 + 8 * i, 10.5, 5, 5), 2.5, CornerKind.ROUNDED), color)
            for i, color in enumerate(((1.0, 0.37, 0.34), (1.0, 0.74, 0.18), (0.15, 0.79, 0.25)))
        ),
        _card(Rect(16, 18, 128, 62), shape=Shape(Rect(16, 18, 128, 62), 5, CornerKind.ROUNDED, round_top=False)),
    )
    keys = tuple(
        FillLayer(
            Shape(Rect(40.5 + 28 * i, 34, 24, 22), 6),
            (0.95, 0.95, 0.97),
            0.9,
            Shadow(5, 2, 0.8),
            Border(1, (0, 0, 0), 0.4),
        )
        for i in range(3)
    )
    return {
        "window": (BACK, *window),
        "box-under-a-caption": (BACK, _card(), FillLayer(Shape(Rect(30, 64, 100, 16), 5), (0, 0, 0), 0.7)),
        "pill": (BACK, FillLayer(Shape(Rect(30.5, 30.25, 99, 24), 12, CornerKind.ROUNDED), (0.1, 0.5, 0.9), 0.8)),
        "key-caps": (DARK, *keys),
        "squircle-and-rounded": (
            BACK,
            FillLayer(Shape(Rect(10, 15, 60, 60), 30), (1, 1, 1), border=Border(3, (0, 0, 0), 0.8)),
            FillLayer(Shape(Rect(90, 15, 60, 60), 30, CornerKind.ROUNDED), (1, 1, 1), border=Border(3, (0, 0, 0), 0.8)),
        ),
        "pointer-turned": (BACK, _card(), _pointer(art, 70, 30, 1.3, angle=0.5, pivot=(70.0, 30.0))),
        "pointer-turned-back": (BACK, _card(), _pointer(art, 70, 30, 1.3, angle=-0.35, pivot=(70.0, 30.0))),
        "pointer-moved": (BACK, _card(), _pointer(art, 70, 30, 1.3, blur=Blur(22, 12))),
        "pointer-moved-and-cut": (
            BACK,
            _card(),
            _pointer(art, 130, 56, 1.3, blur=Blur(18, -9), angle=0.2, pivot=(130.0, 56.0), clip=Shape(REST, 10)),
        ),
        "pointer-graded": (BACK, _pointer(art, 60, 10, 2.2, grade=Grade(exposure=0.4, temperature=0.9, fade=0.8))),
        "pointer-faded-and-turned": (BACK, _pointer(art, 60, 10, 2.0, angle=2.4, pivot=(80.0, 40.0), opacity=0.5)),
        "drawn-pointers": (
            BACK,
            *(
                _drawn(name, 4 + 39 * (i % 4), 4 + 42 * (i // 4), 38)
                for i, name in enumerate(
                    ("arrow", "hand", "ibeam", "crosshair", "open-hand", "resize-nwse", "arrow.light", "circle")
                )
            ),
        ),
    }  # fmt: skip


def _masks(art: Path) -> dict[str, tuple]:
    middle, odd = Rect(48, 24, 64, 40), Rect(45.3, 22.6, 66.2, 43.1)
    zoomed = _card(Rect(-97.3, -20.6, 301.2, 169.4), 24, shadow=SHADOW)

    def over(*layers) -> tuple:
        return (BACK, _card(shadow=SHADOW), *layers)

    return {
        "pixelate": over(EffectLayer(Effect.PIXELATE, middle, 8)),
        "pixelate-odd": over(EffectLayer(Effect.PIXELATE, odd, 7.4)),
        "pixelate-feathered": over(EffectLayer(Effect.PIXELATE, middle, 8, 8)),
        "pixelate-past-the-edge": over(EffectLayer(Effect.PIXELATE, Rect(110, 50, 80, 60), 12)),
        "pixelate-zoomed": (BACK, zoomed, EffectLayer(Effect.PIXELATE, Rect(20.7, 16.2, 110.4, 50.9), 14)),
        "mask-blur": over(EffectLayer(Effect.BLUR, middle, 10)),
        "mask-blur-feathered": over(EffectLayer(Effect.BLUR, odd, 14, 10)),
        "mask-blur-wide": over(EffectLayer(Effect.BLUR, FRAME, 24)),
        "highlight": over(EffectLayer(Effect.HIGHLIGHT, odd, 0.6)),
        "highlight-feathered": over(EffectLayer(Effect.HIGHLIGHT, middle, 0.75, 12)),
        "masks-over-each-other": over(
            EffectLayer(Effect.BLUR, Rect(30, 20, 60, 40), 8),
            EffectLayer(Effect.PIXELATE, Rect(70, 30, 60, 40), 9),
            EffectLayer(Effect.HIGHLIGHT, Rect(40, 14, 70, 60), 0.5, 5),
            _pointer(art, 84, 44),
        ),
    }


def _groups(art: Path) -> dict[str, tuple]:
    scene = (BackgroundLayer(ImageFill(str(art / "wallpaper.png"), 120, 90)), _card(Rect(30, 5, 100, 75), 14, CAMERA))
    pair = (
        FillLayer(Shape(Rect(30, 20, 60, 40), 8), (0.9, 0.1, 0.2)),
        FillLayer(Shape(Rect(60, 35, 60, 40), 8), (1, 1, 1)),
    )
    return {
        "cross-fade": (BACK, _card(), GroupLayer(scene, 0.5)),
        "fade-through-white": (BACK, _card(), GroupLayer((BackgroundLayer(SolidFill((1, 1, 1))),), 0.65)),
        "group-faded": (BACK, GroupLayer(pair, 0.5)),
        "group-tilted": (DARK, GroupLayer((BACK, _card(shadow=SHADOW), _pointer(art, 70, 30)), warp=TILTED)),
        "group-tilted-away": (
            BACK,
            GroupLayer((_card(Rect(0, 0, 160, 90), 0),), warp=(1.25, 0.0, -16.0, 0.15, 1.25, -16.0, 0.0045, 0.0, 0.8)),
        ),
        "group-moved": (BACK, GroupLayer((_card(shadow=SHADOW),), warp=(1, 0, -30.5, 0, 1, 6.25, 0, 0, 1))),
        "group-with-a-mask": (BACK, GroupLayer((_card(), EffectLayer(Effect.PIXELATE, Rect(40, 0, 120, 60), 12)), 0.9)),
        "group-in-a-group": (BACK, GroupLayer((_card(), GroupLayer(pair, 0.6, TILTED)), 0.8)),
    }


def _texts(art: Path) -> dict[str, tuple]:
    def text(words: str | tuple[TextSpan, ...], x: float, y: float, size: float = 14, **more) -> TextLayer:
        spans = (TextSpan(words),) if isinstance(words, str) else words
        layer = {name: more.pop(name) for name in ("scale", "opacity", "bounds") if name in more}
        run = {name: more.pop(name) for name in ("wrap_width", "reveal", "backing", "pill", "align") if name in more}
        return TextLayer(TextRun(spans, TextStyle(size, **more), **run), x, y, **({"bounds": FRAME} | layer))

    words = (TextSpan("every ", opacity=0.5), TextSpan("word", (1.0, 0.85, 0.2)), TextSpan(" lit", opacity=0.5))
    box = Backing((0.0, 0.0, 0.0), 0.75, 5, 4)
    return {
        "text-title": (BACK, text("Reelpress", 22.3, 22.6, 26, weight=700)),
        "text-outlined": (_card(FRAME, 0), text("Outlined", 36, 30, 20, outline=Outline(1.5), shadow=0.8)),
        "text-caption": (BACK, _card(), text(words, 44, 62, 13, backing=box, outline=Outline(0.8))),
        "text-pill": (
            BACK, text(words, 30.2, 30.4, 19, backing=box, pill=Pill(0, 1, 0.75, (0.2, 0.4, 0.9), 0.9, 3, 1, 4)),
        ),
        "text-wrapped": (DARK, text("only what changes costs anything at all", 20, 12, 14, wrap_width=115.0)),
        "text-typed": (DARK, text("typed letter by letter", 12, 34, 14, reveal=13)),
        "text-italic-scaled": (BACK, text("slanted", 30, 24, 15, italic=True, scale=1.7, opacity=0.8)),
        "text-cut": (BACK, text("cut at its bounds", 20, 30, 18, bounds=Rect(40.5, 30, 80, 14))),
        "text-accents": (BACK, text("Žluťoučký naïve Straße", 6, 32, 14, color=(0.1, 0.1, 0.2))),
        "text-tilted": (DARK, GroupLayer((text("In depth", 34, 28, 24),), 0.9, TILTED)),
    }  # fmt: skip


def stored(planes: Planes) -> np.ndarray:
    """A composed frame as the picture that is kept."""
    luma, cb, cr = planes.planes
    return np.concatenate([luma, np.concatenate([cb, cr], axis=1)])


def parts(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Luma, Cb and Cr of a kept picture, as signed integers."""
    width, height = SIZE
    signed = picture.astype(int)
    return signed[:height], signed[height:, : width // 2], signed[height:, width // 2 :]
