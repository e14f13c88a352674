"""``plan``, ``frame``, ``probe`` and ``config``: commands that look and write no video."""

from __future__ import annotations

import json
import sys
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from reelpress import clock, flags
from reelpress.cli.export import settings_for
from reelpress.cli.ui import seconds, size
from reelpress.errors import SettingsError
from reelpress.events import PlanEvent
from reelpress.export.presets import options as preset_options
from reelpress.export.settings import OPTION_NAMES, ExportSettings
from reelpress.project.preset_files import available, user_folder

if TYPE_CHECKING:
    from pathlib import Path

    from reelpress.cli.app import Console


def plan(source: Path, output: Path | None, options: dict[str, Any], console: Console, *, trial: bool = True) -> None:
    """Print the plan of an export."""
    from reelpress.export.api import plan as make_plan

    data = make_plan(source, output, settings=settings_for(source, options, output), trial=trial).to_dict()
    if console.json:
        print(PlanEvent(data).to_json())
    else:
        print_plan(data)


def print_plan(plan: dict[str, Any]) -> None:
    """The plan as people read it."""
    print(f"{plan['source']} -> {plan['output']}")
    from reelpress.export.plan import is_sound_alone, said_of_rate

    shown = f"{plan['frames']} frames, {plan['width']}x{plan['height']} at {float(Fraction(plan['fps'])):g} fps"
    print(f"  {'sound alone' if is_sound_alone(plan) else shown}, {plan['duration_s']:.3f} s")
    print("formats")
    for edge in plan["formats"]:
        print(f"  {edge['edge']:<28} {edge['format']:<11} {edge['matrix']:<7} {edge['range']:<8} by {edge['by']}")
    if plan["conversions"]:
        print("conversions")
        for c in plan["conversions"]:
            print(f"  {c['edge']}: {c['source']} -> {c['target']} by {c['by']}: {c['reason']}")
    else:
        print("conversions: none")
    for name in ("decoder", "renderer", "converter", "encoder"):
        choice = plan[name]
        print(f"{name}: {choice['used']} ({choice['reason']})")
        for rejected in choice["rejected"]:
            print(f"  not {rejected['name']}: {rejected['reason']}")
    print(f"rate control: {said_of_rate(plan['rate_control'])}")
    if not is_sound_alone(plan):
        print(f"unchanged pictures: {plan['unchanged']['used']} ({plan['unchanged']['reason']})")
    print(f"audio: {plan['audio']['reason']}")
    buffers = plan["buffers"]
    print(
        f"buffers: {buffers['rendered']} rendered, {buffers['encoder']} encoder, {size(buffers['bytes'])}; "
        f"memory budget {size(plan['memory_bytes'])}"
    )
    print(f"copy: {'yes' if plan['copy']['used'] else 'no'} ({plan['copy']['reason']})")
    expected = plan["estimate"]
    how = "by a model, roughly" if expected["by"] == "model" else "by a trial"
    print(f"estimate: {size(expected['size_bytes'])}, {seconds(expected['wall_s'])} ({how})")
    for label in ("not_drawn", "warnings"):
        for line in plan[label]:
            print(f"{label.replace('_', ' ').rstrip('s')}: {line}")
    for fallback in plan["fallbacks"]:
        print(f"fallback: {fallback['used']} instead of {fallback['wanted']}: {fallback['reason']}")


def frame(source: Path, output: Path, time: str, options: dict[str, Any], console: Console) -> None:
    """Write one moment as a PNG."""
    from reelpress.export.still import render_still
    from reelpress.pipeline.output import TargetGuard, output_error

    settings = settings_for(source, options)
    try:
        moment = clock.parse_time(time)
    except ValueError as error:
        raise SettingsError(f"--time: {error}") from None
    read = [source] if settings.project is None else [source, settings.project]
    with TargetGuard(output, overwrite=settings.overwrite, sources=read) as guard:
        still = render_still(source, moment, settings=settings)
        try:
            still.save(guard.part_path)
        except OSError as error:
            raise output_error(output, error) from error
        guard.commit()
    if console.json:
        print(
            json.dumps(
                {
                    "schema_version": 1,
                    "type": "frame",
                    "output": str(output),
                    "frame": still.index,
                    "time_s": float(still.time),
                    "width": still.width,
                    "height": still.height,
                    "not_drawn": list(still.not_drawn),
                }
            )
        )
    else:
        for line in still.not_drawn:
            print(f"not drawn: {line}", file=sys.stderr)
        print(output)


def probe(source: Path, console: Console) -> None:
    """Print what is in a recording."""
    from reelpress.export.api import probe as probe_source

    data = probe_source(source)
    if console.json:
        print(json.dumps({"schema_version": 1, "type": "probe", **data}))
        return
    print(f"{data['name']} ({data['kind']})")
    for segment in data["segments"]:
        print(f"segment {segment['index']}: {segment['length_s']:.3f} s")
        for track in segment["tracks"]:
            print("  " + "  ".join(f"{key} {value}" for key, value in track.items() if value is not None))
        print(f"  pointer moves {segment['pointer_moves']}  clicks {segment['pointer_clicks']}")
    for warning in data["warnings"]:
        print(f"warning: {warning}")


def config(source: Path | None, options: dict[str, Any], console: Console) -> None:
    """Show every option with its value and origin."""
    layers = preset_options(source, options)
    ExportSettings.from_mapping(layers)  # refuse bad values here too, with their origin
    defaults = ExportSettings()
    rows = []
    for name in OPTION_NAMES:
        field = {"buffers": "buffer_size"}.get(name, name)
        setting = layers.get(name) or flags.Setting(getattr(defaults, field), "default")
        value = setting.value
        rows.append((name.replace("_", "-"), None if value is None else str(value), setting.origin))
    files = [str(path) for path in flags.config_files(None if source is None else source.parent)]
    presets = {name: str(path) for name, path in available().items()}
    if console.json:
        table = {name: {"value": value, "from": origin} for name, value, origin in rows}
        print(json.dumps({"schema_version": 1, "type": "config", "files": files, "presets": presets, "options": table}))
        return
    for name, value, origin in rows:
        print(f"{name:<22} {value if value is not None else 'auto':<12} {origin}")
    for file in files:
        print(f"file: {file}")
    print(f"presets: {', '.join(presets)}; your own: {user_folder()}")
