"""Facts about macOS' C functions and constants out of pyobjc's wheels, as a small table for a test.

pyobjc describes the same interface independently of us (from Apple's headers, by its own tools). This script reads the
descriptions without running them and keeps the few that our binding uses: type encodings, which results come with a
reference, names of constants, values of enumerations. Get the wheels with::

    pip download --no-deps --only-binary=:all: --python-version 3.12 --platform macosx_10_13_universal2 -d FOLDER \\
        pyobjc-framework-cocoa pyobjc-framework-quartz pyobjc-framework-videotoolbox

and run ``python tools/pyobjc_table.py FOLDER`` (``--check`` compares only).
"""

from __future__ import annotations

import argparse
import ast
import json
import re
import sys
import zipfile
from pathlib import Path
from typing import Any

from reelpress.convert import videotoolbox_abi as abi
from reelpress.convert.videotoolbox_status import STATUSES

OUT = Path(__file__).resolve().parent.parent / "tests" / "convert" / "pyobjc_table.json"
METADATA = {
    "pyobjc_framework_cocoa": "CoreFoundation/_metadata.py",
    "pyobjc_framework_quartz": "Quartz/CoreVideo/_metadata.py",
    "pyobjc_framework_videotoolbox": "VideoToolbox/_metadata.py",
}


class _Chosen(ast.NodeTransformer):
    """``sel32or64(a, b)`` is ``b`` on every Mac that is left; ``selAorI(a, b)`` is ``a`` on Apple's own processors."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id in ("sel32or64", "selAorI"):
            return node.args[node.func.id == "sel32or64"]
        return node


def read(text: str) -> dict[str, Any]:
    """``constants``, ``enums`` (strings) and ``functions`` (a mapping) of one description."""
    found: dict[str, Any] = {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            if name in ("constants", "enums", "functions"):
                found[name] = ast.literal_eval(_Chosen().visit(node.value))
    return found


def function(entry: tuple[Any, ...]) -> dict[str, Any]:
    """``encoding``; ``retained``: the result (``-1``) or arguments (by index) that come with a reference."""
    more = entry[2] if len(entry) > 2 else {}
    retained = [-1] if more.get("retval", {}).get("already_cfretained") else []
    for index, argument in sorted(more.get("arguments", {}).items()):
        if argument.get("already_cfretained"):
            retained.append(index)
    row: dict[str, Any] = {"encoding": entry[0].decode(), "retained": retained}
    for index, argument in more.get("arguments", {}).items():
        if "callable" in argument:
            kind = argument["callable"]
            types = [kind["arguments"][i]["type"].decode() for i in sorted(kind["arguments"])]
            row["callback"] = {"argument": index, "result": kind["retval"]["type"].decode(), "arguments": types}
    return row


def table(folder: Path) -> dict[str, Any]:
    """The table from the wheels in ``folder``."""
    versions: dict[str, str] = {}
    functions: dict[str, Any] = {}
    constants: dict[str, str] = {}
    enums: dict[str, int] = {}
    for package, member in METADATA.items():
        wheels = sorted(folder.glob(f"{package}-*.whl"))
        if not wheels:
            raise SystemExit(f"There is no wheel of {package} in {folder}.")
        versions[package.replace("_", "-")] = wheels[-1].name.split("-")[1]
        with zipfile.ZipFile(wheels[-1]) as wheel:
            found = read(wheel.read(member).decode())
        functions |= found["functions"]
        for name, _, kind in (item.partition("@") for item in found["constants"].split("$") if item):
            constants[name] = kind or "@"  # no type: an object
        for item in found["enums"].split("$"):
            match = re.fullmatch(r"(\w+)@(-?\d+)", item)
            if match:
                enums[match[1]] = int(match[2])
    objects = [
        n for group in (abi.OBJECTS, abi.OPTIONAL_OBJECTS, abi.STRUCTURES) for names in group.values() for n in names
    ]
    numbers = [*abi.NUMBERS, *(status.name for status in STATUSES.values())]
    return {
        "made_by": "tools/pyobjc_table.py",
        "from": versions,
        "functions": {name: function(functions[name]) for name in sorted(abi.FUNCTIONS) if name in functions},
        "constants": {name: constants[name] for name in sorted(objects) if name in constants},
        "enums": {name: enums[name] for name in sorted(numbers) if name in enums},
    }


def main() -> int:
    """Write the table, or say whether it is as it would be written."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path, help="where the wheels are")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when the table differs")
    given = parser.parse_args()
    text = json.dumps(table(given.folder), indent=1) + "\n"
    if given.check:
        return int(OUT.read_text(encoding="utf-8") != text)
    OUT.write_text(text, encoding="utf-8")
    print(f"wrote {OUT.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
