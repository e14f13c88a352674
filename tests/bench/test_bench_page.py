"""The benchmark's page: every figure of the result, every gap with its reason, pictures that are inside of it."""

from __future__ import annotations

import base64
import copy
import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from page_makers import Reader
from reelpress.bench.page import render
from reelpress.bench.page_quality import picture
from reelpress.export.page.units import signed

EXAMPLE = Path(__file__).with_name("example_result.json")
Result = dict[str, Any]


@pytest.fixture(scope="module")
def result() -> Result:
    loaded: Result = json.loads(EXAMPLE.read_text(encoding="utf-8"))
    return loaded


@pytest.fixture(scope="module")
def page(result: Result) -> Reader:
    return Reader(render(result))


def measured(result: Result) -> list[dict[str, Any]]:
    return [r for r in result["results"] if not r["missing"]]


def test_the_seeds_targets_stand_with_their_results(page, result):
    assert "+16 to 28 %" in page.text
    assert "+35 to 55 %" in page.text
    assert "at most +250 MB" in page.text
    for target in result["targets"]:
        assert target["text"] in page.text
        assert target["note"] in page.text
    assert page.text.count("✓ met") == sum(t["met"] is True for t in result["targets"])
    assert page.text.count("✗ missed") == sum(t["met"] is False for t in result["targets"])


def test_a_target_that_was_missed_says_so(result):
    other = copy.deepcopy(result)
    other["targets"][0] |= {"met": False, "result": 3.0}
    assert "✗ missed" in Reader(render(other)).text


def test_speed_memory_and_size_of_every_path_are_there(page, result):
    for one in measured(result):
        fps = one["summary"]["fps"]
        assert f"{fps['median']:.1f}" in page.text
        assert f"{fps['min']:.1f}–{fps['max']:.1f}" in page.text
        assert f"{one['summary']['peak_rss_bytes']['median'] / 1e6:.0f}" in page.text
        if one["against_baseline"]:
            assert signed(one["against_baseline"]["fps_percent"], 1) in page.text


def test_the_memory_limits_are_drawn(page):
    assert "stretch 400 MB" in page.text
    assert "target 450 MB" in page.text
    labels = [a["aria-label"] or "" for a in page.all("svg")]
    assert any("Memory in 1080p, 1 min" in found and "target 450 MB" in found for found in labels)


def test_too_much_memory_over_the_baseline_is_marked(result):
    other = copy.deepcopy(result)
    one = next(r for r in measured(other) if r["against_baseline"])
    one["against_baseline"]["rss_difference_bytes"] = 251_000_000
    bad = [a for a in Reader(render(other)).all("span") if a.get("title") == "limit +250 MB"]
    assert [a.get("class") for a in bad].count("bad") == 1


def test_pictures_that_are_not_the_same_are_marked(result):
    other = copy.deepcopy(result)
    one = next(r for r in measured(other) if r["against_baseline"])
    note = "The baseline path does not draw 3D: size and SSIM are of different pictures."
    one["against_baseline"] |= {"equal_pictures": False, "note": note, "ssim_difference": None}
    words = Reader(render(other)).text
    assert words.count(note) == 2  # with the speed, and with the quality
    assert f"{signed(one['against_baseline']['fps_percent'], 1)}) *" in words or (
        f"{signed(one['against_baseline']['fps_percent'], 1)} *" in words
    )


def test_what_was_made_shorter_is_said(page, result):
    assert result["settings"]["cuts"]
    for cut in result["settings"]["cuts"]:
        assert cut in page.text


def test_nothing_that_is_missing_is_left_out(page, result):
    for group in ("scenarios", "paths", "encoders", "peers"):
        for item in result[group]:
            assert item["title"].split(":")[0] in page.text
            if item["missing"]:
                assert item["missing"] in page.text
    for one in result["results"]:
        if one["missing"]:
            assert one["missing"] in page.text


