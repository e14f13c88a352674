"""Every encoder on a chip fails, before the export or in its middle: x264 goes on, and the report says why.

No such chip is here. The choice, the trial, the stages and the report are real; played are the encoders behind the
names: libx264, which breaks as told.
"""

from __future__ import annotations

import errno
import itertools
import json
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import av
import pytest

from reelpress import flags
from reelpress.cli.app import run as command
from reelpress.encode.candidates import for_codec
from reelpress.encode.select import choose_encoder
from reelpress.encode.verdicts import Verdicts
from reelpress.errors import Cancelled, EncoderError, StallError, StrictFallbackError, VerifyError
from reelpress.events import Event, FallbackEvent, ProgressEvent
from reelpress.export import encoding, flow
from reelpress.export.outputs.pipe import PipeOutput
from reelpress.export.prepare import prepare
from reelpress.export.report import ExportReport
from reelpress.export.run import run
from reelpress.export.settings import ExportSettings
from reelpress.media import mux
from reelpress.media.encoder import EncoderSpec
from reelpress.pipeline.cancel import CancelToken
from reelpress.pipeline.stage import THREAD_PREFIX

SETTINGS = ExportSettings(
    resolution="96x54", fps=Fraction(30), end=Fraction(2, 5), renderer="cpu", decoder="software", no_audio=True,
    unchanged="encode", overwrite=True,
)  # fmt: skip
FRAMES = 12
GREY = "Picture 0 came out in one colour (128 of 255)."
CHIPS = [each.name for each in for_codec("h264") if each.hardware]


class Breaking:
    """libx264 in the place of a chip's encoder: after ``good`` pictures it fails as a library does."""

    def __init__(self, inner: Any, good: int) -> None:
        self.inner, self.good = inner, good

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def encode(self, frame: av.VideoFrame | None) -> Any:
        self.good -= 1
        if self.good < 0:
            raise av.error.ExternalError(0x20545845, "Generic error in an external library")
        return self.inner.encode(frame)


class Saying(Breaking):
    """One that fails with the system's error ``code``, which FFmpeg has for faults of drivers, too."""

    def __init__(self, inner: Any, good: int, code: int) -> None:
        super().__init__(inner, good)
        self.code = code

    def encode(self, frame: av.VideoFrame | None) -> Any:
        self.good -= 1
        if self.good < 0:
            av.error.err_check(-self.code)
        return self.inner.encode(frame)


class Silent(Breaking):
    """One that does not come back from its ``good``-th call on, until it is told to."""

    def __init__(self, inner: Any, good: int, told: threading.Event) -> None:
        super().__init__(inner, good)
        self.told = told

    def encode(self, frame: av.VideoFrame | None) -> Any:
        self.good -= 1
        if self.good < 0:
            self.told.wait()
            return []
        return self.inner.encode(frame)


class Dropping(Breaking):
    """One that loses its ``good``-th picture."""

    def encode(self, frame: av.VideoFrame | None) -> Any:
        self.good -= 1
        return [] if self.good == -1 and frame is not None else self.inner.encode(frame)


@dataclass
class Chips:
    """Encoders of all makers, on a system that can have all of them."""

    wrong: str | None = None
    """What their trial says."""
    refuse: bool = False
    """Whether they do not open when the file is written."""
    good: int = 10**6
    silent: bool = False
    """Whether they do not answer where they would fail, ..."""
    drops: bool = False
    """... or lose one picture there, ..."""
    code: int | None = None
    """... or fail with this."""
    told: threading.Event = field(default_factory=threading.Event)
    opened: list[str] = field(default_factory=list)


@pytest.fixture
def chips(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Chips]:
    made = Chips()
    real = mux._video_stream

    def stream(container: Any, spec: EncoderSpec) -> tuple[Any, Any]:
        made.opened.append(spec.codec)
        if spec.codec in CHIPS:
            if made.refuse:
                raise EncoderError(f"The video encoder {spec.codec} finds no chip, driver or free session (busy).")
            opened, context = real(container, replace(spec, codec="libx264"))
            if made.silent:
                return opened, Silent(context, made.good, made.told)
            if made.code is not None:
                return opened, Saying(context, made.good, made.code)
            return opened, (Dropping if made.drops else Breaking)(context, made.good)
        return real(container, spec)

    everywhere = tuple(replace(each, platforms=("linux", "darwin", "win32")) for each in for_codec("h264"))
    monkeypatch.setattr(flags, "config_files", lambda folder: [])
    monkeypatch.setattr("reelpress.encode.select.for_codec", lambda codec: everywhere)
    monkeypatch.setattr(mux, "_video_stream", stream)
    monkeypatch.setattr(encoding, "choose_encoder", partial(choose_encoder, trial=lambda spec, codec: made.wrong))
    monkeypatch.setattr(encoding, "kept_verdicts", partial(Verdicts, tmp_path / "verdicts.json"))
    yield made
    made.told.set()
    for thread in threading.enumerate():
        if thread.name.startswith(THREAD_PREFIX):
            thread.join(10)
            assert not thread.is_alive()
    flow._forsaken.clear()


