"""``load``: whatever can be a recording, as a Recording."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from reelpress.errors import MissingInputError, UnreadableInputError, UnsupportedInputError

if TYPE_CHECKING:
    from reelpress.recording.model import Recording


def load(source: Path | str) -> Recording:
    """Read a ``.cap`` folder (or any folder with ``recording-meta.json``), a video file or a local HLS playlist.

    The source is never written to. Fragmented tracks are joined into temporary files: close the recording, or use
    it as a context manager.

    Raises:
        MissingInputError: It does not exist, or the screen track that it names does not.
        UnreadableInputError: It is no recording, or damaged beyond use.
        UnsupportedInputError: It is understood, but not supported.
        ProjectError: Its metadata breaks the schema; names file, key, expected and given.
    """
    path = Path(source)
    try:
        if path.is_dir():
            return _load_folder(path)
        if path.name == "recording-meta.json" and path.exists():
            return _load_folder(path.parent)
        from reelpress.recording.plain import load_plain

        return load_plain(path)
    except (OSError, ValueError) as error:  # no permission, names too long for the system, null bytes
        shown = str(source) if len(str(source)) <= 200 else str(source)[:200] + "…"
        reason = getattr(error, "strerror", None) or error
        raise UnreadableInputError(f"{shown!r} cannot be read: {reason}.") from error


def _load_folder(folder: Path) -> Recording:
    from reelpress.recording.cap import META, is_cap, load_cap

    if is_cap(folder):
        return load_cap(folder)
    if not any(folder.iterdir()):
        raise UnreadableInputError(f"{folder} is an empty folder, no recording: {META} is missing.")
    if folder.suffix == ".cap" or (folder / "content").is_dir():
        raise MissingInputError(f"{folder} is no usable recording: {META} is missing in it.")
    raise UnsupportedInputError(
        f"{folder} is a folder without {META}, so it is no .cap recording. Give a .cap folder or a video file."
    )
