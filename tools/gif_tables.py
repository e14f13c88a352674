"""The table of docs/formats.md, from ``benchmarks/results/gif.json`` (``python tools/gif_tables.py``)."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "formats.md"
RESULT = ROOT / "benchmarks" / "results" / "gif.json"
GOAL, GOAL_GIFSKI = 3, 10


def table(data: dict[str, Any]) -> str:
    """Markdown of a result."""
    lines = [
        "| what | frames | ours, s | theirs, s | faster | without decoding | bytes, ours to theirs | SSIM (Y), ours | "
        "theirs |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name in ("demo", "tour"):
        row = data[name]
        ours, theirs = row["ours"], row["ffmpeg"]
        both = theirs["palettegen_s"]["min"] + theirs["paletteuse_s"]["min"]
        lines.append(
            f"| {name}, against ffmpeg's two passes (goal {GOAL}x) | {row['frames']} | {ours['wall_s']['min']:.1f} | "
            f"{both:.1f} | "
            f"**{row['times_faster']:.1f}x** | {row['times_faster_without_decoding']:.1f}x | "
            f"{row['share_of_bytes']:.2f} | "
            f"{ours['ssim']['y']:.4f} | {theirs['ssim']['y']:.4f} |"
        )
    for peer in data["gifski"]:
        if "missing" in peer:
            continue
        ours, theirs = peer["ours"], peer["gifski"]
        lines.append(
            f"| {peer['part']}, against {peer['version']} (goal {GOAL_GIFSKI}x) | {peer['frames']} | "
            f"{ours['wall_s']:.1f} | {theirs['wall_s']:.1f} | **{peer['times_faster']:.1f}x** | "
            f"{peer['times_faster_without_decoding']:.1f}x | "
            f"{ours['bytes'] / theirs['bytes']:.2f} | {ours['ssim']['y']:.4f} | {theirs['ssim']['y']:.4f} |"
        )
    machine = data["machine"]
    lines += [
        "",
        f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}, Python {machine['python']}, "
        f"PyAV {machine['av']}, "
        f"{data['ffmpeg']}. `{data['command']}`",
    ]
    return "\n".join(lines)


def filled(page: str, data: dict[str, Any]) -> str:
    """The page with the table of ``data``."""
    return re.sub(
        r"(<!-- table:gif -->\n).*?(<!-- end -->)", lambda m: f"{m[1]}{table(data)}\n{m[2]}", page, flags=re.DOTALL
    )


if __name__ == "__main__":
    PAGE.write_text(
        filled(PAGE.read_text(encoding="utf-8"), json.loads(RESULT.read_text(encoding="utf-8"))), encoding="utf-8"
    )
