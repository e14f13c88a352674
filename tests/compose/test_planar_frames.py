"""Memory that comes back still holds an older picture, of which only little is drawn anew; and nobody can tell."""

from __future__ import annotations

import dataclasses
import gc
import random
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from reelpress.compose.planar import PlanarCompositor
from reelpress.compose.planar_frames import Frames
from reelpress.errors import MissingInputError
from reelpress.media.encoder import shared_frame
from reelpress.media.planes import Planes
from reelpress.media.scale import allocate
from reelpress.scene.plan.effects import Blur, Effect
from reelpress.scene.plan.fills import GradientFill
from reelpress.scene.plan.frame import FramePlan
from reelpress.scene.plan.layers import BackgroundLayer, EffectLayer, Layer, PictureLayer, SpriteLayer
from reelpress.scene.plan.outline import Shadow, Shape
from reelpress.scene.plan.rect import IntRect, Rect

if TYPE_CHECKING:
    from pathlib import Path

SIZE = (320, 240)
KEY = "display:0"
GROUND = BackgroundLayer(GradientFill((0.1, 0.2, 0.6), (0.3, 0.8, 0.9), 35.0))
CARD = Rect(20, 20, 280, 200)
SCREEN = PictureLayer(KEY, 0, Rect(0, 0, 140, 100), CARD, Shape(CARD, 9.0), Shadow(5, 6, 0.5))
MASK = EffectLayer(Effect.PIXELATE, Rect(60.5, 50.0, 60, 40), 10.0)


@pytest.fixture
def pointer(tmp_path: Path) -> str:
    image = np.zeros((24, 16, 4), np.uint8)
    image[2:20, 3:12] = (20, 30, 200, 255)
    image[5:15, 5:9] = (255, 255, 255, 255)
    Image.fromarray(image).save(tmp_path / "pointer.png")
    return str(tmp_path / "pointer.png")


def noisy(seed: int, size: tuple[int, int]) -> Planes:
    rng = np.random.default_rng(seed)
    planes = allocate(*size)
    for plane in planes.planes:
        plane[:] = rng.integers(16, 236, plane.shape, dtype=np.uint8)
    return planes


def walk(pointer: str, rng: random.Random, count: int) -> list[FramePlan]:
    """A pointer that goes about, rests, turns, is smeared and disappears, over a picture that sometimes changes."""
    plans: list[FramePlan] = []
    x, y, angle, frame, masked = 100.0, 80.0, 0.0, 0, False
    for _ in range(count):
        if rng.random() < 0.85:
            x, y = x + rng.uniform(-12, 12), y + rng.uniform(-12, 12)
            x, y = min(max(x, -10.0), SIZE[0] + 5.0), min(max(y, -10.0), SIZE[1] + 5.0)
            angle = rng.choice((0.0, 0.0, rng.uniform(-0.3, 0.3)))
        if rng.random() < 0.1:
            frame += 1
        if rng.random() < 0.1:
            masked = not masked
        blur = Blur(rng.uniform(-9, 9), rng.uniform(-9, 9)) if rng.random() < 0.3 else None
        layers: tuple[Layer, ...] = (GROUND, dataclasses.replace(SCREEN, frame=frame))
        if rng.random() < 0.95:
            pivot = (x, y) if angle else (0.0, 0.0)
            rect = Rect(x, y, 16.0, 24.0)
            layers += (SpriteLayer(pointer, rect, 1.0, SCREEN.shape, 16, 24, angle, pivot, None, blur),)
        plans.append(FramePlan(SIZE, (*layers, MASK) if masked else layers))
    return plans


def sources_of(plan: FramePlan, pictures: dict[int, Planes]) -> dict[str, Planes]:
    number = plan.pictures()[0].frame
    if number not in pictures:
        pictures[number] = noisy(number, (140, 100))
    return {KEY: pictures[number]}


def snapshot(planes: Planes) -> list[np.ndarray]:
    return [plane.copy() for plane in planes.planes]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("most", [0, 1, 5])
