"""Pages are passed around: no folder of the machine belongs into one (design 7)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reelpress.pipeline.trace import names_only

if TYPE_CHECKING:
    from collections.abc import Iterable


class Names:
    """Takes folders out of texts.

    Args:
        files: Files and folders that are known to be read or written. Their folders are found in a text whatever
            characters they consist of; all others by the look of a path.
    """

    def __init__(self, files: Iterable[Path] = ()) -> None:
        folders = {str(Path.home()): os.sep}
        for file in files:
            for form in (Path(os.path.abspath(file)), Path(os.path.realpath(file)), file):
                # what lies elsewhere below one of the outer folders still has to look like a path afterwards
                folders.update((str(parent), os.sep) for parent in form.parents if str(parent) not in folders)
        for file in files:
            for form in (Path(os.path.abspath(file)), Path(os.path.realpath(file)), file):
                folders[str(form.parent)] = ""
        # the longest first, so that a folder goes before those around it; not "/" and ".": they are in every text
        known = ((folder, left) for folder, left in folders.items() if len(folder.strip("./\\")) > 1)
        self._folders = sorted(known, key=lambda one: len(one[0]), reverse=True)

    def text(self, text: str) -> str:
        """``text`` with names in the place of paths."""
        for folder, left in self._folders:
            text = text.replace(folder + os.sep, left)
        return names_only(text)

    def all(self, value: Any) -> Any:
        """The same for every text in lists and dictionaries."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {key: self.all(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.all(item) for item in value]
        return value
