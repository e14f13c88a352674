"""Pointers in every frame that they move in: small art placed, turned and moved as scene.plan says, in few calls."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image as Picture

from reelpress.compose import sprite_art
from reelpress.compose.planar_sprite import Sprites
from reelpress.compose.reference import ReferenceCompositor
from reelpress.compose.sprite_art import Image, Upright, around, halved, moved, product
from reelpress.scene.plan.effects import Blur, Grade
from reelpress.scene.plan.fills import SolidFill
from reelpress.scene.plan.frame import FramePlan
from reelpress.scene.plan.layers import BackgroundLayer, SpriteLayer
from reelpress.scene.plan.outline import Shape
from reelpress.scene.plan.rect import IntRect, Rect

if TYPE_CHECKING:
    from pathlib import Path

SIZE = (120, 90)
KINDS = ("a tinge", "grey", "black", "white", "one colour", "two colours", "many colours")


def draw(kind: str) -> np.ndarray:
    rng = np.random.default_rng(1)
    rgba = np.zeros((30, 24, 4), np.uint8)
    rgba[4:26, 5:20] = (250, 250, 252, 255)
    rgba[7:20, 8:14] = (20, 20, 24, 255)
    rgba[4:8, 5:20, 3] = 17 + np.arange(15) * 17
    if kind == "grey":
        rgba[..., :3] = rgba[..., :1]
    elif kind in ("black", "white", "one colour"):
        rgba[..., :3] = {"black": 0, "white": 255, "one colour": (200, 30, 60)}[kind]
    elif kind == "two colours":
        rgba[7:20, 8:14] = (20, 60, 240, 255)
    elif kind == "many colours":
        rgba[..., :3] = rng.integers(0, 256, (30, 24, 3))
    return rgba


@pytest.fixture(params=KINDS)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    Picture.fromarray(draw(request.param)).save(tmp_path / "art.png")
    return str(tmp_path / "art.png")


PLACES = {
    "at rest": {},
    "enlarged": {"rect": Rect(30.3, 20.6, 51.2, 63.9)},
    "reduced": {"rect": Rect(30.3, 20.6, 9.7, 11.2)},
    "reduced one way": {"rect": Rect(30.3, 20.6, 60.0, 14.0)},
    "turned a little": {"angle": 0.02},
    "turned": {"angle": -0.35},
    "turned far": {"angle": 2.5},
    "turned over the edge": {"angle": 0.8, "rect": Rect(-9.4, -11.3, 24, 30), "pivot": (-2.0, 3.0)},
    "over the left edge": {"rect": Rect(-12.5, 40.2, 24, 30)},
    "over the lower right corner": {"rect": Rect(105.5, 70.2, 24, 30)},
    "reduced and turned": {"angle": 0.3, "rect": Rect(40, 30, 12, 15)},
    "moved across": {"blur": Blur(-8.3, 0.4)},
    "moved down": {"blur": Blur(0.7, 12.6)},
    "moved aslant": {"blur": Blur(6.0, -6.6), "angle": 0.2},
    "moved far": {"blur": Blur(60.0, 31.0), "angle": -0.1},
    "moved in": {"blur": Blur(40.0, 5.0), "rect": Rect(-40.0, 40.0, 24, 30)},
    "moved by less than a pixel": {"blur": Blur(0.3, -0.2)},
    "clipped": {"clip": Shape(Rect(20, 10, 30.5, 40.2), 8.0), "angle": 0.1},
    "faded": {"opacity": 0.4, "angle": 0.1},
    "graded": {"grade": Grade(exposure=-0.3, saturation=0.8, temperature=0.5), "angle": 0.1},
    "graded and moved": {"grade": Grade(contrast=0.4, tint=0.4), "blur": Blur(4.0, 9.0)},
}


@pytest.mark.parametrize("place", PLACES)
def test_as_the_reference_draws_it(path: str, place: str) -> None:
    keys = {"rect": Rect(34.6, 24.3, 24.0, 30.0), "opacity": 1.0, "width": 24, "height": 30} | PLACES[place]
    rect = keys["rect"]
    keys.setdefault("pivot", (rect.x + 5, rect.y + 4) if "angle" in keys else (0.0, 0.0))
    layer = SpriteLayer(path, **keys)
    plan = FramePlan(SIZE, (BackgroundLayer(SolidFill((0.25, 0.6, 0.35))), layer))
    want = ReferenceCompositor().compose(plan, {}, None).planes.planes
    ground = ReferenceCompositor().compose(FramePlan(SIZE, plan.layers[:1]), {}, None).planes.planes
    sprite = Sprites().get(layer, SIZE)
    assert sprite is not None
    area, worst = sprite.area, []
    assert (area.x | area.y | area.w | area.h) % 2 == 0
    for n, shift in enumerate((0, 1, 1)):
        got = ground[n].astype(np.float32)
        part = np.s_[area.y >> shift : area.bottom >> shift, area.x >> shift : area.right >> shift]
        assert (got[part].shape) == sprite.art[n].shape == sprite.through[shift].shape
        got[part] = got[part] * sprite.through[shift] + sprite.art[n] - 0.5
        assert -0.51 < got.min() <= got.max() < 255.49  # nobody clips it
        worst.append(np.abs(got - want[n]).max())
    assert max(worst) <= 2.0, worst


def test_of_what_is_grey_one_channel_stands_for_all_colours(tmp_path: Path) -> None:
    for kind in KINDS:
        rgba = draw(kind)
        Picture.fromarray(rgba).save(tmp_path / "art.png")
        image = Image.load(str(tmp_path / "art.png"))
        assert image.samples.shape == (22, 4 if "colour" in kind else 2, 15), kind
        assert (image.x, image.y, image.width, image.height) == (5, 4, 24, 30)
        back = np.einsum("kc,ycx->ykx", image.mix, image.samples)
        want = rgba[4:26, 5:20].astype(float) / 255
        want[..., :3] *= want[..., 3:]
        assert np.abs(back.transpose(0, 2, 1) - want).max() <= 1.6 / 255, kind


def test_nothing_is_nothing(tmp_path: Path) -> None:
    Picture.fromarray(np.zeros((9, 7, 4), np.uint8)).save(tmp_path / "none.png")
    assert Sprites().get(SpriteLayer(str(tmp_path / "none.png"), Rect(5, 5, 7, 9), angle=0.1), SIZE) is None
    Picture.fromarray(draw("grey")).save(tmp_path / "art.png")
    art = str(tmp_path / "art.png")
    sprites = Sprites()
    assert sprites.get(SpriteLayer(art, Rect(5, 5, 0, 9)), SIZE) is None
    assert sprites.get(SpriteLayer(art, Rect(5, 5, 7, 9), 0.0), SIZE) is None
    assert sprites.get(SpriteLayer(art, Rect(500, 5, 24, 30)), SIZE) is None
    assert sprites.get(SpriteLayer(art, Rect(500, 5, 24, 30), blur=Blur(30.0, 0.0)), SIZE) is None


def test_the_same_pointer_is_drawn_once_whatever_was_drawn_before(tmp_path: Path) -> None:
    Picture.fromarray(draw("two colours")).save(tmp_path / "art.png")
    art = str(tmp_path / "art.png")
    layers = [SpriteLayer(art, Rect(20 + i / 3, 30.0, 24 + i % 3, 30), 1.0, angle=0.1 * (i % 2)) for i in range(9)]
    used = Sprites()
    for layer in [*layers, *reversed(layers)]:
        drawn, fresh = used.get(layer, SIZE), Sprites().get(layer, SIZE)
        assert drawn is not None
        assert fresh is not None
        assert used.get(layer, SIZE) is drawn
        assert drawn.area == fresh.area
        assert all(np.array_equal(a, b) for a, b in zip(drawn.art, fresh.art, strict=True))
        assert all(np.array_equal(a, b) for a, b in zip(drawn.through, fresh.through, strict=True))
    assert len(used._kept) <= 4
    assert len(used._upright) <= 4


def test_turned_art_has_all_that_it_needs_around_it(tmp_path: Path) -> None:
    Picture.fromarray(draw("many colours")).save(tmp_path / "art.png")
    image = Image.load(str(tmp_path / "art.png"))
    rect = Rect(0, 0, 24, 30)
    upright = Upright(image, rect)
    for step in range(60):
        angle = math.radians(6 * step + 0.3)
        corner, pivot = (50.2, 40.9), (55.0 + step / 7, 44.0)
        area = around(upright.area, corner, angle, pivot)
        art = upright.turned(corner, angle, pivot, area)
        # nothing is cut off: there is nothing left on the pixels around
        more = IntRect(area.x - 1, area.y - 1, area.w + 2, area.h + 2)
        wide = upright.turned(corner, angle, pivot, more)
        assert np.allclose(wide[:, 1:-1, 1:-1], art, atol=0.03)  # a 256th of a pixel off at most
        edges = wide.copy()
        edges[:, 1:-1, 1:-1] = 0
        assert edges.max() < 1e-3
        assert art[-1].sum() == pytest.approx(image.samples[:, -1].sum(), rel=0.03)


@pytest.mark.parametrize("blur", [(8.3, 0.2), (-3.0, 3.0), (0.0, -14.5), (0.0, 0.0), (21.0, 1.0), (-0.2, 0.9)])
def test_a_movement_is_the_mean_of_its_taps(blur: tuple[float, float]) -> None:
    art = np.random.default_rng(2).random((3, 9, 7)).astype(np.float32)
    made, at = moved(art, IntRect(20, 30, 7, 9), Blur(*blur))
    want = np.zeros((3, 90, 90))
    for k in range(21):
        x, y = (20 + blur[0] * ((k + 0.5) / 21 - 0.5), 30 + blur[1] * ((k + 0.5) / 21 - 0.5))
        i, j = math.floor(x), math.floor(y)
        for dy, v in ((0, 1 - (y - j)), (1, y - j)):
            for dx, u in ((0, 1 - (x - i)), (1, x - i)):
                want[:, j + dy : j + dy + 9, i + dx : i + dx + 7] += art * (u * v / 21)
    got = np.zeros_like(want)
    got[:, at.y : at.bottom, at.x : at.right] = made
    assert np.allclose(got, want, atol=1e-5)


def test_products_are_right_and_none_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(4)
    for m, k, n in ((3, 5, 7), (1, 4, 9000), (200, 60, 90), (400, 3, 1), (1, 1, 1), (0, 5, 3), (70, 700, 40)):
        a, b = (rng.random(shape).astype(np.float32) for shape in ((m, k), (k, n)))
        monkeypatch.setattr(sprite_art, "_LIMIT", 20_000)
        assert np.allclose(product(a, b), a @ b, rtol=1e-5)


def test_halved_is_the_filter_of_chroma() -> None:
    art = np.random.default_rng(3).random((2, 4, 7)).astype(np.float32)
    made = halved(art)
    assert made.shape == (2, 2, 3)
    for y, x in ((0, 0), (1, 2)):
        want = (art[:, 2 * y : 2 * y + 2, 2 * x : 2 * x + 3] * np.array([1, 2, 1])).sum(axis=(1, 2)) / 8
        assert made[:, y, x] == pytest.approx(want, abs=1e-6)