Exported = Callable[..., ExportReport]


@pytest.fixture
def exported(tiny_cap: Path, tmp_path: Path) -> Exported:
    def made(settings: ExportSettings, events: list[Event] | None = None) -> ExportReport:
        with prepare(tiny_cap, tmp_path / "x.mp4", settings) as job:
            return run(job, on_event=None if events is None else events.append)

    return made


def pictures(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def test_all_that_are_here_and_make_something_wrong(chips: Chips, exported: Exported, tmp_path: Path) -> None:
    chips.wrong = GREY
    report = exported(SETTINGS)
    assert (report.encoder, chips.opened) == ("libx264", ["libx264"])
    assert [(each.wanted, each.used, each.reason) for each in report.fallbacks] == [
        (name, "libx264", GREY) for name in CHIPS
    ]
    assert report.rejected["encoder"] == [{"name": name, "reason": GREY} for name in CHIPS]
    assert pictures(tmp_path / "x.mp4") == FRAMES
    with pytest.raises(StrictFallbackError, match=r"libx264 would be used instead of h264_videotoolbox .*one colour"):
        exported(replace(SETTINGS, strict=True))


@pytest.mark.parametrize("refuse", [False, True], ids=["at picture 5", "at the opening of the file"])
def test_one_that_passed_its_trial_and_fails_then(
    chips: Chips, exported: Exported, tmp_path: Path, refuse: bool
) -> None:
    """Its sessions were taken meanwhile, or its driver broke: no picture is lost, the file is x264's."""
    chips.good, chips.refuse = 5, refuse
    events: list[Event] = []
    report = exported(SETTINGS, events)
    assert (report.encoder, chips.opened) == ("libx264", ["h264_videotoolbox", "libx264"])
    (lost,) = report.fallbacks
    assert (lost.stage, lost.wanted, lost.used) == ("encode", "h264_videotoolbox", "libx264")
    assert ("busy" if refuse else "Generic error in an external library") in lost.reason
    assert [each.reason for each in events if isinstance(each, FallbackEvent)] == [lost.reason]
    assert report.rejected["encoder"][-1] == {"name": "h264_videotoolbox", "reason": lost.reason}
    assert {edge["edge"]: edge["by"] for edge in report.formats}["encoded"] == "libx264"
    assert (report.converter, report.conversions) == ("none", [])
    assert pictures(tmp_path / "x.mp4") == FRAMES
    assert sorted(each.name for each in tmp_path.iterdir() if each.suffix == ".mp4" or "part" in each.name) == ["x.mp4"]


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOMEM, errno.EPERM, errno.ENOENT, errno.ENOSPC])
def test_what_sounds_like_the_disk_is_said_of_the_chip(
    chips: Chips, exported: Exported, tmp_path: Path, code: int
) -> None:
    """NVENC and Quick Sync: EIO is a lost device, ENOMEM the chip's memory. An encoder writes no file."""
    chips.good, chips.code = 5, code
    report = exported(SETTINGS)
    (lost,) = report.fallbacks
    assert (report.encoder, lost.wanted, lost.used) == ("libx264", "h264_videotoolbox", "libx264")
    assert os.strerror(code) in lost.reason and "x.mp4" not in lost.reason
    assert pictures(tmp_path / "x.mp4") == FRAMES


def test_progress_begins_again(chips: Chips, exported: Exported) -> None:
    chips.good = 5
    events: list[Event] = []
    exported(SETTINGS, events)
    at = next(n for n, each in enumerate(events) if isinstance(each, FallbackEvent))
    then = [each for each in events[at:] if isinstance(each, ProgressEvent)]
    assert (then[0].phase, then[0].frame, then[-1].phase, then[-1].frame) == ("encode", 0, "verify", FRAMES)
    assert {each.total_frames for each in then} == {FRAMES}
    assert all(b.frame >= a.frame for a, b in itertools.pairwise(then))


