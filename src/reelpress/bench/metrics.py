"""Figures of a measured process: memory from the system and counted, the GPU's share, facts about the machine."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reelpress.pipeline import budget, machine

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reelpress.export.job import Job
    from reelpress.pipeline.channel import ChannelStats


def peak_memory() -> tuple[int, str]:
    """Peak resident bytes of this process and how they were read.

    Not ``ru_maxrss`` where there is better: Linux hands a parent's peak on to its children (it is taken over at
    ``exec``), so a small process started by a large one looks large.
    """
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024, "VmHWM"
    except (OSError, ValueError, IndexError):
        pass
    return machine.peak_rss(), "ru_maxrss"


def counted_memory(
    job: Job,
    channels: Mapping[str, ChannelStats],
    *,
    peak: int,
    method: str,
    base: int,
    readback: int,
    encodes: bool,
    python: int | None,
) -> dict[str, Any]:
    """``memory`` of a result: what is known to be held, next to what the system counted.

    Args:
        job: The export.
        channels: Of its pipeline.
        peak: Peak resident bytes.
        method: How they were read.
        base: Resident bytes before anything was opened.
        readback: Bytes of staging pictures between compositor and pipeline.
        encodes: Whether an encoder was fed.
        python: Peak of tracemalloc, if it ran.
    """
    width, height = job.director.size
    frame = width * height * 3 // 2
    sizes = job.buffers
    from reelpress.export.loads import ENCODER_LOADS

    load = ENCODER_LOADS.get(job.rate.preset, budget.EncoderLoad())
    knobs = budget.Knobs(
        lookahead=sizes.lookahead,
        bframes=load.bframes if sizes.bframes is None else sizes.bframes,
        encode_threads=sizes.encode_threads,
        decode_threads=sizes.decode_threads,
        sync_lookahead=load.lookahead if sizes.sync_lookahead is None else sizes.sync_lookahead,
    )
    encoder = round(budget.encoder_frames(knobs, load.references) * frame) if encodes else 0
    held = budget.decoder_frames(sizes.decode_threads, reorders=False)
    largest: dict[str, int] = {}
    for track in job.director.tracks:
        kind = track.key.split(":", 1)[0]
        largest[kind] = max(largest.get(kind, 0), track.info.width * track.info.height * 3 // 2)
    decoder = round(held * sum(largest.values()))
    rows = {
        name: {"items": s.peak_items, "bytes": s.peak_bytes, "max_items": s.max_items} for name, s in channels.items()
    }
    total = sum(row["bytes"] for row in rows.values())
    return {
        "peak_rss_bytes": peak,
        "method": method,
        "base_bytes": base,
        "channels_bytes": total,
        "channels": rows,
        "readback_bytes": readback,
        "decoder_bytes": decoder,
        "encoder_bytes": encoder,
        "python_bytes": python,
        "rest_bytes": peak - base - total - readback - decoder - encoder,
    }


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, least, greatest, and the median of the distances from the median."""
    middle = statistics.median(values)
    return {
        "median": round(middle, 6),
        "min": round(min(values), 6),
        "max": round(max(values), 6),
        "mad": round(statistics.median(abs(v - middle) for v in values), 6),
        "runs": len(values),
    }


class GpuMeter:
    """The GPU's share over a run, asked of NVML; ``missing`` says why there is none."""

    def __init__(self) -> None:
        self.missing: str | None = None
        self.name: str | None = None
        self._seen: list[float] = []
        self._device: Any = None
        try:
            import pynvml  # type: ignore[import-not-found, unused-ignore]
        except ImportError:
            self.missing = "NVML is not installed (the package nvidia-ml-py), so the GPU's share is not known."
            return
        try:
            pynvml.nvmlInit()
            self._device = pynvml.nvmlDeviceGetHandleByIndex(0)
            name = pynvml.nvmlDeviceGetName(self._device)
            self.name = name.decode() if isinstance(name, bytes) else str(name)
            self._nvml = pynvml
        except pynvml.NVMLError as error:
            self.missing = f"NVML finds no GPU here ({error})."

    def sample(self) -> None:
        """Take one look."""
        if self._device is not None:
            self._seen.append(float(self._nvml.nvmlDeviceGetUtilizationRates(self._device).gpu))

    def take(self) -> float | None:
        """The mean since the last ``take``, in per cent."""
        seen, self._seen = self._seen, []
        return round(statistics.fmean(seen), 1) if seen else None


def machine_facts(gpu: GpuMeter) -> dict[str, Any]:
    """The machine and the versions, without anything that names it."""
    from importlib import metadata

    from reelpress import __version__

    versions = {"reelpress": __version__, "python": platform.python_version()}
    for name in ("av", "numpy", "pillow"):
        versions[name] = metadata.version(name)
    return {
        "cpu": processor(),
        "cores": machine.cores(),
        "ram_bytes": machine.total_ram(),
        "system": f"{platform.system()} {platform.machine()}",
        "gpu": gpu.name,
        "gpu_missing": gpu.missing,
        "load": load_average(),
        "versions": versions,
    }


def commit() -> dict[str, Any]:
    """Which state of the repository was measured."""
    root = Path(__file__).resolve().parents[3]
    if not (root / ".git").exists():
        return {"id": None, "dirty": False, "missing": "This is an installed package, not a checkout."}

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False, timeout=20)
        return done.stdout.strip() if done.returncode == 0 else ""

    try:
        found = git("rev-parse", "HEAD")
        dirty = bool(git("status", "--porcelain", "--untracked-files=no", "--", "src"))
    except (OSError, subprocess.TimeoutExpired):
        found, dirty = "", False
    return {"id": found or None, "dirty": dirty, "missing": None if found else "git is not there or knows no commit."}


def load_average() -> float | None:
    """Of the last minute, where the system has one."""
    try:
        return round(os.getloadavg()[0], 2)
    except (OSError, AttributeError):
        return None


def processor() -> str:
    """The processor's name as the system has it."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or "unknown"
