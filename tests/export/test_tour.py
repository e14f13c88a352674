"""``examples/tour.cap``: what it uses, that its script makes it, and that its frames never depend on anything else.

Compared are finished pictures: those that ``render`` gives, and those of exports, which at CRF 0 are lossless, so that
an encoder's choices play no part. The long versions (``release``) take the whole tour.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

import reelpress
from reelpress.export.prepare import prepare
from reelpress.export.settings import ExportSettings
from reelpress.media.planes import Planes
from reelpress.pipeline import machine
from reelpress.project.model import Project
from reelpress.scene.plan.frame import FramePlan
from reelpress.scene.plan.layers import EffectLayer, FillLayer, GroupLayer, Layer, PictureLayer, SpriteLayer, TextLayer

REPO = Path(__file__).resolve().parents[2]
TOUR = REPO / "examples" / "tour.cap"
SMALL = "256x144"
FPS = 60
FRAMES = 2538

CROSSING = (Fraction(138, 10), Fraction(143, 10))
"""Cross-fade with masks, texts, two cameras and two displays."""


def settings(span: tuple[Fraction, Fraction] | None = None, resolution: str = SMALL) -> ExportSettings:
    start, end = span or (None, None)
    return ExportSettings(
        resolution=resolution, fps=Fraction(FPS), crf=0, no_audio=True, start=start, end=end, unchanged="encode"
    )


def digest(planes: Planes) -> str:
    found = hashlib.sha256()
    for plane in planes.planes:
        found.update(np.ascontiguousarray(plane).tobytes())
    return found.hexdigest()


def rendered(span: tuple[Fraction, Fraction] | None = None, resolution: str = SMALL) -> list[str]:
    return [digest(planes) for planes in reelpress.render(TOUR, settings=settings(span, resolution))]


def exported(target: Path, span: tuple[Fraction, Fraction] | None = None, resolution: str = SMALL) -> list[str]:
    """Digests of the frames that are decoded from an export."""
    reelpress.export(TOUR, target, settings=settings(span, resolution))
    found = []
    with av.open(str(target)) as container:
        for frame in container.decode(video=0):
            assert frame.format.name == "yuv420p"
            hashed = hashlib.sha256()
            for k, plane in enumerate(frame.planes):
                rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
                hashed.update(np.ascontiguousarray(rows[:, : plane.width]).tobytes())
                assert k < 3
            found.append(hashed.hexdigest())
    return found


def flat(layers: tuple[Layer, ...]) -> list[Layer]:
    found: list[Layer] = []
    for layer in layers:
        found.append(layer)
        if isinstance(layer, GroupLayer):
            found.extend(flat(layer.layers))
    return found


@pytest.fixture(scope="module")
def plans() -> dict[int, FramePlan]:
    """Every sixth frame's plan."""
    with prepare(TOUR, None, ExportSettings(resolution=SMALL, fps=Fraction(FPS))) as job:
        assert job.director.frames == FRAMES
        assert job.plan.warnings == ()
        assert job.plan.not_drawn == ()
        return {n: job.director.plan(n) for n in range(0, FRAMES, 6)}


def test_every_part_of_the_look_is_planned(plans: dict[int, FramePlan]) -> None:
    layers = [layer for plan in plans.values() for layer in flat(plan.layers)]
    pictures = [layer for layer in layers if isinstance(layer, PictureLayer)]
    sprites = [layer for layer in layers if isinstance(layer, SpriteLayer)]
    groups = [layer for layer in layers if isinstance(layer, GroupLayer)]
    assert {p.source for p in pictures} == {"display:0", "display:1", "camera:0", "camera:1"}
    assert all(p.mirror for p in pictures if p.source.startswith("camera"))
    assert any(p.blur and p.blur.spread for p in pictures)
    assert any(p.soften > 0 for p in pictures)
    assert any(p.border for p in pictures) and any(p.shadow for p in pictures)
    assert {bool(p.grade) for p in pictures} == {True}
    assert any(p.grade is not None and p.grade.grain for p in pictures)
    assert {"builtin:arrow", "builtin:ibeam", "builtin:hand", "builtin:crosshair", "builtin:resize-we"} <= {
        s.image for s in sprites
    }
    assert any(s.image.endswith("cursor_5.png") for s in sprites)
    assert any(s.blur for s in sprites) and any(s.angle for s in sprites)
    assert any(0 < s.opacity < 1 for s in sprites)
    assert any(g.warp for g in groups) and any(0 < g.opacity < 1 for g in groups)
    assert {e.effect.value for e in layers if isinstance(e, EffectLayer)} == {"pixelate", "blur", "highlight"}
    assert any(isinstance(layer, FillLayer) for layer in layers)
    runs = [layer.run for layer in layers if isinstance(layer, TextLayer)]
    assert any(run.pill for run in runs) and any(run.reveal is not None for run in runs)


