"""The page about one export: right numbers, nothing of the machine, everything escaped, nothing from outside."""

from __future__ import annotations

import base64
import hashlib
import itertools
import re
from pathlib import Path

import pytest

from page_makers import WALL, Reader, plan, report, samples
from reelpress.export.page import charts
from reelpress.export.page.charts import Mark, Point, Series
from reelpress.export.page.facts import StageTime, limiting_sentence, rates, shares, thinned
from reelpress.export.page.html import Markup, el, text
from reelpress.export.page.one import render
from reelpress.export.page.privacy import Names
from reelpress.export.page.scale import Scale, label, ticks
from reelpress.export.page.units import megabytes, number, percent, seconds, signed, size

EVIL = "<script>alert(1)</script>\"'&.mp4"


@pytest.fixture(scope="module")
def page() -> Reader:
    return Reader(render(plan(), report(), samples()))


def test_it_says_what_was_exported_and_how_fast(page):
    assert "Exported from talk.cap: 1920 × 1080 at 60 fps, 600 frames, 10.0 s, h264 with aac sound." in page.text
    assert "57.1 fps" in page.text
    assert "300.0 MB" in page.text
    assert "1.60 Mbit/s" in page.text  # 2 MB in 10 s


def test_it_names_the_stage_that_limits(page):
    assert (
        "Encode was busy 90 % of the 10.0 s and limits the export; "
        "compose waited 70 % of it to hand on, mux waited 95 % of it for input."
    ) in page.text


def test_every_choice_has_its_reason(page):
    assert page.text.count("It runs everywhere.") == 4
    assert page.text.count("Not nvenc: no GPU.") == 4
    assert "No picture was converted to another format." in page.text


def test_it_draws_time_frames_memory_and_queues(page):
    labels = [a["aria-label"] or "" for a in page.all("svg")]
    for title in (
        "Stages over time",
        "Frames a second over time",
        "Memory over time",
        "Items in rendered",
        "Items in encoder",
    ):
        assert any(found.startswith(title) for found in labels), title
    assert all(a["role"] == "img" for a in page.all("svg"))


def test_fallbacks_and_warnings_are_told():
    told = report(
        fallbacks=[{"stage": "encode", "wanted": "nvenc", "used": "libx264", "reason": "no GPU"}],
        warnings=["Memory is short."],
    )
    words = Reader(render(plan(not_drawn=["notes"]), told, samples())).text
    assert "libx264 instead of nvenc (encode): no GPU." in words
    assert "Memory is short." in words
    assert "Not drawn: notes" in words
    assert "None: everything" not in words


def test_a_kind_of_frame_that_is_not_known_yet_is_shown_all_the_same():
    more = report(frames=report()["frames"] | {"spliced": 123})
    assert "spliced 123 20.5 %" in Reader(render(plan(), more, samples())).text


@pytest.mark.parametrize("count", [0, 1, 2])
def test_an_export_of_a_moment_has_a_page_too(count):
    words = Reader(render(plan(), report(), samples(100)[:count])).text
    assert "too short to draw" in words


def test_names_and_reasons_are_escaped():
    made = render(
        plan(
            source=f"/a/{EVIL}",
            output=f"/b/{EVIL}",
            warnings=[EVIL],
            decoder={"used": EVIL, "reason": EVIL, "rejected": [{"name": EVIL, "reason": EVIL}]},
        ),
        report(warnings=[EVIL], fallbacks=[{"stage": EVIL, "wanted": EVIL, "used": EVIL, "reason": EVIL}]),
        samples(),
    )
    read = Reader(made)
    assert len(read.all("script")) == 1  # ours
    assert "alert(1)" in read.text
    assert "<script>alert" not in made


