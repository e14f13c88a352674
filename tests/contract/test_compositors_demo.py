"""Compositors against the reference on frames of the example recording, 1080p (a minute; ``-m release``)."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from test_compositors import COMPOSITORS, error_of, identical, make, parameters, truth_of

from reelpress.export.sources import SourcePool
from reelpress.project.load import load_project
from reelpress.recording.load import load
from reelpress.scene.director import Director

DEMO = Path(__file__).parents[2] / "examples" / "demo.cap"
FRAMES = 10

pytestmark = [pytest.mark.release, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def demo():
    if not DEMO.is_dir():
        pytest.skip("examples/demo.cap is not in this checkout")
    recording = load(DEMO)
    director = Director(recording, load_project(recording).project, resolution="1080p", fps=Fraction(60))
    sources = SourcePool(recording, threads=2)
    yield director, sources
    sources.close()
    recording.close()


def pictures(sources, plan):
    return {layer.source: sources.planes(layer.source, layer.frame) for layer in plan.pictures()}


@pytest.mark.parametrize("name", parameters(COMPOSITORS.keys() - {"reference"}))
def test_demo_frames_are_drawn_as_the_reference_draws_them(demo, name):
    director, sources = demo
    compositor = make(name)
    try:
        for i in range(FRAMES):
            index = (2 * i + 1) * director.frames // (2 * FRAMES)
            before, plan = director.plan(index - 1), director.plan(index)
            previous = compositor.compose(before, pictures(sources, before), None)
            planes = pictures(sources, plan)
            composed = compositor.compose(plan, planes, previous)
            alone = make(name)
            assert identical(composed.planes, alone.compose(plan, planes, None).planes), index
            alone.close()
            error = error_of(composed.planes, truth_of(plan, planes))
            print(f"demo frame {index}: {error}")
            assert error.allowed, f"frame {index}: {error}"
    finally:
        compositor.close()


@pytest.mark.parametrize("name", parameters(COMPOSITORS.keys() - {"reference"}))
def test_steps_at_the_end_of_the_demo_s_motions(demo, name):
    """From the last moving frame to the first resting one, both drawn alone: no larger a step than the truth's own."""
    director, sources = demo
    rects = [plan.pictures()[0].rect for plan in map(director.plan, range(director.frames))]
    ends = [
        n for n in range(2, director.frames - 1) if rects[n - 2] != rects[n - 1] != rects[n] == rects[n + 1]
    ]  # fmt: skip
    assert ends, "the demo has zooms, so motions end"
    for n in ends[:3]:
        plans = [director.plan(n - 1), director.plan(n)]
        frames, truths = [], []
        for plan in plans:
            planes = pictures(sources, plan)
            compositor = make(name)
            frames.append(compositor.compose(plan, planes, None).planes)
            compositor.close()
            truths.append(truth_of(plan, planes))
        step, true_step = error_of(*frames), error_of(*truths)
        print(f"demo, motion ends at frame {n}: {step}; the reference's own step: {true_step}")
        assert step.luma <= true_step.luma + 0.6
