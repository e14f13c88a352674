"""The stand-in sees what it is there to see: each broken rule is written down. Calls are made by hand here."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Iterator
from ctypes import c_void_p
from typing import Any

import pytest
from standin_library import Standin
from videotoolbox_pictures import rgb_picture, rgb_triples

from reelpress.color import BT709_LIMITED
from reelpress.convert._videotoolbox_cf import dictionary, number, text
from reelpress.convert._videotoolbox_pool import Loans, Pool, Wrapped
from reelpress.convert.videotoolbox import Session, VideoToolboxConverter
from reelpress.convert.videotoolbox_abi import NV12_CODE, SOURCE_CODES, Abi, load


class Bench:
    """Objects of the stand-in to misuse."""

    def __init__(self, standin: Standin) -> None:
        self.standin = standin
        self.abi: Abi = load(standin.libraries)
        self.c: Any = self.abi.c
        self.k: Any = self.abi.k
        self.pool = Pool(self.abi, 16, 16, NV12_CODE, 8)
        self.sources = Pool(self.abi, 16, 16, SOURCE_CODES["bgra"], 8)

    def source(self, *, tagged: bool = True) -> int:
        pointer = self.sources.take().give_up()
        if tagged:
            for key, value in (
                (self.k.kCVImageBufferColorPrimariesKey, self.k.kCVImageBufferColorPrimaries_ITU_R_709_2),
                (self.k.kCVImageBufferTransferFunctionKey, self.k.kCVImageBufferTransferFunction_ITU_R_709_2),
            ):
                self.c.CVBufferSetAttachment(pointer, key, value, 1)
        return pointer

    def destination(self) -> int:
        return self.pool.take().give_up()

    def session(self) -> int:
        out = c_void_p()
        assert self.c.VTPixelTransferSessionCreate(None, ctypes.byref(out)) == 0
        return out.value or 0

    def transfer(self, session: int | None = None, source: int | None = None, destination: int | None = None) -> int:
        return int(
            self.c.VTPixelTransferSessionTransferImage(
                session or self.session(), source or self.source(), destination or self.destination()
            )
        )


@pytest.fixture
def bench(standin_built: Standin) -> Iterator[Bench]:
    standin_built.reset()
    yield Bench(standin_built)
    standin_built.reset()


def locked_wrongly(b: Bench) -> None:
    b.c.CVPixelBufferLockBaseAddress(b.destination(), 4)


def unlocked_otherwise(b: Bench) -> None:
    pointer = b.destination()
    b.c.CVPixelBufferLockBaseAddress(pointer, 1)
    b.c.CVPixelBufferUnlockBaseAddress(pointer, 0)


def unlocked_twice(b: Bench) -> None:
    pointer = b.destination()
    b.c.CVPixelBufferLockBaseAddress(pointer, 0)
    b.c.CVPixelBufferUnlockBaseAddress(pointer, 0)
    b.c.CVPixelBufferUnlockBaseAddress(pointer, 0)


def read_unlocked(b: Bench) -> None:
    assert not b.c.CVPixelBufferGetBaseAddressOfPlane(b.destination(), 0)


def planar_read_as_packed(b: Bench) -> None:
    pointer = b.destination()
    b.c.CVPixelBufferLockBaseAddress(pointer, 1)
    b.c.CVPixelBufferGetBaseAddress(pointer)


def written_under_read_lock(b: Bench) -> None:
    pointer = b.destination()
    b.c.CVPixelBufferLockBaseAddress(pointer, 1)
    ctypes.memset(b.c.CVPixelBufferGetBaseAddressOfPlane(pointer, 0), 1, 4)
    b.c.CVPixelBufferUnlockBaseAddress(pointer, 1)


def padding_written(b: Bench) -> None:
    pointer = b.source()
    b.c.CVPixelBufferLockBaseAddress(pointer, 0)
    ctypes.memset(b.c.CVPixelBufferGetBaseAddress(pointer), 1, 65)
    b.c.CVPixelBufferUnlockBaseAddress(pointer, 0)


def released_twice(b: Bench) -> None:
    pointer = b.destination()
    b.c.CVPixelBufferRelease(pointer)
    b.c.CVPixelBufferRelease(pointer)


def number_released_twice(b: Bench) -> None:
    pointer = number(b.abi, 4).give_up()
    b.c.CFRelease(pointer)
    b.c.CFRelease(pointer)


def released_while_locked(b: Bench) -> None:
    pointer = b.destination()
    b.c.CVPixelBufferLockBaseAddress(pointer, 1)
    b.c.CVPixelBufferRelease(pointer)


def constant_released(b: Bench) -> None:
    b.c.CFRelease(b.k.kCVImageBufferYCbCrMatrix_ITU_R_709_2)


def null_released(b: Bench) -> None:
    b.c.CFRelease(None)


def used_after_release(b: Bench) -> None:
    pointer = b.destination()
    b.c.CVPixelBufferRelease(pointer)
    b.c.CVPixelBufferGetPlaneCount(pointer)


def used_after_invalidate(b: Bench) -> None:
    session = b.session()
    b.c.VTPixelTransferSessionInvalidate(session)
    assert b.transfer(session) == -12903


def released_without_invalidate(b: Bench) -> None:
    b.c.CFRelease(b.session())


def invalidated_twice(b: Bench) -> None:
    session = b.session()
    b.c.VTPixelTransferSessionInvalidate(session)
    b.c.VTPixelTransferSessionInvalidate(session)


def destination_tagged(b: Bench) -> None:
    pointer = b.destination()
    b.c.CVBufferSetAttachment(pointer, b.k.kCVImageBufferYCbCrMatrixKey, b.k.kCVImageBufferYCbCrMatrix_ITU_R_709_2, 1)
    b.transfer(destination=pointer)


def source_untagged(b: Bench) -> None:
    b.transfer(source=b.source(tagged=False))


def locked_during_transfer(b: Bench) -> None:
    pointer = b.destination()
    b.c.CVPixelBufferLockBaseAddress(pointer, 1)
    b.transfer(destination=pointer)


def other_dictionary_callbacks(b: Bench) -> None:
    b.c.CFDictionaryCreate(None, (c_void_p * 1)(), (c_void_p * 1)(), 0, None, None)


def not_a_buffer(b: Bench) -> None:
    b.c.CVPixelBufferRelease(b.session())


RULES: list[tuple[Callable[[Bench], None], str]] = [
    (locked_wrongly, "CVPixelBufferLockBaseAddress: flags 4"),
    (unlocked_otherwise, "flags 0, but it was not locked so"),
    (unlocked_twice, "but it was not locked so"),
    (read_unlocked, "the buffer is not locked"),
    (planar_read_as_packed, "a planar buffer has no pixels there"),
    (written_under_read_lock, "pixels were written under a read-only lock"),
    (padding_written, "bytes between the rows were written to"),
    (released_twice, "buffer released twice"),
    (number_released_twice, "number released twice"),
    (released_while_locked, "released while it was locked"),
    (constant_released, "a borrowed constant (kCVImageBufferYCbCrMatrix_ITU_R_709_2)"),
    (null_released, "CFRelease: NULL"),
    (used_after_release, "buffer used after its release"),
    (used_after_invalidate, "the session was invalidated"),
    (released_without_invalidate, "without being invalidated"),
    (invalidated_twice, "VTPixelTransferSessionInvalidate: twice"),
    (destination_tagged, "attachments on the destination"),
    (source_untagged, "the source has no colour attached"),
    (locked_during_transfer, "a buffer is locked for the CPU"),
    (other_dictionary_callbacks, "other callbacks"),
    (not_a_buffer, "CVPixelBufferRelease: not a buffer"),
]


@pytest.mark.parametrize(("breach", "says"), RULES, ids=[rule.__name__ for rule, _ in RULES])
def test_a_broken_rule_is_seen(bench: Bench, breach: Callable[[Bench], None], says: str) -> None:
    assert bench.standin.violations == []
    breach(bench)
    assert len(bench.standin.violations) == 1
    assert says in bench.standin.violations[0]


def test_a_leak_is_seen(bench: Bench) -> None:
    before = bench.standin.live()
    held = [number(bench.abi, 3), dictionary(bench.abi, {}), bench.pool.take()]
    after = bench.standin.live()
    assert {kind: after[kind] - before.get(kind, 0) for kind in after if after[kind] != before.get(kind, 0)} == {
        "number": 1, "dictionary": 1, "buffer": 1, "references": 3,
    }  # fmt: skip
    for each in held:
        each.release()
        each.release()  # harmless
    assert bench.standin.live() == before
    assert bench.standin.violations == []


def test_memory_that_changes_too_early_is_seen(bench: Bench) -> None:
    bench.standin.fault("hold")
    wrapped = Wrapped(bench.abi)
    given = rgb_picture("bgra", rgb_triples(16, 16))
    buffer = wrapped.wrap(given.planes[0], 16, 16, SOURCE_CODES["bgra"], given)
    for key, value in (
        (bench.k.kCVImageBufferColorPrimariesKey, bench.k.kCVImageBufferColorPrimaries_ITU_R_709_2),
        (bench.k.kCVImageBufferTransferFunctionKey, bench.k.kCVImageBufferTransferFunction_ITU_R_709_2),
    ):
        bench.c.CVBufferSetAttachment(buffer.pointer, key, value, 1)
    assert bench.transfer(source=buffer.pointer) == 0
    buffer.release()
    given.planes[0][3, 3] ^= 1
    bench.standin.fault("hold", 0)
    assert bench.standin.settle()
    assert bench.standin.violations == ["wrapped memory changed before its release callback"]


def test_two_threads_in_one_session_are_seen(bench: Bench) -> None:
    session, source, destination = bench.session(), bench.source(), bench.destination()
    bench.standin.fault("slow", 200)  # milliseconds that a transfer takes
    threads = [threading.Thread(target=bench.transfer, args=(session, source, destination)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert "VTPixelTransferSessionTransferImage: two threads in one session" in bench.standin.violations


# --- the same mistakes, made in the binding, are seen too -------------------------------------------------------------


def forget_unlock(self: Loans, token: int, pointer: int) -> None:
    self._abi.c.CVPixelBufferRelease(pointer)


def forget_release(self: Loans, token: int, pointer: int) -> None:
    self._abi.c.CVPixelBufferUnlockBaseAddress(pointer, 1)


def unlock_otherwise(self: Loans, token: int, pointer: int) -> None:
    self._abi.c.CVPixelBufferUnlockBaseAddress(pointer, 0)
    self._abi.c.CVPixelBufferRelease(pointer)


def forget_invalidate(self: Session, pointer: int) -> None:
    self._abi.c.CFRelease(pointer)


def forget_session(self: Session, pointer: int) -> None:
    self._abi.c.VTPixelTransferSessionInvalidate(pointer)


def forget_tags(self: VideoToolboxConverter, buffer: object, color: object) -> None:
    pass


def close_nothing(self: Pool) -> None:
    pass


MUTANTS = [
    (Loans, "_take_back", forget_unlock),
    (Loans, "_take_back", forget_release),
    (Loans, "_take_back", unlock_otherwise),
    (Session, "_end", forget_invalidate),
    (Session, "_end", forget_session),
    (VideoToolboxConverter, "_tag", forget_tags),
    (Pool, "close", close_nothing),
]


@pytest.mark.parametrize(
    ("owner", "name", "wrong"), MUTANTS, ids=[str(getattr(m[2], "__name__", m[1])) for m in MUTANTS]
)
def test_a_mistake_in_the_binding_is_seen(
    standin_built: Standin, monkeypatch: pytest.MonkeyPatch, owner: object, name: str, wrong: object
) -> None:
    standin_built.reset()
    monkeypatch.setattr(owner, name, wrong)
    converter = VideoToolboxConverter(standin_built.libraries)
    converter.convert(rgb_picture("bgra", rgb_triples(16, 16)), "nv12", BT709_LIMITED)
    converter.close()
    assert standin_built.settle()
    found = bool(standin_built.violations or standin_built.live())
    standin_built.reset()
    assert found


def test_strings_are_read(bench: Bench) -> None:
    assert text(bench.abi, bench.k.kCVImageBufferColorPrimariesKey) == "kCVImageBufferColorPrimariesKey"
    assert text(bench.abi, None) == ""
