"""What was found out about encoders and converters, kept between exports: a trial takes a tenth of a second or more.

Only what a trial *of pictures* said is kept. That an encoder refused to open may have been the moment (all of a card's
sessions in use), and costs little to find out again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reelpress.media.encoder import EncoderSpec

LIMIT = 200
"""Verdicts kept; the oldest go first."""


class Verdicts:
    """A small JSON file. Unreadable, unwritable and missing files are the same as an empty one.

    Args:
        path: ``None`` keeps nothing.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def get(self, key: str) -> tuple[bool, str | None]:
        """Whether there is a verdict, and what was wrong (``None``: nothing)."""
        known = self._read()
        return (True, known[key]) if key in known else (False, None)

    def put(self, key: str, wrong: str | None) -> None:
        """Keep a verdict."""
        if self._path is None:
            return
        known = {name: value for name, value in self._read().items() if name != key}
        known[key] = wrong
        text = json.dumps(dict(list(known.items())[-LIMIT:]), indent=0)
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # Two exports may write at once: each puts a whole file in place.
            handle, name = tempfile.mkstemp(dir=self._path.parent, prefix=self._path.name)
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as file:
                    file.write(text)
                Path(name).replace(self._path)
            except OSError:
                Path(name).unlink(missing_ok=True)
                raise

    def _read(self) -> dict[str, str | None]:
        if self._path is None:
            return {}
        try:
            data: Any = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        if not isinstance(data, dict):
            return {}
        return {str(k): v for k, v in data.items() if v is None or isinstance(v, str)}


def key_of(spec: EncoderSpec, library: str, driver: str) -> str:
    """Under which a verdict is kept: all that can change it. ``library``: the codec library's version."""
    given = [spec.device, spec.pixel_format, spec.width, spec.height]
    facts = [spec.codec, given, sorted(spec.options().items()), library, driver]
    return f"{spec.codec}-{hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]}"


def driver_version(name: str, system: str = sys.platform, root: Path = Path("/")) -> str:
    """The driver behind an encoder as far as it can be read without loading it, else the system's own version."""
    if system == "darwin":
        return f"macOS {platform.mac_ver()[0]}"  # the encoders are part of the system
    if name.endswith("_nvenc") and system.startswith("linux"):
        with contextlib.suppress(OSError, IndexError):
            return (root / "proc/driver/nvidia/version").read_text(encoding="ascii", errors="replace").splitlines()[0]
    own = f"{platform.system()} {platform.release()} {platform.version()}"
    if system == "win32":
        return ", ".join([own, *_windows_drivers()])
    if system.startswith("linux") and not name.endswith("_nvenc"):
        return ", ".join([own, *_user_drivers(root)])
    return own


DISPLAY_ADAPTERS = r"SYSTEM\CurrentControlSet\Control\Class\{4d36e968-e325-11ce-bfc1-08002be10318}"
"""Where Windows keeps the drivers of graphics cards: one key for each, 0000 and so on."""

_USER_DRIVERS = ("libmfx-gen.so*", "libmfxhw64.so*", "libvpl.so*", "libamfrt64.so*", "dri/iHD_drv_video.so")
"""Intel's and AMD's encoders on Linux live in these libraries, not in the kernel."""


def _windows_drivers() -> list[str]:
    """Names and versions of the graphics cards' drivers, from the registry; what cannot be read is left out."""
    try:
        import winreg
    except ImportError:
        return []
    system: Any = winreg
    found: list[str] = []
    with contextlib.suppress(OSError), system.OpenKey(system.HKEY_LOCAL_MACHINE, DISPLAY_ADAPTERS) as cards:
        for number in range(16):
            with contextlib.suppress(OSError), system.OpenKey(cards, f"{number:04d}") as card:
                found.append(
                    " ".join(str(system.QueryValueEx(card, each)[0]) for each in ("DriverDesc", "DriverVersion"))
                )
    return found


def _user_drivers(root: Path) -> list[str]:
    """Files of the drivers' libraries with their sizes and times: they have no version to read without loading them."""
    found = []
    for folder in ("usr/lib/x86_64-linux-gnu", "usr/lib64", "usr/lib", "opt/amdgpu-pro/lib/x86_64-linux-gnu"):
        for pattern in _USER_DRIVERS:
            for file in sorted((root / folder).glob(pattern)):
                with contextlib.suppress(OSError):
                    facts = file.stat()
                    found.append(f"{file.name} {facts.st_size} {facts.st_mtime_ns}")
    return found
