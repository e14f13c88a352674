"""Signatures and constants of the binding against an independent description of the same interface.

``pyobjc_table.json`` holds facts that ``tools/pyobjc_table.py`` read out of pyobjc's wheels: type encodings as
Objective-C writes them, names of constants, values of enumerations. Here they are held against what ctypes will do.
"""

from __future__ import annotations

import ctypes
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from reelpress.convert import videotoolbox_abi as abi
from reelpress.convert.videotoolbox_status import STATUSES

TABLE: dict[str, Any] = json.loads((Path(__file__).parent / "pyobjc_table.json").read_text(encoding="utf-8"))
ROOT = Path(__file__).resolve().parents[2]

POINTER, FUNCTION, STRING = "pointer", "function", "string"
SIMPLE = {
    # Objective-C type encodings: (bytes, signed) on 64-bit systems.
    "i": (4, True),
    "I": (4, False),
    "q": (8, True),
    "Q": (8, False),
    "Z": (1, False),
    "@": POINTER,
    "v": None,
}


def split(encoding: str) -> list[str]:
    """Result and arguments of an encoding, each still encoded."""
    found, at = [], 0
    while at < len(encoding):
        start = at
        while encoding[at] == "^":
            at += 1
        if encoding[at] == "{":
            depth = 0
            while True:
                depth += {"{": 1, "}": -1}.get(encoding[at], 0)
                at += 1
                if not depth:
                    break
        else:
            at += 1
        found.append(encoding[start:at])
    return found


def meant(encoded: str) -> object:
    """What an encoded type is, as :func:`meaning` names it."""
    if encoded.startswith("^^"):
        return ("pointer to", POINTER)
    if encoded == "^I":
        return ("pointer to", (4, False))
    if encoded == "^?":
        return FUNCTION
    if encoded == "^t":
        return STRING
    if encoded.startswith("^"):
        return POINTER
    return SIMPLE[encoded]


def meaning(kind: Any) -> object:
    """What a ctypes type passes: ``(bytes, signed)`` for integers, else what it points to."""
    if kind is None:
        return None
    if kind is ctypes.c_void_p:
        return POINTER
    if kind is ctypes.c_char_p:
        return STRING
    if hasattr(kind, "_argtypes_"):
        return FUNCTION
    if isinstance(kind._type_, str):
        return ctypes.sizeof(kind), kind(-1).value < 0
    return "pointer to", meaning(kind._type_)


@pytest.mark.parametrize("name", abi.FUNCTIONS)
def test_signature(name: str) -> None:
    result, *arguments = split(TABLE["functions"][name]["encoding"])
    signature = abi.FUNCTIONS[name]
    assert meaning(signature.result) == meant(result)
    assert [meaning(kind) for kind in signature.arguments] == [meant(each) for each in arguments]


@pytest.mark.skipif(sys.maxsize < 2**32, reason="the table is of 64-bit systems, as all Macs are")
def test_the_comparison_knows_widths_and_signs() -> None:
    assert meaning(ctypes.c_int32) == meant("i") != meant("I")
    assert meaning(ctypes.c_size_t) == meaning(ctypes.c_uint64) == meant("Q")
    assert meaning(ctypes.c_ssize_t) == meant("q") != meaning(ctypes.c_int32)
    assert meaning(abi.OUT) == meant("^^{__CVBuffer=}") != meant("^{__CVBuffer=}")
    assert split("i^{a=q^?{b=Q}}Q^?") == ["i", "^{a=q^?{b=Q}}", "Q", "^?"]


def test_the_release_callback() -> None:
    callback = TABLE["functions"]["CVPixelBufferCreateWithBytes"]["callback"]
    position = [meaning(kind) for kind in abi.FUNCTIONS["CVPixelBufferCreateWithBytes"].arguments].index(FUNCTION)
    assert callback["argument"] == position
    assert meaning(abi.RELEASE_BYTES._restype_) == meant(callback["result"])  # type: ignore[attr-defined]
    assert [meaning(kind) for kind in abi.RELEASE_BYTES._argtypes_] == [  # type: ignore[attr-defined]
        meant(each) for each in callback["arguments"]
    ]


