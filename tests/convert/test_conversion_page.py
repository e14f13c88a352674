"""The page about conversion says what was measured and what the converters answer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from reelpress.convert.base import FORMATS
from reelpress.convert.select import make

REPO = Path(__file__).parents[2]
PAGE = (REPO / "docs" / "conversion.md").read_text(encoding="utf-8")
SHORT = {"yuv420p": "I420", "yuyv422": "YUYV", "uyvy422": "UYVY", "p010le": "P010"}


def test_the_table_is_what_the_script_makes() -> None:
    result = REPO / "benchmarks" / "results" / "convert_h100.json"
    command = [sys.executable, str(REPO / "benchmarks" / "convert.py"), "--table", str(result)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    assert len(printed.splitlines()) > 10
    assert printed in PAGE


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
