"""``export --trace`` and ``--report``: the files, their rules, and what happens to them when something goes wrong."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import reelpress
from page_makers import Reader
from reelpress import flags
from reelpress.cli.app import run
from reelpress.errors import (
    ExportError,
    OutputError,
    ReelpressError,
    SettingsError,
    TargetExistsError,
    TargetIsSourceError,
)
from reelpress.events import Event, ProgressEvent, WarningEvent
from reelpress.export import stages
from reelpress.export.observe import Observer
from reelpress.export.settings import OPTION_NAMES, ExportSettings
from reelpress.pipeline.cancel import CancelToken

SIZE = "320x180"


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(flags, "config_files", lambda folder: [])


def settings(**more: Any) -> ExportSettings:
    return ExportSettings(**({"resolution": SIZE, "fps": 20, "end": 1, "no_audio": True} | more))


@pytest.fixture(scope="module")
def exported(tiny_cap: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    folder = tmp_path_factory.mktemp("out")
    report = reelpress.export(
        tiny_cap,
        folder / "a.mp4",
        settings=ExportSettings(
            resolution=SIZE,
            fps=20,
            end=1,
            report=folder / "a.html",
            trace=folder / "a.json",
            encoder_preset="ultrafast",
        ),
    )
    return folder, report


def test_both_are_written_and_nothing_else(exported):
    folder, _ = exported
    assert sorted(p.name for p in folder.iterdir()) == ["a.html", "a.json", "a.mp4"]


def test_the_trace_has_every_stage_and_a_decision_for_every_frame(exported):
    folder, report = exported
    trace = json.loads((folder / "a.json").read_text())
    events = trace["traceEvents"]
    tracks = {e["args"]["name"]: e["tid"] for e in events if e["name"] == "thread_name"}
    assert list(tracks) == [*report.stages, "verify"]
    decided = [e for e in events if e["ph"] == "i" and e["tid"] == tracks["compose"]]
    assert [e["args"]["frame"] for e in decided] == list(range(report.frames.total))
    kinds = Counter(e["name"] for e in decided)
    assert kinds["held"] == report.frames.held
    assert kinds["patched"] == report.frames.patched
    assert kinds["composed"] == report.frames.composed
    calls = Counter(e["name"] for e in events if e["ph"] == "X")
    assert calls["composing"] == report.frames.total
    assert calls["busy"] > 0
    counters = {e["name"] for e in events if e["ph"] == "C"}
    assert {"rendered: items", "rendered: bytes", "encoder: items", "resident memory: bytes"} <= counters
    assert trace["otherData"]["source"] == "Tiny.cap"


def test_busy_and_waiting_of_the_trace_are_those_of_the_report(exported):
    folder, report = exported
    events = json.loads((folder / "a.json").read_text())["traceEvents"]
    tracks = {e["args"]["name"]: e["tid"] for e in events if e["name"] == "thread_name"}
    for name, times in report.stages.items():
        mine = [e for e in events if e.get("tid") == tracks[name] and e["ph"] == "X"]
        for said, kind in ((times.wait_in_s, "wait in"), (times.wait_out_s, "wait out"), (times.busy_s, "busy")):
            seen = sum(e["dur"] for e in mine if e["name"] == kind) / 1e6
            assert seen == pytest.approx(said, abs=0.05 + 0.05 * said), (name, kind)


def test_the_page_has_the_numbers_of_the_report(exported):
    folder, report = exported
    page = Reader((folder / "a.html").read_text(encoding="utf-8"))
    assert page.foreign() == []
    assert "Exported from Tiny.cap" in page.text
    assert f"held {report.frames.held}" in page.text
    for name in report.stages:
        assert name in page.text


def test_neither_tells_where_anything_lies(exported, tiny_cap):
    folder, _ = exported
    for name in ("a.html", "a.json"):
        text = (folder / name).read_text(encoding="utf-8")
        for secret in (str(tiny_cap.parent), str(folder), tiny_cap.parent.name, folder.name):
            assert secret not in text


def test_an_existing_file_is_kept_without_overwrite(tiny_cap, tmp_path):
    for option in ("report", "trace"):
        old = tmp_path / f"old.{option}"
        old.write_text("old")
        with pytest.raises(TargetExistsError):
            reelpress.export(tiny_cap, tmp_path / "a.mp4", settings=settings(**{option: old}))
        assert old.read_text() == "old"
        assert not (tmp_path / "a.mp4").exists()


def test_overwrite_replaces_them(tiny_cap, tmp_path):
    old = tmp_path / "old.html"
    old.write_text("old")
    reelpress.export(tiny_cap, tmp_path / "a.mp4", settings=settings(report=old, overwrite=True))
    assert old.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_they_are_never_a_source(tiny_cap, tmp_path):
    project = tmp_path / "p.json"
    project.write_text("{}")
    for option in ("report", "trace"):
        with pytest.raises(TargetIsSourceError):
            reelpress.export(
                tiny_cap, tmp_path / "a.mp4", settings=settings(project=project, overwrite=True, **{option: project})
            )
    assert project.read_text() == "{}"
    inside = tiny_cap / "content" / "trace.json"
    with pytest.raises(TargetIsSourceError):
        reelpress.export(tiny_cap, tmp_path / "a.mp4", settings=settings(trace=inside))


def test_two_outputs_of_the_same_name_are_refused(tiny_cap, tmp_path):
    target = tmp_path / "a.mp4"
    with pytest.raises(SettingsError, match=r"--report is .*a\.mp4, which is the output too"):
        reelpress.export(tiny_cap, target, settings=settings(report=target))
    same = tmp_path / "x"
    with pytest.raises(SettingsError, match=r"--trace is .*x, which is the file of --report too"):
        reelpress.export(tiny_cap, target, settings=settings(report=same, trace=same))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_gets_the_outputs_name(tiny_cap, tmp_path):
    folder = tmp_path / "account"
    folder.mkdir()
    reelpress.export(tiny_cap, tmp_path / "talk.mp4", settings=settings(report=folder, trace=folder))
    assert sorted(p.name for p in folder.iterdir()) == ["talk.html", "talk.trace.json"]


def test_a_missing_folder_is_refused_before_anything_is_written(tiny_cap, tmp_path):
    with pytest.raises(OutputError, match="does not exist"):
        reelpress.export(tiny_cap, tmp_path / "a.mp4", settings=settings(trace=tmp_path / "gone" / "t.json"))
    assert list(tmp_path.iterdir()) == []


def test_the_trace_of_a_failed_export_is_kept_and_complete(tiny_cap, tmp_path, monkeypatch):
    def broken(*args: Any, **kwargs: Any) -> None:
        raise ExportError("The encoder broke.")

    monkeypatch.setattr(stages, "audio_and_mux", broken)
    with pytest.raises(ReelpressError, match="The encoder broke"):
        reelpress.export(
            tiny_cap, tmp_path / "a.mp4", settings=settings(report=tmp_path / "a.html", trace=tmp_path / "a.json")
        )
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]
    assert json.loads((tmp_path / "a.json").read_text())["traceEvents"]


def test_a_cancelled_export_leaves_nothing(tiny_cap, tmp_path):
    cancel = CancelToken()
    seen = []

    def stop(event: Event) -> None:
        if isinstance(event, ProgressEvent):
            seen.append(sorted(p.name for p in tmp_path.iterdir()))
            cancel.cancel()

    with pytest.raises(reelpress.errors.Cancelled):
        reelpress.export(
            tiny_cap,
            tmp_path / "a.mp4",
            settings=settings(report=tmp_path / "a.html", trace=tmp_path / "a.json"),
            on_event=stop,
            cancel=cancel,
        )
    assert "a.json.part" in seen[0]
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_written_afterwards_is_a_warning_and_no_failure(tiny_cap, tmp_path, monkeypatch):
    events: list[Any] = []
    finish = Observer.finish

    def late(self: Observer, report: Any) -> list[str]:
        (tmp_path / "a.html").write_text("somebody was faster")
        assert self._chrome is not None
        self._chrome.error = OSError(28, "No space left on device")
        return finish(self, report)

    monkeypatch.setattr(Observer, "finish", late)
    report = reelpress.export(
        tiny_cap,
        tmp_path / "a.mp4",
        settings=settings(report=tmp_path / "a.html", trace=tmp_path / "a.json"),
        on_event=events.append,
    )
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.html", "a.mp4"]
    assert (tmp_path / "a.html").read_text() == "somebody was faster"
    told = [e.warning for e in events if isinstance(e, WarningEvent)]
    assert any(w.startswith("The trace was not written") and "the disk is full" in w for w in told)
    assert any(w.startswith("The report was not written") and "exists" in w for w in told)
    assert set(told) <= set(report.warnings)


def test_the_command_line_the_environment_and_the_file_know_them(tmp_path, monkeypatch):
    assert {"report", "trace"} <= set(OPTION_NAMES)
    config = tmp_path / "reelpress.toml"
    config.write_text('report = "from-file.html"\ntrace = "from-file.json"\n')
    monkeypatch.setattr(flags, "config_files", lambda folder: [config])
    layered = flags.layered(
        OPTION_NAMES, command_line={"report": "from-line.html"}, environ={"REELPRESS_TRACE": "from-environment.json"}
    )
    made = ExportSettings.from_mapping(layered)
    assert (made.report, made.trace) == (Path("from-line.html"), Path("from-environment.json"))
    made = ExportSettings.from_mapping(flags.layered(OPTION_NAMES, command_line={}, environ={}))
    assert (made.report, made.trace) == (Path("from-file.html"), Path("from-file.json"))


def test_the_command_writes_them(tiny_cap, tmp_path, capsys):
    arguments = ["export", str(tiny_cap), "-o", str(tmp_path / "a.mp4"), "-q", "--resolution", SIZE, "--end", "0.3"]
    assert run([*arguments, "--report", str(tmp_path / "r.html"), "--trace", str(tmp_path / "t.json")]) == 0
    capsys.readouterr()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.mp4", "r.html", "t.json"]


def test_several_sources_want_a_folder(tiny_cap, tmp_path, capsys):
    other = tmp_path / "Other.cap"
    other.symlink_to(tiny_cap)
    folder = tmp_path / "out"
    folder.mkdir()
    arguments = ["export", str(tiny_cap), str(other), "-o", str(folder), "-q", "--resolution", SIZE, "--end", "0.3"]
    assert run([*arguments, "--report", str(tmp_path / "one.html")]) == 2
    assert "--report" in (said := capsys.readouterr().err) and "2 sources" in said
    assert list(folder.iterdir()) == []
    assert run([*arguments, "--report", str(folder)]) == 0
    assert sorted(p.name for p in folder.iterdir()) == ["Other.html", "Other.mp4", "Tiny.html", "Tiny.mp4"]