# pyobjc wraps this one by hand, so its table does not say that the buffer comes with a reference; Apple's header does.
BY_HAND = {"CVPixelBufferCreateWithBytes"}


@pytest.mark.parametrize("name", [name for name in abi.FUNCTIONS if "Create" in name and name not in BY_HAND])
def test_what_is_created_is_ours_to_release(name: str) -> None:
    arguments = abi.FUNCTIONS[name].arguments
    place = len(arguments) - 1 if arguments[-1] is abi.OUT else -1
    assert place in TABLE["functions"][name]["retained"]


@pytest.mark.parametrize("name", [name for name in abi.FUNCTIONS if "Get" in name])
def test_what_is_got_is_borrowed(name: str) -> None:
    assert TABLE["functions"][name]["retained"] == []


def names(groups: dict[str, tuple[str, ...]]) -> list[str]:
    return [name for group in groups.values() for name in group]


@pytest.mark.parametrize("name", names(abi.OBJECTS) + names(abi.OPTIONAL_OBJECTS))
def test_constant_object_exists(name: str) -> None:
    assert TABLE["constants"][name] in ("@", "^{__CFBoolean=}")


# pyobjc leaves this one out (its module sets it by itself); that it is a structure is in CFDictionaryCreate's encoding.
LEFT_OUT = {"kCFTypeDictionaryValueCallBacks"}


@pytest.mark.parametrize("name", names(abi.STRUCTURES))
def test_constant_structure_is_one(name: str) -> None:
    structure = "{" + name.removeprefix("kCFType").replace("Dictionary", "CFDictionary") + "="
    assert f"^{structure}" in TABLE["functions"]["CFDictionaryCreate"]["encoding"]
    if name not in LEFT_OUT:
        assert TABLE["constants"][name].startswith(structure)


@pytest.mark.parametrize("name", abi.NUMBERS)
def test_number(name: str) -> None:
    assert abi.NUMBERS[name] == TABLE["enums"][name]


@pytest.mark.parametrize("status", STATUSES)
def test_status(status: int) -> None:
    assert TABLE["enums"][STATUSES[status].name] == status


def test_statuses_are_signed() -> None:
    """As an unsigned number -12905 would read 4294954391."""
    for signature in abi.FUNCTIONS.values():
        if signature.result is not None and meaning(signature.result) == (4, True):
            assert signature.result(0xFFFFCD97).value == -12905


def test_the_table_has_nothing_else() -> None:
    assert set(TABLE["functions"]) == set(abi.FUNCTIONS)
    assert (
        set(TABLE["constants"])
        == set(names(abi.OBJECTS) + names(abi.OPTIONAL_OBJECTS) + names(abi.STRUCTURES)) - LEFT_OUT
    )
    assert set(TABLE["enums"]) == {*abi.NUMBERS, *(status.name for status in STATUSES.values())}
    assert set(TABLE["from"]) == {
        "pyobjc-framework-cocoa", "pyobjc-framework-quartz", "pyobjc-framework-videotoolbox",
    }  # fmt: skip


def test_every_function_that_is_called_is_declared() -> None:
    """And every one that is declared is called."""
    text = "".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "src" / "reelpress" / "convert").glob("*videotoolbox*.py")
        if path.name != "videotoolbox_abi.py"
    )  # fmt: skip
    called = set(re.findall(r"\bc\.((?:CF|CV|VT)\w+)", text)) | set(
        re.findall(r'(?:function = |created\(\s*(?:self\._)?abi,\s*)"((?:CF|CV|VT)\w+)"', text)
    )
    assert called == set(abi.FUNCTIONS)
    assert set(re.findall(r"\bk\.(k\w+)", text)) == set(
        names(abi.OBJECTS) + names(abi.OPTIONAL_OBJECTS) + names(abi.STRUCTURES)
    )
