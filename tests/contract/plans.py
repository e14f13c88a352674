"""Sources, art and frame plans for the contract tests of compositors.

Everything is made here from fixed seeds: three kinds of video picture (a page of text, a noisy camera picture, a
smooth one), a few RGBA images, and a list of plans that has each property of each layer.
"""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

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

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping


TEXT, NOISY, SMOOTH, TEXT_NV12, ODD, BARS = "display:0", "camera:0", *(f"display:{i}" for i in range(1, 5))
SIZES = {
    TEXT: (320, 180),
    NOISY: (160, 120),
    SMOOTH: (256, 144),
    TEXT_NV12: (320, 180),
    ODD: (241, 135),
    BARS: (480, 270),
}
"""Width and height of each source."""


# --- video pictures ---------------------------------------------------------------------------------------------------


def to_planes(rgb: np.ndarray) -> Planes:
    """yuv420p, BT.709 limited, left-sited, of (height, width, 3) R'G'B' 0..1; odd sizes repeat the last line."""
    height, width, _ = rgb.shape
    padded = np.pad(rgb, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    y = 16 + 219 * (padded @ (0.2126, 0.7152, 0.0722))
    cb = 128 + 224 * (padded[..., 2] - (y - 16) / 219) / 1.8556
    cr = 128 + 224 * (padded[..., 0] - (y - 16) / 219) / 1.5748

    def halved(plane: np.ndarray) -> np.ndarray:
        left = np.pad(plane, ((0, 0), (1, 0)), mode="edge")[:, 0:-1:2]
        across = (left + 2 * plane[:, 0::2] + plane[:, 1::2]) / 4
        return (across[0::2] + across[1::2]) / 2

    planes = (y[:height, :width], halved(cb), halved(cr))
    return Planes(
        "yuv420p", width, height, tuple(np.rint(p).clip(0, 255).astype(np.uint8) for p in planes), BT709_LIMITED
    )


def as_nv12(planes: Planes) -> Planes:
    """The same picture with interleaved chroma."""
    luma, cb, cr = planes.planes
    chroma = np.ascontiguousarray(np.stack([cb, cr], axis=-1).reshape(cb.shape[0], -1))
    return Planes("nv12", planes.width, planes.height, (luma, chroma), planes.color)


def page_of_text(width: int, height: int, number: int = 0) -> np.ndarray:
    """R'G'B' of an editor window: dark sidebar, text in several colours, a selected line, an icon or two."""
    image = Image.new("RGB", (width, height), (252, 252, 250))
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(size=11)
    draw.rectangle((0, 0, width // 5, height), fill=(32, 36, 48))
    draw.rectangle((width // 5, 3 * 16 + 3, width, 4 * 16 + 2), fill=(214, 230, 255))
    inks = ((20, 20, 24), (150, 30, 40), (24, 90, 160), (20, 20, 24), (60, 110, 50))
    words = "def compose(plan, sources): return planes  # only what changes costs anything".split()
    for line in range(height // 16):
        if (line + number) % 5 == 4:
            continue  # empty lines, as on any page
        text = " ".join(words[(line + number + i) % len(words)] for i in range(2 + (line * 7 + number) % 4))
        draw.text((width // 5 + 6 + 10 * (line % 3), 3 + 16 * line), text, font=font, fill=inks[line % len(inks)])
        if line % 2 == 0:
            draw.text((6, 3 + 16 * line), f"file_{line}.py", font=font, fill=(190, 196, 210))
    draw.ellipse((width - 40, height - 40, width - 16, height - 16), fill=(230, 120, 30))
    return np.asarray(image) / 255


def smooth_picture(width: int, height: int, number: int = 0) -> np.ndarray:
    """R'G'B' of slow waves in all three channels."""
    y, x = np.mgrid[0:height, 0:width] / max(width, height)
    waves = [
        0.5 + 0.45 * np.sin(2 * np.pi * (a * x + b * y) + c + number) for a, b, c in ((1, 2, 0), (2, -1, 1), (-1, 1, 2))
    ]
    return np.stack(waves, axis=-1)


def noisy_picture(width: int, height: int, number: int = 0) -> np.ndarray:
    """Waves with a hard-edged figure and a sensor's noise: about 3 codes."""
    base = smooth_picture(width, height, number) * 0.7 + 0.1
    y, x = np.mgrid[0:height, 0:width]
    face = (x - width * 0.5) ** 2 + (y - height * 0.45) ** 2 < (height * 0.3) ** 2
    base[face] = (0.85, 0.65, 0.55)
    noise = np.random.default_rng(100 + number).normal(0, 0.012, base.shape)
    return np.clip(base + noise, 0, 1)


def colour_bars(width: int, height: int, number: int = 0) -> np.ndarray:
    """R'G'B' of small fields in the six saturated colours: chroma edges everywhere, to find it half a sample off."""
    y, x = np.mgrid[0:height, 0:width]
    index = (x // 12 + 2 * (y // 12) + number) % 6
    return np.array([(1, 0, 0), (0, 1, 1), (0, 1, 0), (1, 0, 1), (0, 0, 1), (1, 1, 0)], float)[index]


@functools.cache
def picture(source: str, frame: int) -> Planes:
    """The picture that a layer means by ``source`` and ``frame``."""
    width, height = SIZES[source]
    if source in (TEXT, ODD):
        return to_planes(page_of_text(width, height, frame))
    if source == TEXT_NV12:
        return as_nv12(picture(TEXT, frame))
    if source == BARS:
        return to_planes(colour_bars(width, height, frame))
    if source == NOISY:
        return to_planes(noisy_picture(width, height, frame))
    return to_planes(smooth_picture(width, height, frame))


def sources_of(plan: FramePlan) -> Mapping[str, Planes]:
    """What a pipeline would hand over with ``plan``."""
    return {layer.source: picture(layer.source, layer.frame) for layer in plan.pictures()}


# --- art --------------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Art:
    """Image files for sprites and backgrounds."""

    pointer: str
    badge: str
    wallpaper: str
    sizes: Mapping[str, tuple[int, int]]

    def fill(self) -> ImageFill:
        return ImageFill(self.wallpaper, *self.sizes[self.wallpaper])

    def sprite(self, image: str, rect: Rect, **more) -> SpriteLayer:
        width, height = self.sizes[image]
        return SpriteLayer(image, rect, width=width, height=height, **more)


def make_art(folder: Path) -> Art:
    """Write the images into ``folder``."""
    pointer = Image.new("RGBA", (36, 48))
    outline = [(2, 2), (2, 38), (11, 30), (17, 44), (24, 41), (18, 28), (30, 28)]
    ImageDraw.Draw(pointer).polygon(outline, fill=(10, 10, 10, 255), outline=(255, 255, 255, 255), width=2)
    badge = np.zeros((40, 40, 4), np.uint8)
    y, x = np.mgrid[0:40, 0:40]
    badge[..., 0], badge[..., 1], badge[..., 2] = 220, x * 5, y * 6
    badge[..., 3] = np.clip(255 - 11 * np.hypot(x - 19.5, y - 19.5), 0, 255)
    wallpaper = (smooth_picture(300, 220, 2) * 255).astype(np.uint8)
    images = {"pointer": pointer, "badge": Image.fromarray(badge), "wallpaper": Image.fromarray(wallpaper)}
    paths = {}
    for name, image in images.items():
        paths[name] = str(folder / f"{name}.png")
        image.save(paths[name])
    return Art(**paths, sizes={paths[name]: image.size for name, image in images.items()})


# --- plans with each property -----------------------------------------------------------------------------------------

SIZE = (256, 144)
GRADIENT = GradientFill((0.16, 0.3, 0.75), (0.9, 0.55, 0.35), 120)


def card(source: str = TEXT, rect: Rect | None = None, radius: float = 0.0, **more) -> PictureLayer:
    """The whole source on ``rect`` with a shape of the same rectangle."""
    rect = rect or Rect(28, 16, 200, 112)
    kind = more.pop("kind", CornerKind.SQUIRCLE)
    crop = more.pop("crop", Rect(0, 0, *SIZES[source]))
    shape = more.pop("shape", Shape(rect, radius, kind))
    return PictureLayer(source, more.pop("frame", 0), crop, rect, shape, **more)


def fixed_plans(art: Art) -> dict[str, FramePlan]:
    """Plans by name; together they have every property of every layer."""
    back = BackgroundLayer(GRADIENT)
    floats = Rect(27.36, 15.71, 203.4, 114.41)
    shadow, border = Shadow(9, 5, 0.6), Border(3, (1.0, 0.9, 0.3), 0.8)
    layers: dict[str, tuple] = {
        "solid": (BackgroundLayer(SolidFill((0.8, 0.1, 0.2))),),
        "gradient 0": (BackgroundLayer(GradientFill((0, 0, 0), (1, 1, 1), 0)),),
        "gradient 37": (BackgroundLayer(GradientFill((1, 0, 0), (0, 1, 0), 37)),),
        "gradient with noise": (
            BackgroundLayer(GradientFill((0.1, 0.2, 0.7), (0.9, 0.8, 0.2), 200, noise_intensity=80, noise_scale=70)),
        ),
        "image": (BackgroundLayer(art.fill()),),
        "blurred image": (BackgroundLayer(art.fill(), blur_sigma=3.6),),
        "blurred gradient": (BackgroundLayer(GRADIENT, blur_sigma=9),),
        "no background": (card(radius=12),),
        "passed through": (card(TEXT, Rect(0, 0, 320, 180)),),
        "at rest": (back, card()),
        "at rest, one to one": (back, card(TEXT, Rect(-20, -10, 320, 180))),
        "at rest, larger": (back, card(NOISY, Rect(16, 8, 224, 168))),
        "half pixels": (back, card(rect=floats)),
        "rounded": (back, card(radius=24, kind=CornerKind.ROUNDED)),
        "squircle": (back, card(radius=24)),
        "rounded in motion": (back, card(rect=floats, radius=17.3, kind=CornerKind.ROUNDED)),
        "squircle in motion": (back, card(rect=floats, radius=17.3)),
        "small radius": (back, card(radius=0.7)),
        "pill": (back, card(rect=Rect(28, 46, 200, 52), radius=26, kind=CornerKind.ROUNDED)),
        "shadow": (back, card(radius=14, shadow=shadow)),
        "shadow of a box": (back, card(shadow=Shadow(14, 0, 1.0))),
        "border": (back, card(radius=14, border=border)),
        "border of a box": (back, card(rect=floats, border=border)),
        "everything": (back, card(radius=14, shadow=shadow, border=border)),
        "everything in motion": (back, card(rect=floats, radius=14.2, shadow=shadow, border=border)),
        "see-through": (back, card(rect=floats, radius=14, shadow=shadow, border=border, opacity=0.45)),
        "invisible": (BackgroundLayer(SolidFill((0.3, 0.6, 0.2))), card(opacity=0.0, shadow=shadow)),
        "zoomed": (back, card(rect=Rect(-181.3, -66.2, 611.7, 344.1), radius=30, shadow=shadow)),
        "zoomed into a corner": (back, card(rect=Rect(31.4, 22.9, 611.7, 344.1), radius=30, shadow=shadow)),
        "tiny": (back, card(rect=Rect(100.3, 50.7, 19.2, 10.8), radius=2)),
        "off the frame": (back, card(rect=Rect(300, 16, 200, 112), radius=8, shadow=shadow)),
        "only its shadow seen": (back, card(rect=Rect(-203, 16, 200, 112), radius=8, shadow=shadow)),
        "cropped": (back, card(crop=Rect(64, 32, 200, 112), radius=8)),
        "cropped, odd": (back, card(crop=Rect(61, 33, 177, 101), radius=8)),
        "cropped, in motion": (back, card(crop=Rect(61, 33, 177, 101), rect=floats)),
        "squeezed": (back, card(rect=Rect(40, 20, 60, 112))),
        "nv12 at rest": (back, card(TEXT_NV12, radius=10)),
        "nv12 in motion": (back, card(TEXT_NV12, rect=floats, radius=10)),
        "odd source at rest": (back, card(ODD, radius=10)),
        "odd source in motion": (back, card(ODD, rect=floats)),
        "colour bars, reduced": (back, card(BARS, Rect(8, 4, 240, 136))),
        "colour bars, enlarged": (back, card(BARS, Rect(-8, -6, 288, 162), crop=Rect(0, 0, 192, 108))),
        "colour bars, in motion": (back, card(BARS, Rect(8.7, 6.2, 230.5, 129.6))),
        "shape inside the picture": (back, card(shape=Shape(Rect(60.5, 30.5, 100, 80), 40, CornerKind.ROUNDED))),
        "shape beyond the picture": (back, card(SMOOTH, Rect(60, 40, 120, 60), shape=Shape(Rect(40, 20, 160, 100), 9))),
        "two cards": (
            back,
            card(SMOOTH, radius=12),
            card(NOISY, Rect(170, 84, 64, 48), 24, kind=CornerKind.ROUNDED, shadow=shadow, border=border),
        ),
        "pointer": (back, art.sprite(art.pointer, Rect(90.4, 60.8, 18, 24))),
        "pointer on a card": (back, card(radius=12), art.sprite(art.pointer, Rect(90.4, 60.8, 36, 48))),
        "pointer, enlarged": (back, art.sprite(art.pointer, Rect(60.2, 20.1, 72, 96))),
        "pointer, faded": (back, art.sprite(art.pointer, Rect(90.4, 60.8, 27, 36), opacity=0.4)),
        "pointer at the edge": (back, art.sprite(art.pointer, Rect(-12.3, 130.2, 36, 48))),
        "pointer, clipped": (
            back,
            art.sprite(art.badge, Rect(60.7, 30.3, 60, 60), clip=Shape(Rect(80, 40.5, 100, 100), 16)),
        ),
        "badge": (back, art.sprite(art.badge, Rect(100, 50, 40, 40)), art.sprite(art.badge, Rect(118.6, 61.9, 31, 31))),
    }  # fmt: skip
    return {name: FramePlan(SIZE, each) for name, each in (layers | look(art)).items()}


def text_layer(words: str, x: float, y: float, **more) -> TextLayer:
    """A caption in the shipped font with all its parts: outline, shadow, box, and a pill behind the second word."""
    first, *rest = words.split()
    spans = (TextSpan(f"{first} "), TextSpan(rest[0], (1.0, 0.8, 0.2)), TextSpan("".join(f" {w}" for w in rest[1:])))
    style = TextStyle(19.0, weight=600, outline=Outline(1.2), shadow=0.5)
    run = TextRun(
        spans, style, backing=Backing((0.1, 0.1, 0.2), 0.7, 6, 5), pill=Pill(0, 1, 0.6, (0.8, 0.2, 0.3), 0.9, 3, 1, 4)
    )
    return TextLayer(run, x, y, **({"bounds": Rect(0, 0, *SIZE)} | more))


def look(art: Art) -> dict[str, tuple]:
    """Layers of the plans for what issue 3 added."""
    back = BackgroundLayer(GRADIENT)
    floats = Rect(27.36, 15.71, 203.4, 114.41)
    shadow, border = Shadow(9, 5, 0.6), Border(3, (1.0, 0.9, 0.3), 0.8)
    text, noisy, bars = card(radius=12), card(NOISY, Rect(60, 18, 136, 102), 20), card(BARS, Rect(8, 4, 240, 136))
    pointer = art.sprite(art.pointer, Rect(90.4, 60.8, 36, 48))
    badge = art.sprite(art.badge, Rect(90.3, 40.7, 62, 62))
    grades = {
        "exposure": Grade(exposure=0.4),
        "contrast": Grade(contrast=0.3),
        "saturation": Grade(saturation=-0.7),
        "temperature": Grade(temperature=0.8),
        "tint": Grade(tint=-0.8),
        "split tone": Grade(split_tone=0.9),
        "fade": Grade(fade=0.8),
        "vignette": Grade(vignette=0.9),
        "grain": Grade(grain=0.8, seed=37),
        "everything": Grade(0.2, 0.2, -0.3, 0.5, 0.4, 0.6, 0.3, 0.5, 0.4, 599),
    }
    layers: dict[str, tuple] = {
        f"graded, {name}": (back, card(SMOOTH, radius=16, grade=g)) for name, g in grades.items()
    }
    boxes = (
        FillLayer(Shape(Rect(20.5, 20, 90, 60.25), 12), (0.9, 0.2, 0.3), 0.8, shadow, border),
        FillLayer(Shape(Rect(130, 40, 101, 34), 17, CornerKind.ROUNDED), (0.1, 0.1, 0.1), 0.6),
    )
    tilted = (1.12, 0.09, -14.0, -0.06, 1.15, -4.0, 0.0004, 0.0007, 1.0)

    def effect(kind: Effect, rect: Rect, amount: float, feather: float = 0.0) -> EffectLayer:
        return EffectLayer(kind, rect, amount, feather)

    middle, odd = Rect(64, 32, 112, 64), Rect(61.3, 33.7, 117.1, 62.9)
    return layers | {
        "mirrored": (back, card(radius=12, mirror=True)),
        "mirrored, in motion": (back, card(rect=floats, radius=12, mirror=True, crop=Rect(61, 33, 177, 101))),
        "mirrored colour bars": (back, card(BARS, Rect(8, 4, 240, 136), mirror=True)),
        "softened": (back, card(NOISY, Rect(60, 18, 136, 102), 20, soften=2.5)),
        "softened, in motion": (back, card(rect=floats, radius=12, soften=1.2)),
        "graded in motion": (back, card(rect=floats, radius=12, grade=grades["everything"], opacity=0.8)),
        "graded colour bars": (back, card(BARS, Rect(8.7, 6.2, 230.5, 129.6), grade=Grade(0.1, -0.3, -0.4, 0.5))),
        "graded, mirrored, softened": (
            back,
            card(NOISY, Rect(60, 18, 136, 102), 20, soften=1.5, mirror=True, grade=grades["contrast"]),
        ),
        "moved card": (back, card(rect=floats, radius=12, shadow=shadow, border=border, blur=Blur(14.2, -6.3))),
        "moved past the edge": (back, card(rect=Rect(-30, -20, 220, 124), blur=Blur(dx=25))),
        "zooming card": (
            back,
            card(rect=floats, radius=12, shadow=shadow, blur=Blur(spread=0.12, origin=(90.0, 60.0))),
        ),
        "moved and graded": (back, card(SMOOTH, floats, 12, blur=Blur(9, 4), grade=grades["temperature"])),
        "rounded above": (back, card(shape=Shape(Rect(28, 16, 200, 112), 30, round_bottom=False), border=border)),
        "rounded below": (
            back,
            card(rect=floats, shape=Shape(floats, 30, CornerKind.ROUNDED, round_top=False), shadow=shadow),
        ),
        "pointer, turned": (back, dataclasses.replace(pointer, angle=0.4, pivot=(92.4, 62.8))),
        "badge, turned far": (back, dataclasses.replace(badge, angle=-2.2, pivot=(110.0, 80.0), opacity=0.7)),
        "pointer, turned and cut": (
            back,
            dataclasses.replace(
                pointer, angle=0.7, pivot=(92.4, 62.8), clip=Shape(Rect(80, 40, 30, 50), 8), rect=Rect(70, 50, 27, 36)
            ),
        ),
        "badge, graded": (back, dataclasses.replace(badge, grade=Grade(exposure=0.5, temperature=-0.9))),
        "pointer, moved": (back, dataclasses.replace(pointer, blur=Blur(20, 9))),
        "pointer, moved and cut": (
            back,
            dataclasses.replace(pointer, blur=Blur(20, 9), clip=Shape(Rect(80, 40, 30.5, 50), 8)),
        ),
        "boxes": (back, *boxes),
        "box over a card": (back, text, FillLayer(Shape(Rect(50, 90, 156, 24), 6), (0, 0, 0), 0.75)),
        "rounded above, a box": (
            back,
            FillLayer(Shape(Rect(28, 16, 200, 24), 12, round_bottom=False), (0.2, 0.2, 0.25)),
        ),
        "pixelate": (back, text, effect(Effect.PIXELATE, middle, 8)),
        "pixelate, odd": (back, text, effect(Effect.PIXELATE, odd, 7.5)),
        "pixelate, feathered": (back, bars, effect(Effect.PIXELATE, odd, 12, 9)),
        "pixelate past the edge": (back, text, effect(Effect.PIXELATE, Rect(180, 90, 120, 90), 11)),
        "blur": (back, text, effect(Effect.BLUR, middle, 12)),
        "blur, odd": (back, bars, effect(Effect.BLUR, odd, 5.3)),
        "blur, feathered": (back, noisy, effect(Effect.BLUR, odd, 18, 12)),
        "highlight": (back, text, effect(Effect.HIGHLIGHT, odd, 0.6)),
        "highlight, feathered": (back, text, effect(Effect.HIGHLIGHT, middle, 0.4, 10)),
        "effects on effects": (
            back,
            text,
            effect(Effect.BLUR, odd, 8),
            effect(Effect.PIXELATE, Rect(100, 20, 60, 100), 10),
            effect(Effect.HIGHLIGHT, Rect(80, 40, 120, 80), 0.5, 6),
            pointer,
        ),
        "cross-fade": (back, GroupLayer((BackgroundLayer(art.fill()), card(NOISY, radius=12)), 0.4)),
        "faded group": (back, text, GroupLayer((*boxes, pointer), 0.5)),
        "group of one card": (back, GroupLayer((card(rect=floats, radius=14, shadow=shadow, border=border),))),
        "effect in a group": (back, GroupLayer((noisy, effect(Effect.PIXELATE, Rect(40, 30, 100, 60), 14)), 0.9)),
        "tilted": (back, GroupLayer((card(radius=14, shadow=shadow), pointer), warp=tilted)),
        "tilted, a third": (back, GroupLayer((bars,), 0.33, warp=tilted)),
        "tilted away": (
            back,
            GroupLayer(
                (card(SMOOTH, Rect(8, 4, 240, 136)),), warp=(1.3, 0.0, -40.0, 0.0, 1.3, -20.0, -0.006, 0.0, 1.2)
            ),
        ),
        "drawn pointer": (back, SpriteLayer("builtin:hand", Rect(90.4, 40.8, 50, 50), width=200, height=200)),
        "text": (back, text_layer("Only what changes", 40.3, 50.6)),
        "text, scaled and faded": (back, text, text_layer("costs anything", 30.8, 60.2, scale=1.4, opacity=0.6)),
        "text, cut": (back, text_layer("Only what changes", 40.3, 50.6, bounds=Rect(60.5, 40, 70.2, 70))),
        "text in a tilted group": (back, GroupLayer((text_layer("Only what changes", 40.3, 50.6),), 0.9, tilted)),
        "group in a group": (back, GroupLayer((text, GroupLayer((*boxes,), 0.6, warp=tilted)), 0.7)),
    }


# --- what a compositor may leave out ----------------------------------------------------------------------------------


def _parts(value: object) -> Iterator[object]:
    """A layer and every dataclass in it."""
    if isinstance(value, tuple):
        for each in value:
            yield from _parts(each)
    elif dataclasses.is_dataclass(value) and not isinstance(value, Rect):
        yield value
        for field in dataclasses.fields(value):
            yield from _parts(getattr(value, field.name))


_OPTIONAL = (
    *((PictureLayer, name) for name in ("mirror", "soften", "grade", "blur")),
    *((SpriteLayer, name) for name in ("angle", "grade", "blur")),
    (Shape, "round_top"),
    (Shape, "round_bottom"),
    (GroupLayer, "warp"),
)
"""Properties without which the rest of a layer can be drawn."""


def features(plan: FramePlan) -> set[str]:
    """What a plan asks of a compositor, as ``capabilities.not_drawn`` names it: kinds of layers (``FillLayer``), of
    effects (``EffectLayer.blur``), and properties that are not at their default (``PictureLayer.grade``)."""
    found: set[str] = set()
    for part in _parts(plan.layers):
        kind = type(part).__name__
        if kind.endswith("Layer"):
            found.add(kind)
        if isinstance(part, EffectLayer):
            found.add(f"{kind}.{part.effect}")
        for cls, name in _OPTIONAL:
            if type(part) is cls and getattr(part, name) != _default(cls, name):
                found.add(f"{kind}.{name}")
    return found


def _default(cls: type, name: str) -> object:
    return next(f.default for f in dataclasses.fields(cls) if f.name == name)


def without(plan: FramePlan, lacking: Collection[str]) -> FramePlan:
    """The plan less the layers and properties that a compositor does not draw."""
    if not lacking:
        return plan
    kept = []
    for layer in plan.layers:
        if type(layer).__name__ in lacking or (
            isinstance(layer, EffectLayer) and features(FramePlan((2, 2), (layer,))) & set(lacking)
        ):
            continue
        for cls, name in _OPTIONAL:
            if type(layer) is cls and f"{cls.__name__}.{name}" in lacking:
                layer = dataclasses.replace(layer, **{name: _default(cls, name)})
        if isinstance(layer, GroupLayer):
            layer = dataclasses.replace(layer, layers=without(FramePlan(plan.size, layer.layers), lacking).layers)
        for name in ("round_top", "round_bottom"):
            if f"Shape.{name}" in lacking:
                for at in ("shape", "clip"):
                    if getattr(layer, at, None) is not None:
                        layer = dataclasses.replace(
                            layer, **{at: dataclasses.replace(getattr(layer, at), **{name: True})}
                        )
        kept.append(layer)
    return FramePlan(plan.size, tuple(kept))
