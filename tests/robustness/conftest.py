"""The command line in this process, in an empty folder of its own."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from reelpress.cli.app import run

PREFIX = "reelpress: "


@dataclass(frozen=True)
class Result:
    """What one command said and how it ended."""

    exit: int
    out: str
    err: str

    @property
    def sentence(self) -> str:
        """The one line with which it refused."""
        lines = [line for line in self.err.splitlines() if line.startswith(PREFIX)]
        assert len(lines) == 1, self.err
        return lines[0].removeprefix(PREFIX)

    @property
    def events(self) -> list[dict[str, Any]]:
        """The NDJSON of stdout."""
        return [json.loads(line) for line in self.out.splitlines()]


Cli = Callable[..., Result]


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
