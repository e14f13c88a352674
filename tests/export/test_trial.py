"""What a trial says of an export: the arithmetic, what is tried, and that it comes near the export itself."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from reelpress.cli.app import run as command
from reelpress.encode.splice.policy import Policy, PolicyLimits
from reelpress.errors import EncoderError, OutputError
from reelpress.export import trial, trial_reckoned
from reelpress.export.api import export, plan
from reelpress.export.job import Job
from reelpress.export.prepare import prepare
from reelpress.export.run import run
from reelpress.export.sampled import SampledDirector, Window, sampled_spans
from reelpress.export.sampling import Facts, facts_of, non_negative, total, windows_of
from reelpress.export.settings import ExportSettings
from reelpress.export.trial import Trial, tried
from reelpress.export.trial_encoder import Call, Timing, Windowed
from reelpress.export.trial_parts import Part, spans_of
from reelpress.export.trial_reckoned import PictureCosts, Reckoning, part_rows
from reelpress.export.trial_sound import Sound, sound_stretches
from reelpress.media.audio import AudioSpan
from reelpress.media.packets import EncodedPacket
from reelpress.media.sizes import sizes_of

SMALL = ExportSettings(resolution="320x180", fps=Fraction(15), no_audio=True)


@pytest.fixture
def job(tiny_cap: Path, tmp_path: Path) -> Iterator[Job]:
    """An export of 30 frames."""
    with prepare(tiny_cap, tmp_path / "x.mp4", SMALL, estimated=False) as made:
        yield made


@pytest.fixture
def slow(tiny_cap: Path, tmp_path: Path) -> ExportSettings:
    """Settings by which the recording lasts 12 s: a fifth of its speed."""
    project = json.loads((tiny_cap / "project-config.json").read_text(encoding="utf-8"))
    project["timeline"] = {"segments": [{"recordingSegment": 0, "timescale": 0.2, "start": 0, "end": 2.4}]}
    (tmp_path / "p.json").write_text(json.dumps(project), encoding="utf-8")
    return replace(SMALL, project=tmp_path / "p.json", fps=Fraction(30))


def facts(source: list[float], damage: list[float]) -> Facts:
    return Facts(np.array(source), np.array(damage))


# Which frames


def test_windows_are_apart_and_where_it_matters() -> None:
    source = np.zeros(200)
    source[133] = 1e6
    known = Facts(source, np.full(200, 0.5))
    windows = windows_of(known, 5, 10)
    assert len(windows) == 5 and all(len(window) == 10 for window in windows)
    assert all(a.last <= b.first for a, b in pairwise(windows))
    assert any(window.first <= 133 < window.last for window in windows)
    assert windows[0].first < 100  # quiet stretches have theirs too


def test_windows_taken_before_are_not_taken_again() -> None:
    known = Facts(np.ones(95), np.ones(95))
    first = windows_of(known, 4, 10)
    rest = windows_of(known, 100, 10, first)
    assert sorted(window.first for window in [*first, *rest]) == [10 * k for k in range(9)]
    assert windows_of(known, 3, 10, [*first, *rest]) == []


def test_facts_of_a_recording(job: Job) -> None:
    found = facts_of(job.director)
    assert found.frames == 30 and found.damage[0] == 1 and (found.damage <= 1).all()
    packets = 0
    for track in job.director.tracks:
        assert track.index.packets is not None
        keys = np.isin(track.index.packets.pts, track.index.keyframes)
        packets += int(track.index.packets.size[~keys].sum())
    assert 0 < found.source.sum() <= packets
    assert found.mass().sum() == pytest.approx(1)


# What follows for all


def test_what_follows_time_alone_is_exact() -> None:
    known = facts([0.0] * 100, [0.0] * 100)
    windows = [Window(0, 10), Window(50, 60)]
    rows = [np.full(10, 3.0), np.full(10, 3.0)]
    assert total(known, windows, rows, first_too=True) == pytest.approx(300)
    rows[1][0] = 1e9  # the picture before it is another one than in the export
    assert total(known, windows, rows, first_too=False) == pytest.approx(300)


def test_what_has_no_number_is_reckoned() -> None:
    known = facts([0.0] * 40, [0.0] * 40)
    row = np.full(20, 2.0)
    row[7] = np.nan
    assert total(known, [Window(0, 20)], [row], first_too=True) == pytest.approx(80)


@pytest.mark.parametrize("cause", ["source", "damage"])
def test_what_follows_a_cause_is_nearly_found(cause: str) -> None:
    rng = np.random.default_rng(5)
    known = Facts(rng.uniform(0, 1000, 400), rng.uniform(0, 1, 400))
    amounts = getattr(known, cause) * 7.0
    windows = windows_of(known, 12, 10)
    rows = [amounts[window.first : window.last] for window in windows]
    assert total(known, windows, rows, first_too=True) == pytest.approx(amounts.sum(), rel=0.1)


def test_all_of_it_is_no_guess() -> None:
    known = facts([5.0, 1.0, 9.0], [1.0, 0.0, 0.3])
    assert total(known, [Window(0, 3)], [np.array([7.0, 8.0, 9.0])], first_too=True) == pytest.approx(24)
    assert total(known, [], [], first_too=True) == 0


def test_least_squares_without_negatives() -> None:
    a = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    assert non_negative(a, a @ np.array([2.0, 3.0])) == pytest.approx([2, 3])
    # alone the second column would have to be -1: then without it
    assert non_negative(np.array([[1.0, 1.0], [1.0, 0.0]]), np.array([1.0, 2.0])) == pytest.approx([1.5, 0])
    assert non_negative(a, np.zeros(3)) == pytest.approx([0, 0])


# Parts of an export


def test_a_sampled_director_plans_the_same_frames(job: Job) -> None:
    windows = [Window(2, 5), Window(20, 24)]
    sampled = SampledDirector.of(job.director, windows)
    assert (sampled.frames, sampled.duration, sampled.begins) == (7, Fraction(7, 15), (0, 3))
    for n, original in enumerate([2, 3, 4, 20, 21, 22, 23]):
        assert sampled.original(n) == original
        assert sampled.plan(n) == job.director.plan(original) == sampled.for_thread().plan(n)
    with pytest.raises(IndexError):
        sampled.plan(7)
    assert job.director.frames == 30
    for bad in ([], [Window(5, 5)], [Window(3, 6), Window(5, 8)]):
        with pytest.raises(ValueError, match="windows"):
            SampledDirector.of(job.director, bad)


def test_sampled_spans_sound_what_the_stretches_do(tmp_path: Path) -> None:
    span = AudioSpan(tmp_path / "a", 0, Fraction(3), 48_000, 480_000, speed=Fraction(2), mode="pitch")
    first, second = sampled_spans([span], [(0, 96_000), (240_000, 288_000)])
    # of the first stretch's two seconds the second one sounds
    assert (first.out_start, first.out_end, first.source_start) == (48_000, 96_000, Fraction(3))
    # four seconds of output after its start, at double speed
    assert (second.out_start, second.out_end, second.source_start) == (96_000, 144_000, Fraction(3 + 8))
    assert sampled_spans([span], [(480_000, 500_000)]) == ()


def test_stretches_of_sound() -> None:
    assert sound_stretches(48_000) == [(0, 48_000)]
    found = sound_stretches(48_000 * 600)
    assert len(found) == 6 and sum(last - first for first, last in found) == 12 * 48_000
    assert all(a[1] <= b[0] for a, b in pairwise(found)) and found[0][0] >= 0 and found[-1][1] <= 48_000 * 600


def test_a_window_begins_with_a_key_frame(job: Job, tmp_path: Path) -> None:
    windows = [Window(0, 4), Window(11, 15), Window(25, 29)]
    for codec in ("h264", "hevc"):
        settings = replace(SMALL, codec=codec, overwrite=True)
        with prepare(job.source, tmp_path / f"{codec}.mp4", settings, estimated=False) as other:
            director = SampledDirector.of(other.director, windows)
            part = replace(other, director=director, copy=None)

            class Hooked(Timing):
                pass

            from reelpress.pipeline.cancel import CancelToken

            run(part, hooks=Hooked(CancelToken(), 60.0, director.begins))
        sizes = sizes_of(tmp_path / f"{codec}.mp4")
        keys = np.round(sizes.at[sizes.key] * 15).astype(int).tolist()
        assert keys == [0, 4, 8], codec


def test_a_policy_that_starts_anew_asks_for_a_key_frame() -> None:
    policy = Policy(PolicyLimits.of(640, 360, 120, 4000.0))
    policy.did(0, policy.decide(0, None), None)
    assert policy.decide(1, 0).kind == "hold"
    policy.restart()
    assert policy.decide(1, 0).kind == "key"


def test_an_encoder_that_takes_no_wishes_is_left_alone() -> None:
    def packet(pts: int) -> EncodedPacket:
        return EncodedPacket("video", b"abc", pts, pts, 1, pts == 3, Fraction(1, 15))

    class Plain:
        spec = decision = shown = None

        def encode(self, planes: object, pts: int, change: object = None) -> list[EncodedPacket]:
            return [packet(pts)]

        def flush(self) -> list[EncodedPacket]:
            return [packet(9), packet(10)]

    encoder = Windowed(Plain(), (0, 3))  # type: ignore[arg-type]
    assert encoder.encode(None, 3) == [packet(3)]  # type: ignore[arg-type]
    assert encoder.flush() == [packet(9), packet(10)]
    assert [call.pictures for call in encoder.calls] == [((3, True),), ((3, False), (3, False))]


def test_spans_of_a_trace(tmp_path: Path) -> None:
    def event(tid: int, name: str, ms: float, frame: int | None = None) -> dict[str, object]:
        args = {} if frame is None else {"args": {"frame": frame}}
        return {"ph": "X", "tid": tid, "name": name, "ts": 0, "dur": ms * 1000, **args}

    tracks = [
        {"ph": "M", "name": "thread_name", "tid": tid, "args": {"name": name}}
        for tid, name in ((1, "decode"), (2, "compose"), (3, "encode"))
    ]
    events = [
        event(1, "decoding display:0", 90), event(1, "decoding display:0", 1), event(2, "comparing display:0", 5),
        event(2, "composing", 10, 0), event(2, "busy", 99), event(2, "wait in", 99), event(2, "composing", 3, 1),
        event(3, "encoding", 7, 1), event(3, "flushing the encoder", 50),
    ]  # fmt: skip
    (tmp_path / "t.json").write_text(json.dumps({"traceEvents": [*tracks, *events]}), encoding="utf-8")
    compose, encode, openings = spans_of(tmp_path / "t.json", 2)
    assert compose == pytest.approx([0.015, 0.003]) and encode == pytest.approx([0, 0.007])
    assert openings == {"decode": pytest.approx(0.09)}


# Sizes of pictures


def test_sizes_of_packets(tmp_path: Path, tiny_cap: Path) -> None:
    settings = ExportSettings(resolution="160x90", fps=Fraction(10), gop=Fraction(1), unchanged="encode")
    target = tmp_path / "x.mp4"
    export(tiny_cap, target, settings=settings)
    found = sizes_of(target)
    assert np.round(found.at * 10).tolist() == list(range(20))
    assert np.flatnonzero(found.key).tolist() == [0, 10]
    assert 2 <= found.sound_s <= 2 + Fraction(2 * 1024, 48_000)
    assert found.bytes.sum() + found.sound < found.whole == target.stat().st_size


@pytest.mark.parametrize("suffix", ["gif", "webp", "apng"])
def test_sizes_of_images(tmp_path: Path, tiny_cap: Path, suffix: str) -> None:
    target = tmp_path / f"x.{suffix}"
    export(tiny_cap, target, settings=ExportSettings(resolution="160x90", fps=Fraction(10)))
    found = sizes_of(target)
    assert found.key.tolist() == [True] + [False] * (len(found.at) - 1) and len(found.at) > 1
    assert (np.diff(found.at) > 0).all() and found.at[0] == 0 and found.at[-1] < 2
    assert found.at * 10 == pytest.approx(np.round(found.at * 10), abs=0.11)
    assert 0.9 * found.whole < found.bytes.sum() <= found.whole


def test_sizes_of_files(tmp_path: Path) -> None:
    for number, size in enumerate((5, 7, 3)):
        (tmp_path / f"p-{number}.png").write_bytes(bytes(size))
    found = sizes_of(tmp_path)
    assert found.bytes.tolist() == [5, 7, 3] and found.key.all() and found.whole == 15


def test_sizes_of_a_webp_by_hand(tmp_path: Path) -> None:
    head = bytes(12) + (250).to_bytes(3, "little") + b"\0"
    chunks = b"".join(struct.pack("<4sI", b"ANMF", len(head) + n) + head + bytes(n + n % 2) for n in (4, 7))
    (tmp_path / "x.webp").write_bytes(b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks)
    found = sizes_of(tmp_path / "x.webp")
    assert found.at.tolist() == [0, 0.25] and found.bytes.tolist() == [28, 31]
    (tmp_path / "y.webp").write_bytes(b"no such thing")
    with pytest.raises(OutputError, match="no WebP"):
        sizes_of(tmp_path / "y.webp")


# The trial


@pytest.mark.parametrize("suffix", ["mp4", "mov", "webm", "gif", "webp", "apng", "png", "m4a", "wav"])
def test_a_trial_of_a_short_recording_is_its_size(tiny_cap: Path, tmp_path: Path, suffix: str) -> None:
    sound = suffix in ("m4a", "wav")
    settings = ExportSettings() if sound else ExportSettings(resolution="160x90", fps=Fraction(15))
    target = tmp_path / f"x.{suffix}"
    with prepare(tiny_cap, target, settings, estimated=False) as made:
        found = tried(made, budget_s=600)  # time enough for all of it
    assert found is not None and found.by == "trial" and found.wall_s > 0
    assert not list(tmp_path.glob("x*"))
    real = export(tiny_cap, target, settings=settings).output.size_bytes
    assert found.size_bytes == pytest.approx(real, rel=0.1)


@pytest.mark.parametrize("suffix", ["mp4", "gif"])
def test_a_longer_one_is_told_from_windows(
    tiny_cap: Path, tmp_path: Path, slow: ExportSettings, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Trial, "_whole", lambda self: pytest.fail("all of it was exported"))
    monkeypatch.setattr(Reckoning, "seconds", lambda *a: 99.0)
    monkeypatch.setattr(Trial, "_affordable", lambda *a: 8)
    monkeypatch.setattr(trial, "ROUNDS", 2)
    target = tmp_path / f"x.{suffix}"
    with prepare(tiny_cap, target, slow, estimated=False) as made:
        found = tried(made, budget_s=60)
        assert found is not None and (found.by, found.wall_s) == ("trial", 99.0)
        real = run(made).output.size_bytes
    assert found.size_bytes == pytest.approx(real, rel=0.3)


def test_seconds_are_those_of_this_machine(
    tiny_cap: Path, tmp_path: Path, slow: ExportSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of the frames take about half of the time, as the same trial tells both."""
    monkeypatch.setattr(trial, "ROUNDS", 2)
    monkeypatch.setattr(Trial, "_affordable", lambda *a: 6)
    with prepare(tiny_cap, tmp_path / "x.mp4", slow, estimated=False) as made:
        looked = Trial(made, tmp_path, 60)
        known = facts_of(made.director)
        part = looked._part(known, windows_of(known, 6, looked.length))
        every = looked.reckoned.seconds(known, [part], Sound())
        looked.reckoned.frames //= 2
        frames = looked.reckoned.frames
        half = Facts(known.source[:frames], known.damage[:frames])
        kept = [window for window in part.windows if window.last <= frames]
        cut = replace(
            part, windows=tuple(kept), **{
                name: getattr(part, name)[: len(kept)] for name in ("bytes", "keys", "pictures", "compose", "encode")
            },
        )  # fmt: skip
        monkeypatch.setattr(trial_reckoned, "decoded", lambda director, windows: dict.fromkeys(part.decode, 1))
        assert looked.reckoned.seconds(half, [cut], Sound()) < every
    assert every > 0


