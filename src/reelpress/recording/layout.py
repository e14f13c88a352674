"""Finding the files that the metadata of a ``.cap`` folder names, wherever the folder came from."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from reelpress.errors import ProjectError

_ANCHORS = ("content", "screenshots", "output")
_ABSOLUTE = re.compile(r"^(?:/|[A-Za-z]:)")


def local_path(root: Path, stored: str, *, file: Path, key: str) -> Path:
    """The path below ``root`` that a path in the metadata means; it need not exist.

    Back-slashes become slashes, and absolute paths (of the machine that recorded) are cut down to start at
    ``content/``, ``screenshots/`` or ``output/`` (cap-format 1.2). If several parts have such a name, the first that
    leads to an existing file counts, else the last.

    Raises:
        ProjectError: The path leads out of the folder.
    """
    text = stored.replace("\\", "/")
    if "\0" in text:
        raise ProjectError(file, key=key, expected="a path inside the project folder", given=repr(stored[:60]))
    if _ABSOLUTE.match(text):
        parts = PurePosixPath(re.sub(r"^[A-Za-z]:", "", text)).parts
        choices = [root.joinpath(*parts[at:]) for at, part in enumerate(parts) if part in _ANCHORS]
        if not choices or ".." in parts:
            raise ProjectError(
                file, key=key, expected="a path inside the project folder (content/…)", given=repr(stored[:80])
            )
        return next((choice for choice in choices if choice.exists()), choices[-1])
    parts = PurePosixPath(text).parts
    depth = 0
    for part in parts:
        depth += -1 if part == ".." else 1
        if depth < 0:
            raise ProjectError(file, key=key, expected="a path inside the project folder", given=repr(stored[:80]))
    return root.joinpath(*parts)


_AUDIO_SUFFIXES = (".ogg", ".m4a", ".mp3", ".opus", ".aac", ".wav")


def video_candidates(path: Path) -> tuple[Path, ...]:
    """Where a video track may be: the named path, else the same track in its other form (file or folder)."""
    stem = path.with_suffix("") if path.suffix else path
    return _unique(path, stem.with_name(stem.name + ".mp4"), stem)


def audio_candidates(path: Path) -> tuple[Path, ...]:
    """Where an audio track may be: the named path, else the same name with another suffix, or its folder."""
    stem = path.with_suffix("") if path.suffix in _AUDIO_SUFFIXES else path
    return _unique(path, *(stem.with_name(stem.name + suffix) for suffix in _AUDIO_SUFFIXES), stem)


def _unique(*paths: Path) -> tuple[Path, ...]:
    return tuple(dict.fromkeys(paths))


def png_size(path: Path) -> tuple[int, int] | None:
    """Width and height out of a PNG's header, without decoding it; ``None`` if it is no PNG or cannot be read."""
    try:
        with path.open("rb") as file:
            head = file.read(24)
    except OSError:
        return None
    if len(head) < 24 or head[:8] != b"\x89PNG\r\n\x1a\n" or head[12:16] != b"IHDR":
        return None
    width, height = int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")
    return (width, height) if width and height else None
