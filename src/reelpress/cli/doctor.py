"""``reelpress doctor``: what this machine and installation can do, and what an export of a file would use."""

from __future__ import annotations

import json
import platform
import sys
from typing import TYPE_CHECKING, Any

from reelpress import __version__

if TYPE_CHECKING:
    from pathlib import Path

    from reelpress.cli.app import Console

CHOICES = ("decoder", "renderer", "converter", "encoder")


def facts(source: Path | None = None) -> dict[str, Any]:
    """Versions, machine, codecs, encoders, decoders, adapters, converters and memory, as JSON types.

    Args:
        source: Also what ``auto`` would choose for this recording, as ``chosen``.

    Raises:
        InputError: ``source`` cannot be read.
    """
    import importlib.metadata

    from reelpress.export import capabilities
    from reelpress.export.api import available_codecs, plan
    from reelpress.pipeline.budget import usable_ram
    from reelpress.pipeline.machine import cores

    packages = {}
    for name in ("av", "numpy", "pillow", "pydantic", "typer", "rich", "psutil", "platformdirs", "wgpu"):
        try:
            packages[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            packages[name] = "missing"
    found: dict[str, Any] = {
        "reelpress": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cores": cores(),
        "usable_ram_bytes": usable_ram(),
        "packages": packages,
        "codecs": available_codecs(),
        "encoders": capabilities.encoders(),
        "devices": capabilities.devices(),
        "adapters": capabilities.adapters(),
        "converters": capabilities.converters(),
    }
    if source is not None:
        told = plan(source).to_dict()
        found["chosen"] = {name: told[name] for name in CHOICES}
    return found


def run(console: Console, source: Path | None = None) -> None:
    """Print the facts."""
    data = facts(source)
    if console.json:
        print(json.dumps({"schema_version": 1, "type": "doctor", **data}))
        return
    print(f"reelpress {data['reelpress']}, Python {data['python']}, {data['platform']}")
    print(f"{data['cores']} cores, {data['usable_ram_bytes'] / 2**30:.1f} GiB of usable memory")
    print("packages: " + ", ".join(f"{name} {version}" for name, version in data["packages"].items()))
    print("codecs of the library (yes: it has it)")
    for codec in data["codecs"]:
        print(f"  {_mark(codec['available'])}  {codec['kind']:<8} {codec['name']:<16} {codec['note']}")
    print("encoders, best first (yes: it opens; then what a trial of pictures said)")
    for row in data["encoders"]:
        found = f"{_mark(row['available'])}  {_verdict(row['right'])}"
        print(f"  {found}  {row['codec']:<5} {row['name']:<18} {row['reason'].rstrip('.')}")
    print("decoders on a chip (yes: may be here; each file is tried)")
    for row in data["devices"]:
        print(f"  {_mark(row['present'])}  {row['name']:<13} {row['reason']}")
    print("GPUs (yes: auto may take it)")
    for row in data["adapters"]:
        name = f"{row['name']} ({row['kind']}, {row['backend']}, {row['driver']}): " if row["name"] else ""
        print(f"  {_mark(row['usable'])}  {name}{row['reason']}")
    print("converters (yes: it runs; then what a picture said)")
    for backend, rows in _by_backend(data["converters"]).items():
        for line in _of_converter(backend, rows):
            print(f"  {line}")
    if "chosen" in data:
        print(f"what auto chooses for {source}")
        for name in CHOICES:
            choice = data["chosen"][name]
            print(f"  {name:<10} {choice['used']}: {choice['reason']}")
            for rejected in choice["rejected"]:
                print(f"  {'':<10} not {rejected['name']}: {rejected['reason'].rstrip('.')}")
    if not all(codec["available"] for codec in data["codecs"] if codec["required"]):
        print("A required codec is missing: this installation cannot export.", file=sys.stderr)


def _mark(good: bool) -> str:
    return "yes" if good else "no "


def _verdict(right: bool | None) -> str:
    return {True: "right", False: "WRONG", None: "  –  "}[right]


def _of_converter(backend: str, rows: list[dict[str, Any]]) -> list[str]:
    """A line about a converter, and one about each pair with which something is wrong."""
    can = [row for row in rows if row["available"]]
    if not can:
        return [f"no     –    {backend:<13} {rows[-1]['reason']}"]
    wrong = [row for row in can if row["right"] is False]
    tried = any(row["right"] is not None for row in can)
    what = "all" if len(can) == len(rows) else f"{len(can)} of {len(rows)}"
    pairs = f"{what} pairs of formats" if backend != "encoder" else _pairs(can)
    lines = [f"yes  {_verdict(not wrong if tried else None)}  {backend:<13} {pairs}"]
    if len(can) < len(rows):
        missing = [row for row in rows if not row["available"]]
        lines.append(f"{'':<26}not {_pairs(missing)}: {missing[-1]['reason']}")
    lines += [f"{'':<26}wrong: {row['source']}>{row['target']}: {row['reason']}" for row in wrong]
    return lines


def _pairs(rows: list[dict[str, Any]]) -> str:
    return " ".join(f"{row['source']}>{row['target']}" for row in rows)


def _by_backend(rows: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(row["backend"], []).append(row)
    return found
