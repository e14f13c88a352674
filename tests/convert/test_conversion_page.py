"""The page about conversion says what was measured and what the converters answer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reelpress.convert.base import FORMATS
from reelpress.convert.select import make

REPO = Path(__file__).parents[2]
PAGE = (REPO / "docs" / "conversion.md").read_text(encoding="utf-8")
SHORT = {"yuv420p": "I420", "yuyv422": "YUYV", "uyvy422": "UYVY", "p010le": "P010"}


@pytest.mark.parametrize("name", ["convert", "convert_h100"])
def test_the_stored_results_keep_the_limit(name: str) -> None:
    """Ours at most 1.05 times swscale alone (issue 7); the page's tables are made from them (test_docs)."""
    result = json.loads((REPO / "benchmarks" / "results" / f"{name}.json").read_text(encoding="utf-8"))
    assert len(result["results"]) == 12
    for what, found in result["results"].items():
        assert found["ours_to_alone"]["cpu_of_neighbours"] <= 1.05, what
        assert found["copies"] == 0, what
        # and with the reference's pixels, which swscale alone has not: nobody tells it where chroma lies
        assert found["off_by"]["swscale"]["most"] <= 3, what
        assert found["off_by"]["swscale"]["mean"] <= 0.12, what


def test_the_rows_of_backends() -> None:
    """Every target that swscale offers from BGRA stands in its row, and none that it does not."""
    (row,) = [line for line in PAGE.splitlines() if line.startswith("| `swscale` |")]
    named = row.split("|")[3]
    swscale = make("swscale")
    for name in FORMATS:
        offered = swscale.why_not("bgra", name, 64, 48) is None
        short = SHORT.get(name, name.upper())
        assert (short in named.split(";")[0].replace(",", " ").split()) == offered
    assert swscale.why_not("p010le", "nv12", 64, 48) is not None
    assert swscale.why_not("p010le", "rgba", 64, 48) is None
