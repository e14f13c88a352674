"""What all tests share. Its folder is on the import path because of this file: ``import export_harness`` works anywhere."""

from __future__ import annotations

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
