"""The arithmetic of the benchmark, on numbers made by hand: sentences, shares, spread, gate, peers, schema."""

from __future__ import annotations

import copy
import json
import subprocess
from pathlib import Path

import pytest

from reelpress.bench import gate, peers, targets
from reelpress.bench.comparisons import aa_of, against, complete, self_cost_of
from reelpress.bench.metrics import spread
from reelpress.bench.profile import limiting, sentence, shares, swscale_share
from reelpress.bench.schema import schema, violations
from reelpress.errors import SettingsError

REPO = Path(__file__).resolve().parents[2]
EXAMPLE = Path(__file__).with_name("example_result.json")


@pytest.fixture
def example() -> dict:
    return json.loads(EXAMPLE.read_text(encoding="utf-8"))


# --- schema -----------------------------------------------------------------------------------------------------------


def test_example_follows_the_schema(example):
    assert violations(example) == []


def test_example_was_measured(example):
    """It is made by tools/make_bench_example.py, not by hand."""
    assert example["command"] == "python tools/make_bench_example.py"
    measured = [r for r in example["results"] if r["missing"] is None]
    assert len(measured) >= 4
    for one in measured:
        frames = one["frames"]["total"]
        for run in one["runs"]:
            assert run["fps"] == pytest.approx(frames / run["wall_s"], rel=1e-3)
        assert one["summary"]["fps"]["runs"] == len(one["runs"]) == 2


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda d: d.pop("machine"), "$ has no 'machine'"),
        (lambda d: d.update(extra=1), "$ has 'extra'"),
        (lambda d: d["results"][0].update(scenario=3), "$.results[0].scenario"),
        (lambda d: d["results"][0]["summary"]["fps"].pop("mad"), "$.results[0].summary.fps has no 'mad'"),
        (lambda d: d["results"][0]["summary"]["fps"].update(runs=0), "at least 1"),
        (lambda d: d["results"][0]["runs"][0].update(order=True), "$.results[0].runs[0].order"),
        (lambda d: d.update(type="other"), "allowed are ['bench']"),
        (lambda d: d["peer_results"][0].update(compared_at="by eye"), "compared_at"),
    ],
)
def test_schema_finds_what_breaks_it(example, change, place):
    change(example)
    found = violations(example)
    assert len(found) == 1
    assert place in found[0]


def test_unknown_keyword_in_a_schema_is_an_error():
    with pytest.raises(ValueError, match="maxLength"):
        violations("x", {"type": "string", "maxLength": 1})


def test_every_reference_of_the_schema_resolves():
    root = schema()
    text = json.dumps(root)
    for name in {part.split('"')[0] for part in text.split("#/$defs/")[1:]}:
        assert name in root["$defs"]


# --- sentences --------------------------------------------------------------------------------------------------------

STAGES = {
    "decode": {"busy_s": 1.0, "wait_in_s": 0.0, "wait_out_s": 9.0},
    "compose": {"busy_s": 3.0, "wait_in_s": 0.5, "wait_out_s": 6.5},
    "encode": {"busy_s": 7.1, "wait_in_s": 2.9, "wait_out_s": 0.0},
    "mux": {"busy_s": 0.2, "wait_in_s": 9.8, "wait_out_s": 0.0},
}


def test_limiting_stage_and_who_waits():
    rows = shares(STAGES, 10.0)
    assert [row["busy_share"] for row in rows] == [0.1, 0.3, 0.71, 0.02]
    assert limiting(rows) == "encode"
    assert sentence(rows, "Tour, planar") == "Tour, planar: encode 71 %, decode and compose wait"


def test_stage_behind_the_limiting_one_waits_to_get():
    rows = shares(
        {
            "compose": {"busy_s": 9.0, "wait_in_s": 1.0, "wait_out_s": 0.0},
            "encode": {"busy_s": 4.0, "wait_in_s": 6.0, "wait_out_s": 0.0},
        },
        10.0,
    )
    assert sentence(rows) == "compose 90 %, encode waits"


def test_when_nobody_waits_the_next_one_is_named():
    rows = shares(
        {
            "compose": {"busy_s": 8.5, "wait_in_s": 0.5, "wait_out_s": 1.0},
            "encode": {"busy_s": 9.0, "wait_in_s": 1.0, "wait_out_s": 0.0},
        },
        10.0,
    )
    assert sentence(rows) == "encode 90 %, then compose 85 %"


def test_swscale_is_the_bottleneck_only_when_it_is_busiest():
    stages = {"compose": {"busy_s": 3.0}, "encode": {"busy_s": 8.0}}
    facts = {"calls": 10, "run_wall_s": 10.0, "run_cpu_s": 20.0, "stages": stages, "null": False}
    small = swscale_share(wall_s=2.0, cpu_s=1.0, **facts)
    assert (small["wall_share"], small["cpu_share"], small["is_bottleneck"]) == (0.2, 0.05, False)
    assert small["sentence"].endswith("it is not the bottleneck: encoding without it takes 60 %.")
    assert swscale_share(wall_s=5.0, cpu_s=5.0, **facts)["is_bottleneck"]  # 5 of 8, compose 3, the rest 3
    assert not swscale_share(wall_s=4.0, cpu_s=4.0, **facts)["is_bottleneck"]  # as much as the rest


