"""What the encoders on chips can be told, out of PyAV's wheels for every system, as a table for a test.

No machine has all of these chips, and the codec library does not complain about an option that an encoder does not
have: it is left over and forgotten. So this script reads the tables of options out of the libraries in the wheels,
without running them: names, types, ranges, named values, and the pixel formats that each encoder takes. Get the wheels
with::

    for system in manylinux_2_28_x86_64 win_amd64 macosx_14_0_arm64 macosx_11_0_x86_64; do
        pip download --no-deps --only-binary=:all: --python-version 3.11 --platform $system -d FOLDER av==18.1.0
    done

and run ``python tools/encoder_options.py FOLDER`` (``--check`` compares only).

How a table is found: the encoder's name stands in the library as text; a pointer to it is the first field of an
``AVCodec`` (libavcodec/codec.h), whose ``priv_class`` (libavutil/log.h) has the array of ``AVOption``
(libavutil/opt.h).
"""

from __future__ import annotations

import argparse
import json
import re
import struct
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from encoder_tables import SPEC
from reelpress.encode.candidates import CANDIDATES

OUT = Path(__file__).resolve().parent.parent / "tests" / "media" / "encoder_options.json"
SYSTEMS = {"manylinux": "linux", "win": "win32", "macosx": "darwin"}
"""How a wheel's platform tag begins, and ``sys.platform`` there."""

TYPES = {
    1: "flags", 2: "int", 3: "int64", 4: "double", 5: "float", 6: "string", 7: "rational", 8: "binary", 9: "dict",
    10: "uint64", 11: "const", 12: "size", 13: "pix_fmt", 14: "sample_fmt", 15: "rate", 16: "duration", 17: "color",
    18: "bool", 19: "layout", 20: "uint",
}  # fmt: skip
"""``enum AVOptionType``."""

# Bytes of the fields that are read, on 64 bits.
OPTION = struct.Struct("<QQii8sddi4xQ")
"""``AVOption``: name, help, offset, type, default_val, min, max, flags, unit."""
CODEC_TYPE, CODEC_FORMATS, CODEC_CLASS = 16, 40, 64
CLASS_OPTIONS = 16
ENCODING = 1
"""``AV_OPT_FLAG_ENCODING_PARAM``."""


