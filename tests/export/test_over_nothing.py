"""Exports with alpha: cross-fades over nothing, and a project's background that lets through, in a GIF too."""

from __future__ import annotations

import json
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import reelpress
from reelpress.errors import SettingsError
from reelpress.export.outputs.gif import GifOutput
from reelpress.export.prepare import prepare
from reelpress.export.settings import ExportSettings

SMALL: dict[str, Any] = {"resolution": "160x90", "fps": Fraction(20)}


@pytest.fixture
def look(tiny_cap: Path, tmp_path: Path) -> Any:
    """Makes an edit of the tiny recording from changes to its own."""

    def make(background: dict[str, Any], timeline: dict[str, Any] | None = None) -> Path:
        project = json.loads((tiny_cap / "project-config.json").read_text(encoding="utf-8"))
        project["background"] |= background
        project["cursor"] = {"hide": True}
        project["camera"] = {"hide": True}
        project["timeline"] = timeline or {
            "segments": [{"recordingSegment": 0, "timescale": 1, "start": 0, "end": 0.3}]
        }
        file = tmp_path / "look.json"
        file.write_text(json.dumps(project), encoding="utf-8")
        return file

    return make


def crossing(kind: str = "cross-fade") -> dict[str, Any]:
    """1 s, then 1 s that begins half a second before its end: a fade in frames 10 to 20 of 20 a second."""
    clips = [{"recordingSegment": 0, "timescale": 1, "start": s, "end": s + 1.0} for s in (0.0, 1.2)]
    return {"segments": clips, "transitions": [{"segmentIndex": 1, "type": kind, "duration": 0.5}]}


GROUNDS = {
    "nothing": {"type": "color", "value": [0, 0, 0], "alpha": 0},
    "a veil": {"type": "color", "value": [200, 40, 90], "alpha": 100},
}


@pytest.mark.parametrize("ground", GROUNDS)
def test_alpha_of_a_card_that_stays_does_not_change_in_a_cross_fade(tiny_cap: Path, look: Any, ground: str) -> None:
    """Both sides have the card, its shadow and what is behind it in the same places: alpha is the same throughout."""
    project = look(
        {"padding": 24, "rounding": 40, "shadow": 80, "source": GROUNDS[ground]}, crossing()
    )  # soft edges, so that there is something between 0 and 255
    chosen = ExportSettings(**SMALL, project=project, transparent=True, format="png")
    pictures = list(reelpress.render(tiny_cap, settings=chosen))
    assert len(pictures) == 30
    first = pictures[0].planes[3]
    assert ((first > 110) & (first < 250)).sum() > 20
    outside = int(first[0, 0])
    assert outside == GROUNDS[ground]["alpha"]
    for k, picture in enumerate(pictures):
        assert (picture.planes[3] == first).all(), k
    # and pictures do change into each other there (the recording stands still for some frames)
    lumas = [picture.planes[0] for picture in pictures[10:21]]
    assert sum((a != b).any() for a, b in pairwise(lumas)) >= 5


def test_a_gif_keeps_a_background_that_lets_through(tiny_cap: Path, look: Any, tmp_path: Path) -> None:
    """Covered less than half is transparent: alpha 100 of 255 goes, 160 stays and has its own colour."""
    corners = {}
    for alpha in (100, 160):
        source = {"type": "color", "value": [250, 30, 60], "alpha": alpha}
        project = look({"padding": 24, "shadow": 0, "source": source})
        with prepare(tiny_cap, tmp_path / "x.gif", ExportSettings(**SMALL, project=project)) as job:
            assert job.plan.not_drawn == ()
        target = tmp_path / f"{alpha}.gif"
        reelpress.export(tiny_cap, target, settings=ExportSettings(**SMALL, project=project, verify="full"))
        with Image.open(target) as image:
            rgba = np.asarray(image.convert("RGBA"))
            assert rgba[45, 80, 3] == 255
            corners[alpha] = rgba[0, 0]
    assert corners[100][3] == 0
    assert corners[160][3] == 255 and np.abs(corners[160][:3].astype(int) - (250, 30, 60)).max() <= 6


def test_where_there_is_no_alpha_the_background_is_opaque_and_that_is_said(tiny_cap: Path, look: Any) -> None:
    project = look({"padding": 24, "source": GROUNDS["a veil"]})
    for chosen, said in (
        ({"format": "mp4"}, True),
        ({"format": "mov", "codec": "h264"}, True),
        ({"format": "mov"}, False),
        ({"format": "gif"}, False),
        ({"format": "webp"}, False),
    ):
        with prepare(tiny_cap, None, ExportSettings(**SMALL, project=project, **chosen)) as job:
            found = job.plan.not_drawn == ("background.source.alpha: the background is opaque",)
        assert found is said, chosen


def test_gifski_gets_no_alpha() -> None:
    with pytest.raises(SettingsError, match="gifski gets pictures without alpha"):
        GifOutput().of(ExportSettings(encoder="gifski", transparent=True))
    assert not GifOutput().of(ExportSettings(encoder="gifski")).alpha
