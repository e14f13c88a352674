"""Which converter is chosen, with the reason, and the capability table."""

from __future__ import annotations

import pytest

from reelpress.convert import select
from reelpress.convert.base import SEED_PAIRS, Conversion
from reelpress.convert.select import choose, make, table
from reelpress.errors import FormatError, SettingsError

NO_GPU = "This machine has no GPU adapter for Vulkan, Metal or D3D12."
NO_MAC = "VideoToolbox is part of macOS; this system is linux."


class Stub:
    def __init__(self, name: str, reason: str | None) -> None:
        self.name = name
        self.reason = reason
        self.closed = False

    def why_not(self, source: str, target: str, width: int, height: int) -> str | None:
        return self.reason

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> dict[str, str | None]:
    """What each backend answers; by default a machine without GPU and VideoToolbox."""
    reasons: dict[str, str | None] = {"gpu": NO_GPU, "videotoolbox": NO_MAC, "swscale": None}
    made: list[Stub] = []

    def fake(name: str, **_: object) -> Stub:
        made.append(Stub(name, reasons[name]))
        return made[-1]

    monkeypatch.setattr(select, "make", fake)
    yield reasons
    assert all(stub.closed for stub in made)


def test_swscale_is_everywhere(system: dict[str, str | None]) -> None:
    choice = choose("auto", "bgra", "nv12", 1920, 1080)
    assert (choice.used, choice.fallback) == ("swscale", None)
    assert [(row.backend, row.available) for row in choice.rejected] == [("gpu", False), ("videotoolbox", False)]
    assert choice.rejected[1].why_not == NO_MAC


def test_pictures_in_memory_are_not_sent_to_the_gpu(system: dict[str, str | None]) -> None:
    system["gpu"] = None
    choice = choose("auto", "bgra", "nv12", 1920, 1080)
    assert choice.used == "swscale"
    assert "give them back" in (choice.rejected[0].why_not or "")
    asked = choose("gpu", "bgra", "nv12", 1920, 1080)
    assert (asked.used, asked.reason, asked.fallback) == ("gpu", "asked for with --converter", None)


def test_what_the_gpu_draws_is_not_converted(system: dict[str, str | None]) -> None:
    for wanted in ("auto", "gpu"):
        assert choose(wanted, "bgra", "nv12", 1920, 1080, drawn_on_gpu=True).used == "gpu"
    # Asked for another one: the picture is read back as BGRA and converted there.
    assert choose("swscale", "bgra", "nv12", 1920, 1080, drawn_on_gpu=True).used == "swscale"


def test_nothing_to_convert(system: dict[str, str | None]) -> None:
    for wanted in ("auto", "gpu", "videotoolbox", "swscale"):
        choice = choose(wanted, "i420", "yuv420p", 1920, 1080)
        assert (choice.used, choice.fallback) == ("none", None)


@pytest.mark.parametrize(("wanted", "why"), [("gpu", NO_GPU), ("videotoolbox", NO_MAC)])
def test_another_than_asked_for_is_a_fallback(system: dict[str, str | None], wanted: str, why: str) -> None:
    choice = choose(wanted, "bgra", "nv12", 1920, 1080)
    assert choice.used == "swscale"
    assert choice.fallback is not None
    assert (choice.fallback.stage, choice.fallback.wanted, choice.fallback.used) == ("converter", wanted, "swscale")
    assert choice.fallback.reason == why
    assert why in choice.reason


def test_swscale_itself_may_be_replaced(system: dict[str, str | None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(select, "proved", lambda *_: None)
    system |= {"swscale": "swscale does not.", "videotoolbox": None}
    choice = choose("swscale", "bgra", "nv12", 1920, 1080)
    assert choice.used == "videotoolbox"
    assert choice.fallback is not None


def test_nobody_can(system: dict[str, str | None]) -> None:
    system["swscale"] = "swscale does not."
    with pytest.raises(FormatError) as caught:
        choose("auto", "bgra", "nv12", 1920, 1080)
    assert all(part in str(caught.value) for part in ("bgra to nv12 at 1920x1080", NO_MAC, "swscale does not."))


def test_unknown_names(system: dict[str, str | None]) -> None:
    with pytest.raises(SettingsError, match="auto, gpu, videotoolbox, swscale"):
        choose("opencv", "bgra", "nv12", 16, 16)
    with pytest.raises(SettingsError, match="opencv"):
        make("opencv")


def test_the_table() -> None:
    """With the real backends that need nothing: swscale does all of the seed's pairs, the reference everything else."""
    converters = [make("swscale"), make("reference")]
    rows = table(converters, [*SEED_PAIRS, ("nv12", "p010")], 63, 47)
    assert len(rows) == 2 * (len(SEED_PAIRS) + 1)
    assert all(row.available for row in rows if row.target != "p010")
    impossible = [row for row in rows if not row.available]
    assert [row.backend for row in impossible] == ["swscale", "reference"]
    assert all((row.why_not or "").endswith(".") for row in impossible)
    assert rows[0] == Conversion("swscale", "nv12", "rgba", None)
