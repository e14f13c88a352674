"""The stand-in for macOS' frameworks: built with the system's compiler, steered and read by tests."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from reelpress.convert.videotoolbox_abi import FRAMEWORKS

SOURCES = Path(__file__).parent / "standin"
KINDS = ("number", "dictionary", "buffer", "pool", "session")


def compiler() -> str | None:
    """The system's C compiler, if there is one that makes libraries as these tests want them."""
    return None if sys.platform == "win32" else shutil.which("cc")


def build(folder: Path, *flags: str) -> Path:
    """The library, built into ``folder``; the test is skipped where there is no compiler."""
    program = compiler()
    if program is None:
        pytest.skip("there is no C compiler (cc) to build the stand-in for VideoToolbox with")
    library = folder / "libstandin.so"
    done = subprocess.run(
        [program, "-O2", "-shared", "-fPIC", "-pthread", *flags, "-o", library, *sorted(SOURCES.glob("*.c"))],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return library


def libraries(library: Path) -> dict[str, str]:
    """All frameworks from one file."""
    return dict.fromkeys(FRAMEWORKS, str(library))


class Standin:
    """Control of the loaded stand-in; state is per process, so tests reset it."""

    def __init__(self, library: Path) -> None:
        self.path = library
        self.libraries = libraries(library)
        self.c = ctypes.CDLL(str(library))
        self.c.standin_violation.restype = ctypes.c_char_p
        self.c.standin_count.restype = ctypes.c_long
        self.c.standin_fault.argtypes = [ctypes.c_char_p, ctypes.c_long]
        self.c.standin_fail.argtypes = [ctypes.c_char_p, ctypes.c_int32, ctypes.c_int, ctypes.c_int]

    def reset(self) -> None:
        """Forget counts, violations, faults and errors."""
        assert self.settle()
        self.c.standin_reset()

    def settle(self) -> bool:
        """Wait until all release callbacks have run; ``False`` when they have not within 10 s."""
        return bool(self.c.standin_settle(10))

    def reset_errors(self) -> None:
        """Forget errors that were not used up."""
        self.c.standin_forget_errors()

    def fault(self, name: str, value: int = 1) -> None:
        """Let something behave differently (control.c lists what)."""
        self.c.standin_fault(name.encode(), value)

    def fail(self, function: str, status: int, *, after: int = 0, times: int = 1) -> None:
        """Let the next calls of a function fail; status 0 means: success and no object."""
        self.c.standin_fail(function.encode(), status, after, times)

    def count(self, what: str) -> int:
        """A counter: created, retained, released, locked, unlocked, transfer, callback, sessions_made, a kind, ..."""
        return int(self.c.standin_count(what.encode()))

    @property
    def violations(self) -> list[str]:
        """The rules that were broken."""
        return [self.c.standin_violation(i).decode() for i in range(self.c.standin_violations())]

    def live(self) -> dict[str, int]:
        """Objects that were not released, and locks that were not undone; empty when all is well."""
        found = {kind: self.count(kind) for kind in KINDS}
        found["references"] = self.count("created") + self.count("retained") - self.count("released")
        found["locks"] = self.count("locked") - self.count("unlocked")
        return {name: number for name, number in found.items() if number}
