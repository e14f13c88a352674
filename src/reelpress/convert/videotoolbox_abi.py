"""The part of macOS' plain C interface that the VideoToolbox converter uses: signatures, constants, loading.

Nothing here is called at import, and the module imports on every system. The libraries are named by a mapping, so that
a test can put another library with the same symbols in their place. Every function has its argument and result types
set (without them ctypes cuts pointers to 32 bits); ``tests/convert/test_videotoolbox_table.py`` compares all of them,
and every constant, with an independent description of the same interface.

Since macOS 11 the frameworks are not files any more: the only test for one is to load it.
"""

from __future__ import annotations

import ctypes
import sys
from ctypes import POINTER, c_char, c_char_p, c_int32, c_size_t, c_ssize_t, c_uint32, c_uint64, c_void_p
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

CORE_FOUNDATION = "CoreFoundation"
CORE_VIDEO = "CoreVideo"
VIDEO_TOOLBOX = "VideoToolbox"

FRAMEWORKS: dict[str, str] = {
    name: f"/System/Library/Frameworks/{name}.framework/Versions/A/{name}"
    for name in (CORE_FOUNDATION, CORE_VIDEO, VIDEO_TOOLBOX)
}
"""What to load for each framework on macOS."""

OUT = POINTER(c_void_p)
"""A place for a new object; what lands there must be released once (Create Rule)."""

RELEASE_BYTES = ctypes.CFUNCTYPE(None, c_void_p, c_void_p)
"""``void (*)(void *refCon, const void *baseAddress)``: the memory is not needed any more. Called on any thread."""


@dataclass(frozen=True, slots=True)
class Signature:
    """One C function."""

    framework: str
    result: Any
    """ctypes type, ``None`` for void."""
    arguments: tuple[Any, ...]


FUNCTIONS: dict[str, Signature] = {
    # CFRelease(NULL) crashes, the CoreVideo forms do not.
    "CFRelease": Signature(CORE_FOUNDATION, None, (c_void_p,)),
    "CFDictionaryCreate": Signature(
        CORE_FOUNDATION, c_void_p, (c_void_p, OUT, OUT, c_ssize_t, c_void_p, c_void_p)
    ),
    "CFNumberCreate": Signature(CORE_FOUNDATION, c_void_p, (c_void_p, c_ssize_t, c_void_p)),
    "CFStringGetCString": Signature(CORE_FOUNDATION, ctypes.c_uint8, (c_void_p, c_char_p, c_ssize_t, c_uint32)),
    "CVPixelBufferCreateWithBytes": Signature(
        CORE_VIDEO,
        c_int32,
        (
            c_void_p, c_size_t, c_size_t, c_uint32, c_void_p, c_size_t, RELEASE_BYTES, c_void_p, c_void_p, OUT,
        ),
    ),
    "CVPixelBufferRelease": Signature(CORE_VIDEO, None, (c_void_p,)),
    "CVPixelBufferPoolCreate": Signature(CORE_VIDEO, c_int32, (c_void_p, c_void_p, c_void_p, OUT)),
    "CVPixelBufferPoolRelease": Signature(CORE_VIDEO, None, (c_void_p,)),
    "CVPixelBufferPoolFlush": Signature(CORE_VIDEO, None, (c_void_p, c_uint64)),
    "CVPixelBufferPoolCreatePixelBufferWithAuxAttributes": Signature(
        CORE_VIDEO, c_int32, (c_void_p, c_void_p, c_void_p, OUT)
    ),
    "CVPixelBufferLockBaseAddress": Signature(CORE_VIDEO, c_int32, (c_void_p, c_uint64)),
    "CVPixelBufferUnlockBaseAddress": Signature(CORE_VIDEO, c_int32, (c_void_p, c_uint64)),
    "CVPixelBufferGetBaseAddress": Signature(CORE_VIDEO, c_void_p, (c_void_p,)),
    "CVPixelBufferGetBaseAddressOfPlane": Signature(CORE_VIDEO, c_void_p, (c_void_p, c_size_t)),
    "CVPixelBufferGetBytesPerRow": Signature(CORE_VIDEO, c_size_t, (c_void_p,)),
    "CVPixelBufferGetBytesPerRowOfPlane": Signature(CORE_VIDEO, c_size_t, (c_void_p, c_size_t)),
    "CVPixelBufferGetHeight": Signature(CORE_VIDEO, c_size_t, (c_void_p,)),
    "CVPixelBufferGetWidthOfPlane": Signature(CORE_VIDEO, c_size_t, (c_void_p, c_size_t)),
    "CVPixelBufferGetHeightOfPlane": Signature(CORE_VIDEO, c_size_t, (c_void_p, c_size_t)),
    "CVPixelBufferGetPlaneCount": Signature(CORE_VIDEO, c_size_t, (c_void_p,)),
    "CVPixelBufferGetPixelFormatType": Signature(CORE_VIDEO, c_uint32, (c_void_p,)),
    # Borrowed; NULL for memory that is no IOSurface.
    "CVPixelBufferGetIOSurface": Signature(CORE_VIDEO, c_void_p, (c_void_p,)),
    "CVBufferSetAttachment": Signature(CORE_VIDEO, None, (c_void_p, c_void_p, c_void_p, c_uint32)),
    # Borrowed; deprecated since macOS 12 for CVBufferCopyAttachment, which older systems do not have.
    "CVBufferGetAttachment": Signature(CORE_VIDEO, c_void_p, (c_void_p, c_void_p, POINTER(c_uint32))),
    "VTPixelTransferSessionCreate": Signature(VIDEO_TOOLBOX, c_int32, (c_void_p, OUT)),
    "VTPixelTransferSessionTransferImage": Signature(VIDEO_TOOLBOX, c_int32, (c_void_p, c_void_p, c_void_p)),
    "VTPixelTransferSessionInvalidate": Signature(VIDEO_TOOLBOX, None, (c_void_p,)),
    "VTSessionSetProperty": Signature(VIDEO_TOOLBOX, c_int32, (c_void_p, c_void_p, c_void_p)),
}  # fmt: skip
"""Every function that is called."""

