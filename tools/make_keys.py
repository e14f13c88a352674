"""Make docs/keys.md, the table of all keys of ``project-config.json``, from docs/keys.json.

``python tools/make_keys.py`` writes it; ``--check`` says (exit 1) whether it is what the JSON says. For each key the
JSON has ``state`` (drawn, heard, used or not drawn), ``why`` where that is not plain, and ``test``, the node id of
a test that proves it.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent / "docs"
SOURCE, TARGET = DOCS / "keys.json", DOCS / "keys.md"

HEAD = """# Every key of a project

<!-- Made by tools/make_keys.py from keys.json: change that. -->

All keys of `project-config.json` that Reelpress knows, and what becomes of them: **drawn** in the picture, **heard** in
the sound, **used** for something else, or **not drawn**, with the reason. What is not drawn although Cap would draw it
is also said before every export that asks for it. `[]` stands for the entries of a list. A key that is not in this
table is reported as unknown, and kept.

"""


def table(keys: dict[str, dict[str, str]]) -> str:
    """The whole file."""
    parts = [HEAD]
    count = Counter(entry["state"] for entry in keys.values())
    parts.append(", ".join(f"{count[state]} {state}" for state in ("drawn", "heard", "used", "not drawn")) + ".\n")
    sections: dict[str, list[str]] = {}
    for name in keys:
        sections.setdefault(_section(name), []).append(name)
    for section, names in sections.items():
        parts.append(f"\n## {section}\n\n| Key | | Test |\n| --- | --- | --- |\n")
        for name in names:
            entry = keys[name]
            state = f"**{entry['state']}**" if entry["state"] == "not drawn" else entry["state"]
            state += f": {entry['why']}" if "why" in entry else ""
            file, _, test = entry["test"].partition("::")
            parts.append(f"| `{name}` | {state} | [{test}](../{file}) |\n")
    return "".join(parts)


def _section(key: str) -> str:
    """The first name, or two where a list of the timeline is meant."""
    names = key.split(".")
    head = names[0].removesuffix("[]")
    if head == "timeline":
        return head if len(names) == 1 else f"{head}.{names[1].removesuffix('[]')}"
    return head if len(names) > 1 or head in _SECTIONS else "Root"


_SECTIONS = frozenset(
    {"background", "camera", "audio", "cursor", "hotkeys", "captions", "keyboard", "clips"}
    | {"screenMovementSpring", "colorCorrection"}
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when the table is out of date")
    check: bool = parser.parse_args().check
    text = table(json.loads(SOURCE.read_text(encoding="utf-8")))
    if check:
        if TARGET.is_file() and TARGET.read_text(encoding="utf-8") == text:
            return 0
        print("docs/keys.md is not what docs/keys.json says: run python tools/make_keys.py", file=sys.stderr)
        return 1
    TARGET.write_text(text, encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
