"""What every compositor must do, measured against the reference.

The reference itself is held to hand-worked numbers in ``tests/compose/test_reference.py``; here it also runs as one
of the candidates, which checks the protocol (and, trivially, the pixels).
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import plans as samples
import pytest
import random_plans
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reelpress.color import BT709_LIMITED
from reelpress.compose import reference_sampling as sampling
from reelpress.compose import reference_shading as shading
from reelpress.compose.reference import ReferenceCompositor
from reelpress.scene.plan.fills import SolidFill
from reelpress.scene.plan.frame import FramePlan
from reelpress.scene.plan.layers import BackgroundLayer, PictureLayer, SpriteLayer
from reelpress.scene.plan.outline import Shape
from reelpress.scene.plan.rect import Rect

if TYPE_CHECKING:
    from collections.abc import Callable

    from reelpress.compose.base import Compositor
    from reelpress.media.planes import Planes

# Design 4. Half a code comes from rounding alone; the rest is room for 8-bit intermediates and for a resampler that is
# not quite the one kernel (Pillow's bicubic is a = -0.5).
LUMA_MEAN = 0.6
"""Greatest mean absolute error of luma, in codes."""
CHROMA_MEAN = 0.8
"""Greatest mean absolute error of a chroma plane, in codes."""
NEAR = 4
"""Codes within which a luma sample counts as right, ..."""
NEAR_SHARE = 0.999
"""... and the least share of luma samples that must be."""
STEP_MEAN = 0.6
"""Greatest mean step of luma when a motion ends: no more than what is allowed against the truth anyway."""

sampling_taps, distance = sampling.kernel_taps, shading.signed_distance
"""The right ones, for tests that put wrong ones in their place."""

gaussian_taps, gather_cubic = sampling.gaussian_taps, sampling.gather_cubic


def unmirrored(planes, crop, rect, xs, ys, siting):
    """Turns the positions back that a mirrored layer asks for."""
    back = rect.x + rect.right - xs if len(xs) > 1 and xs[0] > xs[-1] else xs
    return resample_planes(planes, crop, rect, back, ys, siting)


def all_round(shape: Shape) -> Shape:
    """The shape with all corners rounded."""
    return dataclasses.replace(shape, round_top=True, round_bottom=True)


resample_planes = sampling.resample_planes

COMPOSITORS = {
    "reference": ("reelpress.compose.reference", "ReferenceCompositor"),
    "planar": ("reelpress.compose.planar", "PlanarCompositor"),
    "gpu": ("reelpress.compose.gpu.compositor", "GpuCompositor"),
}
"""Backends by name: module and class, made without arguments."""

GPU = {"gpu"}
"""Those that need an adapter: run with ``-m gpu``, on a software one too."""


def parameters(names) -> list:
    """Backends as parameters of a test, with the marks that they need."""
    return [pytest.param(name, marks=pytest.mark.gpu if name in GPU else ()) for name in sorted(names)]


def make(name: str) -> Compositor:
    module, cls = COMPOSITORS[name]
    return getattr(importlib.import_module(module), cls)()


def makers(name: str):
    """Yields a function that makes compositors of one backend, and closes them all at the end of the test."""
    made: list[Compositor] = []

    def factory() -> Compositor:
        made.append(make(name))
        return made[-1]

    yield factory
    for compositor in made:
        compositor.close()


@pytest.fixture(params=parameters(COMPOSITORS))
def fresh(request) -> Callable[[], Compositor]:
    yield from makers(request.param)


@pytest.fixture(params=parameters(COMPOSITORS.keys() - {"reference"}))
def candidate(request) -> Callable[[], Compositor]:
    """The same without the reference, for long runs in which it would only be compared with itself."""
    yield from makers(request.param)


@pytest.fixture(scope="module")
def art(tmp_path_factory) -> samples.Art:
    return samples.make_art(tmp_path_factory.mktemp("art"))


class Error(NamedTuple):
    """How far a picture is from the truth."""

    luma: float
    cb: float
    cr: float
    near: float

    @property
    def allowed(self) -> bool:
        return self.luma <= LUMA_MEAN and max(self.cb, self.cr) <= CHROMA_MEAN and self.near >= NEAR_SHARE

    def __str__(self) -> str:
        return f"MAE luma {self.luma:.3f}, Cb {self.cb:.3f}, Cr {self.cr:.3f}; {100 * self.near:.3f} % of luma near"


def channels(planes: Planes) -> list[np.ndarray]:
    """Luma, Cb and Cr as signed integers, of either format."""
    if planes.format == "nv12":
        luma, chroma = planes.planes
        return [p.astype(int) for p in (luma, chroma[:, 0::2], chroma[:, 1::2])]
    return [p.astype(int) for p in planes.planes]


def error_of(got: Planes, want: Planes) -> Error:
    assert (got.width, got.height) == (want.width, want.height)
    off = [np.abs(a - b) for a, b in zip(channels(got), channels(want), strict=True)]
    return Error(*(float(o.mean()) for o in off), float((off[0] <= NEAR).mean()))


def truth_of(plan: FramePlan, sources) -> Planes:
    return ReferenceCompositor().compose(plan, sources, None).planes


@functools.lru_cache(maxsize=200)
def truth(plan: FramePlan) -> Planes:
    """The reference's picture; tests come back to the same plans."""
    return truth_of(plan, samples.sources_of(plan))


