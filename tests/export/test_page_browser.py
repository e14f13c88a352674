"""The pages as a real browser shows them: no error, no request, no overflow, and a slider that works."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageChops

from headless_browser import Browser, find_browser
from page_makers import plan, report, samples
from reelpress.bench.page import render as render_bench
from reelpress.export.page.one import render

LONG = "A very long name without any place to break it " + "x" * 300


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    program = find_browser()
    with Browser(program, tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("page") / "one.html"
    told = report(
        warnings=[LONG], fallbacks=[{"stage": "encode", "wanted": "nvenc", "used": "libx264", "reason": LONG}]
    )
    file.write_text(render(plan(output=f"/x/{LONG}.mp4"), told, samples()), encoding="utf-8")
    return file


def picture(color: str) -> str:
    made = io.BytesIO()
    Image.new("RGB", (320, 180), color).save(made, "PNG")
    return "data:image/png;base64," + base64.b64encode(made.getvalue()).decode()


RED, BLUE = "#c80000", "#000010"


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Path:
    example = Path(__file__).parents[1] / "bench" / "example_result.json"
    result = json.loads(example.read_text(encoding="utf-8"))
    for found in result["results"]:
        pictures = (found.get("quality") or {}).get("worst_pictures")
        if pictures:
            pictures |= {"reference": picture(RED), "output": picture(BLUE)}
    file = tmp_path_factory.mktemp("page") / "bench.html"
    file.write_text(render_bench(result), encoding="utf-8")
    return file


@pytest.fixture(params=["one", "bench"])
def page(request: pytest.FixtureRequest) -> Path:
    file: Path = request.getfixturevalue(request.param)
    return file


def pixel(png: bytes, x: float, y: float) -> tuple[int, int, int]:
    """The colour at a share of width and height."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    found = image.getpixel((int(x * (image.width - 1)), int(y * (image.height - 1))))
    assert isinstance(found, tuple)
    return found[0], found[1], found[2]


@pytest.mark.parametrize("dark", [False, True])
def test_it_loads_without_an_error_and_asks_for_nothing(browser, page, dark):
    browser.open(page, dark=dark)
    shot = browser.screenshot()
    assert browser.console == []
    assert [r for r in browser.requests if not r.startswith(("file:", "data:"))] == []
    assert [r for r in browser.requests if r.startswith("file:")] == [page.resolve().as_uri()]
    background = sum(pixel(shot, 0.001, 0.5))
    assert (background < 150) if dark else (background > 600)


@pytest.mark.parametrize("width", [1280, 1920, 390])
def test_nothing_is_wider_than_the_window(browser, page, width):
    browser.open(page, width=width)
    assert browser.value("document.documentElement.scrollWidth") <= width
    # wide tables scroll by themselves; charts and pictures fit
    over = browser.value(
        "[...document.querySelectorAll('svg, figure, img, h1, h2, p, dl')]"
        ".filter(e => e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 80))"
    )
    assert over == []


def test_tables_need_no_scrolling_at_1280(browser, page):
    browser.open(page)
    over = browser.value(
        "[...document.querySelectorAll('.scroll')].filter(e => e.scrollWidth > e.clientWidth + 1)"
        ".map(e => e.getAttribute('aria-label'))"
    )
    assert over == []


def test_text_is_large_enough_and_stands_out(browser, page):
    for dark in (False, True):
        browser.open(page, dark=dark)
        smallest = browser.value(
            "Math.min(...[...document.querySelectorAll('svg text')].map(t => parseFloat(getComputedStyle(t).fontSize)"
            " * t.getScreenCTM().a / (window.devicePixelRatio || 1)).filter(s => s > 0))"
        )
        assert smallest >= 11
        # WCAG: contrast of the soft text and of the warning on their grounds is at least 4.5
        ratios = browser.value(
            """(() => {
              const light = c => { const [r, g, b] = c.match(/[\\d.]+/g).slice(0, 3).map(v => v / 255)
                .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
                return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
              const card = light(getComputedStyle(document.querySelector('section')).backgroundColor);
              return ['caption', '.note', 'thead th', 'a', 'h2'].flatMap(s =>
                [...document.querySelectorAll('main ' + s)].slice(0, 1)).map(e => {
                const t = light(getComputedStyle(e).color);
                return (Math.max(t, card) + 0.05) / (Math.min(t, card) + 0.05); });
            })()"""
        )
        assert min(ratios) >= 4.5


