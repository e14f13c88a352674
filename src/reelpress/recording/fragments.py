"""Fragmented tracks: an initialisation segment and many short media segments (cap-format 1.3).

The source is only read. What belongs to one initialisation segment is joined byte by byte into a private temporary
file: init + segments is a valid fragmented MP4. Groups with an initialisation of their own (``respawn-N``, audio
fragments with a header each) are joined by stream copy afterwards.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import AliasChoices, Field

from reelpress.errors import MissingInputError, ProjectError, ReelpressError, UnreadableInputError
from reelpress.media.pulse import beat
from reelpress.recording.boxes import ends_whole, whole_fragments_end
from reelpress.recording.fields import Bool, JsonModel, Number, Text, Whole
from reelpress.recording.jsonfile import load_json, validate

if TYPE_CHECKING:
    from pathlib import Path

    from reelpress.recording.model import Workspace

MIN_SEGMENT_BYTES = 100
MIN_AUDIO_BYTES = 500
"""An audio file smaller than this is ignored."""

Kind = Literal["video", "audio"]


class ManifestEntry(JsonModel):
    """One media segment."""

    path: Text
    index: Whole = 0
    duration: Number = 0.0
    """Seconds; 0 while it is being written."""
    is_complete: Bool = Field(False, validation_alias=AliasChoices("is_complete", "isComplete"))
    file_size: Whole | None = Field(None, validation_alias=AliasChoices("file_size", "fileSize"))


class Manifest(JsonModel):
    """``manifest.json``: video v5, audio v2 and DASH audio v2."""

    version: Whole = 0
    type: Text | None = None
    init_segment: Text | None = Field(None, validation_alias=AliasChoices("init_segment", "initSegment"))
    segments: tuple[ManifestEntry, ...] = Field((), validation_alias=AliasChoices("segments", "fragments"))
    is_complete: Bool = Field(False, validation_alias=AliasChoices("is_complete", "isComplete"))


@dataclass(frozen=True)
class Part:
    """A media segment and how many of its bytes are whole fragments."""

    path: Path
    size: int


@dataclass(frozen=True)
class Group:
    """Parts that belong to one initialisation segment; without one each part is a file of its own."""

    folder: Path
    init: Path | None
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class FragmentPlan:
    """What of a fragmented track can be used."""

    groups: tuple[Group, ...]
    warnings: tuple[str, ...]


def is_fragmented(folder: Path) -> bool:
    """A folder that holds pieces of a track."""
    patterns = ("manifest.json", "*.m4s", "*.m4s.tmp", "fragment_*.m4a", "respawn-*/*.m4s", "respawn-*/*.m4s.tmp")
    return folder.is_dir() and any(next(folder.glob(pattern), None) is not None for pattern in patterns)


def plan_fragments(folder: Path, kind: Kind) -> FragmentPlan:
    """Find the usable pieces of a track and its ``respawn-N`` groups, in order. Opens no media."""
    warnings: list[str] = []
    respawns = sorted((path for path in folder.glob("respawn-*") if path.is_dir()), key=_natural)
    groups = []
    for place in (folder, *respawns):
        group = _plan_group(place, kind, warnings)
        if group is not None:
            groups.append(group)
    return FragmentPlan(tuple(groups), tuple(warnings))


def join_fragments(folder: Path, kind: Kind, workspace: Workspace) -> tuple[Path, tuple[str, ...]]:
    """Join the pieces of the track in ``folder`` into a file that can be opened.

    Returns:
        The file (in the workspace, or the piece itself if there is just one with its own header), and warnings.

    Raises:
        MissingInputError: There is no usable piece.
        UnreadableInputError: They cannot be joined (no room for the temporary file, for example).
    """
    plan = plan_fragments(folder, kind)
    warnings = list(plan.warnings)
    if not plan.groups:
        reason = f" {warnings[0]}" if warnings else ""
        raise MissingInputError(f"{folder} holds no usable piece of a recorded track.{reason}")
    files: list[Path] = []
    for number, group in enumerate(plan.groups):
        if group.init is None:
            files.extend(part.path for part in group.parts)
        else:
            suffix = ".mp4" if kind == "video" else ".m4a"
            target = _free_name(workspace, f"{folder.parent.name}-{folder.name}-{number}", suffix)
            _concatenate(group, target)
            files.append(target)
    if len(files) == 1:
        return files[0], tuple(warnings)
    from reelpress.media.join import join_files  # opens media, so only where it is needed

    target = _free_name(workspace, f"{folder.parent.name}-{folder.name}-all", ".mp4")
    warnings.extend(join_files(files, target, kind))
    for file in files:
        if file.parent == target.parent:
            file.unlink(missing_ok=True)
    return target, tuple(warnings)


def _free_name(workspace: Workspace, stem: str, suffix: str) -> Path:
    folder = workspace.folder()
    stem = re.sub(r"[^A-Za-z0-9_.-]", "_", stem)
    number = 0
    while (target := folder / f"{stem}{'-' + str(number) if number else ''}{suffix}").exists():
        number += 1
    return target


def _concatenate(group: Group, target: Path) -> None:
    try:
        with target.open("xb") as out:
            if group.init is not None:
                with group.init.open("rb") as source:
                    shutil.copyfileobj(source, out, 1 << 20)
            for part in group.parts:
                with part.path.open("rb") as source:
                    left = part.size
                    while left > 0:
                        block = source.read(min(left, 1 << 20))
                        if not block:
                            break
                        out.write(block)
                        left -= len(block)
                        beat()
    except OSError as error:
        target.unlink(missing_ok=True)
        raise UnreadableInputError(
            f"The pieces of {group.folder} could not be joined in the temporary folder: {error.strerror or error}. "
            "Set TMPDIR to a folder with room for a copy of the track."
        ) from error


def _plan_group(folder: Path, kind: Kind, warnings: list[str]) -> Group | None:
    entries: list[Path] = []
    init_name = "init.mp4"
    manifest = _read_manifest(folder, warnings)
    if manifest is not None:
        init_name = _file_name(manifest.init_segment) if manifest.init_segment else init_name
        entries = _complete_entries(folder, manifest, warnings)
    init: Path | None = folder / init_name
    if init is not None and not init.is_file():
        init = next(iter(sorted(folder.glob("init*.mp4"))), None)
    if not entries:  # no usable manifest
        if init is not None:
            entries = _by_name(folder, "*.m4s", MIN_SEGMENT_BYTES)
        if not entries and kind == "audio":
            entries = _by_name(folder, "fragment_*.m4a", MIN_AUDIO_BYTES)
    if init is not None:
        last = max((_number(path) for path in entries), default=-1)
        for path in _by_name(folder, "*.m4s.tmp", MIN_SEGMENT_BYTES):
            if _number(path) > last and ends_whole(path):
                entries.append(path)
    if not entries:
        return None
    if init is None:
        if any(path.suffix != ".m4a" for path in entries):
            warnings.append(f"{folder} has no initialisation segment ({init_name}); its pieces cannot be read.")
            return None
        return Group(folder, None, tuple(Part(path, path.stat().st_size) for path in entries))
    parts = []
    for path in entries:
        size = path.stat().st_size
        whole = size if ends_whole(path) else whole_fragments_end(path)
        if whole == 0:
            warnings.append(f"{path} holds no whole fragment and was left out.")
            continue
        if whole < size:
            warnings.append(f"{path} is cut off; {whole} of {size} bytes are used.")
        parts.append(Part(path, whole))
    return Group(folder, init, tuple(parts)) if parts else None


def _read_manifest(folder: Path, warnings: list[str]) -> Manifest | None:
    path = folder / "manifest.json"
    if not path.is_file():
        return None
    try:
        data, text = load_json(path)
        if not isinstance(data, dict):
            raise ProjectError(path, expected="an object", given=type(data).__name__)
        return validate(Manifest, data, file=path, text=text)
    except ReelpressError as error:
        warnings.append(f"{error} All pieces beside it are used, by name.")
        return None


def _complete_entries(folder: Path, manifest: Manifest, warnings: list[str]) -> list[Path]:
    found = []
    for entry in sorted(manifest.segments, key=lambda entry: entry.index):
        if not entry.is_complete:
            continue
        path = folder / _file_name(entry.path)
        if not path.is_file():
            warnings.append(f"{path} is named in the manifest but does not exist; that stretch is missing.")
        elif entry.file_size is not None and path.stat().st_size != entry.file_size:
            warnings.append(
                f"{path} has {path.stat().st_size} bytes where the manifest says {entry.file_size}; it was left out."
            )
        else:
            found.append(path)
    return found


def _file_name(name: str) -> str:
    """The last part of a path in a manifest: pieces lie beside it, whatever the recording machine called the folder."""
    return name.replace("\\", "/").rsplit("/", 1)[-1]


def _by_name(folder: Path, pattern: str, minimum: int) -> list[Path]:
    files = (path for path in folder.glob(pattern) if path.is_file() and path.stat().st_size >= minimum)
    return sorted(files, key=_natural)


def _natural(path: Path) -> tuple[tuple[int, str], ...]:
    """Sorting by name that puts segment_1000 after segment_999."""
    return tuple((int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", path.name) if part)


def _number(path: Path) -> int:
    digits = re.findall(r"\d+", path.name.split(".", 1)[0])
    return int(digits[-1]) if digits else -1