def identical(a: Planes, b: Planes) -> bool:
    return a.format == b.format and all(np.array_equal(x, y) for x, y in zip(a.planes, b.planes, strict=True))


def randomly(function):
    """Few examples by default, the same ones every time; ten times as many under ``-m release``."""

    def run(examples: int):
        return settings(
            max_examples=examples,
            derandomize=True,
            deadline=None,
            database=None,
            suppress_health_check=[
                HealthCheck.too_slow,
                HealthCheck.function_scoped_fixture,
                HealthCheck.data_too_large,
            ],
        )(given(data=st.data())(function))

    return run


@pytest.mark.parametrize("name", parameters(COMPOSITORS))
def test_registry_has_the_compositors_that_exist(name):
    compositor = make(name)
    assert compositor.name == name
    assert {"yuv420p", "nv12"} <= set(compositor.capabilities.source_formats)
    assert compositor.capabilities.output_formats[0] in {"yuv420p", "nv12"}
    compositor.close()


def lacking(compositor: Compositor) -> tuple[str, ...]:
    """What it says that it leaves out. The reference must leave out nothing."""
    return compositor.capabilities.not_drawn


def skip_what_is_not_drawn(compositor: Compositor, plan: FramePlan) -> None:
    missing = sorted(samples.features(plan).intersection(lacking(compositor)))
    if missing:
        pytest.skip(f"{compositor.name} says that it does not draw {', '.join(missing)}")


def test_the_reference_draws_everything():
    assert lacking(ReferenceCompositor()) == ()


def test_names_of_what_is_not_drawn_are_known(fresh, art):
    """A wrong name would hide nothing today, and a new feature tomorrow."""
    known = set().union(*(samples.features(plan) for plan in samples.fixed_plans(art).values()))
    assert set(lacking(fresh())) <= known


# --- the pixels -------------------------------------------------------------------------------------------------------

PLAN_NAMES = sorted(samples.fixed_plans(samples.Art("a", "b", "c", dict.fromkeys("abc", (1, 1)))))


@pytest.mark.parametrize("name", PLAN_NAMES)
def test_each_property_is_drawn_as_the_reference_draws_it(fresh, art, name):
    plan = samples.fixed_plans(art)[name]
    skip_what_is_not_drawn(fresh(), plan)
    composed = fresh().compose(plan, samples.sources_of(plan), None)
    assert composed.planes.color == BT709_LIMITED
    error = error_of(composed.planes, truth(plan))
    assert error.allowed, str(error)


def test_fixed_plans_differ_from_each_other(art):
    """A list in which a property does nothing would prove nothing."""
    seen: dict[bytes, str] = {}
    same = []
    for name, plan in samples.fixed_plans(art).items():
        key = b"".join(p.tobytes() for p in truth(plan).planes)
        if key in seen:
            same.append({name, seen[key]})
        seen[key] = name
    assert same == []


def check_random_plan(candidate, art, data):
    compositor = candidate()
    plan = data.draw(random_plans.frame_plans(art, lacking=lacking(compositor)))
    error = error_of(compositor.compose(plan, samples.sources_of(plan), None).planes, truth(plan))
    assert error.allowed, str(error)


