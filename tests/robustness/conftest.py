"""The command line in this process, in an empty folder of its own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from export_harness import Cli, Result
from reelpress.cli.app import run


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: empty, and with a temporary folder beside it that must stay empty."""
    for name in [name for name in os.environ if name.startswith(("REELPRESS_", "CAP_"))]:
        monkeypatch.delenv(name)
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def cli(here: Path, capsys: pytest.CaptureFixture[str]) -> Cli:
    """``cli("export", "a.mp4", ...)`` as on the command line."""

    def call(*arguments: str | Path) -> Result:
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        return Result(code, *capsys.readouterr())

    return call
