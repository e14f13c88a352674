"""Commands in processes of their own: one that is measured, or several at the same time that are not."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reelpress.errors import ExportError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from reelpress.bench.metrics import GpuMeter

POLL_S = 0.02
"""Between two looks at whether a measured process has ended."""
GPU_S = 0.1
"""Between two samples of the GPU."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A process that ended well."""

    stdout: str
    wall_s: float
    cpu_s: float
    """0 where the system does not say."""
    peak_rss_bytes: int
    """Of the largest process in it; 0 where the system does not say."""
    gpu_percent: float | None


def finished(command: Sequence[str], folder: Path, gpu: GpuMeter, timeout_s: float) -> Finished:
    """Run a command to its end.

    Raises:
        ExportError: It failed, cannot be started, or took longer than ``timeout_s``.
    """
    out, err = folder / "stdout.txt", folder / "stderr.txt"
    started = time.perf_counter()
    usage = None
    with out.open("wb") as stdout, err.open("wb") as stderr:
        try:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr)
        except OSError as error:
            raise ExportError(f"{command[0]} cannot be started: {error.strerror or error}.") from error
        next_look = started + GPU_S
        try:
            while True:
                if hasattr(os, "wait4"):
                    pid, status, usage = os.wait4(process.pid, os.WNOHANG)
                    if pid:
                        process.returncode = os.waitstatus_to_exitcode(status)
                        break
                elif process.poll() is not None:
                    break
                now = time.perf_counter()
                if now - started > timeout_s:
                    raise ExportError(f"A measured process took longer than {timeout_s:.0f} s and was ended.")
                if now >= next_look:
                    next_look = now + GPU_S
                    gpu.sample()
                time.sleep(POLL_S)
        finally:
            if process.returncode is None:
                process.kill()
                process.wait()
    wall = time.perf_counter() - started
    if process.returncode != 0:
        text = err.read_text(errors="replace").strip()[-1500:]
        raise ExportError(f"A measured process ended with {process.returncode}: {text or 'it said nothing'}")
    cpu = 0.0 if usage is None else usage.ru_utime + usage.ru_stime
    scale = 1 if sys.platform == "darwin" else 1024
    peak = 0 if usage is None else usage.ru_maxrss * scale
    return Finished(out.read_text(encoding="utf-8", errors="replace"), wall, cpu, peak, gpu.take())


def outputs_of(commands: Sequence[Sequence[str]], folder: Path, timeout_s: float) -> list[str]:
    """What commands that run at the same time write to stdout. For work that is not timed.

    Raises:
        ExportError: One of them failed, or they took longer than ``timeout_s``.
    """
    deadline = time.monotonic() + timeout_s
    with ExitStack() as stack:
        running = []
        for n, command in enumerate(commands):
            out, err = folder / f"stdout-{n}.txt", folder / f"stderr-{n}.txt"
            stdout, stderr = (stack.enter_context(path.open("wb")) for path in (out, err))
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr)
            stack.callback(_ended, process)
            running.append((process, out, err))
        found = []
        for process, out, err in running:
            try:
                code = process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                raise ExportError(f"Judging took longer than {timeout_s:.0f} s and was ended.") from None
            if code != 0:
                text = err.read_text(errors="replace").strip()[-1500:]
                raise ExportError(f"Judging ended with {code}: {text or 'it said nothing'}")
            found.append(out.read_text(encoding="utf-8", errors="replace"))
        return found


def _ended(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
    process.wait()