@pytest.mark.parametrize("silent", [False, True])
def test_cancelled_as_it_begins_again(chips: Chips, tiny_cap: Path, tmp_path: Path, silent: bool) -> None:
    chips.good, chips.silent = 5, silent
    cancel = CancelToken()

    def heard(event: Event) -> None:
        if isinstance(event, FallbackEvent):
            cancel.cancel("as asked")

    with (
        prepare(tiny_cap, tmp_path / "x.mp4", replace(SETTINGS, stall_timeout=1.0)) as job,
        pytest.raises(Cancelled, match="as asked"),
    ):
        run(job, on_event=heard, cancel=cancel)
    assert not [each.name for each in tmp_path.iterdir() if "x.mp4" in each.name]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """Where ``-o -`` sends to, in a folder that has a file of that name."""
    path, folder = tmp_path / "sent.mp4", tmp_path / "folder"
    folder.mkdir()
    (folder / "-").write_text("somebody else's")
    monkeypatch.chdir(folder)
    with path.open("wb") as file:
        monkeypatch.setattr(PipeOutput, "descriptor", file.fileno())
        yield path
    assert (folder / "-").read_text() == "somebody else's"


@pytest.mark.parametrize("how", ["refuses", "fails", "does not answer"])
def test_into_a_pipe_nothing_is_lost_before_the_first_byte(chips: Chips, tiny_cap: Path, sent: Path, how: str) -> None:
    """What is sent is sent by groups of pictures."""
    chips.good, chips.refuse, chips.silent = 5, how == "refuses", how == "does not answer"
    with prepare(tiny_cap, Path("-"), replace(SETTINGS, stall_timeout=1.0)) as job:
        report = run(job)
    assert (report.encoder, [each.wanted for each in report.fallbacks]) == ("libx264", ["h264_videotoolbox"])
    assert pictures(sent) == FRAMES


@pytest.mark.parametrize("silent", [False, True])
def test_what_is_in_a_pipe_stays_there(chips: Chips, tiny_cap: Path, sent: Path, silent: bool) -> None:
    chips.good, chips.silent = FRAMES - 1, silent
    often = replace(SETTINGS, stall_timeout=1.0, gop=Fraction(1, 10), encoder_preset="ultrafast")
    with (
        prepare(tiny_cap, Path("-"), often) as job,
        pytest.raises(StallError if silent else EncoderError),
    ):
        run(job)
    assert chips.opened == ["h264_videotoolbox"]
    assert sent.stat().st_size > 0


@pytest.mark.parametrize("refuse", [False, True])
def test_strict_ends_there_and_leaves_nothing(chips: Chips, exported: Exported, tmp_path: Path, refuse: bool) -> None:
    chips.good, chips.refuse = 5, refuse
    with pytest.raises(StrictFallbackError, match="libx264 would be used instead of h264_videotoolbox"):
        exported(replace(SETTINGS, strict=True))
    assert not [each.name for each in tmp_path.iterdir() if "x.mp4" in each.name]


def test_one_that_does_not_answer(chips: Chips, exported: Exported, tmp_path: Path) -> None:
    """Its thread cannot be ended; what it writes when it comes back one day goes to a file without a name."""
    chips.good, chips.silent = 5, True
    report = exported(replace(SETTINGS, stall_timeout=1.0))
    assert (report.encoder, chips.opened) == ("libx264", ["h264_videotoolbox", "libx264"])
    (lost,) = report.fallbacks
    assert (lost.stage, lost.wanted, lost.used) == ("encode", "h264_videotoolbox", "libx264")
    assert lost.reason.startswith("it did not answer for")
    assert THREAD_PREFIX + "encode" in [thread.name for thread in threading.enumerate()]
    made = (tmp_path / "x.mp4").read_bytes()
    assert pictures(tmp_path / "x.mp4") == FRAMES
    chips.told.set()
    for thread in threading.enumerate():
        if thread.name == THREAD_PREFIX + "encode":
            thread.join(10)
    flow._forsaken.clear()  # closes the file that it had
    assert (tmp_path / "x.mp4").read_bytes() == made
    assert sorted(each.name for each in tmp_path.iterdir() if "x.mp4" in each.name) == ["x.mp4"]