def test_the_project_names_every_choice() -> None:
    """Values that exclude each other within a project are listed in the docs; all others are used."""
    project = Project.model_validate(json.loads((TOUR / "project-config.json").read_text(encoding="utf-8")))
    timeline = project.timeline
    assert timeline is not None
    assert {t.animation_in.value for t in timeline.text_segments} == {
        "fade", "slideUp", "slideDown", "pop", "typewriter",
    }  # fmt: skip
    assert {t.layout.value for t in timeline.text_segments} == {"overlay", "fullscreen", "splitLeft"}
    assert {s.mode.value for s in timeline.scene_segments} == {"splitScreen", "floating", "cameraOnly", "hideCamera"}
    assert {t.type.value for t in timeline.transitions} == {"cross-fade", "fade-through-black"}
    assert {c.speed_audio_mode.value for c in timeline.segments if c.speed_audio_mode} == {
        "mute", "maintainPitch", "matchSpeed",
    }  # fmt: skip
    zooms = timeline.zoom_segments
    assert {z.manual_center is None for z in zooms} == {True, False} == {z.instant_animation for z in zooms}
    assert any(music.trim_start and music.fade_in and music.fade_out for music in timeline.audio_segments)


def test_the_script_makes_the_edit(tmp_path: Path) -> None:
    target = tmp_path / "again.cap"
    command = [sys.executable, str(REPO / "tools" / "make_tour.py"), str(target), "--edit-only"]
    subprocess.run(command, check=True, timeout=60)
    made = sorted(path.relative_to(target) for path in target.rglob("*.json"))
    assert len(made) == 4
    for name in made:
        assert (target / name).read_bytes() == (TOUR / name).read_bytes(), name


def test_the_tour_is_small() -> None:
    assert sum(path.stat().st_size for path in TOUR.rglob("*") if path.is_file()) < 4_000_000


def test_two_exports_are_the_same_and_so_is_the_render(tmp_path: Path) -> None:
    first = exported(tmp_path / "a.mp4", CROSSING)
    assert len(first) == 30
    assert len(set(first)) > 20
    assert exported(tmp_path / "b.mp4", CROSSING) == first
    assert rendered(CROSSING) == first


def test_threads_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for cores in (1, 4):
        monkeypatch.setattr(machine, "cores", lambda cores=cores: cores)
        with prepare(TOUR, None, settings(CROSSING)) as job:
            assert job.buffers.decode_threads == cores
        found.append(rendered(CROSSING))
    assert found[0] == found[1]


def test_a_part_has_the_frames_of_the_whole() -> None:
    """Springs, idle pointer, typed keys and captions are under way where the part begins."""
    until, since = Fraction(6), Fraction(5)
    whole = rendered((Fraction(4), until))
    assert rendered((since, until)) == whole[-FPS:]


@pytest.mark.release
@pytest.mark.timeout(900)
def test_two_exports_of_the_whole_tour_are_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = exported(tmp_path / "a.mp4")
    assert len(first) == FRAMES
    monkeypatch.setattr(machine, "cores", lambda: 1)
    assert exported(tmp_path / "b.mp4") == first
    for begin, end in ((300, 360), (820, 880), (1340, 1400), (1490, 1550), (1770, 1830), (1930, 1990), (2400, 2460)):
        part = exported(tmp_path / f"{begin}.mp4", (Fraction(begin, FPS), Fraction(end, FPS)))
        assert part == first[begin:end], begin
