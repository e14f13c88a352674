"""Fixtures of the recording tests."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING

import pytest
from recording_makers import CapMaker

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def cap(tmp_path: Path) -> CapMaker:
    root = tmp_path / "Test.cap"
    root.mkdir()
    return CapMaker(root)


@pytest.fixture(autouse=True)
def temporary_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Joined tracks go where a test can look for leftovers."""
    folder = tmp_path_factory.mktemp("temporary")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder
