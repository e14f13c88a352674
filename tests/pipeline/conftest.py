"""Fixtures of the pipeline's tests: virtual time, and no thread left behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pipeline_clock import Stuck, VirtualClock, stage_threads

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def clock() -> Iterator[VirtualClock]:
    virtual = VirtualClock()
    yield virtual
    virtual.close()


@pytest.fixture
def stuck(clock: VirtualClock) -> Iterator[Stuck]:
    """Threads stuck here are released and joined at the end of the test."""
    place = Stuck(clock)
    yield place
    place.release()
    for thread in stage_threads():
        thread.join(10)


@pytest.fixture(autouse=True)
def no_thread_survives() -> Iterator[None]:
    """Every test of this package leaves no stage thread behind (``stuck`` tidies up before this looks)."""
    yield
    for thread in stage_threads():
        thread.join(5)
    assert stage_threads() == []