def test_words_of_a_chart_do_not_leave_it(browser, page):
    browser.open(page)
    outside = browser.value(
        """[...document.querySelectorAll('svg')].flatMap(s => { const b = s.getBoundingClientRect();
          return [...s.querySelectorAll('text')].filter(t => { const r = t.getBoundingClientRect();
            return r.left < b.left - 2 || r.right > b.right + 12 || r.top < b.top - 2 || r.bottom > b.bottom + 2; })
            .map(t => s.getAttribute('aria-label').slice(0, 40) + ': ' + t.textContent); })"""
    )
    assert outside == []


def test_the_charts_show_something(browser, one):
    browser.open(one)
    shot = Image.open(io.BytesIO(browser.screenshot("#time svg"))).convert("RGB")
    blue = browser.value("getComputedStyle(document.querySelector('.swatch.c1')).backgroundColor")
    wanted = tuple(int(v) for v in blue[4:-1].split(","))
    plain = Image.new("RGB", shot.size, wanted)
    same = ImageChops.difference(shot, plain).convert("L").point(lambda v: 255 if v < 6 else 0)
    assert same.histogram()[255] > 1000  # the encode stage was busy in its first half


def test_the_slider_moves_the_edge(browser, bench):
    browser.open(bench)
    stage = "#compare-1 .pictures"
    middle = browser.screenshot(stage)
    assert pixel(middle, 0.25, 0.3)[0] > 150  # left: what was composed, red
    assert pixel(middle, 0.75, 0.3)[0] < 50
    set_to = "(() => {{ const r = document.querySelector('#compare-1 input[type=range]'); r.value = {0};"
    set_to += " r.dispatchEvent(new Event('input')); }})()"
    browser.value(set_to.format(90))
    moved = browser.screenshot(stage)
    assert pixel(moved, 0.75, 0.3)[0] > 150
    assert pixel(moved, 0.97, 0.3)[0] < 50


def test_the_difference_is_shown_amplified(browser, bench):
    browser.open(bench)
    choose = "document.querySelector('#compare-1 input[value={0}]').click()"
    browser.value(choose.format("difference"))
    red, green, blue = pixel(browser.screenshot("#compare-1 .pictures"), 0.5, 0.3)
    assert red > 250  # 200 apart, eight times as much
    assert green < 5
    assert 120 <= blue <= 136  # 16 apart
    browser.value(choose.format("output"))
    assert pixel(browser.screenshot("#compare-1 .pictures"), 0.1, 0.3)[0] < 50
    browser.value(choose.format("reference"))
    assert pixel(browser.screenshot("#compare-1 .pictures"), 0.9, 0.3)[0] > 150


def test_it_can_be_used_by_keyboard(browser, bench):
    browser.open(bench)
    browser.value("document.querySelector('#compare-1 input[type=range]').focus()")
    for kind in ("rawKeyDown", "keyUp"):
        browser.call("Input.dispatchKeyEvent", type=kind, key="Home", code="Home", windowsVirtualKeyCode=36)
    assert browser.value("document.querySelector('#compare-1 input[type=range]').value") == "0"
    assert browser.value("document.querySelector('#compare-1 .edge').style.left") == "0%"


def test_without_script_all_is_still_there(browser, one):
    browser.open(one, script=False)
    assert browser.console == []
    shot = Image.open(io.BytesIO(browser.screenshot("body")))
    assert shot.height > 2000
