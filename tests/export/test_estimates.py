"""What an export will take: the models' arithmetic, and that the plan has what they say."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from reelpress.export import estimates
from reelpress.export.api import plan
from reelpress.export.estimates import (
    SAMPLES,
    SIZE_TERMS,
    WORK_TERMS,
    Features,
    cpu_seconds,
    expected,
    features,
    key_of,
    measure_score,
    size_terms,
    video_bytes,
    wall_seconds,
    work_terms,
)
from reelpress.export.prepare import prepare
from reelpress.export.settings import FORMATS, ExportSettings

ROOT = Path(__file__).resolve().parents[2]

F = Features(
    frames=300, pixels=1_000_000, fps=30.0, crf=20.0, preset_cost=1.0, gop_s=2.0, gif_quality=90.0, held=0.5,
    damaged=0.25, moving=0.0, source_pixels=1_000_000, source_frames=1.0, decoded_pixels=3e8, source_bits=0.5,
    key_bits=2.0, noisy=0.0, sound=1.0,
)  # fmt: skip


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A cache folder of the test's own."""
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *a, **k: tmp_path / "cache")
    return tmp_path / "cache"


# Arithmetic


def test_bytes_by_hand() -> None:
    # exp(-3) bits a second and pixel, times 1e6 pixels, times 10 s, over 8
    fit: dict[str, Any] = {"constant": -3.0, "slopes": {}, "ranges": {}}
    assert video_bytes(F, fit) == pytest.approx(math.exp(-3) * 1e6 * 10 / 8)
    # six steps of CRF with slope -1 divide by e
    fit = {"constant": -3.0, "slopes": {"crf": -1.0}, "ranges": {"crf": [-2, 2]}}
    assert video_bytes(replace(F, crf=26.0), fit) == pytest.approx(video_bytes(F, fit) / math.e)


def test_beyond_what_was_fitted_nothing_is_extrapolated() -> None:
    fit: dict[str, Any] = {"constant": 0.0, "slopes": {"crf": -1.0}, "ranges": {"crf": [-0.5, 1.0]}}
    assert video_bytes(replace(F, crf=26.0), fit) == video_bytes(replace(F, crf=51.0), fit)
    assert video_bytes(replace(F, crf=17.0), fit) == video_bytes(replace(F, crf=0.0), fit)


def test_seconds_by_hand() -> None:
    terms = work_terms(F)
    assert terms["decode"] == 30.0  # 3e8 / 1e7
    assert terms["compose"] == 300 * 1e6 * 0.25 / 5e6
    assert terms["compare"] == 0.0 and work_terms(replace(F, noisy=1.0))["compare"] == 30.0
    assert cpu_seconds(F, {"costs": {"decode": 0.01, "frames": 0.02}}) == pytest.approx(0.3 + 0.02 * 15)
    fit = {"constant_s": 0.2, "share": 0.75}
    assert wall_seconds(6.0, 2, fit) == pytest.approx(0.2 + 6 / 1.5)
    assert wall_seconds(6.0, 1, fit) == pytest.approx(0.2 + 6)  # never slower than one core
    assert wall_seconds(6.0, 64, fit) == pytest.approx(0.2 + 1)  # never more than the stages keep busy


def test_terms_have_the_names_that_are_fitted() -> None:
    assert tuple(size_terms(F)) == SIZE_TERMS and tuple(work_terms(F)) == WORK_TERMS
    still = replace(F, damaged=0.0, source_bits=0.0, key_bits=0.0, frames=1)
    assert all(math.isfinite(value) for value in (*size_terms(still).values(), *work_terms(still).values()))


# What is known of a recording


def test_features_of_a_recording(tiny_cap: Path) -> None:
    settings = ExportSettings(resolution="320x180", fps=Fraction(30), end=Fraction(1))
    with prepare(tiny_cap, None, settings, estimated=False) as job:
        f = features(job.director, job.recording, settings, job.rate, sound=True)
        sizes = [track.info.width * track.info.height for track in job.director.tracks]
    assert (f.frames, f.fps, f.pixels) == (30, 30.0, job.director.size[0] * job.director.size[1])
    assert f.source_pixels == 640 * 360
    # display and camera, both with 30 pictures a second: about 30 of each are decoded for one second
    assert 24 * sum(sizes) <= f.decoded_pixels <= 36 * sum(sizes)
    assert 0.8 <= f.source_frames <= 1.2
    assert 0 < f.damaged <= 1 and f.noisy == 0 and f.sound == 1
    display = next(track for track in job.recording.tracks() if track.key == "display:0")
    facts = display.index.packets
    assert facts is not None
    keys = np.isin(facts.pts, display.index.keyframes)
    assert f.key_bits == pytest.approx(8 * facts.size[keys].mean() / (640 * 360))


