"""What all tests share. Because of this file its folder is on the import path: ``import export_harness`` works."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[1]


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