def test_a_path_that_was_not_asked_for_has_its_row(page, result):
    asked = {(r["scenario"], r["path"]) for r in result["results"]}
    scenarios = {r["scenario"] for r in result["results"]}
    gaps = [(s, p["id"]) for s in scenarios for p in result["paths"] if (s, p["id"]) not in asked and not p["missing"]]
    assert gaps
    assert page.text.count("It was not asked for in this run.") == len(gaps)


def test_where_the_time_goes_is_said_and_drawn(page, result):
    for sentence in result["sentences"]:
        assert sentence in page.text
    assert "limits" in page.text
    swscale = [r["profile"]["swscale"] for r in measured(result) if r["profile"]["swscale"]]
    assert swscale
    for found in swscale:
        assert found["sentence"] in page.text


def test_quality_is_set_against_size(page):
    labels = [a["aria-label"] or "" for a in page.all("svg")]
    assert any(found.startswith("SSIM against size in 1080p, 1 min") and "planar" in found for found in labels)


def test_peers_stand_beside_us(page, result):
    for one in result["peer_results"]:
        if one.get("sentence"):
            assert one["sentence"] in page.text


def test_worst_frames_can_be_compared(page, result):
    kept = [r for r in measured(result) if r["quality"].get("worst_pictures")]
    figures = [a for a in page.all("figure") if "compare" in (a["class"] or "")]
    assert len(figures) == len(kept) > 0
    assert len(page.all("img")) == 2 * len(kept)
    assert all((a["src"] or "").startswith("data:image/") for a in page.all("img"))
    assert all(a["alt"] for a in page.all("img"))
    assert len({a["id"] for a in figures}) == len(figures)


def test_nothing_leads_out_of_the_page(page):
    assert page.foreign() == []
    for _, attributes in page.tags:
        assert not any(name == "style" or name.startswith("on") for name in attributes)


def test_names_are_escaped(result):
    evil = "<script>alert(1)</script>"
    other = json.loads(json.dumps(result).replace('"planar"', json.dumps(evil)).replace("Still screen", evil))
    made = render(other)
    assert "<script>alert" not in made
    assert len(Reader(made).all("script")) == 1


def test_a_result_with_nothing_measured_has_a_page(result):
    empty = copy.deepcopy(result) | {"results": [], "peer_results": [], "ratios": [], "sentences": [], "targets": []}
    words = Reader(render(empty)).text
    assert "Nothing was measured." in words
    assert "No profile was taken." in words


def png(side: int = 4) -> bytes:
    made = io.BytesIO()
    Image.new("RGB", (side, side), "red").save(made, "PNG")
    return made.getvalue()


def test_pictures_may_lie_beside_the_result(tmp_path):
    (tmp_path / "worst").mkdir()
    (tmp_path / "worst" / "a.png").write_bytes(png())
    uri = picture("worst/a.png", tmp_path)
    assert uri is not None
    assert base64.b64decode(uri.removeprefix("data:image/png;base64,")) == png()
    assert picture(uri, None) == uri


@pytest.mark.parametrize(
    "given",
    [
        "../secret.png",
        "gone.png",
        "text.png",
        "https://example.org/a.png",
        "data:text/html;base64,PGI+",
        'data:image/png;base64,AAAA" onerror="x',
        "data:image/svg+xml;base64,AAAA",
        "\0",
    ],
)
def test_what_is_no_picture_of_the_folder_is_not_taken(tmp_path, given):
    folder = tmp_path / "pictures"
    folder.mkdir()
    (tmp_path / "secret.png").write_bytes(png())
    (folder / "text.png").write_text("no picture")
    assert picture(given, folder) is None


def test_a_picture_that_is_not_there_is_said(result, tmp_path):
    other = copy.deepcopy(result)
    one = next(r for r in measured(other) if r["quality"].get("worst_pictures"))
    one["quality"]["worst_pictures"]["output"] = "gone.png"
    assert "the pictures are not there" in Reader(render(other, tmp_path)).text