def test_strict_ends_where_one_does_not_answer(chips: Chips, exported: Exported, tmp_path: Path) -> None:
    chips.good, chips.silent = 5, True
    with pytest.raises(StrictFallbackError, match=r"instead of h264_videotoolbox .*it did not answer for"):
        exported(replace(SETTINGS, stall_timeout=1.0, strict=True))
    assert not [each.name for each in tmp_path.iterdir() if "x.mp4" in each.name]


def test_one_whose_file_cannot_be_taken_away_ends_as_before(
    chips: Chips, exported: Exported, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows does not remove a file that is open: writing another one under its name would be at its mercy."""
    chips.good, chips.silent = 5, True
    real = Path.unlink

    def refused(self: Path, missing_ok: bool = False) -> None:
        if self.name == "x.mp4.part" and self.exists() and not chips.told.is_set():
            chips.told.set()  # once: the guard removes it in the end
            raise PermissionError(13, "in use")
        real(self, missing_ok)

    monkeypatch.setattr(Path, "unlink", refused)
    with pytest.raises(StallError, match="encode stage made no progress"):
        exported(replace(SETTINGS, stall_timeout=1.0))
    assert chips.opened == ["h264_videotoolbox"]


def test_x264_that_does_not_answer_is_not_tried_again(
    chips: Chips, exported: Exported, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = mux._video_stream

    def stream(container: Any, spec: EncoderSpec) -> tuple[Any, Any]:
        opened, context = inner(container, spec)
        return opened, Silent(context, 5, chips.told)

    monkeypatch.setattr(mux, "_video_stream", stream)
    settings = replace(SETTINGS, stall_timeout=1.0, encoder="libx264")
    with pytest.raises(StallError, match="encode stage made no progress"):
        exported(settings)
    assert chips.opened == ["libx264"]


def test_one_whose_file_is_not_what_was_planned(chips: Chips, exported: Exported, tmp_path: Path) -> None:
    chips.drops, chips.good = True, 5
    report = exported(SETTINGS)
    assert (report.encoder, chips.opened) == ("libx264", ["h264_videotoolbox", "libx264"])
    (lost,) = report.fallbacks
    assert (lost.stage, lost.wanted, lost.used) == ("encode", "h264_videotoolbox", "libx264")
    assert pictures(tmp_path / "x.mp4") == FRAMES
    with pytest.raises(StrictFallbackError, match="libx264 would be used instead of h264_videotoolbox"):
        exported(replace(SETTINGS, strict=True))


def test_a_file_that_is_wrong_twice_ends_the_export(
    chips: Chips, exported: Exported, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then it was not the chip."""
    inner = mux._video_stream

    def stream(container: Any, spec: EncoderSpec) -> tuple[Any, Any]:
        opened, context = inner(container, spec)
        return opened, Dropping(context, 5)

    monkeypatch.setattr(mux, "_video_stream", stream)
    with pytest.raises(VerifyError):
        exported(SETTINGS)
    assert chips.opened == ["h264_videotoolbox", "libx264"]


def test_the_command_says_the_same_and_exits_1(
    chips: Chips, tiny_cap: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chips.wrong = GREY
    arguments = ["export", str(tiny_cap), "-o", str(tmp_path / "x.mp4"), "--json", "--no-audio"]
    arguments += ["--resolution", "96x54", "--fps", "30", "--end", "0.4", "--renderer", "cpu"]
    assert command(arguments) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (done,) = (line for line in lines if line["type"] == "completed")
    reasons = {row["wanted"]: row["reason"] for row in done["report"]["fallbacks"]}
    assert reasons == dict.fromkeys(CHIPS, GREY)
    assert command([*arguments, "--overwrite", "--strict"]) == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (error,) = (line for line in lines if line["type"] == "error")
    assert GREY.rstrip(".") in error["error"]


def test_a_chip_that_is_not_here_is_no_fallback(
    chips: Chips, exported: Exported, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else ``--strict`` would fail on every machine without one. The report has the reasons all the same."""

    def absent(spec: EncoderSpec, codec: str) -> str | None:
        raise EncoderError(f"The video encoder {spec.codec} finds no chip, driver or free session (Unknown).")

    monkeypatch.setattr(encoding, "choose_encoder", partial(choose_encoder, trial=absent))
    report = exported(replace(SETTINGS, strict=True))
    assert (report.encoder, report.fallbacks) == ("libx264", [])
    reason = "finds no chip, driver or free session (Unknown)"
    assert report.rejected["encoder"] == [{"name": name, "reason": reason} for name in CHIPS]
