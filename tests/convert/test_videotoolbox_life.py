"""Every object is released exactly once, on whatever thread, in any order; memory lives as long as it is needed."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Mapping
from fractions import Fraction

import av
import numpy as np
import psutil
import pytest
from standin_library import Standin, build, libraries
from videotoolbox_pictures import difference, packed_picture, rgb_picture, rgb_triples

from reelpress.color import BT709_LIMITED
from reelpress.convert.videotoolbox import VideoToolboxConverter
from reelpress.convert.videotoolbox_status import Reaction, VideoToolboxError
from reelpress.media.planes import Planes
from reelpress.media.scale import to_frame

Make = Callable[..., VideoToolboxConverter]


def right(result: Planes, given: Planes) -> bool:
    return max(difference(result, given)) <= 0.5000001


def balanced(standin: Standin) -> bool:
    return (
        standin.count("created") + standin.count("retained") == standin.count("released")
        and standin.count("locked") == standin.count("unlocked")
        and not standin.violations
    )


@pytest.mark.parametrize("memory", ["wrap", "copy"])
def test_ten_thousand_conversions_leave_nothing(make: Make, standin: Standin, memory: str) -> None:
    converter = make(source_memory=memory)
    pictures = [rgb_picture("bgra", rgb_triples(16, 2)), packed_picture("yuyv422", 32, 2)]
    for given in pictures:
        assert converter.why_not(given.format, "nv12", given.width, given.height) is None
    transfers, allocated = standin.count("transfer"), 0
    for number in range(10_000):
        converter.convert(pictures[number & 1], "nv12", BT709_LIMITED)
        if number == 10:
            allocated = standin.count("allocated")
            buffers = standin.count("buffer")
    assert standin.count("transfer") - transfers == 10_000
    assert standin.count("sessions_made") == 1
    assert standin.count("allocated") == allocated  # memory goes round in the pools
    assert standin.count("buffer") == buffers == 0
    if memory == "wrap":
        assert standin.count("callback") >= 10_000
    assert (converter.outstanding, converter.wrapped) == (0, 0)
    converter.close()
    assert balanced(standin)
    assert standin.live() == {}


def test_every_picture_has_memory_of_its_own(make: Make) -> None:
    converter = make()
    given = [rgb_picture("bgra", rgb_triples(32, 16, seed)) for seed in range(8)]
    results = [converter.convert(each, "nv12", BT709_LIMITED) for each in given]
    assert all(right(result, each) for result, each in zip(results, given, strict=True))
    assert len({result.planes[0].ctypes.data for result in results}) == 8


PARTS: dict[str, Callable[[Planes], object]] = {
    "luma": lambda picture: picture.planes[0],
    "chroma": lambda picture: picture.planes[1],
    "a cut of luma": lambda picture: picture.planes[0][4:8, 2:6].T,
    "owner": lambda picture: picture.owner,
    "frame": to_frame,
}


@pytest.mark.parametrize("keep", PARTS)
def test_any_part_keeps_the_picture(make: Make, standin: Standin, keep: str) -> None:
    converter = make()
    given = rgb_picture("bgra", rgb_triples(32, 16))
    result = converter.convert(given, "nv12", BT709_LIMITED)
    before = result.planes[0].copy()
    kept = PARTS[keep](result)
    del result
    converter.close()
    assert converter.outstanding == 1
    assert standin.count("buffer") == 1
    assert standin.count("locked") - standin.count("unlocked") == 1
    if keep == "luma":
        assert np.array_equal(kept, before)
    del kept
    assert converter.outstanding == 0
    assert standin.count("buffer") == 0


@pytest.mark.parametrize("order", ["first in", "last in", "mixed"])
@pytest.mark.parametrize("closed", ["before", "after"])
def test_pictures_may_come_back_in_any_order(make: Make, standin: Standin, order: str, closed: str) -> None:
    converter = make()
    held = [converter.convert(rgb_picture("bgra", rgb_triples(16, 2 + 2 * i)), "nv12", BT709_LIMITED) for i in range(7)]
    if closed == "before":
        converter.close()
    steps = {"first in": [0] * 7, "last in": [-1] * 7, "mixed": [3, 0, -1, 2, 0, -1, 0]}[order]
    for count, index in enumerate(steps, 1):
        del held[index]
        assert converter.outstanding == 7 - count
    converter.close()
    converter.close()
    assert standin.live() == {}


def test_a_picture_may_come_back_on_another_thread(make: Make, standin: Standin) -> None:
    converter = make()
    box = [converter.convert(rgb_picture("bgra", rgb_triples(16, 16)), "nv12", BT709_LIMITED) for _ in range(50)]
    threads = [threading.Thread(target=lambda: [box.pop() for _ in range(10)]) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert converter.outstanding == 0
    assert standin.count("buffer") == 0


def test_a_picture_in_a_cycle_comes_back(make: Make, standin: Standin) -> None:
    converter = make()
    result = converter.convert(rgb_picture("bgra", rgb_triples(16, 16)), "nv12", BT709_LIMITED)
    loop: list[object] = [result]
    loop.append(loop)
    del result, loop
    gc.collect()
    assert converter.outstanding == 0
    assert standin.count("buffer") == 0


PATIENCE_S = 1.0
"""Long enough for callbacks on a busy machine, short enough to wait for one that is held back."""


class Memory(np.ndarray):  # type: ignore[type-arg]
    """An array that can be referred to weakly, so that its end is seen."""


def watched(picture: Planes) -> tuple[Planes, weakref.ref[Memory]]:
    plane = picture.planes[0].view(Memory)
    return Planes(picture.format, picture.width, picture.height, (plane,), picture.color), weakref.ref(plane)


def test_wrapped_memory_lives_until_its_callback(make: Make, standin: Standin) -> None:
    converter = make(source_deadline_s=PATIENCE_S)
    assert converter.why_not("bgra", "nv12", 16, 16) is None
    standin.fault("hold")
    given, memory = watched(rgb_picture("bgra", rgb_triples(16, 16)))
    assert right(converter.convert(given, "nv12", BT709_LIMITED), given)
    del given
    assert memory() is not None
    assert converter.wrapped == 1
    # It did not come back in time, so from now on sources are copied.
    assert "sources are copied instead" in converter.describe()["notes"][0]
    before = converter.copied
    other = rgb_picture("bgra", rgb_triples(16, 16, 9))
    assert right(converter.convert(other, "nv12", BT709_LIMITED), other)
    assert converter.copied == before + 1
    standin.fault("hold", 0)
    assert standin.settle()
    assert converter.wrapped == 0
    assert memory() is None


def test_wrapped_memory_outlives_the_converter(make: Make, standin: Standin) -> None:
    converter = make(source_deadline_s=PATIENCE_S)
    assert converter.why_not("bgra", "nv12", 16, 16) is None
    standin.fault("hold")
    given, memory = watched(rgb_picture("bgra", rgb_triples(16, 16)))
    converter.convert(given, "nv12", BT709_LIMITED)
    converter.close()
    gone = VideoToolboxConverter(standin.libraries, source_deadline_s=PATIENCE_S)
    assert gone.why_not("argb", "nv12", 16, 16) is None
    gone.close()
    del given, gone
    assert memory() is not None
    standin.fault("hold", 0)
    assert standin.settle()
    assert converter.wrapped == 0
    assert memory() is None


def test_memory_may_be_used_again_after_the_conversion(make: Make) -> None:
    converter = make()
    given = rgb_picture("bgra", rgb_triples(32, 16))
    first = converter.convert(given, "nv12", BT709_LIMITED)
    luma = first.planes[0].copy()
    assert converter.wrapped == 0  # it came back, although the callback runs on another thread
    given.planes[0][:] ^= 0xFF
    assert np.array_equal(first.planes[0], luma)
    assert right(converter.convert(given, "nv12", BT709_LIMITED), given)


def test_workers_with_a_converter_each(make: Make, standin: Standin) -> None:
    converters = [make() for _ in range(4)]
    wrong: list[str] = []

    def work(index: int) -> None:
        for number in range(60):
            given = rgb_picture("bgra", rgb_triples(16 + 2 * index, 8, number))
            if not right(converters[index].convert(given, "nv12", BT709_LIMITED), given):
                wrong.append(f"{index}: {number}")

    threads = [threading.Thread(target=work, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    assert not wrong
    assert standin.count("sessions_made") == 4
    assert standin.violations == []  # among them: two threads in one session


def test_a_second_thread_in_one_converter_is_refused(make: Make, standin: Standin) -> None:
    converter = make()
    assert converter.why_not("bgra", "nv12", 16, 16) is None
    caught: list[VideoToolboxError] = []

    class Slow(np.ndarray):  # type: ignore[type-arg]
        """Lets another thread in while the converter reads the picture."""

        @property
        def strides(self) -> tuple[int, ...]:
            thread = threading.Thread(target=intrude)
            thread.start()
            thread.join(20)
            return (64, 1)

    def intrude() -> None:
        try:
            converter.convert(rgb_picture("bgra", rgb_triples(16, 16)), "nv12", BT709_LIMITED)
        except VideoToolboxError as error:
            caught.append(error)

    given = rgb_picture("bgra", rgb_triples(16, 16))
    slow = Planes("bgra", 16, 16, (given.planes[0].view(Slow),), given.color)
    assert right(converter.convert(slow, "nv12", BT709_LIMITED), given)
    assert caught
    assert "each worker needs its own" in str(caught[0])
    assert caught[0].reaction is Reaction.FAIL


def test_few_pools_are_kept(make: Make, standin: Standin) -> None:
    converter = make()
    held = []
    for width in range(16, 48, 2):
        given = rgb_picture("bgra", rgb_triples(width, 8))
        held.append((converter.convert(given, "nv12", BT709_LIMITED), given))
        assert standin.count("pool") <= 4
    assert all(right(result, given) for result, given in held)  # those of pools that are gone too


def test_a_closed_converter_refuses(make: Make) -> None:
    converter = make()
    converter.close()
    assert converter.why_not("bgra", "nv12", 16, 16) == "This converter was closed."


def test_an_unused_converter_closes(make: Make, standin: Standin) -> None:
    make().close()
    assert standin.count("created") == 0


PROGRAM = """
import sys
import numpy as np
from reelpress.color import BT709_LIMITED, SRGB
from reelpress.convert.videotoolbox import VideoToolboxConverter
from reelpress.convert.videotoolbox_abi import FRAMEWORKS
from reelpress.media.planes import Planes
converter = VideoToolboxConverter(dict.fromkeys(FRAMEWORKS, sys.argv[1]))
picture = Planes("bgra", 16, 16, (np.zeros((16, 64), np.uint8),), SRGB)
kept = [converter.convert(picture, "nv12", BT709_LIMITED) for _ in range(3)]
sys.modules["kept"] = kept  # alive until the very end
print(converter.outstanding)
"""


def test_the_interpreter_ends_with_pictures_held(standin: Standin) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM, str(standin.path)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "3\n", "")


# --- loading ----------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "darwin", reason="this is what other systems say")
def test_other_systems_say_why_not() -> None:
    reason = VideoToolboxConverter().why_not("bgra", "nv12", 16, 16)
    assert reason == f"VideoToolbox is part of macOS; this system is {sys.platform}."


def test_a_framework_that_cannot_be_loaded() -> None:
    converter = VideoToolboxConverter(dict.fromkeys(("CoreFoundation", "CoreVideo", "VideoToolbox"), "no/such/library"))
    reason = converter.why_not("bgra", "nv12", 16, 16)
    assert reason is not None
    assert reason.startswith("The framework CoreFoundation cannot be loaded: ")
    converter.close()


def test_a_function_that_is_missing(tmp_path_factory: pytest.TempPathFactory) -> None:
    library = build(tmp_path_factory.mktemp("missing"), "-DSTANDIN_WITHOUT_TRANSFER")
    reason = VideoToolboxConverter(libraries(library)).why_not("bgra", "nv12", 16, 16)
    assert reason is not None
    assert "VTPixelTransferSessionTransferImage" in reason


def test_an_optional_constant_may_be_missing(tmp_path_factory: pytest.TempPathFactory) -> None:
    old = Standin(build(tmp_path_factory.mktemp("old"), "-DSTANDIN_WITHOUT_REALTIME"))
    converter = VideoToolboxConverter(old.libraries)
    given = rgb_picture("bgra", rgb_triples(16, 16))
    assert right(converter.convert(given, "nv12", BT709_LIMITED), given)
    assert converter.describe()["notes"] == []
    converter.close()
    assert old.settle()
    assert (old.violations, old.live()) == ([], {})


# --- on a Mac with the real frameworks too ----------------------------------------------------------------------------


@pytest.mark.parametrize("memory", ["wrap", "copy"])
def test_the_process_does_not_grow(system: Mapping[str, str] | None, memory: str) -> None:
    """Of 1500 pictures of 128x128 the sources are 96 MiB, the results 35 MiB: a leak of either shows."""
    converter = VideoToolboxConverter(system, source_memory=memory)
    given = rgb_picture("bgra", rgb_triples(128, 128))

    def run(times: int) -> int:
        for _ in range(times):
            converter.convert(given, "nv12", BT709_LIMITED)
        return int(psutil.Process().memory_info().rss)

    before = run(200)
    assert run(1500) - before < 20 * 2**20
    assert (converter.outstanding, converter.wrapped) == (0, 0)
    converter.close()


def test_an_encoder_takes_the_pictures(system: Mapping[str, str] | None) -> None:
    """NV12 goes into an encoder without a copy, its memory comes back, and the film has the right luma."""
    converter = VideoToolboxConverter(system)
    levels = range(16, 256, 8)
    packets, held = [], []
    encoder = av.CodecContext.create("libx264", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = 64, 64, "nv12", Fraction(1, 30)
    encoder.options = {"qp": "4", "bf": "2"}
    for number, level in enumerate(levels):
        flat = np.full((64, 64, 3), level, np.uint8)
        frame = to_frame(converter.convert(rgb_picture("bgra", flat), "nv12", BT709_LIMITED))
        frame.pts = number
        packets += encoder.encode(frame)
        del frame
        held.append(converter.outstanding)
    packets += encoder.encode(None)
    del encoder
    assert max(held) < len(held)  # they come back while it encodes
    assert converter.outstanding == 0
    decoder = av.CodecContext.create("h264", "r")
    frames = [frame for packet in [*packets, None] for frame in decoder.decode(packet)]
    found = [float(np.frombuffer(frame.planes[0], np.uint8)[:64].mean()) for frame in frames]
    # BT.709-6: grey v of 255 has luma 16 + 219 v / 255.
    for level, luma in zip(levels, found, strict=True):
        assert abs(luma - (16 + 219 * level / 255)) < 4
    converter.close()
