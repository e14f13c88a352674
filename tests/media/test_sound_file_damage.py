"""Sound files that were damaged after they were written: an error of verification, whatever the bytes."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from reelpress.errors import VerifyError
from reelpress.media.encoder import AudioEncoderSpec
from reelpress.media.labels import NO_LABELS
from reelpress.media.sound_file import SoundWriter, verify_sound
from reelpress.media.verify.verdict import VerifyResult

SAMPLES = 4800


@pytest.fixture(params=["m4a", "wav"])
def sound(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, AudioEncoderSpec]:
    """A tenth of a second of silence."""
    path = tmp_path / f"x.{request.param}"
    spec = AudioEncoderSpec("aac" if request.param == "m4a" else "pcm_s16le", 128_000)
    writer = SoundWriter(path, spec, "ipod" if request.param == "m4a" else "wav", NO_LABELS, Fraction(30))
    writer.mux(writer.audio.encode(np.zeros((2, SAMPLES), np.float32), 0))
    writer.mux(writer.audio.flush())
    writer.finish()
    return path, spec


def look(path: Path, spec: AudioEncoderSpec) -> VerifyResult:
    return verify_sound(path, spec, SAMPLES, heartbeat=lambda: None, cancelled=lambda: False)


def test_the_good_file_passes(sound: tuple[Path, AudioEncoderSpec]) -> None:
    assert look(*sound).checked


def test_a_codec_that_nobody_knows(sound: tuple[Path, AudioEncoderSpec]) -> None:
    path, spec = sound
    raw = path.read_bytes()
    if path.suffix == ".m4a":
        assert raw.count(b"stsd") == 1
        path.write_bytes(raw.replace(b"stsd", b"stsN"))  # nothing describes the sound any more
    else:
        at = raw.index(b"fmt ") + 8  # the number of the format, of which this one does not exist
        path.write_bytes(raw[:at] + b"\x77\x77" + raw[at + 2 :])
    with pytest.raises(VerifyError, match="its audio track is of no known codec"):
        look(path, spec)