# What pictures take of an encoder that codes one after the other


def test_costs_of_pictures_are_those_that_made_the_times() -> None:
    rng = np.random.default_rng(3)
    rows = []
    for _ in range(12):
        keys, others = int(rng.integers(0, 3)), int(rng.integers(1, 6))
        roots = float(rng.uniform(10, 400) * others)
        rows.append((keys, others, roots, 0.12 * keys + 0.008 * others + 0.0002 * roots))
    costs = PictureCosts.of(rows)
    assert (costs.key, costs.other, costs.root) == pytest.approx((0.12, 0.008, 0.0002), rel=1e-6)
    # 5 key frames and 295 others of 2500 bytes each
    assert costs.of_all(5, 295, 295 * 50) == pytest.approx(5 * 0.12 + 295 * 0.018)


def test_a_call_pays_for_what_is_ready_after_it() -> None:
    """An encoder that holds two pictures, under one that hands its packets on one late."""
    nothing: tuple[tuple[int, bool], ...] = ()
    calls = (
        Call(0.001, nothing), Call(0.002, nothing), Call(0.1, nothing), Call(0.02, ((900, True),)),
        Call(0.0, nothing), Call(0.03, ((16, False),)), Call(0.25, ((25, False), (800, True), (36, False))),
    )  # fmt: skip
    part = Part((), (), (), (), 0, (), (), {}, {}, 0.0, 0.0, 0.0, calls, late=1)
    # the first piece shows that two are ready: the key frame and the one of 16 bytes
    assert part_rows(part) == [
        pytest.approx((1, 1, 4, 0.123)), pytest.approx((0, 1, 5, 0.03)), pytest.approx((1, 1, 6, 0.25)),
    ]  # fmt: skip
    at_once = part_rows(replace(part, late=0))
    assert at_once[0] == pytest.approx((1, 0, 0, 0.123)) and at_once[1] == pytest.approx((0, 1, 4, 0.03))


