"""Size, place, blur, tilt and clip of the pointer, worked out by hand; which drawing stands for which shape."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from reelpress.project.cursor import Cursor
from reelpress.recording.model import PointerImage
from reelpress.scene.geometry import clamp_crop
from reelpress.scene.plan.effects import Blur
from reelpress.scene.plan.layers import SpriteLayer
from reelpress.scene.plan.outline import Shape
from reelpress.scene.plan.rect import Rect
from reelpress.scene.pointer_look import motion_blur, pointer_sprite, position
from reelpress.scene.pointer_path import PointerState
from reelpress.scene.pointer_shapes import HOTSPOTS, builtin, drawing, shown_image

HD = (1920, 1080)
FRAME = Rect(0, 0, *HD)
CROP = clamp_crop(HD, None, None)
IMAGE = PointerImage(Path("/a.png"), 32, 48, (0.25, 0.125), "MacOS|Arrow")


def sprite(
    x: float, y: float, *, scale: float = 1.0, opacity: float = 1.0, angle: float = 0.0, size: float = 1.0,
    card: Rect = FRAME, **keys: object,
) -> SpriteLayer | None:  # fmt: skip
    state = PointerState(x, y, "0", scale, opacity, angle)
    return pointer_sprite(state, IMAGE, HD, CROP, card, Shape(card), size=size, clip=False, **keys)  # type: ignore[arg-type]


def test_place_and_size():
    found = sprite(0.5, 0.5)
    assert found is not None
    # 60 high, 40 wide; the hotspot (0.25, 0.125) of the image lies on (960, 540).
    assert found.rect == Rect(950, 532.5, 40, 60)
    assert (found.image, found.width, found.height) == ("/a.png", 32, 48)
    assert (found.angle, found.blur, found.clip) == (0, None, None)
    small = sprite(0.5, 0.5, scale=0.8, size=0.5, card=Rect(480, 270, 960, 540))
    assert small is not None
    assert (small.rect.w, small.rect.h) == pytest.approx((8, 12))
    assert (small.rect.x + 2, small.rect.y + 1.5) == pytest.approx((960, 540))  # shrinks about the hotspot


def test_it_turns_about_the_hotspot_and_is_cut_by_the_card():
    state = PointerState(0.5, 0.5, "0", 1.0, 0.25, 0.3)
    outline = Shape(Rect(100, 100, 1000, 600), 40.0)
    found = pointer_sprite(state, IMAGE, HD, CROP, FRAME, outline, size=1, clip=True)
    assert found is not None
    assert (found.angle, found.pivot, found.opacity, found.clip) == (0.3, (960, 540), 0.25, outline)


def test_out_of_sight():
    assert sprite(0.5, 0.5, opacity=0.0) is None
    assert sprite(0.5, 0.5, size=0.0) is None
    assert sprite(1.2, 0.5) is None
    assert sprite(-0.01, 0.5) is not None
    # To the left by 30 px more than it is wide: seen only when turned over, or smeared.
    assert sprite(-31 / 1920, 0.5) is None
    assert sprite(-31 / 1920, 0.5, angle=math.pi) is not None
    assert sprite(-31 / 1920, 0.5, came_from=(200, 540), blur=1.0) is not None


def test_blur_is_the_way_made_in_a_frame():
    assert motion_blur((30, -40), 1.0, 60, 40) == (30, -40)
    assert motion_blur((30, -40), 0.5, 30, 40) == (7.5, -10)
    assert motion_blur((300, -400), 1.0, 60, 40) == pytest.approx((96, -128))  # four widths
    assert motion_blur((3000, -4000), 1.0, 60, 400) == pytest.approx((288, -384))  # 480 px
    assert motion_blur((0.6, 0.7), 1.0, 60, 40) == (0, 0)  # under a pixel
    assert motion_blur((30, 40), 0.0, 60, 40) == (0, 0)
    found = sprite(0.5, 0.5, came_from=(930, 500), blur=1.0, fps=60)
    assert found is not None
    assert found.blur == Blur(30, 40)
    assert sprite(0.5, 0.5, came_from=(930, 500), blur=0.0).blur is None  # type: ignore[union-attr]


def test_position_in_a_crop():
    crop = clamp_crop(HD, (480, 270), (960, 540))
    assert position(0.5, 0.5, HD, crop, FRAME) == (960, 540)
    assert position(0.25, 0.25, HD, crop, Rect(100, 0, 960, 540)) == (100, 0)


MACOS = """Arrow ContextualMenu ClosedHand Crosshair DisappearingItem DragCopy DragLink IBeam OpenHand
OperationNotAllowed PointingHand ResizeDown ResizeLeft ResizeLeftRight ResizeRight ResizeUp ResizeUpDown
IBeamVerticalForVerticalLayout""".split()
WINDOWS = """Arrow IBeam Wait Cross UpArrow SizeNWSE SizeNESW SizeWE SizeNS SizeAll No Hand AppStarting Help Pin Person
Pen""".split()


def test_every_known_shape_has_a_drawing():
    known = [f"MacOS|{p}{n}" for n in MACOS for p in ("", "Tahoe")] + ["MacOS|TahoeZoomIn", "MacOS|TahoeZoomOut"]
    for shape in known + [f"Windows|{n}" for n in WINDOWS]:
        name = drawing(shape)
        assert name is not None, shape
        image = builtin(name)
        assert str(image.path) == f"builtin:{name}"
        assert image.width == image.height == 200
    assert drawing("MacOS|TahoePointingHand") == drawing("MacOS|PointingHand") == "hand"
    assert drawing("Windows|Hand") == "hand.light"
    for shape in (None, "", "Arrow", "MacOS|", "MacOS|Nonsense", "Windows|OpenHand", "Linux|Arrow"):
        assert drawing(shape) is None


def test_hotspots_lie_in_the_picture():
    assert all(0 <= x <= 1 and 0 <= y <= 1 for x, y in HOTSPOTS.values())
    with pytest.raises(KeyError):
        builtin("nonsense")


def test_what_is_shown():
    unknown = PointerImage(Path("/b.png"), 32, 48, (0, 0), None)
    assert shown_image(IMAGE, Cursor()) == builtin("arrow")
    assert shown_image(IMAGE, Cursor.model_validate({"type": "pointer"})) == builtin("arrow")
    assert shown_image(unknown, Cursor()) is unknown
    assert shown_image(IMAGE, Cursor.model_validate({"useSvg": False})) is IMAGE
    assert shown_image(None, Cursor()) is None
    circle = Cursor.model_validate({"type": "circle"})
    assert shown_image(IMAGE, circle) == shown_image(None, circle) == builtin("circle")
    assert (builtin("circle").width, builtin("circle").hotspot) == (256, (0.5, 0.5))