def test_pictures_are_right_and_those_that_somebody_holds_never_change(pointer: str, seed: int, most: int) -> None:
    """``most``: how many pictures consumers hold besides the last one, and give back in any order."""
    rng = random.Random(seed)
    pictures: dict[int, Planes] = {}
    compositor, previous, before = PlanarCompositor(), None, None
    held: list[tuple[object, list[np.ndarray]]] = []
    for n, plan in enumerate(walk(pointer, rng, 48)):
        sources = sources_of(plan, pictures)
        new = compositor.compose(plan, sources, previous)
        fresh = PlanarCompositor()
        whole = fresh.compose(plan, sources, None)
        assert all(np.array_equal(a, b) for a, b in zip(new.planes.planes, whole.planes.planes, strict=True)), n
        if before is not None:  # the damage is that since the last frame, whatever the memory held before
            outside = np.ones(SIZE[::-1], bool)
            for rect in new.damage:
                outside[rect.y : rect.bottom, rect.x : rect.right] = False
            assert (new.planes.planes[0] == before[0])[outside].all()
            assert (new.planes.planes[2] == before[2])[outside[::2, ::2]].all()
        before = snapshot(new.planes)
        # an encoder has the frame, others have the planes or a part of one
        kept = rng.choice((new.planes, new.planes.planes[1][3:9], shared_frame(new.planes)))
        held.append((kept, before))
        while len(held) > most:
            held.pop(rng.randrange(len(held)))
        if rng.random() < 0.2:  # somebody else takes memory, draws on it, and gives it back
            for plane in allocate(*SIZE).planes:
                plane[:] = rng.randrange(256)
        previous = new
        del new, kept
        fresh.close()
        for one, content in held:
            if isinstance(one, Planes):
                assert all(np.array_equal(a, b) for a, b in zip(one.planes, content, strict=True))
            elif isinstance(one, np.ndarray):
                assert np.array_equal(one, content[1][3:9])
    assert compositor.patched > 18
    if most < 2:
        assert compositor._frames.patched > 6, "memory was never known again"
    compositor.close()


def test_a_frame_that_could_not_be_drawn_is_not_taken_for_one(pointer: str, tmp_path: Path) -> None:
    pictures: dict[int, Planes] = {}
    resting = SpriteLayer(pointer, Rect(90, 90, 32, 48), 1.0, None, 16, 24)
    plans = [FramePlan(SIZE, (*plan.layers, resting)) for plan in walk(pointer, random.Random(11), 30)]
    whole = [snapshot(PlanarCompositor().compose(plan, sources_of(plan, pictures), None).planes) for plan in plans]
    missing = SpriteLayer(str(tmp_path / "none.png"), Rect(40, 40, 200, 150), 1.0, None, 200, 150)
    compositor, previous = PlanarCompositor(), None
    for n, plan in enumerate(plans):
        if n % 3 == 2:  # as the frame before, but for a pointer below all others that cannot be drawn
            lost = FramePlan(SIZE, (*plans[n - 1].layers[:2], missing, *plans[n - 1].layers[2:]))
            with pytest.raises(MissingInputError):
                compositor.compose(lost, sources_of(lost, pictures), previous)
            gc.collect()  # the error's traceback knows the picture
        previous = compositor.compose(plan, sources_of(plan, pictures), previous)
        assert all(np.array_equal(a, b) for a, b in zip(previous.planes.planes, whole[n], strict=True))
    assert compositor._frames.patched > 5


def test_only_what_has_changed_since_is_copied() -> None:
    frames, rng = Frames(), np.random.default_rng(5)
    pictures = []
    last = frames.whole(SIZE)
    for plane in last.planes:
        plane[:] = 1
    frames.done((IntRect(0, 0, *SIZE),))
    for n in range(12):
        x, y = (int(v) * 2 for v in rng.integers(0, 100, 2))
        rect = IntRect(x, y, 20, 10)
        planes = frames.next(last, (rect,))
        assert planes.planes[0].ctypes.data != last.planes[0].ctypes.data
        for plane, shift in zip(planes.planes, (0, 1, 1), strict=True):
            part = np.s_[rect.y >> shift : rect.bottom >> shift, rect.x >> shift : rect.right >> shift]
            plane[part] = n
        frames.done((rect,))
        wanted = pictures[-1].copy() if pictures else np.ones(SIZE[::-1], np.uint8)
        wanted[rect.y : rect.bottom, rect.x : rect.right] = n
        assert np.array_equal(planes.planes[0], wanted)
        pictures.append(wanted)
        last = planes
        del planes, plane
    assert frames.patched >= 8