def test_each_call_of_the_encoder_is_seen(tiny_cap: Path, tmp_path: Path) -> None:
    settings = replace(SMALL, codec="hevc")
    with prepare(tiny_cap, tmp_path / "x.mp4", settings, estimated=False) as made:
        looked = Trial(made, tmp_path, 60)
        part = looked._part(facts_of(made.director), [Window(0, 6), Window(12, 18), Window(20, 26)])
    rows = part_rows(part)
    assert len(part.calls) == 18 + 1 and part.late == 1
    assert sum(keys for keys, *_ in rows) == 3
    assert sum(keys + others for keys, others, *_ in rows) == sum(float(row.sum()) for row in part.pictures)
    assert sum(seconds for *_, seconds in rows) == pytest.approx(sum(call.seconds for call in part.calls))
    costs = PictureCosts.of(rows)  # what they are depends on the machine; known ones are above
    assert min(costs.key, costs.other, costs.root) >= 0 < costs.key + costs.other + costs.root


def test_the_limit_of_a_gif_is_kept_to(tiny_cap: Path, tmp_path: Path) -> None:
    settings = replace(SMALL, max_size=12_000)
    with prepare(tiny_cap, tmp_path / "x.gif", settings, estimated=False) as made:
        assert (found := tried(made)) is not None and found.size_bytes <= 12_000