class Image:
    """A shared library as it would lie in memory: text and pointers by address. No code of it is run."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.parts: list[tuple[int, int, int]] = []
        """Address, size, place in the file."""
        self.slots, self.targets = np.empty(0, np.uint64), np.empty(0, np.uint64)
        """Addresses that hold a pointer, and where it points."""
        if data[:4] == b"\x7fELF":
            self._elf()
        elif data[:2] == b"MZ":
            self._windows()
        elif data[:4] == b"\xcf\xfa\xed\xfe":
            self._macos()
        else:
            raise SystemExit("This is no library of 64 bits for Linux, Windows or macOS.")
        self._known = dict(zip(self.slots.tolist(), self.targets.tolist(), strict=True))

    def _elf(self) -> None:
        data = self.data
        (sections,) = struct.unpack_from("<Q", data, 0x28)
        size, count = struct.unpack_from("<HH", data, 0x3A)
        moved = []
        for number in range(count):
            _, kind, _, address, place, length, *_ = struct.unpack_from("<IIQQQQIIQQ", data, sections + number * size)
            if kind == 4:  # SHT_RELA
                rows = np.frombuffer(
                    data[place : place + length], np.dtype([("at", "<u8"), ("kind", "<u8"), ("to", "<u8")])
                )
                moved.append(rows[rows["kind"] & 0xFFFFFFFF == 8])  # R_X86_64_RELATIVE
            elif address and kind == 1:  # SHT_PROGBITS
                self.parts.append((address, length, place))
        rows = np.concatenate(moved)
        self.slots, self.targets = rows["at"], rows["to"]

    def _windows(self) -> None:
        data = self.data
        (header,) = struct.unpack_from("<I", data, 0x3C)
        count, optional = struct.unpack_from("<2xH12xH", data, header + 4)
        (base,) = struct.unpack_from("<Q", data, header + 24 + 24)
        for number in range(count):
            at = header + 24 + optional + 40 * number
            length, address, stored, place = struct.unpack_from("<IIII", data, at + 8)
            self.parts.append((base + address, min(length, stored), place))
        self._plain(lambda words: words)

    def _macos(self) -> None:
        data = self.data
        (count,) = struct.unpack_from("<I", data, 16)
        at = 32
        for _ in range(count):
            command, size = struct.unpack_from("<II", data, at)
            if command == 0x19:  # LC_SEGMENT_64
                address, _, place, length = struct.unpack_from("<QQQQ", data, at + 24)
                self.parts.append((address, length, place))
            at += size
        # Fixed-up pointers are chained: 36 bits of address, then other things; with the top bit set it is another
        # library's. Where they are not, the upper bits are 0, and this changes nothing.
        self._plain(lambda words: np.where(words >> np.uint64(63), np.uint64(0), words & np.uint64((1 << 36) - 1)))

    def _plain(self, decoded: Any) -> None:
        """Every aligned word is taken for a pointer."""
        slots, targets = [], []
        for address, length, place in self.parts:
            words = np.frombuffer(self.data[place : place + length // 8 * 8], "<u8")
            slots.append(np.uint64(address) + np.arange(len(words), dtype=np.uint64) * np.uint64(8))
            targets.append(decoded(words))
        self.slots, self.targets = np.concatenate(slots), np.concatenate(targets)

    def raw(self, address: int, size: int) -> bytes:
        """Bytes at an address; empty where there are none."""
        for start, length, place in self.parts:
            if start <= address and address + size <= start + length:
                return self.data[place + address - start : place + address - start + size]
        return b""

    def pointer(self, address: int) -> int:
        """Where the pointer at an address points; 0: nowhere."""
        return int(self._known.get(address, 0))

    def text(self, address: int) -> str:
        """The text at an address; empty where there is none."""
        for size in (64, 16, 4, 1):
            found = self.raw(address, size) if address else b""
            if found and b"\0" in found:
                return found.split(b"\0")[0].decode("ascii", "replace")
        return ""

    def pointers_to(self, text: str) -> list[int]:
        """Addresses of the pointers to a text."""
        wanted = []
        for match in re.finditer(rb"(?<=\0)" + re.escape(text.encode()) + rb"\0", self.data):
            wanted += [a + match.start() - p for a, length, p in self.parts if p <= match.start() < p + length]
        return [int(slot) for slot in self.slots[np.isin(self.targets, np.array(wanted, np.uint64))]]


def options_at(image: Image, address: int) -> dict[str, dict[str, Any]]:
    """The options of encoders in an array of ``AVOption``: type, range, and named values."""
    found: dict[str, dict[str, Any]] = {}
    values: dict[str, list[str]] = {}
    units: dict[str, str] = {}
    for number in range(1000):
        at = address + number * OPTION.size
        row = image.raw(at, OPTION.size)
        name = image.text(image.pointer(at))
        if not row or not name:
            break
        _, _, _, kind, _, low, high, flags, _ = OPTION.unpack(row)
        unit = image.text(image.pointer(at + OPTION.size - 8))
        if not flags & ENCODING:
            continue
        if TYPES.get(kind) == "const":
            values.setdefault(unit, []).append(name)
            continue
        found[name] = {"type": TYPES.get(kind, str(kind))}
        if kind in (2, 3, 4, 5, 10, 18, 20):
            found[name]["range"] = [_number(low), _number(high)]
        if unit:
            units[name] = unit
    for name, unit in units.items():
        if values.get(unit):
            found[name]["values"] = values[unit]
    return found


def _number(value: float) -> float:
    return int(value) if abs(value) < 2**63 and value == int(value) else value


def generic(image: Image) -> dict[str, dict[str, Any]]:
    """The options that every encoder has (``AVCodecContext``)."""
    for slot in image.pointers_to("AVCodecContext"):
        found = options_at(image, image.pointer(slot + CLASS_OPTIONS))
        if "b" in found and "maxrate" in found:
            return found
    raise SystemExit("The options of AVCodecContext were not found.")


def encoder(image: Image, name: str, formats: dict[int, str]) -> dict[str, Any] | None:
    """Formats and options of an encoder; ``None``: the library has none of this name."""
    for slot in image.pointers_to(name):
        kind = image.raw(slot + CODEC_TYPE, 4)
        own = image.pointer(slot + CODEC_CLASS)
        if kind != b"\0\0\0\0" or not image.text(image.pointer(own)):
            continue
        options = options_at(image, image.pointer(own + CLASS_OPTIONS))
        if not options:
            continue  # a decoder of the same name
        taken, at = [], image.pointer(slot + CODEC_FORMATS)
        while at and (number := struct.unpack("<i", image.raw(at, 4))[0]) >= 0:
            taken.append(formats[number])
            at += 4
        return {"formats": taken, "options": options}
    return None


def formats_of(image: Image) -> dict[int, str]:
    """Names of the pixel formats (libavutil) by number: entries of ``AVPixFmtDescriptor``, whose first field is one."""
    for first in image.pointers_to("yuv420p"):
        for step in range(96, 136, 8):
            if image.text(image.pointer(first + step)) == "yuyv422":
                return {n: image.text(image.pointer(first + n * step)) for n in range(400)}
    raise SystemExit("The pixel formats were not found.")


def table(folder: Path) -> dict[str, Any]:
    """The table from the wheels in ``folder``."""
    found: dict[str, Any] = {"made_by": "tools/encoder_options.py", "from": {}, "every encoder": {}, "encoders": {}}
    told = {name for each in CANDIDATES for name in replace(SPEC, codec=each.name).options()}
    for wheel in sorted(folder.glob("av-*.whl")):
        tag = wheel.stem.split("-")[-1]
        system = next(name for start, name in SYSTEMS.items() if tag.startswith(start))
        found["from"][tag] = wheel.name.split("-")[1]
        with zipfile.ZipFile(wheel) as archive:
            (codecs,) = (n for n in archive.namelist() if re.search(r"/(lib)?avcodec[-.]", n))
            (utilities,) = (n for n in archive.namelist() if re.search(r"/(lib)?avutil[-.]", n))
            image, names = Image(archive.read(codecs)), formats_of(Image(archive.read(utilities)))
        common = {name: row for name, row in generic(image).items() if name in told}
        if found["every encoder"] not in ({}, common):
            raise SystemExit(f"{tag} has other common options than the wheels before it.")
        found["every encoder"] = common
        for each in CANDIDATES:
            if each.hardware and system in each.platforms:
                row = encoder(image, each.name, names)
                same = next((r for r in found["encoders"].setdefault(each.name, []) if r["is"] == row), None)
                if same is None:
                    found["encoders"][each.name].append({"wheels": [tag], "is": row})
                else:
                    same["wheels"].append(tag)
    return found


def text_of(found: dict[str, Any]) -> str:
    """JSON with one option a line."""
    return re.sub(
        r"\{\s+\"type\".*?\}|\[[^\[\]{}]*\]",
        lambda match: re.sub(r"\s+", " ", match[0]),
        json.dumps(found, indent=1),
        flags=re.DOTALL,
    )


def main() -> int:
    """Write the table, or say whether it is as it would be written."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path, help="where the wheels are")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when the table differs")
    given = parser.parse_args()
    text = text_of(table(given.folder)) + "\n"
    if given.check:
        return int(OUT.read_text(encoding="utf-8") != text)
    OUT.write_text(text, encoding="utf-8")
    print(f"wrote {OUT.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
