"""A result as a file: small enough for a repository, pictures beside it."""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

_PNG = "data:image/png;base64,"
_FLAT = re.compile(r"\[\s+([^\[\]{}\"]*?)\s+\]")


def stored(result: dict[str, Any], file: Path, *, inline: bool = False) -> str:
    """The JSON of a result that will lie at ``file``.

    Pictures of the worst frames are written to the folder ``<name of the file>-pictures`` beside it, and the JSON names
    them (``page.render`` takes that folder): in the JSON they would be most of it; ``inline`` leaves them there. Lists
    of numbers stand on one line.

    Raises:
        OSError: A picture cannot be written.
    """
    folder = pictures_folder(file)
    rows = []
    for row in result["results"]:
        found = (row.get("quality") or {}).get("worst_pictures")
        if found and not inline:
            label = f"{row['scenario']}-{row['path']}-{row['encoder']}"
            names = {name: _written(found[name], folder, f"{label}-{name}.png") for name in ("reference", "output")}
            row = {**row, "quality": {**row["quality"], "worst_pictures": {**found, **names}}}
        rows.append(row)
    text = json.dumps({**result, "results": rows}, indent=1)
    return _FLAT.sub(lambda match: "[" + re.sub(r",\s+", ", ", match[1]) + "]", text) + "\n"


def pictures_folder(file: Path) -> Path:
    """Where the pictures of the result at ``file`` lie."""
    return file.with_name(f"{file.stem}-pictures")


def _written(given: str, folder: Path, name: str) -> str:
    """The name of a picture that was a ``data:`` URI; what is no PNG stays as it is."""
    if not given.startswith(_PNG):
        return given
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(base64.b64decode(given.removeprefix(_PNG)))
    return name