# --- spread, A/A, own cost --------------------------------------------------------------------------------------------


def test_spread():
    assert spread([3.0, 1.0, 2.0, 10.0]) == {"median": 2.5, "min": 1.0, "max": 10.0, "mad": 1.0, "runs": 4}


def test_aa_compares_the_medians_with_the_spread():
    assert aa_of([1.0, 1.2, 1.1], [1.05, 1.15, 1.2])["ok"]  # 50 ms apart, 200 ms wide
    different = aa_of([1.0, 1.01, 1.02], [1.5, 1.51, 1.52])
    assert not different["ok"]
    assert different["difference_s"] == 0.5


def test_own_cost_is_a_share_of_the_plain_run():
    assert self_cost_of([1.01, 1.01, 1.01], [1.0, 1.0, 1.0])["percent"] == 1.0
    assert not self_cost_of([1.03], [1.0])["ok"]


# --- comparisons ------------------------------------------------------------------------------------------------------


def row(fps=(10, 10, 10), size=1000, rss=100, ssim=0.99):
    def flat(value):
        return {"median": value, "min": value, "max": value, "mad": 0, "runs": 3}

    low, middle, high = fps
    return {
        "path": "baseline",
        "summary": {
            "fps": {**flat(middle), "min": low, "max": high},
            "size_bytes": flat(size),
            "peak_rss_bytes": flat(rss),
        },
        "quality": {"missing": None, "ssim": {"y": ssim}},
    }


def test_against_the_baseline():
    found = against(row((19, 20, 21), 900, 150, 0.992), row())
    assert found["speed_ratio"] == 2.0
    assert found["fps_percent"] == 100.0
    assert found["size_ratio"] == 0.9
    assert found["rss_difference_bytes"] == 50
    assert found["ssim_difference"] == pytest.approx(0.002)
    assert not found["within_spread"]


def test_ranges_that_overlap_are_no_difference():
    assert against(row((9, 11, 12)), row((8, 10, 11)))["within_spread"]


def test_nothing_is_divided_by_the_size_of_a_file_that_was_not_written():
    assert against(row(size=0), row(size=0))["size_ratio"] is None


def test_completing_adds_ratios_and_targets(example):
    measured = {(r["scenario"], r["path"], r["encoder"]): r for r in example["results"] if r["missing"] is None}
    for path, fps, ssim in (("baseline", 21.4, 0.981), ("planar", 55.3, 0.982)):
        row = measured["1080p-1min", path, "x264"]
        row["summary"]["fps"] |= {"median": fps, "min": fps - 1, "max": fps + 1}
        row["quality"]["ssim"]["y"] = ssim
    complete(example)
    planar = next(r for r in example["ratios"] if (r["scenario"], r["path"]) == ("1080p-1min", "planar"))
    assert planar["speed"] == pytest.approx(55.3 / 21.4, abs=1e-4)
    known = {t["id"]: t for t in example["targets"]}
    assert known["fps-gain"]["met"] is True
    assert known["fps-gain"]["result"] == pytest.approx(100 * (55.3 / 21.4 - 1), abs=0.01)
    assert known["quality"]["result"] == pytest.approx(0.001)
    reason = next(p["missing"] for p in example["paths"] if p["id"] == "videotoolbox")
    apple = next(t for t in example["targets"] if t["path"] == "videotoolbox")
    assert apple["met"] is None
    assert apple["note"].startswith(f"not measurable here: {reason}")
    assert len(example["targets"]) == len(targets.TARGETS)
    assert violations(example) == []


def test_quality_is_only_compared_between_equal_pictures(example):
    base = next(
        r for r in example["results"] if (r["scenario"], r["path"], r["encoder"]) == ("1080p-1min", "baseline", "x264")
    )
    base["not_drawn"] = ["colour grading", "3D"]
    complete(example)
    compared = next(
        r for r in example["results"] if (r["scenario"], r["path"], r["encoder"]) == ("1080p-1min", "planar", "x264")
    )["against_baseline"]
    assert compared["equal_pictures"] is False
    assert compared["ssim_difference"] is None
    assert compared["note"].startswith("The baseline path does not draw colour grading and 3D, which makes it faster")
    quality = next(t for t in example["targets"] if t["id"] == "quality")
    assert quality["result"] is None
    assert quality["met"] is None
    assert "different pictures" in quality["note"]
    assert violations(example) == []


def test_what_both_leave_out_makes_no_difference():
    one, two = row(), row()
    one["not_drawn"] = two["not_drawn"] = ["3D"]
    assert against(one, two)["equal_pictures"]
    two["not_drawn"] = []
    found = against(one, two)
    assert found["note"] == (
        "This path does not draw 3D: size and SSIM are of different pictures and are not compared."
    )


