"""What tools that read bitstreams and containers say of spliced files: nothing bad, and the right numbers.

mediaconch has no checks for H.264 or AAC (it says so), so its silence proves little; mediainfo's facts are compared.
MP4Box itself is not in Debian 12: its JavaScript relative, MP4Box.js, reads every box and sample instead.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from proof_splice_files import export_demo, numbered, numbered_spec, write
from proof_splice_witness import Witness

BAD = ("out of range", "invalid", "failed", "error", "unsupported", "missing", "overread", "corrupt")
FRAMES = 100


@dataclass(frozen=True)
class Made:
    path: Path
    witness: Witness
    size: tuple[int, int]
    fps: int
    cabac: bool

    @property
    def keys(self) -> int:
        """Key frames in the file: those asked for and replayed; the encoder may have added some by itself."""
        return self.witness.kinds["key"] + self.witness.kinds["replay"]


@pytest.fixture(scope="module", params=[True, False], ids=["CABAC", "CAVLC"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Made:
    path = tmp_path_factory.mktemp("tools") / "x.mp4"
    spec = numbered_spec(request.param, gop_s=0.5)
    witness = write(path, spec, numbered(640, 360, FRAMES, lambda n: n // 2 if n < 50 else 25, scene=45))
    return Made(path, witness, (640, 360), 30, request.param)


def found(program: str) -> str:
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"there is no {program} here")
    return path


def said(*command: str | Path, code: int = 0) -> tuple[str, str]:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == code, done.stderr[-2000:]
    return done.stdout, done.stderr


def check_headers(made: Made, path: Path) -> None:
    """FFmpeg's reader of H.264 syntax: each field within the range of its table, nothing left over."""
    _, trace = said(
        found("ffmpeg"), "-nostdin", "-hide_banner", "-v", "verbose", "-i", path, "-map", "0:v", "-c", "copy", "-bsf:v",
        "trace_headers", "-f", "null", "-",
    )  # fmt: skip
    lines = [line for line in trace.splitlines() if any(word in line.lower() for word in BAD)]
    assert [line for line in lines if "0 decode errors" not in line][:3] == []
    assert trace.count("first_mb_in_slice") >= len(made.witness.places)
    # 8.2.1 once more, read by someone else: the order count of IDR pictures is 0
    for block in trace.split("Slice Header")[1:]:
        kind = re.search(r"nal_unit_type\s+\S+ = (\d+)", block)
        order = re.search(r"pic_order_cnt_lsb\s+\S+ = (\d+)", block)
        assert kind and order
        if kind[1] == "5":
            assert order[1] == "0"


def check_boxes(path: Path, frames: int) -> dict[str, Any]:
    """MP4Box.js knows every box, complains of nothing, and finds one sample for each picture and two PPS."""
    answer = read_by_mp4box(path)
    assert (answer["said"], answer["unknown"]) == ([], [])
    video = answer["tracks"][0]
    assert (video["type"], video["samples"], video["sets"], video["reordered"]) == ("video", frames, [1, 2], 0)
    assert len(video["durations"]) == 1
    return answer


def check_facts(path: Path, frames: int) -> dict[str, Any]:
    """MediaInfo reads the same file as we wrote, with nothing to remark."""
    told, _ = said(found("mediainfo"), "-f", "--Output=JSON", path)
    tracks = json.loads(told)["media"]["track"]
    assert not re.search("conformance|istruncated|error|warning", told.lower())
    video: dict[str, Any] = tracks[1]
    assert (video["Format"], video["FrameCount"], video["FrameRate_Mode"]) == ("AVC", str(frames), "CFR")
    assert video["ScanType"] == "Progressive"
    assert video["colour_primaries"] == video["transfer_characteristics"] == video["matrix_coefficients"] == "BT.709"
    return video


def test_trace_headers(made):
    check_headers(made, made.path)


def test_mediainfo(made):
    video = check_facts(made.path, FRAMES)
    assert (int(video["Width"]), int(video["Height"])) == made.size
    assert float(video["FrameRate"]) == made.fps
    assert float(video["Duration"]) == pytest.approx(FRAMES / made.fps, abs=0.001)
    assert video["Format_Settings_CABAC"] == ("Yes" if made.cabac else "No")


def test_mediaconch(made):
    told, errors = said(found("mediaconch"), "-mc", "-fx", made.path)
    assert errors == ""
    checks = re.findall(r'fail_count="(\d+)" warn_count="(\d+)"', told)
    assert checks
    assert set(checks) == {("0", "0")}
    trace, _ = said(found("mediaconch"), "-mt", "-fx", made.path)
    assert not re.search("conformance|truncated|error", trace, re.IGNORECASE)


def mp4box_js() -> str:
    """The module, from ``MP4BOX_JS`` or where ``npm install -g mp4box`` puts it."""
    given = os.environ.get("MP4BOX_JS")
    if given is None and shutil.which("npm") is not None:
        root, _ = said("npm", "root", "-g")
        given = str(Path(root.strip()) / "mp4box" / "dist" / "mp4box.all.mjs")
    if given is None or not Path(given).is_file():
        pytest.skip("there is no MP4Box.js here: npm install -g mp4box, or say in MP4BOX_JS where it is")
    return given


def read_by_mp4box(path: Path) -> dict[str, Any]:
    script = Path(__file__).parent / "proof_splice_mp4box.mjs"
    told, errors = said(found("node"), script, mp4box_js(), path)
    assert errors == ""
    answer: dict[str, Any] = json.loads(told)
    return answer


def test_mp4box_js(made):
    video, audio = check_boxes(made.path, FRAMES)["tracks"]
    assert tuple(video["size"]) == made.size
    assert video["durations"][0] * FRAMES / video["timescale"] == pytest.approx(FRAMES / made.fps)
    assert video["sync"] >= made.keys
    assert audio["codec"] == "mp4a.40.2"


def test_a_cut_file_is_noticed(made, tmp_path):
    """The same checks on a file that ends early: else silence would prove nothing."""
    found("mediainfo")
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(made.path.read_bytes()[:-2000])
    with pytest.raises(AssertionError):
        check_facts(cut, FRAMES)


@pytest.fixture(scope="module", params=[True, False], ids=["camera", "no camera"])
def demo(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Made:
    path = tmp_path_factory.mktemp("tools") / "demo.mp4"
    return Made(path, export_demo(path, camera=request.param, resolution="1920x1080"), (1920, 1080), 60, True)


@pytest.mark.release
@pytest.mark.timeout(600)
def test_the_sample_in_all_tools(demo):
    check_headers(demo, demo.path)
    check_boxes(demo.path, 360)
    assert check_facts(demo.path, 360)["FrameRate"] == "60.000"
