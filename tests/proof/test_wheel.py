"""What is installed from a wheel is all of the package: shaders, fonts, pages and schemas as well as modules."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

REPO = Path(__file__).parents[2]
PACKAGE = REPO / "src" / "reelpress"


def test_the_wheel_has_every_file_of_the_package(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=REPO, check=True, timeout=100, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    inside = set(zipfile.ZipFile(wheel).namelist())
    files = [p for p in PACKAGE.rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    missing = [p.relative_to(PACKAGE.parent).as_posix() for p in files]
    assert len(missing) > 300
    assert [name for name in missing if name not in inside] == []
    assert any(name.endswith(".wgsl") for name in inside)
