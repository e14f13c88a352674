"""``reelpress doctor``: what this machine and installation can do."""

from __future__ import annotations

import json
import platform
import sys
from typing import TYPE_CHECKING, Any

from reelpress import __version__

if TYPE_CHECKING:
    from reelpress.cli.app import Console


def facts() -> dict[str, Any]:
    """Versions, machine, codecs and memory, as JSON types."""
    import importlib.metadata

    from reelpress.export.api import available_codecs
    from reelpress.pipeline.budget import usable_ram
    from reelpress.pipeline.machine import cores

    packages = {}
    for name in ("av", "numpy", "pillow", "pydantic", "typer", "rich", "psutil", "platformdirs"):
        try:
            packages[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            packages[name] = "missing"
    return {
        "reelpress": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cores": cores(),
        "usable_ram_bytes": usable_ram(),
        "packages": packages,
        "codecs": available_codecs(),
    }


def run(console: Console) -> None:
    """Print the facts."""
    data = facts()
    if console.json:
        print(json.dumps({"schema_version": 1, "type": "doctor", **data}))
        return
    print(f"reelpress {data['reelpress']}, Python {data['python']}, {data['platform']}")
    print(f"{data['cores']} cores, {data['usable_ram_bytes'] / 2**30:.1f} GiB of usable memory")
    print("packages: " + ", ".join(f"{name} {version}" for name, version in data["packages"].items()))
    for codec in data["codecs"]:
        mark = "yes" if codec["available"] else "no "
        print(f"{mark}  {codec['kind']:<8} {codec['name']:<16} {codec['note']}")
    if not all(codec["available"] for codec in data["codecs"] if codec["required"]):
        print("A required codec is missing: this installation cannot export.", file=sys.stderr)