def test_what_stands_still_is_seen(tmp_path: Path, tiny_cap: Path) -> None:
    """A clip at a hundredth of its speed: hardly any picture differs from the one before."""
    project = json.loads((tiny_cap / "project-config.json").read_text(encoding="utf-8"))
    project["timeline"] = {"segments": [{"recordingSegment": 0, "timescale": 0.01, "start": 0.5, "end": 0.52}]}
    project["camera"] = {"hide": True}
    project["cursor"] = {"hide": True}
    (tmp_path / "p.json").write_text(json.dumps(project), encoding="utf-8")
    settings = ExportSettings(project=tmp_path / "p.json", fps=Fraction(60))
    with prepare(tiny_cap, None, settings, estimated=False) as job:
        f = features(job.director, job.recording, settings, job.rate, sound=False)
    assert f.held >= 1 - 2 / SAMPLES
    assert f.source_frames < 0.05


# The plan


def test_the_plan_says_what_the_models_say(tiny_cap: Path, cache: Path) -> None:
    for settings in (ExportSettings(), ExportSettings(format="gif")):
        found = plan(tiny_cap, settings=settings).estimate
        with prepare(tiny_cap, None, settings, estimated=False) as job:
            guess = expected(
                job.output,
                job.director,
                job.recording,
                settings,
                job.rate,
                sound=bool(job.spans),
                cores=estimates_cores(),
            )
        assert found == guess
        assert found.size_bytes > 0 and found.wall_s > 0
    assert (cache / estimates.SCORE_FILE).is_file()


def estimates_cores() -> int:
    from reelpress.pipeline.machine import cores

    return cores()


def test_sound_and_limits_count(tiny_cap: Path) -> None:
    loud, silent = (plan(tiny_cap, settings=ExportSettings(no_audio=no)).estimate.size_bytes for no in (False, True))
    assert loud - silent == pytest.approx(192_000 / 8 * 2, abs=2)  # 2 s at 192 kbit/s
    assert plan(tiny_cap, settings=ExportSettings(format="gif", max_size=10_000)).estimate.size_bytes <= 10_000


def test_smaller_settings_are_estimated_smaller(tiny_cap: Path) -> None:
    sizes = [
        plan(tiny_cap, settings=ExportSettings(crf=crf, no_audio=True)).estimate.size_bytes for crf in (17, 20, 24, 29)
    ]
    assert sizes == sorted(sizes, reverse=True) and len(set(sizes)) == 4


def test_a_format_that_was_not_calibrated_has_its_own_estimate(tiny_cap: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimates, "data", dict)
    with prepare(tiny_cap, None, ExportSettings(), estimated=False) as job:
        assert expected(job.output, job.director, job.recording, job.settings, job.rate, sound=False, cores=2) is None
    assert plan(tiny_cap).estimate.size_bytes > 0


# The machine


