"""What encoders on chips are told exists in the codec library of each system's wheel, with the values that are given.

``encoder_options.json`` was read out of the wheels by ``tools/encoder_options.py``. An option that an encoder does not
have is no error anywhere: it is forgotten, and the export is another one than the one that was asked for.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest
from av.codec import Codec

from reelpress.encode.candidates import CANDIDATES, Candidate
from reelpress.media.codec_options import SPEEDS, WHY
from reelpress.media.encoder import EncoderSpec

TABLE: dict[str, Any] = json.loads((Path(__file__).parent / "encoder_options.json").read_text(encoding="utf-8"))
COMMON: dict[str, Any] = TABLE["every encoder"]
MADE_OF = "18.1.0"
"""The wheels' version."""
SYSTEMS = {"linux": "manylinux", "darwin": "macosx", "win32": "win"}
CHIPS = [each for each in CANDIDATES if each.hardware]
SPEC = EncoderSpec(1920, 1080, Fraction(60), crf=20, maxrate=20_000_000, bufsize=40_000_000, lookahead=10)


def rows(candidate: Candidate) -> list[tuple[str, dict[str, Any]]]:
    """Wheel, and what it says of the encoder."""
    return [(wheel, row["is"]) for row in TABLE["encoders"][candidate.name] for wheel in row["wheels"]]


def specs(candidate: Candidate) -> list[EncoderSpec]:
    """Everything that an export varies: speed, quality, ceiling, B pictures."""
    base = replace(SPEC, codec=candidate.name, pixel_format=candidate.formats[0])
    return [
        replace(base, preset=preset, crf=crf, maxrate=maxrate, extra=extra)
        for preset in (*SPEEDS, "placebo")
        for crf in (0.0, 17.5, 23.0, 51.0)
        for maxrate in (None, 20_000_000)
        for extra in ({}, {"bf": "0"})
    ]


def wrong(name: str, value: str, options: dict[str, Any]) -> str | None:
    """Why an encoder with these options would not take this one."""
    known = options.get(name) or COMMON.get(name)
    if known is None:
        return f"there is no {name}"
    if value in known.get("values", ()):
        return None
    if known["type"] == "string":
        return None
    try:
        number = float(value)
    except ValueError:
        return f"{name} has no value {value!r}; it has {', '.join(known.get('values', []))}"
    if known["type"] in ("int", "bool", "int64") and number != int(number):
        return f"{name} takes whole numbers, not {value}"
    low, high = known["range"]
    return None if low <= number <= high else f"{name} is {value}; the range is {low} to {high}"


@pytest.mark.parametrize("candidate", CHIPS, ids=lambda each: each.name)
def test_what_it_is_told_exists_in_the_wheels(candidate: Candidate) -> None:
    known = rows(candidate)
    for platform in candidate.platforms:
        assert any(wheel.startswith(SYSTEMS[platform]) for wheel, _ in known), f"no wheel for {platform} was read"
    for wheel, row in known:
        found = {
            said
            for spec in specs(candidate)
            for name, value in spec.options().items()
            if (said := wrong(name, value, row["options"])) is not None
        }
        assert not found, f"{candidate.name} in {wheel}: {'; '.join(sorted(found))}"


@pytest.mark.parametrize("candidate", CHIPS, ids=lambda each: each.name)
def test_it_takes_the_formats_that_it_is_given(candidate: Candidate) -> None:
    for wheel, row in rows(candidate):
        assert set(candidate.formats) <= set(row["formats"]), (wheel, row["formats"])


def test_every_option_has_a_reason_and_no_reason_is_left_over() -> None:
    told = {
        name
        for each in CANDIDATES
        for name in replace(SPEC, codec=each.name, pixel_format=each.formats[0]).options()
    }  # fmt: skip
    assert told == set(WHY)


def test_mistakes_are_seen() -> None:
    """Each of these has stood in somebody's code."""
    nvenc = TABLE["encoders"]["h264_nvenc"][0]["is"]["options"]
    assert wrong("forced_idr", "1", nvenc) == "there is no forced_idr"  # that is Quick Sync's and AMF's spelling
    assert wrong("forced-idr", "1", nvenc) is None
    assert "has no value 'veryfast'" in (wrong("preset", "veryfast", nvenc) or "")
    assert wrong("cq", "54", nvenc) == "cq is 54; the range is 0 to 51"
    assert wrong("rc-lookahead", "1.5", nvenc) == "rc-lookahead takes whole numbers, not 1.5"


def test_the_table_is_about_every_chip_and_codec() -> None:
    makers = {name.partition("_")[2] for name in TABLE["encoders"]}
    assert makers == {"nvenc", "qsv", "amf", "videotoolbox", "mf"}
    assert {name.partition("_")[0] for name in TABLE["encoders"]} == {"h264", "hevc", "av1"}
    assert sorted(TABLE["encoders"]) == sorted(each.name for each in CHIPS)
    for name, found in TABLE["encoders"].items():
        for row in found:
            assert len(row["is"]["options"]) >= 4, name


@pytest.mark.parametrize("candidate", CHIPS, ids=lambda each: each.name)
def test_the_table_says_what_the_codec_library_here_says(candidate: Candidate) -> None:
    """The formats of those that this system's library has, as PyAV tells them, in this order."""
    try:
        here = Codec(candidate.name, "w")
    except ValueError:
        pytest.skip(f"{candidate.name} is not in this system's library")
    told = [row["formats"] for wheel, row in rows(candidate) if wheel.startswith(SYSTEMS[sys.platform])]
    found = [each.name for each in here.video_formats or ()]
    if av.__version__ == MADE_OF:
        assert found in told
    else:  # later libraries take more, never less
        assert any(set(formats) <= set(found) for formats in told)
