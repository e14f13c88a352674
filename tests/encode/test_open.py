"""Which encoder a file gets, and what is left behind where a stream cannot be spliced."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

import reelpress.encode.open as opening
from reelpress.encode.base import UNKNOWN
from reelpress.encode.every import EveryFrame
from reelpress.encode.open import OpenOutput, Unchanged, open_output
from reelpress.encode.splice.errors import SpliceRefused
from reelpress.encode.splice.session import SpliceSession
from reelpress.encode.vfr import VariableRate
from reelpress.errors import EncoderError
from reelpress.media.encoder import AudioEncoderSpec, EncoderSpec
from reelpress.media.mux import Mp4Writer
from reelpress.media.verify.mp4 import verify
from reelpress.media.verify.verdict import VerifyResult
from unchanged_makers import page, spec_of

FRAMES = 12


def written(opened: OpenOutput, path: Path, spec: EncoderSpec) -> VerifyResult:
    """A finished file of twelve frames, two pictures by turns for three frames each, checked to the last one."""
    pictures = [page(spec.width, spec.height, seed, spec.pixel_format) for seed in (1, 2)]
    for n in range(FRAMES):
        opened.writer.mux(opened.encoder.encode(pictures[n // 3 % 2], n, UNKNOWN))
    opened.writer.mux(opened.encoder.flush())
    opened.writer.finish()
    shown = opened.encoder.shown
    return verify(
        path, frames=FRAMES, fps=spec.fps, size=(spec.width, spec.height), shown=shown, mode="full", color=spec.color
    )


def parameter_sets(path: Path) -> tuple[int, int]:
    """How many SPS and PPS ``avcC`` has."""
    data = path.read_bytes()
    box = data[data.index(b"avcC") + 4 :]
    count = box[5] & 0x1F
    at = 6
    for _ in range(count):
        at += 2 + int.from_bytes(box[at : at + 2], "big")
    return count, box[at]


@pytest.mark.parametrize(
    ("unchanged", "kind", "sets", "pictures"),
    [("splice", SpliceSession, (1, 2), 12), ("vfr", VariableRate, (1, 1), 4), ("encode", EveryFrame, (1, 1), 12)],
)
@pytest.mark.parametrize("preset", ["ultrafast", "veryfast"])
def test_each_way_has_its_encoder_and_makes_a_right_file(
    tmp_path: Path, unchanged: Unchanged, kind: type, sets: tuple[int, int], pictures: int, preset: str
) -> None:
    path, spec = tmp_path / "x.mp4", spec_of(preset=preset, fps=Fraction(30000, 1001))
    opened = open_output(path, spec, unchanged)
    assert isinstance(opened.encoder, kind)
    assert (opened.unchanged, opened.refused) == (unchanged, None)
    assert opened.encoder.spec.width == spec.width
    assert written(opened, path, spec).frames == pictures
    assert parameter_sets(path) == sets


def test_options_of_the_caller_are_kept(tmp_path: Path) -> None:
    spec = spec_of(extra={"bf": "3", "x264-params": "sync-lookahead=0", "psy": "0"})
    opened = open_output(tmp_path / "x.mp4", spec, "splice")
    try:
        extra = opened.encoder.spec.extra
        assert extra["bf"] == "3"
        assert extra["psy"] == "0"
        told = extra["x264-params"].split(":")
        assert "sync-lookahead=0" in told
        assert {"b-pyramid=none", "weightb=0", "direct=spatial"} <= set(told)  # what the editor takes
    finally:
        opened.writer.abort()


@pytest.mark.parametrize("unchanged", ["splice", "vfr"])
def test_nv12_and_sound(tmp_path: Path, unchanged: Unchanged) -> None:
    path, spec = tmp_path / "x.mp4", spec_of(pixel_format="nv12")
    assert written(open_output(path, spec, unchanged), path, spec).frames > 0
    with_sound = open_output(path, spec, unchanged, audio=AudioEncoderSpec())
    try:
        assert with_sound.writer.audio is not None
    finally:
        with_sound.writer.abort()


class Writers:
    """Every writer that was opened, and whether it was closed again."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.opened: list[Mp4Writer] = []
        made = self.opened

        class Watched(Mp4Writer):
            def __init__(self, *args: Any, **more: Any) -> None:
                made.append(self)
                super().__init__(*args, **more)

        monkeypatch.setattr(opening, "Mp4Writer", Watched)

    def still_open(self) -> int:
        return sum(not writer._closed for writer in self.opened)


def refusing(*args: Any, **more: Any) -> Any:
    raise SpliceRefused("The stream has stripes.")


@pytest.mark.parametrize("who", ["Splicer", "Transplanter"])
def test_where_splicing_is_refused_pictures_last_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, who: str
) -> None:
    """By what the parameter sets say, or by those of the patches: after the file was opened in the second case."""
    writers = Writers(monkeypatch)
    monkeypatch.setattr(opening, who, refusing)
    path, spec = tmp_path / "x.mp4", spec_of()
    opened = open_output(path, spec, "splice")
    assert (opened.unchanged, opened.refused) == ("vfr", "The stream has stripes.")
    assert isinstance(opened.encoder, VariableRate)
    assert len(writers.opened) == 2
    assert writers.still_open() == 1
    assert written(opened, path, spec).frames == 4
    assert parameter_sets(path) == (1, 1)
    assert writers.still_open() == 0


def test_a_stream_that_really_cannot_be_spliced(tmp_path: Path) -> None:
    """Interlaced coding: refused by the true editor because of the true SPS."""
    path, spec = tmp_path / "x.mp4", spec_of(96, 96, extra={"flags": "+ildct+ilme"})
    opened = open_output(path, spec, "splice")
    try:
        assert opened.unchanged == "vfr"
        assert opened.refused is not None
        assert opened.refused.endswith(".")
    finally:
        opened.writer.abort()


def test_an_encoder_that_does_not_open_is_an_error_and_no_fallback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writers = Writers(monkeypatch)
    with pytest.raises(EncoderError):
        open_output(tmp_path / "x.mp4", spec_of(preset="fastest"), "splice")
    assert writers.still_open() == 0
