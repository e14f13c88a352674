"""Spliced files in headless Chromium: played and sought, with the frame number read from the pixels of each picture."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from proof_splice_files import Drawn, numbered, numbered_spec, write
from proof_splice_page import VideoBrowser, make_page

from headless_browser import find_browser

FPS = 30
H264 = 'video/mp4; codecs="avc1.640032, mp4a.40.2"'


@dataclass(frozen=True)
class Case:
    """A video, and what frame n of it shows."""

    number: Callable[[int], int]
    frames: int
    cabac: bool
    kinds: frozenset[str]
    """What the policy must have done in it, so that the test tests it."""
    scene: int = 0

    def pictures(self) -> Drawn:
        return numbered(640, 360, self.frames, self.number, scene=self.scene)


CASES = {
    "each frame, CABAC": Case(lambda n: n, 240, True, frozenset({"key", "real", "patch"}), scene=50),
    "each frame, CAVLC": Case(lambda n: n, 240, False, frozenset({"key", "real", "patch"}), scene=50),
    "every 7 frames": Case(lambda n: n // 7, 300, True, frozenset({"key", "hold", "patch"}), scene=77),
    "every 150 frames": Case(lambda n: n // 150, 400, True, frozenset({"key", "hold", "replay"})),
}


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VideoBrowser]:
    program = find_browser()
    with VideoBrowser(program, tmp_path_factory.mktemp("profile")) as found:
        if not found.can_play(H264):
            pytest.skip(f"{found.version} was built without H.264")
        yield found


def opened(browser: VideoBrowser, case: Case, folder: Path) -> None:
    file = folder / "numbered.mp4"
    witness = write(file, numbered_spec(case.cabac, fps=FPS), case.pictures())
    assert witness.faults == []
    assert case.kinds <= set(witness.kinds)
    page = folder / "page.html"
    make_page(file, page, FPS)
    browser.player.clear()
    browser.messages.clear()
    browser.open(page)


def middle(frame: int) -> float:
    """A time at which only this frame is shown."""
    return (frame + 0.5) / FPS


def check(browser: VideoBrowser, case: Case, seeks: int, rate: float = 1.0) -> int:
    """Seek and play; returns how many pictures were seen in play."""
    rng = random.Random(20)
    asked = [0, case.frames - 1, *(rng.randrange(case.frames) for _ in range(seeks - 2))]
    found = [(round(time * FPS), value) for time, value in browser.seek([middle(n) for n in asked])]
    assert found == [(n, case.number(n)) for n in asked]

    played = browser.play(0.0, rate)
    shown = {round(time * FPS): value for time, value in played["shown"]}
    assert len(shown) > 20, "a busy machine drops pictures, but not all"
    assert {n: value for n, value in shown.items() if value != case.number(n)} == {}
    assert played["last"][1] == case.number(case.frames - 1)
    assert played["corrupted"] == 0
    assert played["duration"] == pytest.approx(case.frames / FPS, abs=0.03)  # sound may end a packet later

    assert browser.console == []
    assert browser.messages == []
    return len(shown)


def test_a_browser_seeks_and_plays(browser, tmp_path):
    case = replace(CASES["every 7 frames"], frames=150)
    opened(browser, case, tmp_path)
    check(browser, case, 12, rate=2.0)


def test_the_check_sees_a_wrong_picture(browser, tmp_path):
    """The same file, but with other numbers expected: else agreement would prove nothing."""
    case = replace(CASES["every 7 frames"], frames=60, scene=25)
    opened(browser, case, tmp_path)
    with pytest.raises(AssertionError, match="27"):
        check(browser, replace(case, number=lambda n: 99 if n == 27 else n // 7), 50)


@pytest.mark.release
@pytest.mark.parametrize("name", CASES)
def test_fifty_seeks(browser, tmp_path, name):
    opened(browser, CASES[name], tmp_path)
    check(browser, CASES[name], 50)
