"""What each video encoder is told for the same wish: names and scales of its own options.

Every encoder gets constant quality under a ceiling where it can, and a bit rate where it cannot. ``crf`` is x264's
scale everywhere; the others' scales are laid beside it here. Quality numbers beside x264's are the encoders' own
documentation's (x265: 28 stands where x264 has 23; SVT-AV1: 0 to 63), not measurements, unless said otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reelpress.media.encoder import EncoderSpec

CHIPS = ("_nvenc", "_qsv", "_amf", "_mf", "_videotoolbox")
"""How the names of encoders on chips end."""

SPEEDS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow")
"""x264's presets, fastest first: the scale of ``EncoderSpec.preset`` for all encoders."""

SVT_PRESETS = (9, 9, 8, 8, 7, 6, 5, 4, 3)
"""SVT-AV1's presets beside ``SPEEDS``. From 10 on a trial (:mod:`reelpress.media.trial`) shows wrong pictures in short
files (version 4.1: fields 80 to 120 of 255 off), as its own warning says."""

NVENC_PRESETS = ("p1", "p1", "p3", "p4", "p4", "p5", "p6", "p7", "p7")
"""NVENC's p1 (fastest) to p7 beside ``SPEEDS``. p4 is its default; from p6 on time doubles for about 1 % of bits."""


WHY: Mapping[str, str] = {
    "chroma_sample_location": "where the compositor puts chroma: left",
    "maxrate": "the ceiling, 1.5 times Cap's rate, so that no scene makes a file that players stumble over",
    "bufsize": "two seconds of the ceiling: how long a scene may be above the mean",
    "crf": "constant quality: a still screen costs nothing",
    "cq": "NVENC's scale lies about 3 above x264's",
    "global_quality": "Quick Sync's scale lies about 2 above x264's; alone it is ICQ, under a ceiling QVBR",
    "b": "0: quality alone decides. Otherwise Cap's rate, where there is no constant quality that every chip has",
    "preset": "speed against size, laid beside x264's names",
    "a53cc": "captions of a source frame must not slip into the file",
    "allow_sw": "Apple's software encoder is refused: x264 is better where there is no chip",
    "realtime": "an export is not live",
    "tune": "hq: quality, not latency",
    "rc": "variable rate under the ceiling, as each maker names it",
    "rate_control": "variable rate around `b`",
    "spatial-aq": "more bits for flat parts, where text stands",
    "forced-idr": "a key frame that is asked for has to be one at which a player can begin",
    "forced_idr": "the same, as Quick Sync and AMF spell it",
    "bf": "B pictures are off where a chip's generations differ in them",
    "b_ref_mode": "not all generations have it, and there are no B pictures",
    "rc-lookahead": "NVENC: held pictures are memory. x264, x265: as many as the memory budget allows",
    "async_depth": "four pictures on the way keep the chip busy; more are memory",
    "usage": "AMF's mode for files, not for streams",
    "quality": "AMF has three speeds, laid beside x264's names",
    "scenario": "Windows' mode for files that are kept",
    "hw_encoding": "only chips: in software x264 is better",
    "x265-params": "no note about itself (info=0), key frames to seek to (open-gop=0), bounded threads and memory",
    "svtav1-params": "tools for screens (scm=1: palette, block copy), bounded threads (lp), no overlay pictures",
    "deadline": "VP9: realtime at the fast presets, good at the slow ones",
    "cpu-used": "speed against size, laid beside x264's names",
    "row-mt": "all cores, within one row of tiles",
    "tune-content": "tools for screens",
    "lag-in-frames": "held pictures are memory",
}
"""Why each option is given what it is given; for the table in docs/encoders.md."""


def codec_of(encoder: str) -> str:
    """``h264``, ``hevc``, ``av1`` or the encoder's own name: what decodes the packets of ``encoder``."""
    for mark, codec in (("264", "h264"), ("265", "hevc"), ("hevc", "hevc"), ("av1", "av1"), ("vp9", "vp9")):
        if mark in encoder:
            return codec
    return encoder


def options_of(spec: EncoderSpec) -> dict[str, str]:
    """The encoder's private options by the library's names; ``spec.extra`` wins over them."""
    maker = _MAKERS.get(spec.codec)
    if maker is None:
        maker = next((make for suffix, make in _BY_SUFFIX.items() if spec.codec.endswith(suffix)), _plain)
    return {**maker(spec), **spec.extra}


def _ceiling(spec: EncoderSpec) -> dict[str, str]:
    if spec.maxrate is None:
        return {}
    return {
        "maxrate": str(spec.maxrate),
        "bufsize": str(spec.bufsize if spec.bufsize is not None else 2 * spec.maxrate),
    }


def _x264(spec: EncoderSpec) -> dict[str, str]:
    chosen = {
        "preset": spec.preset,
        "crf": f"{spec.crf:g}",
        "a53cc": "0",  # captions of a source frame must not slip into the output
        **_ceiling(spec),
    }
    if spec.lookahead is not None:
        chosen["rc-lookahead"] = str(spec.lookahead)
    return chosen


def _x265(spec: EncoderSpec) -> dict[str, str]:
    # info=0: no note with the encoder's options in the file. open-gop=0: each key frame can be sought to.
    told = ["log-level=error", "info=0", "open-gop=0", f"keyint={spec.gop_frames}", "min-keyint=1"]
    if spec.lookahead is not None:
        told.append(f"rc-lookahead={max(spec.lookahead, 4)}")
    # WPP rows keep all cores busy, so few frames need to be in the works at once, and fewer are held.
    told += [f"pools={max(1, spec.threads)}", "frame-threads=1"]
    return {
        "preset": spec.preset,
        "crf": f"{min(51.0, spec.crf + 4):g}",
        "forced-idr": "1",
        "a53cc": "0",
        "x265-params": ":".join(told),
        **_ceiling(spec),
    }


