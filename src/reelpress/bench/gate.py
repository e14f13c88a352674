"""The regression gate: ratios of a new run against those of a committed one, never bare times.

A ratio is that of a path against the baseline path of the same run on the same machine, so a slower machine moves both
and the ratio stays. SSIM is compared as it is: it depends on no machine.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from reelpress.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

SPEED_LOSS = 0.10
SSIM_LOSS = 0.001
SIZE_GAIN = 0.05
RSS_GAIN = 0.10
SLACK = 1e-9
"""Rounding in the JSON is no loss."""


def gate_of(result: dict[str, Any]) -> dict[str, Any]:
    """What of a result is committed to compare with."""
    return {
        "schema_version": 1,
        "type": "gate",
        "command": result["command"],
        "commit": result["commit"],
        "created": result["created"],
        "machine": result["machine"],
        "settings": result["settings"],
        "ratios": result["ratios"],
    }


def read_gate(path: Path) -> dict[str, Any]:
    """A committed gate (or a whole result).

    Raises:
        SettingsError: It cannot be read, or is something else.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path} cannot be read as a result of the benchmark: {error}.") from None
    if not isinstance(data, dict) or "ratios" not in data:
        raise SettingsError(f"{path} holds no ratios; give a file that `reelpress bench --write-gate` wrote.")
    return data


def losses(new: list[dict[str, Any]], old: list[dict[str, Any]]) -> list[str]:
    """What got worse by more than is allowed, one sentence each; a row that is gone is a loss too."""
    found = []
    rows = {(r["scenario"], r["path"], r["encoder"]): r for r in new}
    for before in old:
        key = (before["scenario"], before["path"], before["encoder"])
        label = ", ".join(key)
        row = rows.get(key)
        if row is None:
            found.append(f"{label}: was not measured, and is in the committed baseline.")
            continue
        speed = row["speed"] / before["speed"] - 1 if before["speed"] else 0.0
        if speed < -SPEED_LOSS - SLACK:
            found.append(
                f"{label}: speed against the baseline path fell from {before['speed']:.3f} to {row['speed']:.3f} "
                f"({100 * speed:+.1f} %, allowed {-100 * SPEED_LOSS:.0f} %)."
            )
        if before["ssim"] is not None and row["ssim"] is not None and before["ssim"] - row["ssim"] > SSIM_LOSS + SLACK:
            found.append(f"{label}: SSIM fell from {before['ssim']:.5f} to {row['ssim']:.5f} (allowed {SSIM_LOSS}).")
        for name, word, allowed in (("size", "size", SIZE_GAIN), ("rss", "peak memory", RSS_GAIN)):
            if before[name] and row[name] is not None and row[name] / before[name] - 1 > allowed + SLACK:
                found.append(
                    f"{label}: {word} against the baseline path grew from {before[name]:.3f} to {row[name]:.3f} "
                    f"({100 * (row[name] / before[name] - 1):+.1f} %, allowed {100 * allowed:.0f} %)."
                )
    return found
