"""Options: defaults, allowed values, sentences."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelpress.errors import SettingsError
from reelpress.export.settings import (
    BOXES,
    OPTION_NAMES,
    ExportSettings,
    parse_bytes,
    parse_resolution,
)
from reelpress.flags import Setting


def test_defaults_are_those_of_the_design() -> None:
    s = ExportSettings()
    assert (s.codec, s.resolution, s.quality, s.gop, s.verify) == (None, "1080p", "social", 2, "fast")
    assert (s.renderer, s.converter, s.encoder, s.decoder) == ("auto",) * 4
    assert s.gpu_format_conversion
    assert not (s.strict or s.overwrite or s.no_audio or s.optimize_size)
    assert s.stall_timeout == 5.0
    assert s.fps is s.crf is s.memory is s.buffer_size is None
    assert s.unchanged == "splice"
    assert s.unchanged_tolerance is None


def read(**values: object) -> ExportSettings:
    return ExportSettings.from_mapping({k: Setting(v, "command line") for k, v in values.items()})


def test_text_is_read_by_type() -> None:
    s = read(fps="30000/1001", crf="18.5", buffers="12", memory="256MB", start="1:02.5", strict="yes", end="2m")
    assert s.fps == Fraction(30000, 1001)
    assert (s.crf, s.buffer_size, s.memory, s.start, s.strict, s.end) == (18.5, 12, 256_000_000, 62.5, True, 120)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"quality": "socail"}, "Did you mean social"),
        ({"crf": "60"}, "0 .lossless. to 51"),
        ({"crf": "abc"}, "not a number"),
        ({"fps": "0"}, "1 to 240"),
        ({"fps": "1/0"}, "not a number"),
        ({"resolution": "1080"}, "720p, 1080p"),
        ({"resolution": "8x8"}, "16 to 8192"),
        ({"resolution": "99999x2"}, "16 to 8192"),
        ({"start": "3", "end": "2"}, "must lie after --start"),
        ({"start": "yesterday"}, "not a time"),
        ({"memory": "lots"}, "not a size"),
        ({"buffers": "1"}, "2 to 512"),
        ({"gop": "0"}, "0.1 to 60"),
        ({"format": "avi"}, "'avi'. Allowed are: mp4, gif, mov"),
        ({"codec": "h265"}, "Allowed are: h264, hevc"),
        ({"encoder": "h264_nvnec"}, "Did you mean h264_nvenc"),
        ({"encoder_preset": "veryfats"}, "Did you mean veryfast"),
        ({"strict": "maybe"}, "Allowed are 1, true"),
        ({"stall_timeout": "0"}, "0.1 to 3600"),
        ({"fps": "1e400"}, "1 to 240"),
        ({"unchanged_tolerance": "16"}, "is 16. Allowed is 0 .exact. to 15"),
        ({"unchanged_tolerance": "-1"}, "is -1. Allowed is 0 .exact. to 15"),
        ({"unchanged_tolerance": "2.5"}, "not a whole number"),
        ({"unchanged": "skip"}, "splice, vfr"),
        ({"crf": [1]}, "not a number"),
        ({"stall_timeout": {"a": 1}}, "not a number"),
        ({"buffers": 3.7}, "not a whole number"),
        ({"memory": True}, "not a size"),
    ],
)
def test_a_bad_value_is_a_sentence(values: dict[str, object], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        read(**values)


def test_the_origin_is_named() -> None:
    with pytest.raises(SettingsError, match="environment REELPRESS_CRF"):
        ExportSettings.from_mapping({"crf": Setting("x", "environment REELPRESS_CRF")})
    with pytest.raises(SettingsError, match="From environment REELPRESS_ENCODER_PRESET"):
        ExportSettings.from_mapping({"encoder_preset": Setting("x", "environment REELPRESS_ENCODER_PRESET")})


def test_every_option_of_the_command_line_is_a_setting() -> None:
    from reelpress.cli.options import EXPORT_OPTIONS

    assert {option.name for option in EXPORT_OPTIONS} == set(OPTION_NAMES)


@pytest.mark.parametrize(
    ("text", "value"),
    [("256MB", 256_000_000), ("1GiB", 2**30), ("1.5k", 1500), ("2048", 2048), ("3 mib", 3 * 2**20), ("7B", 7)],
)
def test_sizes(text: str, value: int) -> None:
    assert parse_bytes(text) == value


@given(st.text(max_size=12))
def test_resolution_never_surprises(text: str) -> None:
    try:
        box = parse_resolution(text)
    except SettingsError:
        return
    assert box is None or (box in BOXES.values()) or all(16 <= side <= 8192 for side in box)
