"""Peers: which program is run, what is refused, and a real one beside ours."""

from __future__ import annotations

import shutil
import stat
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from reelpress.bench import paths, peers, runner
from reelpress.bench.scenarios import Scenario
from reelpress.bench.schema import violations
from reelpress.errors import ExportError

SECONDS = 0.5


def program(folder: Path, name: str, says: str) -> str:
    """A program that says something and does nothing else."""
    if sys.platform == "win32":
        pytest.skip("scripts are no programs here")
    file = folder / name
    file.write_text(f"#!/bin/sh\necho '{says}'\n")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return str(file)


def test_built_in_peers_can_be_run_by_another_program(tmp_path):
    tool = program(tmp_path, "mine", "ffmpeg version 7.1 Copyright")
    peer = peers.given(f"other=ffmpeg:{tool}")
    assert (peer.id, peer.kind, peer.program, peer.missing) == ("other", "ffmpeg", tool, None)
    assert "ffmpeg 7.1 (other)" in peer.title
    python = program(tmp_path, "python", "2.9.9")
    peer = peers.given(f"moviepy=moviepy:{python}")
    assert (peer.id, peer.kind, peer.program, peer.missing) == ("moviepy", "moviepy", python, None)
    assert "MoviePy 2.9.9" in peer.title


def test_programs_that_do_not_run_are_missing_with_the_reason(tmp_path):
    assert "no ffmpeg" in (peers.given(f"x=ffmpeg:{tmp_path / 'nothing'}").missing or "")
    assert "no ffmpeg" in (peers.given(f"x=ffmpeg:{program(tmp_path, 'y', 'something else')}").missing or "")
    reason = peers.given(f"x=moviepy:{tmp_path / 'nothing'}").missing or ""
    assert "x=moviepy:PYTHON" in reason
    assert str(tmp_path) not in str(peers.given(f"x=ffmpeg:{tmp_path / 'nothing'}").described())


def test_what_was_asked_for_takes_the_place_of_the_usual_one(tmp_path):
    from reelpress.cli.bench import _peers

    mine = peers.given(f"moviepy=moviepy:{program(tmp_path, 'python', '2.9.9')}")
    usual = [peers.Peer("ffmpeg", "ffmpeg"), peers.Peer("moviepy", "MoviePy", missing="No.")]
    assert _peers(usual, [mine]) == [usual[0], mine]


def one(cache: Path, peer: peers.Peer) -> dict:
    plan = runner.Plan(
        command="test",
        scenarios=[Scenario("tiny", "Tiny", SECONDS, "desktop", 320, 180, quick_seconds=SECONDS)],
        ways=paths.chosen_ways(["planar"]),
        encoders=[paths.X264],
        runs=1,
        warmup=0,
        quick=True,
        quality_frames=5,
        quality_window_s=0.25,
        pictures=False,
        peers=[peer],
        sources=cache,
    )
    result = runner.run(plan)
    assert violations(result) == []
    return result["peer_results"][0]


@pytest.mark.release
def test_a_real_peer_beside_ours(tmp_path):
    tool = shutil.which("ffmpeg")
    if tool is None:
        pytest.skip("there is no ffmpeg on the PATH")
    found = one(tmp_path, peers.ffmpeg(tool))
    assert found["missing"] is None, found["missing"]
    points = found["points"]
    assert [b["crf"] - a["crf"] for a, b in pairwise(points)] == [3.0, 4.0]
    sizes, qualities = [p["size_bytes"] for p in points], [p["ssim"] for p in points]
    assert sizes == sorted(sizes, reverse=True)  # a greater CRF is a smaller file of less quality
    assert qualities == sorted(qualities, reverse=True)
    assert all(0.5 < q < 1 for q in qualities)
    assert found["ours"]["size_bytes"] > 0
    assert found["runs"] == 1


def test_a_peer_with_other_pictures_is_not_compared(tmp_path):
    tool = shutil.which("ffmpeg")
    if tool is None:
        pytest.skip("there is no ffmpeg on the PATH")
    template = f"{tool} -y -v error -i {{source}} -s 160x90 -r {{fps}} -crf {{crf}} {{output}}"
    found = one(tmp_path, peers.Peer("small", "small", template))
    assert found["missing"] == "Its pictures are 160x90 and not 320x180."


def test_missing_pictures_are_seen(tmp_path):
    from reelpress.bench.sources import Spec, make

    video = make(Spec("motion", 64, 48, 0.5), tmp_path) / "content/segments/segment-0/display.mp4"
    peers._fits(video, (64, 48), 30)
    with pytest.raises(ExportError, match="30 pictures and not 60"):
        peers._fits(video, (64, 48), 60)
    with pytest.raises(ExportError, match="64x48 and not 64x50"):
        peers._fits(video, (64, 50), 30)