OBJECTS: dict[str, tuple[str, ...]] = {
    CORE_FOUNDATION: ("kCFBooleanFalse",),
    CORE_VIDEO: (
        "kCVPixelBufferPixelFormatTypeKey",
        "kCVPixelBufferWidthKey",
        "kCVPixelBufferHeightKey",
        "kCVPixelBufferIOSurfacePropertiesKey",
        "kCVPixelBufferPoolMinimumBufferCountKey",
        "kCVPixelBufferPoolAllocationThresholdKey",
        "kCVImageBufferYCbCrMatrixKey",
        "kCVImageBufferColorPrimariesKey",
        "kCVImageBufferTransferFunctionKey",
        "kCVImageBufferChromaLocationTopFieldKey",
        "kCVImageBufferChromaLocationBottomFieldKey",
        "kCVImageBufferYCbCrMatrix_ITU_R_709_2",
        "kCVImageBufferYCbCrMatrix_ITU_R_601_4",
        "kCVImageBufferColorPrimaries_ITU_R_709_2",
        "kCVImageBufferTransferFunction_ITU_R_709_2",
        "kCVImageBufferChromaLocation_Left",
        "kCVImageBufferChromaLocation_Center",
    ),
    VIDEO_TOOLBOX: (
        "kVTPixelTransferPropertyKey_DestinationYCbCrMatrix",
        "kVTPixelTransferPropertyKey_DownsamplingMode",
        "kVTDownsamplingMode_Average",
    ),
}
"""Variables that hold a reference to an object. Borrowed: they are never released."""

OPTIONAL_OBJECTS: dict[str, tuple[str, ...]] = {VIDEO_TOOLBOX: ("kVTPixelTransferPropertyKey_RealTime",)}
"""As :data:`OBJECTS`; ``None`` where the system has no such symbol."""

STRUCTURES: dict[str, tuple[str, ...]] = {
    CORE_FOUNDATION: ("kCFTypeDictionaryKeyCallBacks", "kCFTypeDictionaryValueCallBacks")
}
"""Variables that are structures: it is their address that is passed."""

