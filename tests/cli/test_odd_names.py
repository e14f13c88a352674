"""File names that standard output cannot encode: what was done is told, and nothing fails for it."""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from reelpress.cli.app import run

SMALL = ("--resolution", "64x36", "--end", "0.2", "--encoder-preset", "ultrafast")
NOT_UTF8 = os.fsdecode(b"caf\xe9")

Said = Callable[..., tuple[int, bytes]]


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> Said:
    """Run a command line with a standard output of the given encoding: exit code and what was written."""

    def call(*arguments: str | Path, encoding: str = "utf-8") -> tuple[int, bytes]:
        raw = io.BytesIO()
        with monkeypatch.context() as patch:
            out = io.TextIOWrapper(raw, encoding=encoding)
            patch.setattr(sys, "stdout", out)
            code = run([str(argument) for argument in arguments])
            out.flush()
            return code, raw.getvalue()

    return call


@pytest.fixture
def odd_cap(tiny_cap: Path, tmp_path: Path) -> Path:
    """The tiny recording under a name that is no UTF-8."""
    folder = tmp_path / f"{NOT_UTF8}.cap"
    try:
        shutil.copytree(tiny_cap, folder)
    except (OSError, UnicodeError):
        pytest.skip("this file system wants names in UTF-8")
    return folder


def test_a_name_that_is_no_utf8_comes_out_as_it_is(odd_cap: Path, tmp_path: Path, said: Said) -> None:
    target = tmp_path / f"{NOT_UTF8}.mp4"
    code, out = said("export", odd_cap, "-o", target, *SMALL)
    assert (code, out) == (0, os.fsencode(target) + b"\n")
    assert target.is_file()


def test_probe_and_plan_too(odd_cap: Path, said: Said) -> None:
    assert said("plan", odd_cap, "--no-trial", *SMALL)[0] == 0
    assert said("probe", odd_cap)[0] == 0
    code, out = said("probe", odd_cap, "--json")
    assert code == 0 and json.loads(out.decode("ascii"))["type"] == "probe"


@pytest.mark.parametrize(("encoding", "name", "escaped"), [
    ("ascii", "é漢😀", b"\\u00e9\\u6f22\\ud83d\\ude00"),
    ("cp1252", "é漢😀", b"\xe9\\u6f22\\ud83d\\ude00"),
])  # fmt: skip
def test_an_output_of_few_characters(
    tiny_cap: Path, tmp_path: Path, said: Said, encoding: str, name: str, escaped: bytes
) -> None:
    """LC_ALL=C, or a redirected output on Windows."""
    target = tmp_path / f"{name}.mp4"
    code, out = said("export", tiny_cap, "-o", target, *SMALL, encoding=encoding)
    assert code == 0 and out.strip().endswith(escaped + b".mp4")
    code, out = said("export", tiny_cap, "-o", target, *SMALL, "--overwrite", "--json", encoding=encoding)
    lines = [json.loads(line) for line in out.decode(encoding).splitlines()]
    assert code == 0 and lines[-1]["output"] == str(target)
