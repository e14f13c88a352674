"""Everything fails now and then, pictures are kept and let go of at random: afterwards nothing is left."""

from __future__ import annotations

import random

import pytest
from standin_library import Standin
from videotoolbox_pictures import difference, packed_picture, rgb_picture, rgb_triples

from reelpress.color import BT709_LIMITED
from reelpress.convert.videotoolbox import VideoToolboxConverter
from reelpress.convert.videotoolbox_status import STATUSES, VideoToolboxError
from reelpress.errors import FormatError, OutOfMemoryError, ReelpressError
from reelpress.media.planes import Planes

FAILING = (
    "VTPixelTransferSessionTransferImage", "VTPixelTransferSessionCreate", "VTSessionSetProperty",
    "CVPixelBufferPoolCreate", "CVPixelBufferPoolCreatePixelBufferWithAuxAttributes", "CVPixelBufferCreateWithBytes",
    "CVPixelBufferLockBaseAddress", "CVPixelBufferUnlockBaseAddress", "CFNumberCreate", "CFDictionaryCreate",
)  # fmt: skip
STATUS_FREE = ("VTPixelTransferSessionTransferImage", "CVPixelBufferLockBaseAddress", "CVPixelBufferUnlockBaseAddress")
"""Functions without an object to give: success is success."""


def some_picture(chance: random.Random) -> Planes:
    width, height = chance.randint(1, 40), chance.randint(1, 12)
    if chance.random() < 0.3:
        return packed_picture(chance.choice(("yuyv422", "uyvy422")), width, height, seed=chance.randrange(99))
    stride = -(-4 * width // 16) * 16 + chance.choice((0, 16, 64, 3))
    return rgb_picture(
        chance.choice(("bgra", "argb", "rgba")),
        rgb_triples(width, height, chance.randrange(99)),
        stride=stride,
        offset=chance.choice((0, 0, 16, 5)),
    )


@pytest.mark.parametrize("seed", range(6))
def test_random_failures_leave_nothing(standin: Standin, seed: int) -> None:
    chance = random.Random(seed)
    statuses = [*STATUSES, -1, 99]
    converters: list[VideoToolboxConverter] = []
    held: list[tuple[Planes, Planes]] = []
    sentences: set[str] = set()
    outcomes = {"right": 0, "failed": 0}
    for _ in range(400):
        if not converters or chance.random() < 0.05:
            memory = chance.choice(("auto", "auto", "wrap", "copy"))
            converters.append(VideoToolboxConverter(standin.libraries, source_memory=memory, max_outstanding=6))
        if chance.random() < 0.5:
            function = chance.choice(FAILING)
            status = 0 if function not in STATUS_FREE and chance.random() < 0.2 else chance.choice(statuses)
            standin.fail(function, status, after=chance.choice((0, 0, 1, 2, 5)), times=chance.choice((1, 1, 2, 9)))
        standin.fault("rgba", chance.randrange(3))
        given = some_picture(chance)
        try:
            result = chance.choice(converters).convert(given, "nv12", BT709_LIMITED)
        except (FormatError, VideoToolboxError, OutOfMemoryError) as error:
            sentences.add(str(error)[-1])
            outcomes["failed"] += 1
        else:
            outcomes["right"] += 1
            # While its format is taken for another or a property is missing, only sizes can be promised.
            assert (result.width, result.height) == (given.width, given.height)
            held.append((result, given))
            del result
        if chance.random() < 0.3:
            standin.reset_errors()
        while len(held) > chance.randint(0, 12):
            held.pop(chance.randrange(len(held)))
        if len(converters) > 4:
            converters.pop(chance.randrange(len(converters))).close()
    standin.reset_errors()
    standin.fault("rgba", 0)
    assert sentences == {"."}
    assert outcomes["right"] > 40
    assert outcomes["failed"] > 40
    for converter in converters:  # those that have seen a good probe of BGRA still work, and are right
        given = rgb_picture("bgra", rgb_triples(20, 10))
        held.clear()
        try:
            result = converter.convert(given, "nv12", BT709_LIMITED)
        except ReelpressError:
            assert "bgra" in converter.describe()["rejected"]
        else:
            assert difference(result, given)[0] <= 0.5000001
            del result
        converter.close()
    assert standin.settle()
    assert standin.violations == []
    assert standin.live() == {}