test_random_plans_are_drawn_as_the_reference_draws_them = randomly(check_random_plan)(25)
test_many_random_plans = pytest.mark.release(randomly(check_random_plan)(400))


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("colour bars, reduced", {"LEFT_CHROMA": sampling.PlaneSiting(2, 1.0, 2, 1.0)}),
        ("colour bars, enlarged", {"LEFT_CHROMA": sampling.PlaneSiting(2, 0.5, 2, 0.5)}),
        ("half pixels", {"LUMA": sampling.PlaneSiting(1, 0.25, 1, 0.5)}),
        ("half pixels", {"cubic": lambda x: np.maximum(0, 1 - np.abs(x))}),
        ("tiny", {"kernel_taps": lambda centres, reduction: sampling_taps(centres, 1.0)}),
        (
            "squircle",
            {"signed_distance": lambda shape, x, y: distance(dataclasses.replace(shape, kind="rounded"), x, y)},
        ),
        ("shadow", {"shadow_alpha": lambda *_: np.zeros((144, 256))}),
        ("border", {"ring_coverage": lambda *_: np.zeros((144, 256))}),
        ("gradient with noise", {"value_noise": lambda *_: np.full((144, 256), 0.5)}),
        *(
            (f"graded, {name}", {"graded": lambda grade, rgb, *_: rgb})
            for name in (
                "exposure",
                "contrast",
                "saturation",
                "temperature",
                "tint",
                "split tone",
                "fade",
                "vignette",
                "grain",
            )
        ),
        ("mirrored", {"resample_planes": unmirrored}),
        (
            "softened, in motion",
            {"gaussian_taps": lambda wanted, sigma, count: gaussian_taps(wanted, sigma / 2, count)},
        ),
        ("tilted", {"gather_cubic": lambda field, x, y: gather_cubic(field, x - 0.5, y - 0.5)}),
        ("pointer, turned", {"gather_cubic": lambda field, x, y: gather_cubic(field, x - 0.5, y - 0.5)}),
        ("highlight, feathered", {"feathered": lambda layer, x, y: shading.box_coverage(layer.rect, x, y)}),
        ("rounded below", {"signed_distance": lambda shape, x, y: distance(all_round(shape), x, y)}),
        (
            "pointer",
            {"zero_outside": lambda taps, count: sampling.Taps(taps.samples.clip(0, count - 1), taps.weight * 0)},
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else next(iter(value)),
)
def test_tolerances_notice_what_is_wrong(art, monkeypatch, name, wrong):
    """Each of these mistakes, put into a second reference, is beyond the tolerances on the plan meant for it."""
    plan = samples.fixed_plans(art)[name]
    right = truth(plan)
    for attribute, value in wrong.items():
        monkeypatch.setattr(sampling if hasattr(sampling, attribute) else shading, attribute, value)
    mistaken = ReferenceCompositor().compose(plan, samples.sources_of(plan), None).planes
    error = error_of(mistaken, right)
    assert not error.allowed, str(error)


