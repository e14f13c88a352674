"""What all tests share. Because of this file its folder is on the import path: ``import export_harness`` works."""

from __future__ import annotations

import functools
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

REPO = Path(__file__).resolve().parents[1]

# The same examples in every run, so that a change is judged by what it changed. New ones are looked for on purpose:
# `pytest --hypothesis-profile explore`.
settings.register_profile(
    "fixed", derandomize=True, database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("explore", max_examples=1000, deadline=None)
settings.load_profile("fixed")


@functools.cache
def why_no_gpu() -> str | None:
    """Why tests marked ``gpu`` cannot run; ``None``: they can, on a software adapter if there is no other."""
    from reelpress.compose.gpu.device import GpuUnavailable, shared

    try:
        shared(allow_software=True)
    except GpuUnavailable as error:
        return error.reason
    return None


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("gpu") is not None:
        reason = why_no_gpu()
        if reason is not None:
            pytest.skip(f"no GPU adapter, not even a software one: {reason}")


@pytest.fixture(scope="session")
def shared_media() -> Path:
    """The folder of real media beside the repository; skips where there is none (release tests only)."""
    folder = REPO.parent / "shared" / "media"
    if not folder.is_dir():
        pytest.skip("the shared media are not beside this repository")
    return folder


@pytest.fixture(scope="session")
def tiny_cap(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small project of 2.4 s with everything in it; read-only for tests."""
    from make_tiny_cap import make_tiny_cap

    return make_tiny_cap(tmp_path_factory.mktemp("recording") / "Tiny.cap")


@pytest.fixture(scope="session")
def ffmpeg() -> Callable[..., subprocess.CompletedProcess[bytes]]:
    """A second decoder: the ffmpeg program of ``imageio-ffmpeg``, another build than the one that is tested."""
    import imageio_ffmpeg

    program = imageio_ffmpeg.get_ffmpeg_exe()

    def call(*arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [program, "-nostdin", "-hide_banner", *map(str, arguments)], capture_output=True, timeout=60, check=False
        )

    return call
