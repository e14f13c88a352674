"""Fixtures of the VideoToolbox tests: the stand-in, the real frameworks, and pictures."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from standin_library import Standin, build

from reelpress.convert.videotoolbox import VideoToolboxConverter


@pytest.fixture(scope="session")
def standin_built(tmp_path_factory: pytest.TempPathFactory) -> Standin:
    """The library, once for all tests."""
    return Standin(build(tmp_path_factory.mktemp("standin")))


@pytest.fixture
def standin(standin_built: Standin) -> Iterator[Standin]:
    """The stand-in with fresh counts. Afterwards no rule may be broken, no object live and no lock be held."""
    standin_built.reset()
    yield standin_built
    standin_built.fault("hold", 0)
    assert standin_built.settle()
    if standin_built.live():
        gc.collect()  # an exception may hold frames in a cycle
        assert standin_built.settle()
    assert standin_built.violations == []
    assert standin_built.live() == {}


Make = Callable[..., VideoToolboxConverter]


@pytest.fixture
def make(standin: Standin) -> Iterator[Make]:
    """Makes converters on the stand-in and closes them."""
    made: list[VideoToolboxConverter] = []

    def new(**settings: object) -> VideoToolboxConverter:
        # Callbacks may be late on a busy machine; the tests of that set a shorter time.
        given: dict[str, Any] = {"source_deadline_s": 30.0, **settings}
        made.append(VideoToolboxConverter(standin.libraries, **given))
        return made[-1]

    yield new
    for converter in made:
        converter.close()


SYSTEMS = ["stand-in", "macOS"] if sys.platform == "darwin" else ["stand-in"]


@pytest.fixture(params=SYSTEMS)
def system(request: pytest.FixtureRequest) -> Mapping[str, str] | None:
    """What to load: the stand-in (watched); on a Mac the system's own frameworks (``None``) as well."""
    if request.param == "macOS":
        return None
    library: Standin = request.getfixturevalue("standin")
    return library.libraries