NUMBERS: dict[str, int] = {
    "kCFNumberSInt32Type": 3,
    "kCFStringEncodingUTF8": 0x08000100,
    "kCVPixelBufferLock_ReadOnly": 1,
    "kCVAttachmentMode_ShouldPropagate": 1,
    "kCVPixelBufferPoolFlushExcessBuffers": 1,
    "kCVPixelFormatType_32ARGB": 0x00000020,
    "kCVPixelFormatType_32BGRA": 0x42475241,
    "kCVPixelFormatType_32RGBA": 0x52474241,
    "kCVPixelFormatType_422YpCbCr8": 0x32767579,
    "kCVPixelFormatType_422YpCbCr8_yuvs": 0x79757673,
    "kCVPixelFormatType_420YpCbCr8BiPlanarVideoRange": 0x34323076,
}
"""Enumeration constants of the headers."""

SOURCE_CODES: dict[str, int] = {
    "bgra": NUMBERS["kCVPixelFormatType_32BGRA"],
    "argb": NUMBERS["kCVPixelFormatType_32ARGB"],
    "rgba": NUMBERS["kCVPixelFormatType_32RGBA"],
    "yuyv422": NUMBERS["kCVPixelFormatType_422YpCbCr8_yuvs"],
    "uyvy422": NUMBERS["kCVPixelFormatType_422YpCbCr8"],
}
"""Sources by FFmpeg's names, all packed into one plane."""

NV12_CODE = NUMBERS["kCVPixelFormatType_420YpCbCr8BiPlanarVideoRange"]
READ_ONLY = NUMBERS["kCVPixelBufferLock_ReadOnly"]


class LibraryMissing(Exception):
    """A framework or one of its symbols cannot be loaded; ``str()`` is a sentence."""


class Abi:
    """The loaded functions and constants.

    Attributes:
        c: The functions by name, with their types set. The interpreter's lock is released during each call.
        k: The constant objects and the addresses of constant structures by name; optional ones may be ``None``.
    """

    __slots__ = ("c", "k")

    def __init__(self, c: SimpleNamespace, k: SimpleNamespace) -> None:
        self.c: Any = c
        self.k: Any = k


def load(libraries: Mapping[str, str] | None = None) -> Abi:
    """Load the frameworks.

    Args:
        libraries: Path of a library for each of :data:`FRAMEWORKS`; default are the system's own, on macOS only.

    Raises:
        LibraryMissing: Another system, or a framework or symbol is not there.
    """
    if libraries is None:
        if sys.platform != "darwin":
            raise LibraryMissing(f"VideoToolbox is part of macOS; this system is {sys.platform}.")
        libraries = FRAMEWORKS
    handles: dict[str, ctypes.CDLL] = {}
    for framework in FRAMEWORKS:
        try:
            handles[framework] = ctypes.CDLL(libraries[framework])
        except OSError as error:
            raise LibraryMissing(f"The framework {framework} cannot be loaded: {error}.") from error
    functions: dict[str, Any] = {}
    constants: dict[str, int | None] = {}
    try:
        for name, signature in FUNCTIONS.items():
            function = handles[signature.framework][name]
            function.restype = signature.result
            function.argtypes = signature.arguments
            functions[name] = function
        for framework, names in OBJECTS.items():
            for name in names:
                constants[name] = c_void_p.in_dll(handles[framework], name).value
                if not constants[name]:
                    raise ValueError(f"{name} is NULL")
        for framework, names in STRUCTURES.items():
            for name in names:
                constants[name] = ctypes.addressof(c_char.in_dll(handles[framework], name))
    except (AttributeError, ValueError) as error:
        raise LibraryMissing(
            f"A symbol of VideoToolbox is missing, so this macOS is not supported: {error}."
        ) from error
    for framework, names in OPTIONAL_OBJECTS.items():
        for name in names:
            try:
                constants[name] = c_void_p.in_dll(handles[framework], name).value
            except ValueError:
                constants[name] = None
    return Abi(SimpleNamespace(**functions), SimpleNamespace(**constants))
