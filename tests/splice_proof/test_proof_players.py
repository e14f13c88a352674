"""Spliced files in every decoder that is here: exactly the pictures that were meant, and not a word.

What was meant comes from :mod:`proof_splice_witness`, which knows nothing of the written stream.
"""

from __future__ import annotations

from pathlib import Path

import av
import pytest
from proof_splice_files import FILES, numbered, numbered_spec, write
from proof_splice_players import Played, openh264_version, players
from proof_splice_witness import Witness

Size = tuple[int, int]


def assert_played(path: Path, size: Size, witness: Witness) -> dict[str, str]:
    """Each player shows what the witness expects, in time; returns who that was."""
    wanted = list(witness.expected())
    assert witness.faults == []
    assert [frame for frame, _ in witness.decisions] == list(range(len(wanted)))
    seen = {}
    for player in players(reordered=witness.reordered):
        got = player.play(path, size)
        assert_same(got, wanted, player.name)
        seen[player.name] = player.version
    return seen


def assert_same(got: Played, wanted: list[str], name: str) -> None:
    assert got.said == "", f"{name} said: {got.said[:2000]}"
    wrong = [n for n, (a, b) in enumerate(zip(got.pictures, wanted, strict=False)) if a != b]
    assert (len(got.pictures), wrong[:10]) == (len(wanted), []), name
    if got.times is not None:
        step = got.times[1] - got.times[0]
        assert got.times == [step * n for n in range(len(wanted))], name


@pytest.mark.parametrize("cabac", [True, False], ids=["CABAC", "CAVLC"])
def test_numbered_pictures(cabac, tmp_path):
    path = tmp_path / "x.mp4"
    spec = numbered_spec(cabac, gop_s=0.5)
    witness = write(path, spec, numbered(640, 360, 100, lambda n: n // 2 if n < 50 else 25, scene=45))
    assert {"key", "real", "patch", "hold", "replay"} <= set(witness.kinds)
    assert_played(path, (640, 360), witness)


def test_the_comparison_sees_a_wrong_picture(tmp_path):
    """A patch that one player would not draw: else equality would prove nothing."""
    path = tmp_path / "x.mp4"
    witness = write(path, numbered_spec(True), numbered(640, 360, 20, lambda n: n))
    at = next(n for n, place in enumerate(witness.places) if place[0] == "patched")
    witness.places[at] = ("held", at, ())
    with pytest.raises(AssertionError, match=rf"\(20, \[{at}\]\)"):
        assert_played(path, (640, 360), witness)


def test_a_player_that_speaks_is_heard(tmp_path):
    path = tmp_path / "x.mp4"
    write(path, numbered_spec(True), numbered(640, 360, 20, lambda n: n), audio=False)
    data = bytearray(path.read_bytes())
    at = data.index(b"mdat") + 2000  # inside of the first picture
    data[at : at + 60] = bytes(60)
    path.write_bytes(data)
    for player in players():
        if player.name != "OpenH264 (GStreamer)":  # it conceals
            assert player.play(path, (640, 360)).said, player.name


def test_the_witness_sees_a_wrong_decision(tmp_path):
    """Damage that is not told: the frame is held although it changed."""

    def lying():
        for n, (planes, damage) in enumerate(numbered(640, 360, 10, lambda n: n)):
            yield planes, () if n == 5 else damage

    witness = write(tmp_path / "x.mp4", numbered_spec(True), lying())
    assert len(witness.faults) == 1
    assert witness.faults[0].startswith("frame 5 is ")


# --- release ----------------------------------------------------------------------------------------------------------


@pytest.mark.release
def test_openh264_is_among_the_players():
    if openh264_version() is None:
        pytest.skip("no OpenH264: gstreamer1.0-tools, -plugins-base, -plugins-good and -plugins-bad of Debian have it")
    assert "OpenH264 (GStreamer)" in [player.name for player in players()]


@pytest.mark.release
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", FILES)
def test_files_of_all_kinds(name, tmp_path):
    """Parts of the sample, ten minutes of which the encoder made a handful of pictures, and an endless GOP."""
    path = tmp_path / f"{name}.mp4"
    witness = FILES[name].make(path)
    kinds = witness.kinds
    inserted = kinds["hold"] + kinds["patch"] + kinds["replay"]
    if name.startswith("demo"):
        assert (len(witness.places), inserted > 60) == (360, True)
    elif name.startswith("still"):
        assert inserted > 0.98 * len(witness.places)
        assert kinds["patch"] > 100
        assert kinds["replay"] > 0.8 * len(witness.places) / 120
    elif name == "endless":
        assert (len(witness.places), kinds["key"], kinds["replay"]) == (34_000, 1, 0)
        assert [n for n, (kind, _, _) in enumerate(witness.places) if kind == "real"][-1] > 32_768
        with av.open(str(path)) as container:  # the encoder made no other by itself
            assert sum(packet.is_keyframe for packet in container.demux(video=0)) == 1
    assert_played(path, FILES[name].size, witness)
