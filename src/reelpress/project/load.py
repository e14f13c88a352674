"""Reading the edit description that belongs to a recording, or one given on its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reelpress.errors import InputError, MissingInputError, ProjectError, SettingsError
from reelpress.project.background import ImageSource, WallpaperSource
from reelpress.project.captions import Captions
from reelpress.project.migrations import migrate
from reelpress.project.model import Project
from reelpress.project.preset_files import find
from reelpress.project.presets import PLAIN_LOOK, overlay
from reelpress.project.sync import synced
from reelpress.recording.fields import unknown_keys
from reelpress.recording.jsonfile import describe, load_json, validate

if TYPE_CHECKING:
    from reelpress.recording.model import Recording

PROJECT_FILE = "project-config.json"


@dataclass(frozen=True)
class LoadedProject:
    """A validated edit description and what there is to say about it."""

    project: Project
    recording: Recording
    """The recording with the project's sync offsets in its tracks. Use this one from here on."""
    file: Path | None
    """Where it was read; ``None`` for defaults."""
    base: Path
    """Folder that relative paths in it start from."""
    unknown: tuple[str, ...] = ()
    """Dotted paths of keys that are kept and not used, sorted, list positions as ``[]``."""
    warnings: tuple[str, ...] = ()
    """Sentences, the one on unknown keys included."""
    migrated: tuple[str, ...] = ()
    """What was brought up to date, in memory only."""

    def resolve(self, stored: str) -> Path:
        """A path out of the project as a path on this machine; it need not exist."""
        return resolve(self.base, stored)


def load_project(recording: Recording, file: Path | None = None, *, look: str | Path | None = None) -> LoadedProject:
    """The project of a recording.

    Args:
        recording: What was captured.
        file: A project file (or a folder with one) to use in place of the recording's own.
        look: A preset's name or file, whose look is laid over the project.

    Without ``file``, a ``.cap`` uses its ``project-config.json``, or Cap's defaults with a warning where it has none.
    A plain video gets no decoration at all.

    Raises:
        MissingInputError: ``file`` does not exist.
        UnreadableInputError: It cannot be read.
        ProjectError: No JSON, or a key breaks the schema; names file, key, expected and given.
        SettingsError: There is no such preset, or its look breaks the schema where the project alone does not.
    """
    warnings: list[str] = []
    source = _project_file(file) if file is not None else recording.project_file
    data: dict[str, Any]
    text: str | None = None
    if source is not None:
        data, text = read_object(source)
    elif recording.is_cap:
        data = {}
        if recording.kind == "cap-studio":
            warnings.append(f"{recording.root} has no {PROJECT_FILE}; Cap's defaults are used.")
    else:
        data = PLAIN_LOOK
    shown = source or recording.root / PROJECT_FILE
    if look is None:
        project, notes, migrated = parse_project(data, shown, text)
    else:
        bare, text_of_bare, data = data, text, overlay(data, _look(look))
        try:
            project, notes, migrated = parse_project(data, shown)
        except ProjectError as error:
            parse_project(bare, shown, text_of_bare)  # the project's own mistake is told as such
            where = "" if error.key is None else f", key {error.key!r}"
            raise SettingsError(
                f"The look of the preset {look}{where}: expected {error.expected}, given {error.given}."
            ) from None
    warnings.extend(notes)
    base = source.parent if source is not None else recording.root
    project = _with_captions(project, recording, warnings)
    unknown = tuple(sorted(set(unknown_keys(project))))
    if unknown:
        warnings.append(f"{shown.name} has keys that are not known here and not used: {', '.join(unknown)}.")
    project = _check_segments(project, recording, shown, warnings)
    warnings.extend(_check_assets(project, base))
    return LoadedProject(
        project=project,
        recording=synced(recording, project),
        file=source,
        base=base,
        unknown=unknown,
        warnings=tuple(dict.fromkeys(warnings)),
        migrated=migrated,
    )


