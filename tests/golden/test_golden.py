"""Frames that must stay as they are: the reference within a code, every other compositor within design 4."""

from __future__ import annotations

import importlib

import golden_plans as golden
import numpy as np
import pytest
from PIL import Image

from reelpress.compose.reference import ReferenceCompositor

NAMES = sorted(path.stem for path in golden.FOLDER.glob("*.png"))
OTHERS = {"planar": ("reelpress.compose.planar", "PlanarCompositor")}


@pytest.fixture(scope="module")
def plans(tmp_path_factory):
    art = tmp_path_factory.mktemp("art")
    golden.write_art(art)
    return golden.plans(art)


def kept(name: str) -> tuple[np.ndarray, ...]:
    with Image.open(golden.FOLDER / f"{name}.png") as opened:
        return golden.parts(np.asarray(opened))


def test_every_plan_has_its_file_and_every_file_its_plan(plans):
    assert sorted(plans) == NAMES
    assert len(NAMES) >= 60
    assert sum((golden.FOLDER / f"{name}.png").stat().st_size for name in NAMES) < 700_000


@pytest.mark.parametrize("name", NAMES)
def test_reference_draws_what_it_always_drew(plans, name):
    drawn = golden.parts(golden.stored(ReferenceCompositor().compose(plans[name], golden.sources(), None).planes))
    if name.startswith("text-"):  # FreeType's versions do not agree on every pixel of a letter's edge
        assert_near(drawn, name)
        return
    for got, want in zip(drawn, kept(name), strict=True):
        assert np.abs(got - want).max() <= 1  # the last bit of a sine or a root may differ between machines


@pytest.mark.parametrize("backend", sorted(OTHERS))
@pytest.mark.parametrize("name", NAMES)
def test_others_draw_it_too(plans, name, backend):
    module, cls = OTHERS[backend]
    compositor = getattr(importlib.import_module(module), cls)()
    drawn = golden.parts(golden.stored(compositor.compose(plans[name], golden.sources(), None).planes))
    compositor.close()
    assert_near(drawn, name)


def assert_near(drawn: tuple[np.ndarray, ...], name: str) -> None:
    """The tolerances of design 4."""
    luma, cb, cr = (np.abs(got - want) for got, want in zip(drawn, kept(name), strict=True))
    assert luma.mean() <= 0.6
    assert cb.mean() <= 0.8
    assert cr.mean() <= 0.8
    assert (luma <= 4).mean() >= 0.999
