"""Run the real command in a process of its own, with a hard deadline, and look at what it leaves behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COMMAND = (sys.executable, "-c", "from reelpress.cli import main; main()")
"""The installed command without depending on where scripts are installed."""

TRACEBACK = "Traceback (most recent call last)"


@dataclass(frozen=True)
class Outcome:
    """What became of one command."""

    exit: int | None
    """``None``: it did not end within the deadline and was killed."""
    seconds: float
    stdout: str
    stderr: str

    @property
    def events(self) -> list[dict[str, Any]]:
        """The NDJSON lines of stdout."""
        return [json.loads(line) for line in self.stdout.splitlines()]

    @property
    def last(self) -> dict[str, Any]:
        """The last event, which is how it ended."""
        return self.events[-1] if self.stdout.strip() else {}


def environment(temp: Path | None = None, **more: str) -> dict[str, str]:
    """The environment without any REELPRESS_ setting; ``temp`` is where temporary files go."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("REELPRESS_", "CAP_"))}
    if temp is not None:
        env["TMPDIR"] = str(temp)
    return env | more


def start(*arguments: str | Path, cwd: Path, temp: Path | None = None, **popen: Any) -> subprocess.Popen[str]:
    """The command as a running process with text pipes."""
    options: dict[str, Any] = {
        "stdin": subprocess.DEVNULL,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "text": True,
        "errors": "surrogateescape",
    }
    return subprocess.Popen([*COMMAND, *map(str, arguments)], cwd=cwd, env=environment(temp), **(options | popen))


def finish(process: subprocess.Popen[str], deadline_s: float) -> Outcome:
    """Wait for a process; kill it at the deadline. ``seconds`` counts from this call."""
    begin = time.monotonic()
    try:
        stdout, stderr = process.communicate(timeout=deadline_s)
        code: int | None = process.returncode
    except subprocess.TimeoutExpired:
        process.kill()
        stdout, stderr = process.communicate()
        code = None
    return Outcome(code, time.monotonic() - begin, stdout or "", stderr or "")


def command(*arguments: str | Path, cwd: Path, deadline_s: float = 60.0, temp: Path | None = None) -> Outcome:
    """Run the command to its end."""
    return finish(start(*arguments, cwd=cwd, temp=temp), deadline_s)


def crowding() -> float:
    """How much longer than by itself a program takes on this machine at this moment; 1 when it is idle."""
    wall, own = time.monotonic(), time.thread_time()
    while time.thread_time() - own < 0.03:
        pass
    return max(1.0, (time.monotonic() - wall) / 0.03)


def names(folder: Path) -> list[str]:
    """Every file and folder below ``folder``, relative, sorted."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def is_one_sentence(text: str) -> bool:
    """Whether people can read it: ends like a sentence, no traceback, no line break, no Python type in sight."""
    return text.endswith(".") and "\n" not in text and TRACEBACK not in text and "Error:" not in text


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
