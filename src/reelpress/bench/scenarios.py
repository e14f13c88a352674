"""What is exported: the seed's matrix, the extremes, the examples, and recordings given by path."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from reelpress.bench.sources import Kind, Spec, cache_folder, describe, describe_given, make
from reelpress.errors import MissingInputError, ReelpressError, SettingsError
from reelpress.pipeline.trace import names_only

if TYPE_CHECKING:
    from collections.abc import Sequence

QUICK_SECONDS = 1.5
"""How long scenarios are with ``--quick`` that say nothing else."""


SCALED_LONGEST_S = 12.0
"""With ``--scale`` below 1 no scenario is longer."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One thing to export. ``seconds`` is its full length; shorter ones are cut or made shorter."""

    id: str
    title: str
    seconds: float
    kind: Kind | None = None
    """``None``: a recording that exists."""
    width: int = 1920
    height: int = 1080
    fragmented: bool = False
    example: str = ""
    """Folder in ``examples``."""
    path: Path | None = None
    project: dict[str, Any] | None = None
    """Changes of the recording's own project: keys that are merged into it."""
    start: float = 0.0
    quick_seconds: float = QUICK_SECONDS
    options: dict[str, str] = field(default_factory=dict)
    """Export options by their field names, as text."""
    scaled_share: float = 1.0
    """Factor on its share of the full length in shortened runs, where a frame costs several times as much."""
    seeds: bool = False
    """Whether it is in the seed's test matrix."""


SCENARIOS: tuple[Scenario, ...] = (
    Scenario("1080p-1min", "1080p, 1 min", 60.0, "desktop", seeds=True),
    Scenario("4k-1min", "4K, 1 min", 60.0, "desktop", 3840, 2160, quick_seconds=0.4, scaled_share=0.5, seeds=True),
    Scenario("1080p-10min", "1080p, 10 min", 600.0, "desktop", quick_seconds=1.75, seeds=True),
    Scenario(
        "1080p-1min-fragmented",
        "1080p, 1 min, fragmented",
        60.0,
        "desktop",
        fragmented=True,
        quick_seconds=1.0,
        seeds=True,
    ),
    Scenario("still", "Still screen", 60.0, "still"),
    Scenario("still-pointer", "Still screen, moving pointer", 60.0, "pointer"),
    Scenario("motion", "Continuous motion", 60.0, "motion", quick_seconds=1.0),
    Scenario("tour", "Tour (examples/tour.cap)", 40.0, example="tour.cap", start=11.0, quick_seconds=0.5),
    Scenario("demo", "Demo (examples/demo.cap)", 25.0, example="demo.cap", start=4.0, quick_seconds=1.0),
    Scenario(
        "demo-no-camera",
        "Demo without camera",
        25.0,
        example="demo.cap",
        project={"camera": {"hide": True}},
        start=4.0,
        quick_seconds=1.0,
    ),
)


@dataclass(slots=True)
class Ready:
    """A scenario with its source in place."""

    scenario: Scenario
    seconds: float
    source: Path | None = None
    options: dict[str, str] = field(default_factory=dict)
    described: dict[str, Any] | None = None
    missing: str | None = None


def chosen(names: Sequence[str], recordings: Sequence[Path] = ()) -> list[Scenario]:
    """The scenarios of these ids (none: all), and one for each recording.

    Raises:
        SettingsError: An id is not known.
    """
    known = {s.id: s for s in SCENARIOS}
    for name in names:
        if name not in known:
            raise SettingsError(f"--scenario {name!r} is not known. Known are: {', '.join(known)}.")
    found = [known[name] for name in dict.fromkeys(names)]
    if not names and not recordings:
        found = list(SCENARIOS)
    for path in recordings:
        found.append(Scenario(f"given-{path.stem}", path.name, 0.0, path=path))
    return found


def readable(path: Path) -> None:
    """Open a recording given by path, as an export would, and close it again.

    Raises:
        InputError: It does not exist, or cannot be read.
    """
    from reelpress.bench.worker import settings_of
    from reelpress.export.prepare import prepare

    if not path.exists():
        raise MissingInputError(f"There is no {path.name} where it was said to be.")
    with (
        TemporaryDirectory(prefix="reelpress-bench-") as folder,
        prepare(path, Path(folder) / "x.mp4", settings_of({})),
    ):
        pass


def ready(scenario: Scenario, *, quick: bool, scale: float, folder: Path | None = None) -> Ready:
    """Put the source in place, made or found, and say how long the export will be.

    Args:
        scenario: What.
        quick: A few seconds instead of its full length.
        scale: Factor on its full length when not ``quick``; below 1 nothing is longer than ``SCALED_LONGEST_S``.
        folder: The cache; default is the user's.
    """
    folder = folder or cache_folder() / "sources"
    seconds = scenario.seconds
    if quick:
        seconds = min(scenario.quick_seconds, scenario.seconds or 1e9)
    elif scale < 1:
        seconds = min(scenario.seconds * scale * scenario.scaled_share, SCALED_LONGEST_S)
    out = Ready(scenario, seconds, options={**scenario.options})
    try:
        if scenario.kind is not None:
            spec = Spec(scenario.kind, scenario.width, scenario.height, seconds, fragmented=scenario.fragmented)
            folder.mkdir(parents=True, exist_ok=True)
            out.source = make(spec, folder)
            out.described = describe(spec, out.source)
            out.options["resolution"] = f"{scenario.width}x{scenario.height}"
        else:
            _found(scenario, out, quick=quick, scale=scale, folder=folder)
    except (ReelpressError, OSError) as error:
        out.source, out.missing = None, names_only(str(error))
    return out


def _found(scenario: Scenario, out: Ready, *, quick: bool, scale: float, folder: Path) -> None:
    path = scenario.path or _examples() / scenario.example
    if scenario.path is not None:
        readable(path)
    elif not path.exists():
        out.missing = f"There is no {scenario.example} here: the examples are in the repository, not in the package."
        return
    out.source = path
    out.described = describe_given(path, "given" if scenario.path is not None else "example")
    if quick or (scale != 1 and scenario.seconds):
        out.options["start"] = f"{scenario.start:g}"
        out.options["end"] = str(float(Fraction(str(scenario.start)) + Fraction(str(round(out.seconds, 3)))))
    if scenario.project is not None:
        own = json.loads((path / "project-config.json").read_text(encoding="utf-8"))
        for key, value in scenario.project.items():
            own[key] = {**own.get(key, {}), **value} if isinstance(value, dict) else value
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{scenario.id}.json"
        file.write_text(json.dumps(own), encoding="utf-8")
        out.options["project"] = str(file)


def _examples() -> Path:
    """The repository's examples beside an editable installation."""
    return Path(__file__).resolve().parents[3] / "examples"