def test_where_a_trial_says_nothing(tiny_cap: Path, tmp_path: Path) -> None:
    with prepare(tiny_cap, tmp_path / "x.mp4", ExportSettings()) as made:
        made.copy = object()  # type: ignore[assignment]
        assert tried(made) is None


def test_a_plan_does_not_fail_with_its_trial(
    tiny_cap: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise EncoderError("no luck")

    caplog.set_level("WARNING")  # tests of the command line set another one
    monkeypatch.setattr(Trial, "pictures", fail)
    found = plan(tiny_cap, tmp_path / "x.mp4", settings=SMALL, trial=True)
    assert found.estimate.by == "model" and "no luck" in caplog.text


def test_a_run_that_takes_too_long_is_cut_off(
    tiny_cap: Path, tmp_path: Path, slow: ExportSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then a few windows say what there is to say."""
    monkeypatch.setattr(Trial, "_affordable", lambda *a: 8)
    monkeypatch.setattr(Reckoning, "seconds", lambda *a: 99.0)
    original, limits, tries = Trial._part, [60.0, 0.0, 0.0], []

    def part(self: Trial, known: Facts, windows: list[Window], *, limited: bool = True) -> object:
        monkeypatch.setattr(trial, "HARD", limits.pop(0) / 60)
        tries.append((len(windows), limited))
        return original(self, known, windows, limited=limited)

    monkeypatch.setattr(Trial, "_part", part)
    with prepare(tiny_cap, tmp_path / "x.mp4", slow, estimated=False) as made:
        found = tried(made, budget_s=60)
    assert found is not None and found.by == "trial"
    assert tries == [(1, True), (8, True), (trial.LEAST, False)]


def test_the_command_tries_unless_told_not_to(tiny_cap: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = ["plan", str(tiny_cap), "--resolution", "160x90", "--fps", "10"]
    assert command([*small, "--no-trial"]) == 0
    assert "(by a model, roughly)" in capsys.readouterr().out
    for given in ([], ["--trial"]):
        assert command([*small, *given, "--json"]) == 0
        event = json.loads(capsys.readouterr().out)
        found = event["plan"]["estimate"] if "plan" in event else event["estimate"]
        assert set(found) == {"size_bytes", "wall_s", "by"} and found["by"] == "trial"
    assert not Path(f"{tiny_cap.stem}.mp4").exists()