def parse_project(data: Any, file: Path, text: str | None = None) -> tuple[Project, tuple[str, ...], tuple[str, ...]]:
    """Migrate and validate a parsed project; returns it, warnings, and the migrations done.

    Raises:
        ProjectError: A key breaks the schema.
    """
    if not isinstance(data, dict):
        raise ProjectError(file, line=1, expected="an object", given=describe(data))
    try:
        migrated, notes = migrate(data)
    except (RecursionError, OverflowError):
        raise ProjectError(file, expected="JSON of sane depth and numbers", given="something beyond that") from None
    warnings: list[str] = []
    project = validate(Project, migrated, file=file, text=text, context={"warnings": warnings})
    return project, tuple(f"{file.name}: {warning}." for warning in dict.fromkeys(warnings)), notes


def read_object(file: Path) -> tuple[dict[str, Any], str]:
    """A JSON file that holds an object, and its text.

    Raises:
        MissingInputError, UnreadableInputError, ProjectError: See ``load_json``; the file holds something else.
    """
    data, text = load_json(file)
    if not isinstance(data, dict):
        raise ProjectError(file, line=1, expected="an object", given=describe(data))
    return data, text


def resolve(base: Path, stored: str) -> Path:
    """A stored path on this machine: absolute as it is, else from ``base``; back-slashes are slashes elsewhere."""
    path = Path(stored)
    return path if path.is_absolute() else base / stored.replace("\\", "/")


def _project_file(file: Path) -> Path:
    if file.is_dir():
        inner = file / PROJECT_FILE
        if not inner.is_file():
            raise MissingInputError(f"{file} is a folder without {PROJECT_FILE}.")
        return inner
    return file


def _look(look: str | Path) -> dict[str, Any]:
    if str(look).lower().endswith(".json"):
        data, _ = read_object(Path(look))
        return data
    return find(look).look


def _with_captions(project: Project, recording: Recording, warnings: list[str]) -> Project:
    """``captions.json`` where the project has no captions of its own (cap-format 11)."""
    if recording.captions_file is None or (project.captions is not None and project.captions.segments):
        return project
    file = recording.captions_file
    try:
        data, text = read_object(file)
        notes: list[str] = []
        captions = validate(Captions, data, file=file, text=text, context={"warnings": notes})
    except InputError as error:
        warnings.append(f"The captions are left out: {error}")
        return project
    warnings.extend(f"{file.name}: {note}." for note in notes)
    if not captions.segments:
        return project
    if project.captions is not None and "settings" not in data:
        captions = captions.model_copy(update={"settings": project.captions.settings})
    return project.model_copy(update={"captions": captions})


def _check_segments(project: Project, recording: Recording, file: Path, warnings: list[str]) -> Project:
    """Clips must name recording segments that exist; clips of a segment that was lost are dropped.

    Raises:
        ProjectError: One names a segment that never was.
    """
    if project.timeline is None:
        return project
    known = {segment.index for segment in recording.segments}
    kept = []
    for number, clip in enumerate(project.timeline.segments):
        if clip.recording_segment in known:
            kept.append(clip)
        elif clip.recording_segment in recording.lost_segments:
            warnings.append(f"Clip {number} is left out: segment {clip.recording_segment} could not be recovered.")
        else:
            raise ProjectError(
                file,
                key=f"timeline.segments[{number}].recordingSegment",
                expected=f"a segment of the recording ({', '.join(map(str, sorted(known)))})",
                given=str(clip.recording_segment),
            )
    if len(kept) == len(project.timeline.segments):
        return project
    timeline = project.timeline.model_copy(update={"segments": tuple(kept)})
    return project.model_copy(update={"timeline": timeline})


def _check_assets(project: Project, base: Path) -> list[str]:
    """Warnings for pictures and music that are not there."""
    warnings = []
    source = project.background.source
    if isinstance(source, WallpaperSource | ImageSource):
        if source.path is None:
            warnings.append(f"The background is an {source.type} without a path; white is used.")
        elif not resolve(base, source.path).is_file():
            warnings.append(f"The background picture {source.path} does not exist; white is used.")
    warnings.extend(
        f"The music {music.path} does not exist; it is left out."
        for music in (project.timeline.audio_segments if project.timeline else ())
        if music.enabled and not resolve(base, music.path).is_file()
    )
    return warnings
