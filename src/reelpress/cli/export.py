"""``reelpress export``: one or several sources."""

from __future__ import annotations

import contextlib
import gc
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reelpress.cli.ui import reporter
from reelpress.errors import Cancelled, ReelpressError, SettingsError, StallError
from reelpress.events import ErrorEvent
from reelpress.export.outputs.stdout import is_pipe
from reelpress.export.presets import options as preset_options
from reelpress.export.settings import ExportSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reelpress.cli.app import Console


def settings_for(source: Path | None, options: dict[str, Any], output: Path | None = None) -> ExportSettings:
    """Settings of one source: command line > environment > file beside the source > user's file > default.

    A preset stands just below what named it; the suffix of ``output`` is stronger than its format.
    """
    return ExportSettings.from_mapping(preset_options(source, options, output))


def run(sources: list[Path], output: Path | None, options: dict[str, Any], console: Console) -> int:
    """Export every source; returns the exit code: 0, or that of the first failure.

    With several sources ``output`` must be a folder (or absent); one that fails does not keep the others from being
    made, and a summary follows.
    """
    if is_pipe(output):
        _refuse_for_pipe(sources, console)
    if len(sources) == 1:
        target = _target(sources[0], output, options, several=False)
        with _folder_of(target, output):
            _one(sources[0], target, options, console)
        return 0
    if output is not None and os.path.exists(output) and not os.path.isdir(output):
        raise SettingsError(f"-o {output} is a file, but there are {len(sources)} sources. Give a folder.")
    _refuse_same_names(sources, settings_for(sources[0], options, output).usual_format)
    _refuse_one_file_for_all(sources, options)
    with _folder_of(_target(sources[0], output, options, several=True), output):
        return _several(sources, output, options, console)


def _refuse_for_pipe(sources: list[Path], console: Console) -> None:
    """``-o -``: one video, and nothing else on stdout."""
    if len(sources) > 1:
        raise SettingsError(f"-o - sends one video, but there are {len(sources)} sources. Export them one by one.")
    if console.json:
        raise SettingsError("-o - sends the video to stdout, where --json writes too. Leave one of them out.")


def _several(sources: list[Path], output: Path | None, options: dict[str, Any], console: Console) -> int:
    failures: list[tuple[Path, ReelpressError]] = []
    for source in sources:
        try:
            _one(source, _target(source, output, options, several=True), options, console)
        except Cancelled:
            raise
        except ReelpressError as error:
            failures.append((source, error))
            if console.json:
                print(ErrorEvent(error.code, str(error)).to_json(), flush=True)
            print(f"reelpress: {source}: {error}", file=sys.stderr)
            if isinstance(error, StallError) and error.leaked_threads:
                raise  # a stuck thread holds its memory and its files: no further export in this process
    if not console.quiet:
        print(f"{len(sources) - len(failures)} of {len(sources)} exported.", file=sys.stderr)
    return failures[0][1].exit_code if failures else 0


def _one(source: Path, target: Path | None, options: dict[str, Any], console: Console) -> None:
    from reelpress.export.api import export
    from reelpress.pipeline.signals import cancel_on_signals, stdout_closed

    _collect_garbage()
    settings = settings_for(source, options, target)
    report = reporter(json=console.json, quiet=console.quiet, results=not is_pipe(target))
    try:
        with cancel_on_signals() as cancel:
            cancel.watch(lambda: "stdout was closed" if stdout_closed() else "")
            export(source, target, settings=settings, on_event=report, cancel=cancel)
    finally:
        report.close()


def _collect_garbage() -> None:
    """From here on; what was imported is there for good, and need not be looked through."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()


def _target(source: Path, output: Path | None, options: dict[str, Any], *, several: bool) -> Path | None:
    """The target file of one source; ``None`` leaves the name to the export."""
    extension = settings_for(source, options, output).usual_format
    if output is None or is_pipe(output):
        return output
    # os.path.isdir, not Path.is_dir: that raises for names that are too long, and the export says it better
    if several or os.path.isdir(output) or str(output).endswith(("/", "\\")):
        return output / f"{Path(source.name).stem}.{extension}"
    return output


@contextlib.contextmanager
def _folder_of(target: Path | None, output: Path | None) -> Iterator[None]:
    """Make the folder that ``-o`` names, if ``target`` belongs into it; take it away again if nothing came into it.

    Raises:
        OutputError: It cannot be made.
    """
    made: list[Path] = []
    if target is not None and output is not None and target != output:
        try:
            for folder in (*reversed(output.parents), output):
                if not folder.is_dir():
                    folder.mkdir()
                    made.append(folder)
        except OSError as error:
            _remove_empty(made)
            from reelpress.pipeline.output import output_error

            raise output_error(target, error) from error
    try:
        yield
    finally:
        _remove_empty(made)


def _remove_empty(folders: list[Path]) -> None:
    for folder in reversed(folders):
        with contextlib.suppress(OSError):  # it is not empty: it is wanted
            folder.rmdir()


def _refuse_one_file_for_all(sources: list[Path], options: dict[str, Any]) -> None:
    """``--report`` and ``--trace`` of several sources go into a folder."""
    settings = settings_for(sources[0], options)
    for option, path in (("report", settings.report), ("trace", settings.trace)):
        if path is not None and not os.path.isdir(path):
            raise SettingsError(
                f"--{option} is {path}, which is no folder, but there are {len(sources)} sources. Give a folder."
            )


def _refuse_same_names(sources: list[Path], extension: str) -> None:
    seen: dict[str, Path] = {}
    for source in sources:
        stem = source.stem
        if stem in seen:
            raise SettingsError(
                f"{seen[stem]} and {source} would both become {stem}.{extension}. Export one of them by itself with -o."
            )
        seen[stem] = source
