"""Threads hand Python's lock over sooner while a pipeline runs, and only then."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from reelpress.errors import ReelpressError
from reelpress.pipeline import switching
from reelpress.pipeline.run import Pipeline
from reelpress.pipeline.stage import Stage, StageContext

OWN_S = 0.004
"""An interval that nobody else sets."""


@pytest.fixture(autouse=True)
def own_interval() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(OWN_S)
    yield
    sys.setswitchinterval(before)


def interval() -> float:
    return round(sys.getswitchinterval(), 5)  # it is kept in whole microseconds


def test_while_it_runs_and_not_after() -> None:
    seen: list[float] = []

    def look(_: StageContext) -> None:
        seen.append(interval())

    Pipeline([Stage("look", look)]).run()
    assert seen == [switching.SWITCH_S]
    assert interval() == OWN_S


def test_also_after_a_failure() -> None:
    def fail(_: StageContext) -> None:
        raise ReelpressError("no")

    with pytest.raises(ReelpressError):
        Pipeline([Stage("fail", fail)]).run()
    assert interval() == OWN_S


def test_the_last_of_several_puts_it_back() -> None:
    switching.begin()
    switching.begin()
    switching.end()
    assert interval() == switching.SWITCH_S
    switching.end()
    assert interval() == OWN_S


def test_who_wants_less_keeps_it() -> None:
    sys.setswitchinterval(0.0001)
    switching.begin()
    assert interval() == 0.0001
    switching.end()
    assert interval() == 0.0001


def test_a_pipeline_that_runs_twice_ends_once() -> None:
    pipeline = Pipeline([Stage("nothing", lambda _: None)])
    pipeline.run()
    with pytest.raises(RuntimeError, match="only once"):
        pipeline.run()
    assert interval() == OWN_S
    switching.begin()
    assert interval() == switching.SWITCH_S
    switching.end()
