"""Every status that VideoToolbox or CoreVideo may report, injected: what is told, what is done, and nothing is left.

The ``standin`` fixture ends each test with the counters: no object alive, no lock held, no rule broken.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from standin_library import Standin
from videotoolbox_pictures import difference, packed_picture, rgb_picture, rgb_triples

from reelpress.color import BT709_LIMITED
from reelpress.convert.fallback import FallbackConverter
from reelpress.convert.reference import ReferenceConverter
from reelpress.convert.videotoolbox import VideoToolboxConverter
from reelpress.convert.videotoolbox_status import STATUSES, Reaction, VideoToolboxError
from reelpress.errors import FormatError, OutOfMemoryError, ReelpressError, StrictFallbackError
from reelpress.media.planes import Planes

Make = Callable[..., VideoToolboxConverter]

TRANSFER = "VTPixelTransferSessionTransferImage"
POOL = "CVPixelBufferPoolCreate"
TAKE = "CVPixelBufferPoolCreatePixelBufferWithAuxAttributes"
WRAP = "CVPixelBufferCreateWithBytes"

# The reference table: number, name in Apple's headers, reaction, and words that the sentence must have.
FALL_BACK, FAIL, MEMORY, RECREATE, RETRY = "fall back", "fail", "out of memory", "recreate", "retry"
LISTED = [
    (-12905, "kVTPixelTransferNotSupportedErr", FALL_BACK, "pair of pixel formats cannot be converted"),
    (-12218, "kVTPixelTransferNotPermittedErr", FALL_BACK, "not permitted (protected content)"),
    (-12212, "kVTColorCorrectionPixelTransferFailedErr", FALL_BACK, "colour matching failed"),
    (-12917, "kVTInsufficientSourceColorDataErr", FALL_BACK, "colour tags of the source"),
    (-12918, "kVTCouldNotCreateColorCorrectionDataErr", FALL_BACK, "colour tags of the source"),
    (-12919, "kVTColorSyncTransformConvertFailedErr", FALL_BACK, "colour tags of the source"),
    (-12900, "kVTPropertyNotSupportedErr", FALL_BACK, "does not know the property"),
    (-12901, "kVTPropertyReadOnlyErr", FALL_BACK, "does not let the property be set"),
    (-12902, "kVTParameterErr", FAIL, "a mistake in Reelpress"),
    (-12903, "kVTInvalidSessionErr", RECREATE, "session has become invalid"),
    (-12904, "kVTAllocationFailedErr", MEMORY, "out of memory"),
    (-12907, "kVTCouldNotCreateInstanceErr", FALL_BACK, "no converter could be made"),
    (-17691, "kVTSessionMalfunctionErr", RECREATE, "session has failed"),
    (-12908, "kVTCouldNotFindVideoEncoderErr", FALL_BACK, "no such video encoder"),
    (-12912, "kVTVideoEncoderMalfunctionErr", FALL_BACK, "video encoder has failed"),
    (-12915, "kVTVideoEncoderNotAvailableNowErr", FALL_BACK, "video encoder is busy"),
    (-6660, "kCVReturnError", FALL_BACK, "without a description"),
    (-6661, "kCVReturnInvalidArgument", FAIL, "a mistake in Reelpress"),
    (-6662, "kCVReturnAllocationFailed", MEMORY, "out of memory"),
    (-6663, "kCVReturnUnsupported", FALL_BACK, "not supported on this system"),
    (-6680, "kCVReturnInvalidPixelFormat", FALL_BACK, "can have this pixel format"),
    (-6681, "kCVReturnInvalidSize", FALL_BACK, "can have this size"),
    (-6682, "kCVReturnInvalidPixelBufferAttributes", FAIL, "a mistake in Reelpress"),
    (-6684, "kCVReturnPixelBufferNotMetalCompatible", FALL_BACK, "not usable by Metal"),
    (-6689, "kCVReturnWouldExceedAllocationThreshold", FAIL, "still held: the encoder lags behind"),
    (-6690, "kCVReturnPoolAllocationFailed", MEMORY, "no memory for a pool"),
    (-6691, "kCVReturnInvalidPoolAttributes", FAIL, "a mistake in Reelpress"),
    (-6692, "kCVReturnRetry", RETRY, "asks to try again"),
]
NUMBERS = [row[0] for row in LISTED]


def picture(width: int = 32) -> Planes:
    return rgb_picture("bgra", rgb_triples(width, 16))


def ready(make: Make, **settings: object) -> VideoToolboxConverter:
    """A converter whose probe is done."""
    converter = make(**settings)
    assert converter.why_not("bgra", "nv12", 32, 16) is None
    return converter


def raised(converter: VideoToolboxConverter, given: Planes | None = None) -> ReelpressError:
    with pytest.raises(ReelpressError) as caught:
        converter.convert(given or picture(), "nv12", BT709_LIMITED)
    return caught.value


def works(converter: VideoToolboxConverter) -> bool:
    given = picture()
    return difference(converter.convert(given, "nv12", BT709_LIMITED), given)[0] <= 0.5000001


def check(error: ReelpressError, function: str, status: int) -> None:
    """That the error is of the right kind and says function, name, number, size and what it means."""
    name, reaction, says = next(row[1:] for row in LISTED if row[0] == status)
    text = str(error)
    assert says in text
    assert f"({function}: {name}, {status})" in text
    assert text.endswith(".")
    if reaction == MEMORY:
        assert isinstance(error, OutOfMemoryError)
        assert "--memory" in text
        return
    assert isinstance(error, VideoToolboxError)
    assert (error.function, error.status) == (function, status)
    assert error.falls_back is (reaction != FAIL)
    assert ("--converter swscale" in text) is error.falls_back


def test_every_listed_status_is_known() -> None:
    assert {number: (status.name, str(status.reaction)) for number, status in STATUSES.items()} == {
        number: (name, "ignore" if number in (-12900, -12901) else reaction) for number, name, reaction, _ in LISTED
    }


@pytest.mark.parametrize("status", NUMBERS)
def test_status_of_the_conversion(make: Make, standin: Standin, status: int) -> None:
    converter = ready(make)
    made, transfers = standin.count("sessions_made"), standin.count("transfer")
    standin.fail(TRANSFER, status, times=9)
    error = raised(converter)
    check(error, TRANSFER, status)
    reaction = next(row[2] for row in LISTED if row[0] == status)
    assert standin.count("transfer") - transfers == {RECREATE: 2, RETRY: 4}.get(reaction, 1)
    assert standin.count("sessions_made") - made == (reaction == RECREATE)
    if reaction == RECREATE:
        assert "a new session did not help" in str(error)
    assert converter.outstanding == converter.wrapped == 0


@pytest.mark.parametrize("status", [-12903, -17691])
def test_a_new_session_helps(make: Make, standin: Standin, status: int) -> None:
    converter = ready(make)
    standin.fail(TRANSFER, status)
    assert works(converter)
    assert converter.recreated == 1
    assert standin.count("session") == 1  # the failed one is gone
    standin.fail(TRANSFER, status)
    assert works(converter)  # once for each picture, not once for an export
    assert converter.describe()["sessions_recreated"] == 2


def test_a_session_that_cannot_be_made_anew(make: Make, standin: Standin) -> None:
    converter = ready(make)
    standin.fail(TRANSFER, -12903)
    standin.fail("VTPixelTransferSessionCreate", -12907)
    check(raised(converter), "VTPixelTransferSessionCreate", -12907)
    assert works(converter)


def test_trying_again_helps(make: Make, standin: Standin) -> None:
    converter = ready(make)
    standin.fail(TRANSFER, -6692, times=3)
    standin.fail(TAKE, -6692, times=3)
    standin.fail(WRAP, -6692, times=2)
    assert works(converter)
    assert converter.recreated == 0


@pytest.mark.parametrize("function", [TAKE, WRAP])
@pytest.mark.parametrize("status", [n for n in NUMBERS if n > -6693])
def test_status_of_core_video(make: Make, standin: Standin, function: str, status: int) -> None:
    converter = ready(make)
    standin.fail(function, status, times=4)
    check(raised(converter), function, status)
    if status != -6692:  # that one was asked for until it was used up
        standin.reset_errors()
    assert works(converter)


@pytest.mark.parametrize("status", [-6660, -6661, -6662, -6682, -6691])
def test_status_of_the_pool(make: Make, standin: Standin, status: int) -> None:
    converter = ready(make)
    standin.fail(POOL, status)
    check(raised(converter), POOL, status)
    assert works(converter)


@pytest.mark.parametrize("function", ["CVPixelBufferLockBaseAddress", "CVPixelBufferUnlockBaseAddress"])
@pytest.mark.parametrize("memory", ["wrap", "copy"])
def test_status_of_locks(make: Make, standin: Standin, function: str, memory: str) -> None:
    converter = ready(make, source_memory=memory)
    standin.fail(function, -6660)
    if function.startswith("CVPixelBufferUnlock") and memory == "wrap":
        # The picture was read: its release cannot raise, so it is noted.
        assert works(converter)
        assert "kCVReturnError" in converter.describe()["notes"][0]
    else:
        check(raised(converter), function, -6660)
        assert works(converter)


@pytest.mark.parametrize("status", [-1, -50, 1, -2147483648, 2147483647])
def test_an_unknown_status(make: Make, standin: Standin, status: int) -> None:
    converter = ready(make)
    standin.fail(TRANSFER, status)
    error = raised(converter)
    assert isinstance(error, VideoToolboxError)
    assert error.falls_back
    assert f"an unknown status, {status})" in str(error)


@pytest.mark.parametrize("function", ["VTPixelTransferSessionCreate", POOL, TAKE, WRAP])
def test_success_and_no_object(make: Make, standin: Standin, function: str) -> None:
    converter = ready(make)
    if function.startswith("VT"):
        standin.fail(TRANSFER, -12903)  # so that a session is made
    standin.fail(function, 0)
    error = raised(converter)
    assert isinstance(error, VideoToolboxError)
    assert error.falls_back
    assert error.status is None
    assert f"{function} reported success and gave nothing" in str(error)
    assert works(converter)


@pytest.mark.parametrize("after", range(4))
@pytest.mark.parametrize("function", ["CFNumberCreate", "CFDictionaryCreate"])
def test_core_foundation_gives_nothing(make: Make, standin: Standin, function: str, after: int) -> None:
    converter = ready(make)
    standin.fail(function, 0, after=after)  # at each object of the pool's attributes in turn
    error = raised(converter)
    assert f"{function} reported success and gave nothing" in str(error)
    assert works(converter)


@pytest.mark.parametrize("status", [-12900, -12901])
@pytest.mark.parametrize("which", range(3))
def test_a_property_that_is_not_known(make: Make, standin: Standin, status: int, which: int) -> None:
    converter = make()
    standin.fail("VTSessionSetProperty", status, after=which)
    reason = converter.why_not("bgra", "nv12", 32, 16)
    notes = converter.describe()["notes"]
    assert f"({STATUSES[status].name}, {status})." in notes[0]
    if which == 0:  # the stand-in then uses BT.601, as the probe sees
        assert reason is not None
        assert "wrong colours of bgra" in reason
    else:
        assert reason is None
        assert converter.describe()["chroma"]["bgra"] == ("decimated" if which == 1 else "mean of 2x2 pixels")
    if which == 1:
        assert "decimates the chroma of bgra" in notes[1]


def test_a_property_that_fails_otherwise(make: Make, standin: Standin) -> None:
    converter = make()
    standin.fail("VTSessionSetProperty", -12902)
    reason = converter.why_not("bgra", "nv12", 32, 16)
    assert reason is not None
    assert "set the matrix BT.709: wrong argument" in reason
    with pytest.raises(FormatError):  # the verdict stays
        converter.convert(picture(), "nv12", BT709_LIMITED)


@pytest.mark.parametrize("status", [-12905, -12902, -6661, -6684])
@pytest.mark.parametrize("where", ["the conversion", "the wrapping"])
def test_wrapped_memory_that_is_refused_is_copied(make: Make, standin: Standin, status: int, where: str) -> None:
    def refuse() -> None:
        if where == "the conversion":
            standin.fault("no_wrapped", status)
        else:
            standin.fail(WRAP, status, times=99)

    refuse()
    converter = make()
    assert converter.why_not("bgra", "nv12", 32, 16) is None
    assert works(converter)
    assert converter.describe()["source_memory"] == "copy"
    assert converter.describe()["notes"] == [
        f"VideoToolbox does not take wrapped memory as bgra ({status}); sources are copied."
    ]
    # Asked for, wrapping is not given up; and once it has worked, a refusal means something else.
    wanted = make(source_memory="wrap")
    reason = wanted.why_not("bgra", "nv12", 32, 16)
    assert reason is not None
    assert STATUSES[status].name in reason
    standin.fault("no_wrapped", 0)
    standin.reset_errors()
    proved = ready(make)
    refuse()
    check(raised(proved), TRANSFER if where == "the conversion" else WRAP, status)


def test_memory_that_is_no_iosurface(make: Make, standin: Standin) -> None:
    standin.fault("no_iosurface")
    reason = make().why_not("bgra", "nv12", 32, 16)
    assert reason is not None
    assert "their memory is no IOSurface" in reason


@pytest.mark.parametrize(
    ("name", "says"), [("no_chroma_plane", "it has 0 planes"), ("small_planes", "plane 0 has 16x")]
)
def test_an_unusable_result(make: Make, standin: Standin, name: str, says: str) -> None:
    converter = ready(make)
    standin.fault(name)
    error = raised(converter)
    assert says in str(error)
    assert isinstance(error, VideoToolboxError)
    assert error.falls_back
    standin.fault(name, 0)
    assert works(converter)


def test_pictures_that_are_never_let_go_of(make: Make, standin: Standin) -> None:
    converter = ready(make, max_outstanding=5)
    held = [converter.convert(picture(), "nv12", BT709_LIMITED) for _ in range(5)]
    assert converter.outstanding == 5
    check(raised(converter), TAKE, -6689)
    held.pop()
    assert works(converter)


# --- what the user of a converter does about it -----------------------------------------------------------------------


def fallback(
    converter: VideoToolboxConverter, told: list[tuple[str, str, str]], *, strict: bool = False
) -> FallbackConverter:
    return FallbackConverter(
        converter, ReferenceConverter, strict=strict, on_fallback=lambda *event: told.append(event)
    )


@pytest.mark.parametrize("status", [row[0] for row in LISTED if row[2] in (FALL_BACK, RECREATE, RETRY)])
def test_the_next_converter_goes_on_with_the_same_picture(make: Make, standin: Standin, status: int) -> None:
    told: list[tuple[str, str, str]] = []
    converter = fallback(ready(make), told)
    kept = converter.convert(picture(), "nv12", BT709_LIMITED)
    standin.fail(TRANSFER, status, times=9)
    given = picture(34)
    assert difference(converter.convert(given, "nv12", BT709_LIMITED), given)[0] <= 0.5000001
    assert difference(kept, picture())[0] <= 0.5000001  # still valid, though its converter was closed
    assert converter.name == "reference"
    assert told == [("videotoolbox", "reference", converter.reason)]
    assert STATUSES[status].name in (converter.reason or "")
    assert standin.count("session") == standin.count("pool") == 0
    converter.convert(given, "nv12", BT709_LIMITED)
    assert len(told) == 1
    converter.close()


@pytest.mark.parametrize("status", [row[0] for row in LISTED if row[2] in (FAIL, MEMORY)])
def test_what_ends_the_export(make: Make, standin: Standin, status: int) -> None:
    told: list[tuple[str, str, str]] = []
    converter = fallback(ready(make), told)
    standin.fail(TRANSFER, status)
    with pytest.raises((VideoToolboxError, OutOfMemoryError)):
        converter.convert(picture(), "nv12", BT709_LIMITED)
    assert not told
    assert converter.name == "videotoolbox"
    converter.close()


def test_strict_forbids_the_next_converter(make: Make, standin: Standin) -> None:
    told: list[tuple[str, str, str]] = []
    converter = fallback(ready(make), told, strict=True)
    standin.fail(TRANSFER, -12905)
    with pytest.raises(StrictFallbackError, match="kVTPixelTransferNotSupportedErr"):
        converter.convert(picture(), "nv12", BT709_LIMITED)
    assert not told
    converter.close()


def test_packed_sources_report_the_same_way(make: Make, standin: Standin) -> None:
    converter = make()
    assert converter.why_not("uyvy422", "nv12", 32, 16) is None
    standin.fail(TRANSFER, -12917)
    error = raised(converter, packed_picture("uyvy422", 32, 16))
    check(error, TRANSFER, -12917)
    assert "convert 32x16 uyvy422 to nv12" in str(error)
    assert STATUSES[-12917].reaction is Reaction.FALL_BACK