def test_of_one_run_no_spread_is_known():
    one = row((9, 11, 12))
    one["summary"]["fps"]["runs"] = 1
    assert against(one, row((8, 10, 11)))["within_spread"] is None


# --- gate -------------------------------------------------------------------------------------------------------------

RATIO = {"scenario": "s", "path": "planar", "encoder": "x264", "speed": 2.0, "size": 1.0, "rss": 0.8, "ssim": 0.99}


@pytest.mark.parametrize(
    ("new", "word"),
    [
        ({"speed": 1.81}, None),
        ({"speed": 1.79}, "speed"),
        ({"speed": 4.0}, None),
        ({"ssim": 0.9891}, None),
        ({"ssim": 0.9889}, "SSIM"),
        ({"size": 1.049}, None),
        ({"size": 1.051}, "size"),
        ({"rss": 0.879}, None),
        ({"rss": 0.881}, "memory"),
        ({"ssim": None}, None),
    ],
)
def test_gate(new, word):
    found = gate.losses([{**RATIO, **new}], [RATIO])
    assert len(found) == (word is not None)
    if word is not None:
        assert word in found[0]


def test_gate_misses_a_row_that_is_gone():
    assert "not measured" in gate.losses([], [RATIO])[0]


def test_gate_file_round_trip(example, tmp_path):
    file = tmp_path / "gate.json"
    file.write_text(json.dumps(gate.gate_of(example)), encoding="utf-8")
    assert gate.losses(example["ratios"], gate.read_gate(file)["ratios"]) == []


@pytest.mark.parametrize("text", ["", "[]", '{"a": 1}'])
def test_gate_refuses_other_files(text, tmp_path):
    file = tmp_path / "gate.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=r"gate\.json"):
        gate.read_gate(file)


# --- peers ------------------------------------------------------------------------------------------------------------


def point(crf, fps, size, ssim):
    return {"crf": crf, "fps": fps, "size_bytes": size, "ssim": ssim}


POINTS = [point(17, 10.0, 4000, 0.99), point(20, 20.0, 1000, 0.97), point(24, 30.0, 500, 0.95)]


def test_peer_at_equal_quality():
    # half-way between 0.97 and 0.99: the size's logarithm half-way between 1000 and 4000 is 2000, the rate 15
    found = peers.verdict("other", {"fps": 30.0, "size_bytes": 1000, "ssim": 0.98}, POINTS)
    assert found["compared_at"] == "equal quality"
    assert found["size_ratio"] == pytest.approx(0.5, abs=1e-3)
    assert found["speed_ratio"] == pytest.approx(2.0, abs=1e-3)


def test_peer_at_equal_size_when_the_qualities_do_not_meet():
    found = peers.verdict("other", {"fps": 40.0, "size_bytes": 2000, "ssim": 0.999}, POINTS)
    assert found["compared_at"] == "equal size"
    assert found["ssim_difference"] == pytest.approx(0.999 - 0.98, abs=1e-4)
    assert found["size_ratio"] is None


def test_peer_that_cannot_be_compared_is_not():
    found = peers.verdict("other", {"fps": 40.0, "size_bytes": 20, "ssim": 0.999}, POINTS)
    assert found["compared_at"] is None
    assert "nothing is claimed" in found["sentence"]


@pytest.mark.parametrize(
    "text",
    ["nothing", "=x {source} {output}", "x=", "x=run {source}", "x=run {source} {output} {colour}", "x=run {source {"],
)
def test_peer_templates_that_are_refused(text):
    with pytest.raises(SettingsError, match="--peer"):
        peers.given(text)


def test_peer_template():
    assert peers.given("mine= run -i {source} {output} ") == peers.Peer("mine", "mine", "run -i {source} {output}")


# --- committed results ------------------------------------------------------------------------------------------------


def committed() -> list[Path]:
    folder = REPO / "benchmarks" / "results"
    return [p for p in sorted(folder.glob("*.json")) if json.loads(p.read_text()).get("type") in ("bench", "gate")]


def test_commits_of_committed_results_are_ancestors():
    if not (REPO / ".git").exists():
        pytest.skip("this is no git checkout")
    for path in committed():
        data = json.loads(path.read_text(encoding="utf-8"))
        found = data["commit"]["id"]
        assert found, f"{path.name} names no commit"
        known = subprocess.run(["git", "cat-file", "-e", found], cwd=REPO, check=False, capture_output=True, timeout=20)
        shallow = (REPO / ".git" / "shallow").exists()
        if known.returncode and shallow:
            continue  # a checkout without history cannot know
        done = subprocess.run(
            ["git", "merge-base", "--is-ancestor", found, "HEAD"],
            cwd=REPO, check=False, capture_output=True, timeout=20,
        )  # fmt: skip
        assert done.returncode == 0, f"{path.name} was measured at {found}, which HEAD does not come from"


def test_committed_results_follow_the_schema():
    for path in committed():
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["type"] == "bench":
            assert violations(copy.deepcopy(data)) == [], path.name