@pytest.mark.parametrize("size", [(66, 64), (160, 90)], ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("across", [108.0, 137.1, 171.4, 218.2, 282.4])
def test_small_fields_of_saturated_colours_stay_in_place(candidate, size, across):
    """Reduced until a field is two samples of chroma or less, all is edges: a 25th of a sample beside is too much."""
    tall = across * 270 / 480
    for at in (0.0, 0.13, 0.37, 0.71):
        rect = Rect(min(0.0, at * (size[0] - across)), min(0.0, at * (size[1] - tall)), across, tall)
        layer = PictureLayer(samples.BARS, 0, Rect(0, 0, 480, 270), rect, Shape(rect))
        plan = FramePlan(size, (layer,))
        error = error_of(candidate().compose(plan, samples.sources_of(plan), None).planes, truth(plan))
        assert error.allowed, f"{rect}: {error}"


# --- frame after frame ------------------------------------------------------------------------------------------------


def outside(planes: Planes, damage) -> list[np.ndarray]:
    """The planes with everything inside the rectangles set to 0."""
    luma, cb, cr = channels(planes)
    for rect in damage:
        luma[rect.y : rect.bottom, rect.x : rect.right] = 0
        for plane in (cb, cr):
            plane[rect.y // 2 : rect.bottom // 2, rect.x // 2 : rect.right // 2] = 0
    return [luma, cb, cr]


def assert_well_formed(damage, size) -> None:
    drawn = np.zeros((size[1], size[0]), int)
    for rect in damage:
        assert rect.w > 0
        assert rect.h > 0
        assert not (rect.x | rect.y | rect.w | rect.h) & 1, f"{rect} has odd edges"
        assert rect.x >= 0
        assert rect.y >= 0
        assert rect.right <= size[0]
        assert rect.bottom <= size[1]
        drawn[rect.y : rect.bottom, rect.x : rect.right] += 1
    assert drawn.max() <= 1, "rectangles overlap"


def check_chain(candidate, art, data):
    """A run of frames, each composed from the last, has exactly the pixels of frames composed alone."""
    runner = candidate()
    plan = data.draw(random_plans.frame_plans(art, lacking=lacking(runner)))
    last, last_copy = None, None
    for _ in range(4):
        composed = runner.compose(plan, samples.sources_of(plan), last)
        assert_well_formed(composed.damage, plan.size)
        alone = candidate().compose(plan, samples.sources_of(plan), None)
        assert identical(composed.planes, alone.planes)
        if last is not None:
            for now, before in zip(
                outside(composed.planes, composed.damage), outside(last_copy, composed.damage), strict=True
            ):
                assert np.array_equal(now, before), "something changed outside the damage"
            if composed.damage:
                assert identical(last.planes, last_copy), "the previous picture was written to"
        last = composed
        last_copy = dataclasses.replace(composed.planes, planes=tuple(p.copy() for p in composed.planes.planes))
        plan = data.draw(random_plans.changed_plans(art, plan, lacking(runner)))


test_composing_from_the_previous_frame_changes_nothing = randomly(check_chain)(12)
test_many_chains = pytest.mark.release(randomly(check_chain)(150))


def test_equal_plan_is_held(fresh, art):
    compositor = fresh()
    plan = samples.fixed_plans(art)["everything"]
    again = samples.fixed_plans(art)["everything"]
    assert again is not plan
    first = compositor.compose(plan, samples.sources_of(plan), None)
    second = compositor.compose(again, samples.sources_of(again), first)
    third = compositor.compose(plan, samples.sources_of(plan), second)
    for held in (second, third):
        assert held.planes is first.planes
        assert held.damage == ()
    assert sum(rect.area for rect in first.damage) == plan.size[0] * plan.size[1]


def test_new_size_is_drawn_anew(fresh, art):
    compositor = fresh()
    small, large = (
        FramePlan(size, (BackgroundLayer(samples.GRADIENT), samples.card())) for size in ((128, 72), (256, 144))
    )
    first = compositor.compose(small, samples.sources_of(small), None)
    second = compositor.compose(large, samples.sources_of(large), first)
    assert (second.planes.width, second.planes.height) == large.size
    assert identical(second.planes, fresh().compose(large, samples.sources_of(large), None).planes)


def test_sources_are_only_read(fresh, art):
    for name in ("everything", "everything in motion", "passed through", "nv12 at rest", "see-through"):
        plan = samples.fixed_plans(art)[name]
        sources = samples.sources_of(plan)
        before = {key: [p.copy() for p in planes.planes] for key, planes in sources.items()}
        compositor = fresh()
        composed = compositor.compose(plan, sources, None)
        pointer = art.sprite(art.pointer, Rect(40, 40, 36, 48))
        compositor.compose(FramePlan(plan.size, (*plan.layers, pointer)), sources, composed)
        for key, planes in sources.items():
            assert all(np.array_equal(a, b) for a, b in zip(planes.planes, before[key], strict=True)), name


def test_two_compositors_do_not_disturb_each_other(fresh, art):
    plans = samples.fixed_plans(art)
    one, two = fresh(), fresh()
    first = one.compose(plans["everything"], samples.sources_of(plans["everything"]), None)
    copy = [p.copy() for p in first.planes.planes]
    two.compose(plans["two cards"], samples.sources_of(plans["two cards"]), None)
    assert all(np.array_equal(a, b) for a, b in zip(first.planes.planes, copy, strict=True))


def test_closing_twice_is_harmless(fresh, art):
    compositor = fresh()
    plan = samples.fixed_plans(art)["pointer on a card"]
    composed = compositor.compose(plan, samples.sources_of(plan), None)
    kept = [p.copy() for p in composed.planes.planes]
    compositor.close()
    compositor.close()
    assert all(np.array_equal(a, b) for a, b in zip(composed.planes.planes, kept, strict=True)), "still readable"


def test_missing_art_is_named(fresh, tmp_path):
    from reelpress.errors import InputError

    gone = str(tmp_path / "gone.png")
    plan = FramePlan(
        (64, 64), (BackgroundLayer(SolidFill((0, 0, 0))), SpriteLayer(gone, Rect(0, 0, 8, 8), width=8, height=8))
    )
    with pytest.raises(InputError, match=r"gone\.png"):
        fresh().compose(plan, {}, None)


# --- the step when a motion ends --------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", [samples.TEXT, samples.TEXT_NV12, samples.NOISY])
@pytest.mark.parametrize("rest", [Rect(16, 10, 220, 124), Rect(-60, -34, 380, 214)], ids=["reduced", "enlarged"])
def test_step_when_a_motion_ends(fresh, source, rest):
    """The last frame of a motion, within 0.01 px of rest, against the resting one: only the resampler may change."""
    frames = []
    for rect in (Rect(rest.x + 0.006, rest.y - 0.004, rest.w + 0.008, rest.h + 0.005), rest):
        plan = FramePlan((256, 144), (BackgroundLayer(samples.GRADIENT), samples.card(source, rect, radius=12)))
        frames.append(fresh().compose(plan, samples.sources_of(plan), None).planes)
    step = error_of(*frames)
    print(f"step when a motion ends, {source}: {step}")  # pytest -rP shows it
    assert step.luma <= STEP_MEAN, str(step)
    assert max(step.cb, step.cr) <= CHROMA_MEAN, str(step)
    assert step.near >= NEAR_SHARE, str(step)