def test_nothing_leads_out_of_the_page_and_the_policy_forbids_it(page):
    assert page.foreign() == []
    policy = next(a["content"] for a in page.all("meta") if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    # attributes of style and on… would be stopped by the policy: there are none
    for _, attributes in page.tags:
        assert not any(name == "style" or name.startswith("on") for name in attributes)


def test_the_policy_allows_exactly_the_style_and_script_that_are_there():
    made = render(plan(), report(), samples())
    for kind in ("style", "script"):
        content = re.search(rf"<{kind}>(.*?)</{kind}>", made, re.DOTALL)
        assert content is not None
        digest = base64.b64encode(hashlib.sha256(content[1].encode()).digest()).decode()
        assert f"{kind}-src &#x27;sha256-{digest}" in made or f"{kind}-src 'sha256-{digest}" in made


def test_no_folder_of_the_machine_is_on_the_page():
    told = report(warnings=["/srv/jane/films/talk.cap/x.png cannot be read", "see /srv/secret place/b.jpg."])
    made = render(plan(), told, samples(), files=[Path("/srv/jane/films/talk.cap")])
    assert "talk.cap/x.png cannot be read" in made
    assert "jane" not in made
    assert "films" not in made
    assert "secret" not in made


def test_the_same_export_makes_the_same_page():
    assert render(plan(), report(), samples()) == render(plan(), report(), samples())


def test_a_file_name_that_is_no_unicode_does_not_matter():
    made = render(plan(output="/b/caf\udce9\x07.mp4"), report(), samples())
    made.encode("utf-8")
    assert "caf" in Reader(made).text


# --- the parts --------------------------------------------------------------------------------------------------------


def test_text_is_escaped_and_markup_is_not():
    assert text("<b>&") == "&lt;b&gt;&amp;"
    assert text(Markup("<b>")) == "<b>"
    assert el("p", "a<b", title='"x"') == '<p title="&quot;x&quot;">a&lt;b</p>'
    assert el("input", type="range", checked=True, hidden=False, data_mode=None) == '<input type="range" checked>'
    assert el("p", ["a", None, el("b", 1)], class_="c") == '<p class="c">a<b>1</b></p>'


@pytest.mark.parametrize(
    ("shown", "wanted"),
    [
        (number(12345.678, 1), "12 345.7"),
        (number(-0.04, 1), "0.0"),
        (number(-3), "\u22123"),
        (number(None), "–"),
        (number(float("inf")), "–"),
        (signed(3.04, 1), "+3.0"),
        (signed(0.0), "0"),
        (percent(0.7149), "71 %"),
        (seconds(0.0423), "0.042 s"),
        (seconds(12.34), "12.3 s"),
        (seconds(187), "3 min 07 s"),
        (seconds(7380), "2 h 03 min"),
        (size(999), "999 B"),
        (size(2_500_000), "2.50 MB"),
        (size(123_456_789), "123.5 MB"),
        (size(2e9), "2.00 GB"),
        (megabytes(1_234_567, 2), "1.23"),
    ],
)
def test_numbers_are_readable(shown, wanted):
    assert shown.replace("\u202f", " ").replace("\u00a0", " ") == wanted


@pytest.mark.parametrize(
    ("low", "high", "wanted"),
    [
        (0, 10, [0, 2, 4, 6, 8, 10]),
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (0.98, 1.0, [0.98, 0.985, 0.99, 0.995, 1.0]),
        (3, 3, [3]),
    ],
)
def test_ticks_are_round(low, high, wanted):
    assert ticks(low, high) == pytest.approx(wanted)


def test_ticks_are_written_with_the_digits_that_they_need():
    assert [label(v, 2.5) for v in (0.0, 2.5, 5.0)] == ["0.0", "2.5", "5.0"]
    assert [label(v, 0.005) for v in (0.98, 0.985)] == ["0.980", "0.985"]
    assert label(1000.0, 200.0) == "1\u202f000"
    assert label(0.0025, 0.0025) == "0.0025"


def test_a_scale_is_straight():
    scale = Scale(0, 10, 100, 200)
    assert (scale(0), scale(5), scale(10)) == (100, 150, 200)
    assert Scale(3, 3, 100, 200)(3) == 100


def test_a_line_goes_through_its_points_and_starts_at_zero():
    drawn = charts.lines("m", [Series("a", [0, 5, 10], [0, 50, 100])], x_unit="s", y_unit="MB")
    path = re.search(r'd="([^"]*)" class="line c1"', drawn)
    assert path is not None
    places = [tuple(map(float, pair.split())) for pair in path[1].lstrip("M").split("L")]
    (x0, y0), (x1, y1), (x2, y2) = places
    assert x1 - x0 == pytest.approx(x2 - x1)
    assert y0 - y1 == pytest.approx(y1 - y2)
    assert y2 < y1 < y0  # up is more
    assert (x0, x2) == (charts.LEFT, charts.WIDTH - charts.RIGHT)
    assert "a: at most 100 MB" in drawn


def test_bars_are_as_long_as_their_values():
    drawn = charts.bars("b", [("one", [(10, "c1"), (20, "c2")], "30 MB")], x_unit="MB", marks=[Mark(40, "limit")])
    first, second = (float(w) for w in re.findall(r'width="([\d.]+)"', drawn))
    assert second == pytest.approx(2 * first, rel=0.01)
    assert 'aria-label="b: one: 30 MB. limit"' in drawn


def test_names_of_neighbours_in_a_scatter_do_not_lie_on_each_other():
    points = [Point(4.0, 0.98 + 0.0001 * i, f"path number {i}") for i in range(6)]
    drawn = charts.scatter("s", points, x_unit="MB", y_unit="SSIM")
    places = [
        (float(x), float(y)) for x, y in re.findall(r'<text x="([\d.]+)" y="([\d.]+)" class="tick strong"', drawn)
    ]
    assert len(places) == 6
    heights = sorted(y for _, y in places)
    assert min(b - a for a, b in itertools.pairwise(heights)) >= 14


def test_shares_of_a_stage_over_time():
    halves = shares(samples(101), "encode")
    assert [round(busy, 3) for busy, _, _ in halves] == [1.0] * 50 + [0.0] * 50
    assert all(sum(parts) == pytest.approx(1.0) for parts in halves)


def test_rates_count_what_came_between():
    times, found = rates(samples(101), ["held"])
    assert len(times) == 100
    assert found["held"] == pytest.approx([2 / (WALL / 100)] * 100)


def test_thinning_keeps_peaks_and_the_end():
    many = samples(1000)
    few = thinned(many, 50)
    assert len(few) == 50
    assert few[-1].t_s == many[-1].t_s
    assert max(s.queues["rendered"][0] for s in few) == 32
    assert few[-1].counts == many[-1].counts


def test_stages_that_take_turns_have_no_culprit():
    even = [StageTime("decode", 3.0, 0.0, 7.0), StageTime("encode", 4.0, 6.0, 0.0)]
    assert "No stage fills the time" in limiting_sentence(even, 10.0)
    assert limiting_sentence([], 0.0) == "Nothing was measured."


def test_known_folders_go_whatever_they_are_called(tmp_path):
    odd = tmp_path / "a b's: films" / "talk.cap"
    names = Names([odd])
    assert names.text(f"{odd} is broken") == "talk.cap is broken"
    assert names.all({"a": [f"{odd}", 3, None]}) == {"a": ["talk.cap", 3, None]}