def test_a_machine_of_half_the_speed_takes_twice_as_long(tiny_cap: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fit = estimates.data()["formats"]["mp4-h264"]["time"]
    reference = estimates.data()["machine"]["score"]
    walls = []
    for score in (reference, reference / 2):
        monkeypatch.setattr(estimates, "known_score", lambda score=score: score)
        walls.append(plan(tiny_cap, settings=ExportSettings(resolution="4k")).estimate.wall_s - fit["constant_s"])
    assert walls[1] == pytest.approx(2 * walls[0], abs=0.16)  # both are rounded to a tenth


def test_the_score_is_measured_once_and_kept(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert estimates.known_score() is None
    score = estimates.know_machine()
    assert score > 0 and estimates.known_score() == pytest.approx(score, rel=0.01)
    monkeypatch.setattr(estimates, "measure_score", lambda: pytest.fail("measured again"))
    assert estimates.know_machine() == pytest.approx(score, rel=0.01)
    (cache / estimates.SCORE_FILE).write_text('{"machine": "another one", "score": 5}')
    assert estimates.known_score() is None
    (cache / estimates.SCORE_FILE).write_text("nothing of the kind")
    assert estimates.known_score() is None


def test_the_score_takes_a_tenth_of_a_second() -> None:
    import time

    begin = time.thread_time()
    assert measure_score() > 0
    assert time.thread_time() - begin < 0.3


# The calibration


@pytest.fixture(scope="module")
def tool() -> Iterator[ModuleType]:
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        import calibrate_estimates

        yield calibrate_estimates
    finally:
        sys.path.remove(str(ROOT / "tools"))


def test_the_fit_finds_what_made_the_data(tool: ModuleType) -> None:
    rng = np.random.default_rng(3)
    rows: list[dict[str, Any]] = []
    for _ in range(60):
        f = replace(
            F, crf=float(rng.uniform(16, 30)), source_bits=float(rng.uniform(0.05, 3)),
            damaged=float(rng.uniform(0, 1)), frames=int(rng.integers(60, 600)),
            decoded_pixels=float(rng.uniform(1e7, 1e9)),
        )  # fmt: skip
        terms = size_terms(f)
        bits = math.exp(-4 + 0.6 * terms["changes"] - 0.7 * terms["crf"])
        work = work_terms(f)
        cpu = 0.02 * work["decode"] + 0.03 * work["compose"]
        rows.append(
            {
                "features": estimates.as_dict(f), "video_bytes": bits * f.pixels * f.seconds / 8, "cpu_s": cpu,
                "wall_s": 0.3 + cpu / 1.5,
            }
        )  # fmt: skip
    found = tool.fit(rows, 2)
    for row in rows:
        f = Features(**row["features"])
        assert video_bytes(f, found["size"]) == pytest.approx(row["video_bytes"], rel=0.03)
        assert cpu_seconds(f, found["time"]) == pytest.approx(row["cpu_s"], rel=0.03)
        assert wall_seconds(row["cpu_s"], 2, found["time"]) == pytest.approx(row["wall_s"], rel=0.03)
    assert all(cost >= 0 for cost in found["time"]["costs"].values())


def test_errors_are_what_they_are_called(tool: ModuleType) -> None:
    took = {"took_s": 2.0}
    rows = [
        {"format": "gif", "error": {"size": 0.5, "wall": 0.0, "model_size": 1.0, "model_wall": 0.0}, "trial": took},
        {"format": "gif", "error": {"size": -0.1, "wall": 0.0, "model_size": 1.0, "model_wall": 0.0}, "trial": took},
    ]
    found = tool.summary(rows)["gif"]
    assert found["size"]["mean"] == 0.3 and found["size"]["worst"] == 0.5 and found["exports"] == 2
    assert found["model_size"]["bias"] == 1.0 and found["took_s"] == {"mean": 2.0, "worst": 2.0}


def test_the_numbers_are_those_of_the_recorded_runs(tool: ModuleType) -> None:
    result = json.loads(tool.RESULT.read_text(encoding="utf-8"))
    machine = result["model_machine"]
    for kind in tool.FORMATS:
        again = tool.fit([row for row in result["calibration"] if row["format"] == kind], machine["cores"])
        kept = estimates.data()["formats"][kind]
        assert again["size"]["slopes"] == pytest.approx(kept["size"]["slopes"], abs=2e-3)
        assert again["time"]["costs"] == pytest.approx(kept["time"]["costs"], abs=2e-4)
    assert estimates.data()["machine"]["score"] == machine["score"]
    # what is judged had no part in it
    assert not {row["source"] for row in result["judged"]} & {row["source"] for row in result["calibration"]}
    assert result["errors"]["judged"] == tool.summary(result["judged"])


def test_every_format_is_judged(tool: ModuleType) -> None:
    assert {settings["format"] for settings in tool.JUDGED.values()} == set(FORMATS)
    judged = json.loads(tool.RESULT.read_text(encoding="utf-8"))["judged"]
    assert {row["format"] for row in judged} == set(tool.JUDGED)


def test_every_source_is_measured_in_every_format(tool: ModuleType) -> None:
    runs = tool.plan_of_runs(["a", "b", "c", "d", "e"])
    assert {(name, kind) for name, kind, _ in runs} == {(n, k) for n in "abcde" for k in tool.FORMATS}
    presets = {settings.get("encoder_preset") for _, kind, settings in runs if kind == "mp4-h264"}
    assert len(presets) == 4


@pytest.mark.release
def test_error_on_recordings_is_told(tool: ModuleType, shared_media: Path, tmp_path: Path) -> None:
    """Prints how far off sizes are on recordings that had no part in the calibration; fails where that is senseless."""
    assert shared_media.is_dir()
    rows = tool.judge(tmp_path, ["gif", "mp4-h264"])
    tool.told(rows)
    for kind, found in tool.summary(rows).items():
        assert found["size"]["mean"] < 0.35, (kind, found)


def test_key_of_a_format() -> None:
    class Fake:
        name, video_codec = "mp4", "h264"

    assert key_of(Fake()) == "mp4-h264"  # type: ignore[arg-type]
