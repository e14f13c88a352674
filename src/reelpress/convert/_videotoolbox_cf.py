"""Objects of CoreFoundation with one owner each, so that each is released exactly once. Private to ``convert``."""

from __future__ import annotations

import ctypes
from ctypes import c_int32, c_void_p
from typing import TYPE_CHECKING

from reelpress.convert.videotoolbox_abi import NUMBERS
from reelpress.convert.videotoolbox_status import Reaction, failure, lookup, nothing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from reelpress.convert.videotoolbox_abi import Abi

RETRIES = 3
"""How often a call that asks for it (``kCVReturnRetry``) is tried once more."""


class Owned:
    """An object that was created for us (+1) and is released once, at the end of ``with`` or by :meth:`release`.

    Attributes:
        pointer: For calls; not after the release.
    """

    __slots__ = ("_release", "pointer")

    def __init__(self, pointer: int, release: Callable[[int], object]) -> None:
        self.pointer: int | None = pointer
        self._release = release

    def __enter__(self) -> Owned:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def release(self) -> None:
        """Give our reference back; a second call does nothing."""
        pointer, self.pointer = self.pointer, None
        if pointer is not None:
            self._release(pointer)

    def give_up(self) -> int:
        """The pointer, whose release is the caller's business from now on."""
        pointer, self.pointer = self.pointer, None
        if pointer is None:
            raise ValueError("The object was released already.")
        return pointer


def created(abi: Abi, function: str, what: str, release: Callable[[int], object], *arguments: object) -> Owned:
    """Call a ``...Create...(arguments, &out)`` that returns a status.

    Raises:
        VideoToolboxError: It failed, or reported success and gave nothing.
        OutOfMemoryError: There is no memory.
    """
    out = c_void_p()
    call = getattr(abi.c, function)
    status = call(*arguments, ctypes.byref(out))
    for _ in range(RETRIES):
        if status == 0 or lookup(status).reaction is not Reaction.RETRY:
            break
        status = call(*arguments, ctypes.byref(out))
    if status != 0:
        # No object comes with an error (Create Rule); whatever stands in ``out`` is not ours.
        raise failure(function, status, what)
    if not out.value:
        raise nothing(function, what)
    return Owned(out.value, release)


def number(abi: Abi, value: int) -> Owned:
    """A CFNumber of 32 bits."""
    pointer = abi.c.CFNumberCreate(None, NUMBERS["kCFNumberSInt32Type"], ctypes.byref(c_int32(value)))
    if not pointer:
        raise nothing("CFNumberCreate", f"make the number {value}")
    return Owned(pointer, abi.c.CFRelease)


def dictionary(abi: Abi, entries: Mapping[int, int | Owned]) -> Owned:
    """A CFDictionary that retains its keys and values.

    Args:
        entries: From key objects to plain numbers (made and released here) or to objects, which stay the caller's.
    """
    numbers: list[Owned] = []
    count = len(entries)
    keys, values = (c_void_p * max(1, count))(), (c_void_p * max(1, count))()
    try:
        for index, (key, value) in enumerate(entries.items()):
            if isinstance(value, int):
                value = number(abi, value)
                numbers.append(value)
            keys[index], values[index] = key, value.pointer
        pointer = abi.c.CFDictionaryCreate(
            None, keys, values, count, abi.k.kCFTypeDictionaryKeyCallBacks, abi.k.kCFTypeDictionaryValueCallBacks
        )
    finally:
        for entry in numbers:
            entry.release()
    if not pointer:
        raise nothing("CFDictionaryCreate", "make a dictionary")
    return Owned(pointer, abi.c.CFRelease)


def text(abi: Abi, string: int | None) -> str:
    """What a borrowed CFString says; empty for NULL."""
    if not string:
        return ""
    buffer = ctypes.create_string_buffer(256)
    done = abi.c.CFStringGetCString(string, buffer, len(buffer), NUMBERS["kCFStringEncodingUTF8"])
    return buffer.value.decode("utf-8", "replace") if done else ""
