"""A real, tiny benchmark through every path that exists, and what it says about those that do not."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from reelpress.bench import paths, runner, scenarios, sources
from reelpress.bench.hooks import Series
from reelpress.bench.scenarios import Scenario
from reelpress.bench.schema import violations
from reelpress.bench.stored import pictures_folder, stored
from reelpress.errors import SettingsError

SECONDS = 1.0


@pytest.fixture(scope="module")
def cache(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("sources")


def tiny(kind: str = "desktop", **more) -> Scenario:
    return Scenario(f"tiny-{kind}", f"Tiny {kind}", SECONDS, kind, 320, 180, quick_seconds=SECONDS, **more)


@pytest.fixture(scope="module")
def result(cache) -> dict:
    plan = runner.Plan(
        command="reelpress bench (test)",
        scenarios=[tiny(), scenarios.Scenario("given-gone", "gone.mp4", 0.0, path=cache / "gone.mp4")],
        ways=paths.WAYS,
        encoders=paths.ENCODERS,
        runs=1,
        warmup=0,
        quick=True,
        quality_frames=4,
        quality_window_s=0.5,
        sampling=True,
        sources=cache,
    )
    return runner.run(plan)


def rows_of(result: dict, scenario: str = "tiny-desktop", encoder: str = "x264") -> dict[str, dict]:
    return {r["path"]: r for r in result["results"] if (r["scenario"], r["encoder"]) == (scenario, encoder)}


def test_result_follows_the_schema(result):
    assert violations(result) == []
    assert violations(json.loads(json.dumps(result))) == []


def test_every_path_is_there_or_says_why_not(result):
    rows = rows_of(result)
    assert set(rows) == {way.id for way in paths.WAYS}
    for way in paths.WAYS:
        assert (rows[way.id]["missing"] is None) == (way.missing is None)
        assert way.missing is None or rows[way.id]["missing"].endswith(".")
    assert {rows["baseline"]["missing"], rows["planar"]["missing"]} == {None}


def test_scenario_that_is_not_there_is_listed_with_its_reason(result):
    gone = next(s for s in result["scenarios"] if s["id"] == "given-gone")
    assert "gone.mp4" in gone["missing"]
    assert all(r["missing"] for r in result["results"] if r["scenario"] == "given-gone")


def test_baseline_is_the_seeds(result):
    row = rows_of(result)["baseline"]
    frames = row["frames"]["total"]
    assert frames == 60
    assert row["frames"]["composed"] == frames  # the seed draws every frame anew
    assert row["runs"][0]["readback_bytes"] == frames * 320 * 180 * 4
    assert row["profile"]["swscale"]["calls"] == frames
    assert row["memory"]["channels"]["rendered"]["max_items"] == 8
    assert row["memory"]["channels"]["encoder"]["max_items"] == 8
    assert {c["edge"]: c["frames"] for c in row["conversions"]}["compose->encode"] == frames


def test_planar_converts_and_copies_nothing(result):
    row = rows_of(result)["planar"]
    run = row["runs"][0]
    assert (run["conversions"], run["copies"], run["readback_bytes"]) == (0, 0, 0)
    assert row["profile"]["swscale"] is None
    assert row["frames"]["encoded"] == 60


def test_quality_is_of_the_window_that_was_asked_for(result):
    for row in rows_of(result).values():
        if row["missing"] is None:
            quality = row["quality"]
            assert (quality["of_frames"], quality["every"], quality["frames"]) == (30, 8, 4)
            assert quality["per_frame"]["frame"] == [0, 8, 16, 24]


def test_the_same_file_is_judged_once(result):
    """The two baselines differ in their channels only, so their files are the same."""
    rows = rows_of(result)
    first, second = rows["baseline"]["quality"], rows["baseline-adaptive"]["quality"]
    assert (first["same_as"], second["same_as"]) == (None, "baseline")
    assert second["ssim"] == first["ssim"]


def test_null_encoder_takes_all_pictures_and_writes_none(result):
    row = rows_of(result, encoder="null")["baseline"]
    assert row["frames"]["encoded"] == 60
    assert row["summary"]["size_bytes"]["median"] == 0
    assert row["memory"]["encoder_bytes"] == 0
    assert row["quality"]["missing"]
    assert row["profile"]["swscale"]["sentence"].count("costs nothing") >= 1


def test_figures_fit_together(result):
    for row in rows_of(result).values():
        if row["missing"] is not None:
            continue
        run, memory = row["runs"][0], row["memory"]
        assert run["fps"] == pytest.approx(60 / run["wall_s"], rel=1e-3)
        assert run["wall_s"] <= run["process_s"]
        counted = sum(
            memory[f"{part}_bytes"] for part in ("base", "channels", "readback", "decoder", "encoder", "rest")
        )
        assert counted == memory["peak_rss_bytes"]
        assert memory["base_bytes"] < memory["peak_rss_bytes"]
        lengths = {len(row["series"]["t_s"]), len(row["series"]["rss_bytes"]), len(row["series"]["encoded"])}
        lengths |= {len(values) for values in row["series"]["queues"].values()}
        assert len(lengths) == 1
        assert row["series"]["encoded"][-1] == 60
        assert 0.8 < row["quality"]["ssim"]["y"] <= 1
        assert row["profile"]["limiting"] in row["stages"]
        assert row["profile"]["samples"] is not None


def test_sentences_name_every_measured_pair(result):
    measured = [r for r in result["results"] if r["missing"] is None]
    for row in measured:
        assert row["profile"]["sentence"] in result["sentences"]
    assert any("swscale takes" in s for s in result["sentences"])


def test_nothing_names_a_place_on_this_machine(result, cache):
    assert str(cache) not in json.dumps(result)
    assert str(Path.home()) not in json.dumps(result)


def test_sources_are_made_once_and_alike(cache, tmp_path):
    spec = sources.Spec("motion", 64, 48, 0.5)
    first = sources.make(spec, tmp_path / "a")
    stamp = (first / "recording-meta.json").stat().st_mtime_ns
    assert sources.make(spec, tmp_path / "a") == first
    assert (first / "recording-meta.json").stat().st_mtime_ns == stamp
    again = sources.make(spec, tmp_path / "b")
    assert sources.fingerprint(first) == sources.fingerprint(again)


@pytest.mark.parametrize("kind", ["still", "pointer", "desktop"])
def test_sources_can_be_loaded(kind, tmp_path):
    from reelpress.recording.load import load

    spec = sources.Spec(kind, 64, 48, 3.0, fragmented=kind == "desktop")
    with load(sources.make(spec, tmp_path)) as recording:
        segment = recording.segments[0]
        assert recording.warnings == ()
        assert float(segment.length) == pytest.approx(3.0, abs=0.02)
        if kind != "desktop":
            assert len(segment.display.index) == 2  # the first frame, and the last that says how long it stays
        assert len(segment.pointer.moves) == (180 if kind == "pointer" else 0)


def test_a_recording_that_cannot_be_used_and_no_other_work_is_an_input_error(tmp_path, capsys):
    from reelpress.cli.app import run

    (tmp_path / "text.mp4").write_text("no video")
    (tmp_path / "empty.cap").mkdir()
    for name, word in (("gone.mp4", "There is no gone.mp4"), ("text.mp4", "text.mp4"), ("empty.cap", "empty.cap")):
        assert run(["bench", "--quick", str(tmp_path / name), "--out", str(tmp_path / "out.json")]) == 3
        assert word in capsys.readouterr().err
    assert not (tmp_path / "out.json").exists()


def test_nothing_measured_is_a_failure(tmp_path, capsys):
    from reelpress.cli.app import run

    # the GPU's are missing where the only adapter is a software one, but not for who asks by name
    way = next(w for w in paths.chosen_ways([w.id for w in paths.WAYS]) if w.missing is not None)
    out = tmp_path / "out.json"
    assert run(["bench", "--quick", "--scenario", "demo", "--path", way.id, "--out", str(out)]) == 1
    assert "nothing could be measured" in capsys.readouterr().err
    assert violations(json.loads(out.read_text())) == []


def test_a_recording_that_cannot_be_used_beside_other_work_is_a_row(result):
    gone = next(s for s in result["scenarios"] if s["id"] == "given-gone")
    assert gone["missing"] == "There is no gone.mp4 where it was said to be."


def test_scaled_lengths(cache):
    spec = scenarios.Scenario("x", "X", 20.0, "still", 64, 48)
    assert scenarios.ready(spec, quick=False, scale=1.0, folder=cache).seconds == 20.0
    assert scenarios.ready(spec, quick=False, scale=0.1, folder=cache).seconds == 2.0
    long = scenarios.Scenario("x", "X", 600.0, "still", 64, 48)
    assert scenarios.ready(long, quick=False, scale=0.5, folder=cache).seconds == scenarios.SCALED_LONGEST_S
    costly = scenarios.Scenario("x", "X", 20.0, "still", 64, 48, scaled_share=0.5)
    assert scenarios.ready(costly, quick=False, scale=0.1, folder=cache).seconds == 1.0


def test_a_stored_result_has_its_pictures_beside_it(result, tmp_path):
    file = tmp_path / "r.json"
    text = stored(result, file)
    assert "data:image" not in text
    back = json.loads(text)
    assert violations(back) == []
    row, was = rows_of(back)["planar"], rows_of(result)["planar"]
    for name in ("reference", "output"):
        given = row["quality"]["worst_pictures"][name]
        uri = was["quality"]["worst_pictures"][name]
        assert (pictures_folder(file) / given).read_bytes() == base64.b64decode(uri.partition(",")[2])
    assert row["series"] == was["series"]
    assert re.search(r"^\s*-?[\d.]+,?$", text, re.MULTILINE) is None  # no number has a line to itself
    assert json.loads(stored(result, file, inline=True)) == json.loads(json.dumps(result))


def test_samples_are_thinned_evenly():
    series = Series([k / 10 for k in range(500)], list(range(500)), list(range(500)), {"a": list(range(500))})
    few = series.thinned(120)
    assert len(few.t_s) == len(few.rss_bytes) == len(few.encoded) == len(few.queues["a"]) == 120
    assert (few.t_s[0], few.t_s[-1], few.queues["a"][-1]) == (0.0, 49.9, 499)
    steps = {b - a for a, b in zip(few.encoded, few.encoded[1:], strict=False)}
    assert steps <= {4, 5}
    assert series.thinned(500) is series


@pytest.mark.parametrize(
    "arguments",
    [
        ["--scenario", "nothing"],
        ["--path", "nothing"],
        ["--encoder", "x265"],
        ["--runs", "0"],
        ["--scale", "2"],
        ["--scale", "0"],
    ],
)
def test_command_line_refuses(arguments, capsys):
    from reelpress.cli.app import run

    assert run(["bench", "--quick", *arguments]) == 2
    assert arguments[0] in capsys.readouterr().err


def test_unknown_names_are_answered_with_the_known():
    with pytest.raises(SettingsError, match="still-pointer"):
        scenarios.chosen(["x"])
    with pytest.raises(SettingsError, match="baseline-adaptive"):
        paths.chosen_ways(["x"])


def test_sampler_sees_a_stage():
    import threading

    from reelpress.pipeline.sampler import Sampler
    from reelpress.pipeline.stage import THREAD_PREFIX

    go = threading.Event()
    thread = threading.Thread(target=go.wait, args=(30,), name=f"{THREAD_PREFIX}compose")
    thread.start()
    try:
        sampler = Sampler()
        sampler.look()
    finally:
        go.set()
        thread.join()
    assert [(stage, where, share) for stage, where, share in sampler.places() if stage == "compose"] == [
        ("compose", "waiting", 1.0)
    ]


@pytest.mark.release
def test_memory_agrees_with_the_system(cache):
    """Within 3 % of GNU time."""
    program = shutil.which("time") or "/usr/bin/time"
    if not Path(program).exists():
        pytest.skip("there is no /usr/bin/time here")
    source = sources.make(sources.Spec("desktop", 1280, 720, 2.0), cache)
    task = {
        "source": str(source),
        "output": str(cache / "time.mp4"),
        "options": {"resolution": "720p"},
        "way": "planar",
        "encoder": "x264",
    }
    done = subprocess.run(
        [program, "-v", sys.executable, "-m", "reelpress.bench.worker", json.dumps(task)],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    line = next(li for li in done.stderr.splitlines() if "Maximum resident set size" in li)
    system = int(line.rsplit(":", 1)[1]) * 1024
    ours = json.loads(done.stdout.splitlines()[-1])["peak_rss_bytes"]
    assert ours == pytest.approx(system, rel=0.03)


@pytest.mark.release
def test_same_thing_twice_differs_by_less_than_the_spread(cache):
    plan = runner.Plan(
        command="test", scenarios=[tiny()], ways=paths.chosen_ways(["planar"]), encoders=[paths.X264],
        runs=5, warmup=1, quick=True, quality_frames=0, aa=True, self_cost=True, sources=cache,
    )  # fmt: skip
    result = runner.run(plan)
    assert result["aa"]["ok"], result["aa"]["sentence"]
    assert result["self_cost"]["ok"], result["self_cost"]["sentence"]
    assert violations(result) == []
