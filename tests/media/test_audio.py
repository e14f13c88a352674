"""AudioMixer: exact placement through formats and seeks, gaps, rates, layouts, gains, fades, faults, memory."""

from __future__ import annotations

import tracemalloc
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from media_out_makers import write_sound, write_video, write_wav

from reelpress.errors import SettingsError
from reelpress.media.audio import FADE, AudioMixer, AudioSpan
from reelpress.media.audio_decode import AudioReader

RATE = 48_000


def play(*spans: AudioSpan, total: int | None = None, block: int = 1600) -> np.ndarray[Any, np.dtype[np.float32]]:
    mixer = AudioMixer(spans, max(s.out_end for s in spans) if total is None else total)
    parts = []
    while (part := mixer.read(block)).shape[1]:
        parts.append(part)
    mixer.close()
    assert mixer.warnings == ()
    return np.concatenate(parts, axis=1)


def whole(path: Path, seconds: float, start: Fraction | int = 0, **changes: Any) -> AudioSpan:
    return AudioSpan(path, changes.pop("stream", 0), Fraction(start), 0, round(seconds * RATE), **changes)


def clicks(seconds: float, times: list[float], rate: int, channels: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Half a millisecond of a raised cosine around each time: its centre is well defined after any codec."""
    sound = np.zeros((channels, round(seconds * rate)), np.float32)
    reach = rate // 2000
    shape = 0.4 + 0.4 * np.cos(np.pi * np.arange(-reach, reach + 1) / (reach + 1))
    for time in times:
        middle = round(time * rate)
        sound[:, middle - reach : middle + reach + 1] += shape.astype(np.float32)
    return sound


def centre(sound: np.ndarray[Any, Any], about: float, reach: int = 2400) -> float:
    """Centre of the energy near sample ``about``."""
    low = max(0, round(about) - reach)
    energy = sound[0, low : round(about) + reach].astype(np.float64) ** 2
    assert energy.sum() > 0
    return low + float((energy * np.arange(len(energy))).sum() / energy.sum())


# Placement through every format and through seeks

EXACT = [
    ("x.wav", "pcm_s16le", 48_000, "stereo"),
    ("x.wav", "pcm_s16le", 8_000, "mono"),
    ("x.wav", "pcm_s16le", 11_025, "stereo"),
    ("x.wav", "pcm_s16le", 44_100, "stereo"),
    ("x.wav", "pcm_s16le", 96_000, "stereo"),
    ("x.wav", "pcm_s16le", 48_000, "5.1"),
    ("x.flac", "flac", 44_100, "stereo"),
    ("x.m4a", "aac", 48_000, "stereo"),
    ("x.m4a", "aac", 44_100, "mono"),
    ("x.ogg", "libopus", 48_000, "stereo"),
    ("x.ogg", "libopus", 48_000, "mono"),
    ("x.mkv", "pcm_s16le", 48_000, "stereo"),
]


@pytest.mark.parametrize(("name", "codec", "rate", "layout"), EXACT, ids=lambda value: str(value))
def test_a_click_lands_on_its_sample(tmp_path: Path, name: str, codec: str, rate: int, layout: str) -> None:
    channels = {"mono": 1, "stereo": 2, "5.1": 6}[layout]
    path = write_sound(tmp_path / name, codec, clicks(9, [1, 3, 7.5], rate, channels), rate, layout)
    # Matroska rounds its timestamps to milliseconds; decoding from the middle inherits that. The Opus encoder's own
    # filters move low frequencies by 0.1 ms.
    tolerance = {"x.mkv": 48, "x.ogg": 6}.get(name, 1)
    for start, time in [(0, 1), ("1/2", 1), ("5/2", 3), ("29/10", 3), ("7", "15/2"), ("0", 3)]:
        sound = play(whole(path, 3.2, Fraction(start)))
        expected = float((Fraction(round(Fraction(time) * rate), rate) - Fraction(start)) * RATE)
        assert abs(centre(sound, expected) - expected) <= tolerance, (start, time)


@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_mp3_starts_where_the_file_says(tmp_path: Path, rate: int) -> None:
    # The file's own time zero lies before the encoder's delay, which players cut: its stream starts late by as much.
    path = write_sound(tmp_path / "x.mp3", "libmp3lame", clicks(9, [1, 7.5], rate, 2), rate, "stereo")
    delay = Fraction(1105, rate)  # 576 of the encoder, 529 of the decoder
    for start, time in [(0, 1), ("1/2", 1), ("7", "15/2")]:
        sound = play(whole(path, 3, Fraction(start)))
        expected = float((Fraction(time) + delay - Fraction(start)) * RATE)
        assert abs(centre(sound, expected) - expected) <= 2


def test_sound_of_a_video_file(tmp_path: Path) -> None:
    path = tmp_path / "x.mp4"
    write_video(path, 120, 30, clicks(4, [1, 3], RATE, 2))
    for start, time in [(0, 1), (2, 3)]:
        sound = play(whole(path, 1.9, start, stream=1))
        assert abs(centre(sound, (time - start) * RATE) - (time - start) * RATE) <= 1


def test_before_the_start_and_after_the_end_is_silence(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "x.wav", np.full((2, RATE), 0.5))
    sound = play(AudioSpan(path, 0, Fraction(-1, 2), 0, 2 * RATE))
    inside = sound[:, RATE // 2 : 3 * RATE // 2]
    assert np.allclose(inside, 0.5, atol=1e-4)
    assert not sound[:, : RATE // 2].any()
    assert not sound[:, 3 * RATE // 2 :].any()


def test_seconds_between_samples_are_rounded_to_the_nearest(tmp_path: Path) -> None:
    ramp = np.tile(np.arange(4000) / 8192, (2, 1))
    path = write_wav(tmp_path / "x.wav", ramp)
    sound = play(AudioSpan(path, 0, Fraction(10004, 10 * RATE), 0, 5))
    assert np.allclose(sound[0] * 8192, [1000, 1001, 1002, 1003, 1004], atol=0.3)


# Timestamps that do not fit


def tone(seconds: float) -> np.ndarray[Any, np.dtype[np.float32]]:
    t = np.arange(round(seconds * RATE)) / RATE
    return np.tile(0.5 * np.sin(2 * np.pi * 441 * t), (2, 1)).astype(np.float32)


def test_a_gap_is_silence_and_what_follows_keeps_its_time(tmp_path: Path) -> None:
    sound = tone(2)
    # From frame 40 on (sample 40960) everything is 0.5 s later.
    path = write_sound(tmp_path / "x.mkv", "pcm_s16le", sound, RATE, "stereo", shift={40: 24_000})
    heard = play(whole(path, 2.5))
    assert np.allclose(heard[:, :40_900], sound[:, :40_900], atol=2e-4)
    assert not heard[:, 41_010:64_900].any()
    late = heard[0, 65_100:115_000]
    lags = range(-48, 49)  # Matroska has milliseconds
    errors = [np.abs(late - sound[0, 41_100 + lag : 41_100 + lag + len(late)]).max() for lag in lags]
    assert min(errors) < 2e-4
    # The same when reading starts behind the gap.
    behind = play(whole(path, 1, Fraction(3, 2)))
    assert np.abs(behind[0]).max() > 0.49


def test_an_overlap_is_cut_and_what_follows_keeps_its_time(tmp_path: Path) -> None:
    sound = clicks(3, [0.5, 2.5], RATE, 2)
    # From frame 60 on (1.28 s) twenty frames in a row start almost where the one before started.
    path = write_sound(tmp_path / "x.nut", "pcm_s16le", sound, RATE, "stereo", shift=dict.fromkeys(range(60, 80), -960))
    heard = play(whole(path, 2.6))
    assert abs(centre(heard, 0.5 * RATE) - 0.5 * RATE) <= 1
    assert abs(centre(heard, 2.1 * RATE) - 2.1 * RATE) <= 1


def test_jitter_of_a_few_milliseconds_does_not_click(tmp_path: Path) -> None:
    sound = tone(3)
    rng = np.random.default_rng(8)
    jitter = np.diff(np.concatenate([[0], rng.integers(-190, 191, 140)]))  # +-4 ms around the right place
    shift = {k: int(step) for k, step in enumerate(jitter)}
    path = write_sound(tmp_path / "x.nut", "pcm_s16le", sound, RATE, "stereo", shift=shift)
    heard = play(whole(path, 2.9))[0, 500:-500]
    steepest = 0.5 * 2 * np.pi * 441 / RATE
    assert np.abs(np.diff(heard)).max() < 1.05 * steepest


def test_slow_drift_is_followed(tmp_path: Path) -> None:
    # Each frame is stamped 1 ms later than its samples say: after 120 frames the sound is 120 ms late.
    sound = clicks(3, [0.2, 2.5], RATE, 2)
    path = write_sound(tmp_path / "x.nut", "pcm_s16le", sound, RATE, "stereo", shift=dict.fromkeys(range(1, 200), 48))
    heard = play(whole(path, 3))
    frame = int(2.5 * RATE) // 1024
    expected = 2.5 * RATE + 48 * frame
    assert abs(centre(heard, expected) - expected) <= 0.025 * RATE


# Layouts, gains, mixing


def test_one_channel_sounds_on_both_sides_at_0_707(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "x.wav", np.full((1, 9600), 0.5))
    assert np.allclose(play(whole(path, 0.2)), 0.5 * np.sqrt(0.5), atol=1e-4)


@pytest.mark.parametrize(
    ("channels", "expected"), [("stereo", (0.5, -0.25)), ("left", (0.3536, 0.3536)), ("right", (-0.1768, -0.1768))]
)
def test_sides_can_be_chosen(tmp_path: Path, channels: Any, expected: tuple[float, float]) -> None:
    path = write_wav(tmp_path / "x.wav", np.repeat([[0.5], [-0.25]], 9600, axis=1))
    sound = play(whole(path, 0.2, channels=channels))
    assert np.allclose(sound, np.array([expected]).T, atol=2e-4)


def test_left_of_a_mono_track_is_the_track(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "x.wav", np.full((1, 9600), 0.5))
    assert np.allclose(play(whole(path, 0.2, channels="left")), 0.5 * np.sqrt(0.5), atol=1e-4)


def test_surround_is_mixed_down(tmp_path: Path) -> None:
    # ITU-R BS.775: centre and surrounds at 0.707; the LFE is left out.
    levels = np.array([0.2, 0.1, 0.3, 0.9, 0.05, -0.05])  # FL FR FC LFE SL SR
    sound = np.repeat(levels[:, None], 20_000, axis=1).astype(np.float32)
    path = write_sound(tmp_path / "x.wav", "pcm_s16le", sound, RATE, "5.1")
    heard = play(whole(path, 0.4))[:, 2000:-2000]
    half = np.sqrt(0.5)
    expected = [[0.2 + half * 0.3 + half * 0.05], [0.1 + half * 0.3 - half * 0.05]]
    assert np.allclose(heard, expected, atol=2e-3)


def test_tracks_are_summed_with_their_gains_and_clamped(tmp_path: Path) -> None:
    a = write_wav(tmp_path / "a.wav", np.full((2, 9600), 0.5))
    b = write_wav(tmp_path / "b.wav", np.full((2, 9600), 0.25))
    assert np.allclose(play(whole(a, 0.2, gain=0.5), whole(b, 0.2, gain=2.0)), 0.75, atol=2e-4)
    assert np.allclose(play(whole(a, 0.2, gain=3.0), whole(b, 0.2)), 1.0)
    assert np.allclose(play(whole(a, 0.2, gain=-3.0)), -1.0)


def test_a_cut_fades_and_a_join_does_not(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "x.wav", np.full((2, 2 * RATE), 0.5))
    quarter = RATE // 4

    def span(first: int, last: int, start: Fraction) -> AudioSpan:
        return AudioSpan(path, 0, start, first, last)

    joined = play(span(0, quarter, Fraction(0)), span(quarter, 2 * quarter, Fraction(1, 4)))
    assert np.allclose(joined, 0.5, atol=1e-4)
    cut = play(span(0, quarter, Fraction(0)), span(quarter, 2 * quarter, Fraction(1, 2)))[0]
    assert np.allclose(cut[: quarter - FADE], 0.5, atol=1e-4)
    assert np.allclose(cut[quarter + FADE :], 0.5, atol=1e-4)
    assert cut[quarter - 1] < 0.01
    assert cut[quarter] < 0.01
    assert np.abs(np.diff(cut)).max() < 0.5 * np.pi / 2 / FADE * 1.01  # the slope of half a cosine
    # Blocks that end inside a fade make no difference.
    again = play(span(0, quarter, Fraction(0)), span(quarter, 2 * quarter, Fraction(1, 2)), block=37)[0]
    assert (cut == again).all()


def test_gaps_between_spans_are_silence(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "x.wav", np.full((2, RATE), 0.5))
    sound = play(AudioSpan(path, 0, Fraction(0), 1000, 2000), AudioSpan(path, 0, Fraction(0), 5000, 6000), total=8000)
    assert not sound[:, :1000].any()
    assert not sound[:, 2000:5000].any()
    assert not sound[:, 6000:].any()
    assert sound.shape == (2, 8000)


@hypothesis_settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    spans=st.lists(
        st.tuples(
            st.integers(-2000, 60_000),
            st.integers(0, 30_000),
            st.integers(1, 20_000),
            st.sampled_from([0.5, 1.0, -1.0]),
        ),
        min_size=1,
        max_size=5,
    ),
    block=st.integers(97, 9000),
)
def test_any_spans_equal_plain_array_sums(
    tmp_path_factory: pytest.TempPathFactory, spans: list[tuple[int, int, int, float]], block: int
) -> None:
    noise = np.random.default_rng(3).uniform(-0.15, 0.15, (2, 50_000)).astype(np.float32)
    path = tmp_path_factory.getbasetemp() / "noise.wav"
    if not path.exists():
        write_wav(path, noise)
    heard = play(*(AudioSpan(path, 0, Fraction(s, RATE), o, o + n, gain=g) for s, o, n, g in spans), total=50_000)
    blocks = play(
        *(AudioSpan(path, 0, Fraction(s, RATE), o, o + n, gain=g) for s, o, n, g in spans), total=50_000, block=block
    )
    assert (heard == blocks).all()
    padded = np.pad(noise, ((0, 0), (2000, 40_000)))
    expected = np.zeros((2, 50_000))
    near_a_border = np.zeros(50_000, bool)
    for source, out, length, gain in spans:
        expected[:, out : out + length] += gain * padded[:, source + 2000 : source + 2000 + length][:, : 50_000 - out]
        for border in (out, out + length):
            near_a_border[max(0, border - FADE) : border + FADE] = True
    assert np.abs(heard - expected)[:, ~near_a_border].max(initial=0) < 2e-4


def test_spans_are_checked(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    with pytest.raises(SettingsError, match="before its start"):
        AudioSpan(path, 0, Fraction(0), 10, 5)
    with pytest.raises(SettingsError, match="must say mute, pitch or resample"):
        AudioSpan(path, 0, Fraction(0), 0, 5, Fraction(2))
    for speed in (Fraction(1, 5), Fraction(9)):
        with pytest.raises(SettingsError, match="use mute"):
            AudioSpan(path, 0, Fraction(0), 0, 5, speed, "pitch")
        AudioSpan(path, 0, Fraction(0), 0, 5, speed, "mute")


# Faults


def test_missing_and_silent_files_are_warnings_at_once(tmp_path: Path) -> None:
    text = tmp_path / "text.ogg"
    text.write_text("no sound here")
    mute = tmp_path / "mute.mp4"
    write_video(mute, 3)
    good = write_wav(tmp_path / "good.wav", np.full((2, 4800), 0.25))
    spans = [whole(p, 0.1) for p in (tmp_path / "gone.ogg", text, mute, good)]
    mixer = AudioMixer(spans, 4800)
    assert len(mixer.warnings) == 3
    for name, line in zip(("gone.ogg", "text.ogg", "mute.mp4"), mixer.warnings, strict=True):
        assert name in line
        assert "silent" in line
    assert np.allclose(mixer.read(4800), 0.25, atol=1e-4)
    assert mixer.read(10).shape == (2, 0)
    assert len(mixer.warnings) == 3


def test_a_file_that_vanishes_later_is_a_warning(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "x.wav", np.full((2, 4800), 0.25))
    mixer = AudioMixer([whole(path, 0.1)], 4800)
    assert mixer.warnings == ()
    path.unlink()
    assert not mixer.read(4800).any()
    assert "x.wav" in mixer.warnings[0]


def test_mute_and_silent_spans_open_nothing(tmp_path: Path) -> None:
    gone = tmp_path / "gone.wav"
    spans = [whole(gone, 1, mode="mute", speed=Fraction(3)), whole(gone, 1, gain=0.0)]
    assert not play(*spans).any()


@pytest.mark.parametrize(
    ("name", "codec"), [("x.ogg", "libopus"), ("x.m4a", "aac"), ("x.mkv", "aac"), ("x.mp3", "libmp3lame")]
)
@pytest.mark.parametrize("kind", ["ones", "zeros", "noise", "cut"])
def test_damage_never_raises_and_the_rest_keeps_its_time(tmp_path: Path, name: str, codec: str, kind: str) -> None:
    path = write_sound(tmp_path / name, codec, clicks(6, [0.5, 5.5], RATE, 2), RATE, "stereo")
    data = bytearray(path.read_bytes())
    low, high = int(len(data) * 0.4), int(len(data) * 0.5)
    if kind == "cut":
        del data[high:]
    else:
        noise = np.random.default_rng(1).integers(0, 256, high - low, np.uint8).tobytes()
        data[low:high] = {"ones": b"\xff" * (high - low), "zeros": bytes(high - low), "noise": noise}[kind]
    path.write_bytes(data)
    mixer = AudioMixer([whole(path, 6)], 6 * RATE)
    sound = np.concatenate([mixer.read(4800) for _ in range(60)], axis=1)
    mixer.close()
    assert sound.shape == (2, 6 * RATE)
    assert np.isfinite(sound).all()
    assert np.abs(sound).max() <= 1
    if not mixer.warnings and kind != "cut":
        assert abs(centre(sound, 5.5 * RATE) - 5.5 * RATE) < 0.03 * RATE


def test_a_start_beyond_the_end_or_in_a_gap_does_not_decode_the_whole_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    placed = []
    original = AudioReader._place
    monkeypatch.setattr(AudioReader, "_place", lambda self, frame: placed.append(1) or original(self, frame))
    path = write_sound(tmp_path / "x.mkv", "pcm_s16le", tone(30), RATE, "stereo", shift={1000: 20 * RATE})
    for start in (30, 100):  # 21.3 s to 41.3 s is a gap, 50 s is the end
        placed.clear()
        assert not play(whole(path, 1, start)).any()
        assert len(placed) < 600, start  # at most the longer pre-roll of 10 s


def test_damaged_packets_are_counted(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "x.m4a", "aac", tone(3), RATE, "stereo")
    data = bytearray(path.read_bytes())
    at = data.index(b"mdat") + 4
    middle = at + (len(data) - at) // 3
    data[middle : middle + 2000] = b"\xff" * 2000
    path.write_bytes(data)
    mixer = AudioMixer([whole(path, 3)], 3 * RATE)
    while mixer.read(4800).shape[1]:
        pass
    assert any("damaged audio packets" in line and "x.m4a" in line for line in mixer.warnings)


# Memory


def test_a_long_source_is_never_held_whole(tmp_path: Path) -> None:
    seconds = 60
    path = tmp_path / "long.wav"
    write_wav(path, np.zeros((1, seconds * 16_000), np.float32), 16_000)
    mixer = AudioMixer([whole(path, seconds), whole(path, seconds - 1, 1)], seconds * RATE)
    mixer.read(1600)
    tracemalloc.start()
    while mixer.read(1600).shape[1]:
        pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000  # the whole would be 23 MB a track
    assert mixer.buffered_peak < RATE


def test_many_spans_of_one_file_share_one_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_wav(tmp_path / "x.wav", np.full((2, 2 * RATE), 0.5))
    opened = []
    original = AudioReader._open

    def counting(self: AudioReader) -> None:
        opened.append(1)
        original(self)

    monkeypatch.setattr(AudioReader, "_open", counting)
    play(*(AudioSpan(path, 0, Fraction(k, 50), 400 * k, 400 * k + 400) for k in range(50)), block=300)
    # One look at the start, then at most two readers at work, and no rewinds.
    assert len(opened) <= 3


@pytest.mark.release
def test_ten_minutes_of_opus(tmp_path: Path) -> None:
    import time

    rng = np.random.default_rng(0)
    sound = np.tile(rng.uniform(-0.2, 0.2, (2, 60 * RATE)).astype(np.float32), (1, 10))
    path = write_sound(tmp_path / "x.ogg", "libopus", sound, RATE, "stereo")
    del sound
    mixer = AudioMixer([whole(path, 600)], 600 * RATE)
    started = time.process_time()
    while mixer.read(800).shape[1]:
        pass
    assert time.process_time() - started < 20
    assert mixer.buffered_peak <= 2 * 960


@pytest.mark.release
@pytest.mark.parametrize("folder", ["audio", "broken", "container", "camera"])
def test_shared_media_never_raises(folder: str) -> None:
    root = Path(__file__).parents[2].parent / "shared" / "media" / folder
    if not root.exists():
        pytest.skip("the shared media are not on this machine")
    import av

    for path in sorted(p for p in root.iterdir() if p.is_file()):
        try:
            with av.open(str(path)) as container:
                streams = [s.index for s in container.streams if s.type == "audio"]
        except Exception:
            streams = [0]
        for stream in streams[:2]:
            for start in (0, 2):
                mixer = AudioMixer([whole(path, 20, start, stream=stream)], 20 * RATE)
                while (sound := mixer.read(4800)).shape[1]:
                    assert np.isfinite(sound).all()
                mixer.close()