def _svt_av1(spec: EncoderSpec) -> dict[str, str]:
    preset = SVT_PRESETS[SPEEDS.index(spec.preset)] if spec.preset in SPEEDS else 10
    # scm=1: palette and intra block copy, which are made for screens. tune=0: by eye; 1 is PSNR.
    told = ["scm=1", f"lp={max(1, spec.threads)}", "enable-overlays=0"]
    if spec.lookahead is not None:
        told.append(f"lookahead={max(spec.lookahead, 0)}")
    return {
        "preset": str(preset),
        "crf": str(min(63, max(1, round(spec.crf * 63 / 51 + 5)))),
        "svtav1-params": ":".join(told),
    }


def _vp9(spec: EncoderSpec) -> dict[str, str]:
    speed = max(0, 8 - SPEEDS.index(spec.preset)) if spec.preset in SPEEDS else 6
    return {
        "crf": str(min(63, round(spec.crf * 63 / 51 + 6))),
        "b": "0",  # with crf: constant quality
        "deadline": "realtime" if speed >= 5 else "good",
        "cpu-used": str(speed if speed >= 5 else min(speed, 5)),
        "row-mt": "1",
        "tune-content": "screen",
        "lag-in-frames": str(min(spec.lookahead, 25)) if spec.lookahead is not None else "0",
    }


def _prores(spec: EncoderSpec) -> dict[str, str]:
    # The profile's own rate (422 HQ: 220 Mbit/s at 1080p30). Alpha is coded without loss. The vendor is in each frame.
    if spec.pixel_format == "yuva444p10le":
        return {"profile": "4444", "alpha_bits": "16", "vendor": "apl0"}
    return {"profile": "hq", "vendor": "apl0"}


def _nvenc(spec: EncoderSpec) -> dict[str, str]:
    preset = NVENC_PRESETS[SPEEDS.index(spec.preset)] if spec.preset in SPEEDS else "p4"
    # hq with spatial AQ keeps text crisp; delay=0 hands packets over at once, for short queues; b_ref_mode is off since
    # not all generations have it.
    return {
        "preset": preset,
        "tune": "hq",
        "rc": "vbr",
        "cq": f"{min(51.0, spec.crf + 3):g}",
        "b": "0",
        "spatial-aq": "1",
        "forced-idr": "1",
        "bf": spec.extra.get("bf", "0"),
        "rc-lookahead": "0",
        "b_ref_mode": "disabled",
        **_ceiling(spec),
    }


def _videotoolbox(spec: EncoderSpec) -> dict[str, str]:
    # Constant quality exists on Apple's own chips only, so the rate is what all Macs have. Software is refused: there
    # x264 is better. realtime off: an export is not live. The HEVC encoder writes no captions and has no switch for it.
    told = {"b": str(_target(spec)), "allow_sw": "0", "realtime": "0", **_ceiling(spec)}
    return {**told, "a53cc": "0"} if spec.codec.startswith("h264") else told


def _qsv(spec: EncoderSpec) -> dict[str, str]:
    preset = spec.preset if spec.preset in SPEEDS[2:] else "veryfast"
    # Without a ceiling this is ICQ. Under one it is QVBR, which needs a rate beside the quality, or it aims at 0.
    rate = {} if spec.maxrate is None else {"b": str(_target(spec))}
    return {
        "preset": preset,
        "global_quality": str(min(51, max(1, round(spec.crf + 2)))),
        **rate,
        "forced_idr": "1",
        "async_depth": "4",
        "bf": spec.extra.get("bf", "0"),
        **_ceiling(spec),
    }


def _amf(spec: EncoderSpec) -> dict[str, str]:
    quality = "speed" if spec.preset in SPEEDS[:3] else ("quality" if spec.preset in SPEEDS[6:] else "balanced")
    return {
        "usage": "transcoding",
        "quality": quality,
        "rc": "vbr_peak",
        "b": str(_target(spec)),
        "forced_idr": "1",
        **_ceiling(spec),
    }


def _mediafoundation(spec: EncoderSpec) -> dict[str, str]:
    return {"rate_control": "u_vbr", "b": str(_target(spec)), "scenario": "archive", "hw_encoding": "1"}


def _plain(spec: EncoderSpec) -> dict[str, str]:
    return {}


def _target(spec: EncoderSpec) -> int:
    """Bits a second for encoders without constant quality: Cap's own rate, of which the ceiling is 1.5 times."""
    return (
        int(spec.maxrate / 1.5) if spec.maxrate is not None else int(0.1 * spec.width * spec.height * float(spec.fps))
    )


_MAKERS: Mapping[str, Callable[[EncoderSpec], dict[str, str]]] = {
    "libx264": _x264,
    "libx265": _x265,
    "libsvtav1": _svt_av1,
    "libvpx-vp9": _vp9,
    "prores_ks": _prores,
}
_BY_SUFFIX: Mapping[str, Callable[[EncoderSpec], dict[str, str]]] = {
    "_nvenc": _nvenc,
    "_videotoolbox": _videotoolbox,
    "_qsv": _qsv,
    "_amf": _amf,
    "_mf": _mediafoundation,
}
