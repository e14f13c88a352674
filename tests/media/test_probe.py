"""probe: what is found, what is refused, and the sentences it is refused with."""

from __future__ import annotations

import os
import wave
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest
from videos import make_video, numbered

from reelpress.color import Matrix, Range, Siting, Transfer
from reelpress.errors import (
    InputError,
    MissingInputError,
    OutOfMemoryError,
    UnreadableInputError,
    UnsupportedInputError,
)
from reelpress.media.probe import VideoStreamInfo, probe

if TYPE_CHECKING:
    from pathlib import Path


def video(path: Path) -> VideoStreamInfo:
    info = probe(path).video
    assert info is not None
    return info


def test_what_is_found(tmp_path: Path) -> None:
    path = make_video(
        tmp_path / "a.mp4", size=(64, 48), fps=25, frames=5, colorspace=1, color_range=1, primaries=1, transfer=1
    )
    media = probe(path)
    assert media.path == path
    assert media.size_bytes == path.stat().st_size
    assert media.duration == Fraction(1, 5)
    assert media.audio == ()
    info = video(path)
    assert (info.codec, info.pixel_format, info.width, info.height) == ("h264", "yuv420p", 64, 48)
    assert (info.rotation, info.mirrored, info.bits, info.sar) == (0, False, 8, 1)
    assert (info.color.matrix, info.color.range, info.color.siting) == (Matrix.BT709, Range.LIMITED, Siting.LEFT)
    assert info.average_fps == 25
    assert info.frame_threads
    assert not info.is_hdr


@pytest.mark.parametrize(
    ("sar", "expected"),
    [(Fraction(1), (64, 48)), (Fraction(4, 3), (85, 48)), (Fraction(2, 3), (64, 72)), (Fraction(2), (128, 48))],
)
def test_sample_aspect_ratio_widens_and_never_shrinks(tmp_path: Path, sar: Fraction, expected: tuple[int, int]) -> None:
    info = video(make_video(tmp_path / "sar.mp4", frames=2, sar=sar))
    assert info.sar == sar
    assert info.display_size == expected


def test_sample_aspect_ratio_turns_with_the_picture(tmp_path: Path) -> None:
    info = video(make_video(tmp_path / "sar.mp4", frames=2, sar=Fraction(2), rotation=-90))
    assert (info.width, info.height, info.sar) == (48, 64, Fraction(1, 2))
    assert info.display_size == (48, 128)


@pytest.mark.parametrize(
    ("arguments", "matrix", "value_range", "bits"),
    [
        ({"colorspace": 5, "color_range": 1}, Matrix.BT601, Range.LIMITED, 8),
        ({"colorspace": 1, "color_range": 2}, Matrix.BT709, Range.FULL, 8),
        ({"pix_fmt": "yuvj420p"}, Matrix.BT601, Range.FULL, 8),
        ({}, Matrix.BT601, Range.LIMITED, 8),
        ({"size": (1280, 720), "frames": 1}, Matrix.BT709, Range.LIMITED, 8),
        ({"pix_fmt": "yuv420p10le", "colorspace": 9, "color_range": 1}, Matrix.BT2020, Range.LIMITED, 10),
        ({"pix_fmt": "yuv444p", "colorspace": 1}, Matrix.BT709, Range.LIMITED, 8),
        ({"codec": "libx264rgb", "pix_fmt": "rgb24"}, Matrix.RGB, Range.FULL, 8),
    ],
)
def test_colour(tmp_path: Path, arguments: dict[str, Any], matrix: Matrix, value_range: Range, bits: int) -> None:
    info = video(make_video(tmp_path / "c.mp4", **({"frames": 2} | arguments)))
    assert (info.color.matrix, info.color.range, info.bits) == (matrix, value_range, bits)


@pytest.mark.parametrize(("transfer", "kind"), [(16, Transfer.PQ), (18, Transfer.HLG), (1, Transfer.SDR)])
def test_hdr_is_seen(tmp_path: Path, transfer: int, kind: Transfer) -> None:
    path = make_video(
        tmp_path / "h.mp4", frames=2, pix_fmt="yuv420p10le", colorspace=9, primaries=9, transfer=transfer, color_range=1
    )
    info = video(path)
    assert info.color.transfer is kind
    assert info.is_hdr == (kind is not Transfer.SDR)


def textured(n: int) -> av.VideoFrame:
    frame = numbered(n, 64, 48)
    rng = np.random.default_rng(n)
    for plane in frame.planes[1:]:
        view = np.frombuffer(plane, np.uint8)  # type: ignore[call-overload]
        view[:] = rng.integers(100, 156, view.shape)
    return frame


@pytest.mark.parametrize(("chromaloc", "siting"), [(None, Siting.LEFT), (0, Siting.LEFT), (2, Siting.TOP_LEFT)])
def test_chroma_siting_of_the_stream(tmp_path: Path, chromaloc: int | None, siting: Siting) -> None:
    parameters = "keyint=10:scenecut=0" + ("" if chromaloc is None else f":chromaloc={chromaloc}")
    path = make_video(tmp_path / "s.mp4", frames=2, draw=textured, options={"x264-params": parameters})
    assert video(path).color.siting is siting


def test_motion_jpeg_is_centre_sited(tmp_path: Path) -> None:
    path = make_video(tmp_path / "j.mov", frames=2, codec="mjpeg", pix_fmt="yuvj420p")
    assert video(path).color.siting is Siting.CENTER


def with_sound(path: Path, *, cover: bool = False, picture: bool = True) -> Path:
    """An MP4 with AAC, with a video or not, with a PNG cover or not."""
    with av.open(str(path), "w") as container:
        streams: list[Any] = []
        if picture:
            main: Any = container.add_stream("libx264", rate=10)
            main.width, main.height, main.pix_fmt = 64, 48, "yuv420p"
            streams.append(main)
        if cover:
            art: Any = container.add_stream("png")
            art.width, art.height, art.pix_fmt = 640, 480, "rgb24"
            art.disposition = 0x400
            streams.append(art)
        sound: Any = container.add_stream("aac", rate=48_000, layout="stereo")
        if picture:
            for n in range(5):
                container.mux(main.encode(numbered(n, 64, 48)))
            container.mux(main.encode(None))
        if cover:
            container.mux(art.encode(av.VideoFrame(640, 480, "rgb24")))
            container.mux(art.encode(None))
        silence = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), format="fltp", layout="stereo")
        silence.sample_rate = 48_000
        for n in range(10):
            silence.pts = n * 1024
            container.mux(sound.encode(silence))
        container.mux(sound.encode(None))
    return path


def test_sound_is_described(tmp_path: Path) -> None:
    media = probe(with_sound(tmp_path / "av.mp4"))
    (sound,) = media.audio
    assert (sound.codec, sound.sample_rate, sound.channels) == ("aac", 48_000, 2)
    assert media.video is not None
    assert sound.index != media.video.index


@pytest.mark.parametrize("name", ["tone.wav", "tone.bin"])
def test_a_loud_tone_is_a_wave_file(tmp_path: Path, name: str) -> None:
    """PyAV 19.0 takes its samples for another format, and finds nothing in that."""
    samples = (16_000 * np.sin(2 * np.pi * 500 * np.arange(96_000) / 48_000)).astype("<i2")
    with wave.open(str(tmp_path / name), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(48_000)
        file.writeframes(samples.tobytes())
    (sound,) = probe(tmp_path / name).audio
    assert (sound.codec, sound.sample_rate, sound.channels) == ("pcm_s16le", 48_000, 1)


@pytest.mark.parametrize("size", [11, 12, 20])
def test_the_beginning_of_a_wave_file_is_refused(tmp_path: Path, size: int) -> None:
    (tmp_path / "cut.wav").write_bytes(b"RIFF\x24\xee\x02\0WAVEfmt \x10\0\0\0"[:size])
    with pytest.raises(UnreadableInputError):
        probe(tmp_path / "cut.wav")


def test_sound_alone_has_no_video(tmp_path: Path) -> None:
    media = probe(with_sound(tmp_path / "a.m4a", picture=False))
    assert media.video is None
    assert len(media.audio) == 1


def test_a_cover_picture_is_never_the_video(tmp_path: Path) -> None:
    media = probe(with_sound(tmp_path / "cover.mp4", cover=True))
    assert media.video is not None
    assert (media.video.codec, media.video.width) == ("h264", 64)
    only_cover = probe(with_sound(tmp_path / "song.mp4", cover=True, picture=False))
    assert only_cover.video is None


# -- what is refused ------------------------------------------------------------------------------------------------


def refused(path: Path, kind: type[InputError]) -> str:
    with pytest.raises(kind) as caught:
        probe(path)
    text = str(caught.value)
    assert path.name in text
    assert "\n" not in text
    assert text.endswith(".")
    assert caught.value.exit_code == 3
    return text


def test_nothing_there(tmp_path: Path) -> None:
    assert "no such file" in refused(tmp_path / "none.mp4", MissingInputError)
    (tmp_path / "file").write_text("x")
    assert "no such file" in refused(tmp_path / "file" / "below.mp4", MissingInputError)


def test_a_folder(tmp_path: Path) -> None:
    assert "is a folder" in refused(tmp_path, UnsupportedInputError)


def test_zero_bytes(tmp_path: Path) -> None:
    path = tmp_path / "zero.webm"
    path.touch()
    assert "empty (0 bytes)" in refused(path, UnreadableInputError)


@pytest.mark.parametrize("name", ["story.mp4", "story.txt", "story.webm", "story"])
@pytest.mark.parametrize("text", ["Once upon a time.\n" * 40, "ffconcat version 1.0\nfile 'other.mp4'\n", "x"])
def test_text_under_any_name(tmp_path: Path, name: str, text: str) -> None:
    make_video(tmp_path / "other.mp4", frames=2)
    path = tmp_path / name
    path.write_text(text)
    refused(path, InputError)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_does_not_block(tmp_path: Path) -> None:
    path = tmp_path / "pipe.mp4"
    os.mkfifo(path)
    assert "not a regular file" in refused(path, UnsupportedInputError)


def test_no_index(tmp_path: Path) -> None:
    path = make_video(tmp_path / "crashed.mp4", frames=30)
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"moov") - 4])
    assert "moov" in refused(path, UnreadableInputError)


def test_header_without_pictures(tmp_path: Path) -> None:
    path = make_video(
        tmp_path / "init.mp4", frames=3, container_options={"movflags": "frag_keyframe+empty_moov+default_base_moof"}
    )
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"moof") - 4])
    assert "no picture data" in refused(path, UnreadableInputError)


def test_not_one_picture_can_be_decoded(tmp_path: Path) -> None:
    path = make_video(tmp_path / "noise.mp4", frames=8)
    data = bytearray(path.read_bytes())
    start = data.index(b"mdat") + 4
    end = data.index(b"moov") - 4
    data[start:end] = np.random.default_rng(1).integers(0, 256, end - start).astype(np.uint8).tobytes()
    path.write_bytes(data)
    assert "can be decoded" in refused(path, UnreadableInputError)


def sound_alone(path: Path) -> Path:
    with av.open(str(path), "w", format="ipod", container_options={"movflags": "faststart"}) as container:
        stream = container.add_stream("aac", rate=48_000)
        frame = av.AudioFrame(format="fltp", layout="stereo", samples=1024)
        frame.sample_rate, frame.pts = 48_000, 0
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def test_a_damaged_size_is_no_lack_of_memory(tmp_path: Path) -> None:
    """An entry of 16 MiB in a file of 1 kB: FFmpeg says that it cannot allocate memory."""
    path = sound_alone(tmp_path / "a.m4a")
    raw = bytearray(path.read_bytes())
    entry = raw.index(b"stsd") + 12  # ISO/IEC 14496-12, 8.5.2: version and flags, number of entries, the first's size
    raw[entry] = 1
    path.write_bytes(raw)
    assert "is damaged" in refused(path, UnreadableInputError)


def test_a_lack_of_memory_is_no_damaged_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reelpress.media._av._PROBE_BYTES", 1 << 62)  # more than any machine has
    path = sound_alone(tmp_path / "a.m4a")
    raw = bytearray(path.read_bytes())
    raw[raw.index(b"stsd") + 12] = 1
    path.write_bytes(raw)
    with pytest.raises(OutOfMemoryError, match="while reading"):
        probe(path)


@pytest.mark.parametrize("text", ["http://example.invalid/a.mp4", "https://example.invalid/a.m3u8", "rtsp://x/y"])
def test_no_network(tmp_path: Path, text: str) -> None:
    from pathlib import Path as Anything

    with pytest.raises(UnsupportedInputError, match="only files on this machine"):
        probe(Anything(text))


@pytest.mark.parametrize("entry", ["http://127.0.0.1:9/a.ts", "https://127.0.0.1:9/a.ts", "tcp://127.0.0.1:9"])
def test_no_network_from_a_playlist(tmp_path: Path, entry: str) -> None:
    path = tmp_path / "list.m3u8"
    path.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{entry}\n#EXT-X-ENDLIST\n")
    refused(path, InputError)


def test_a_playlist_of_files_is_read(tmp_path: Path) -> None:
    path = make_video(tmp_path / "list.m3u8", frames=30, container_options={"hls_time": "1"})
    assert probe(path).format_name == "hls"
    for segment in tmp_path.glob("*.ts"):
        segment.unlink()
    refused(path, UnreadableInputError)


@pytest.mark.parametrize(
    "name", ["with space.mp4", "100% %d 'quoted' \"x\".mp4", "Übergröße 录屏.mp4", "a:b.mp4", "-i.mp4"]
)
def test_names(tmp_path: Path, name: str) -> None:
    assert probe(make_video(tmp_path / "plain.mp4", frames=2).rename(tmp_path / name)).video


def test_metadata_that_is_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "title.mkv"
    make_video(path, frames=2)
    data = path.read_bytes()
    assert b"Lavf" in data
    path.write_bytes(data.replace(b"Lavf", b"\xff\xfe\xffL"))
    assert probe(path).video


def test_the_library_is_not_named_in_a_bad_file_s_error(tmp_path: Path) -> None:
    path = tmp_path / "bad.mp4"
    path.write_bytes(b"\0\0\0\x18ftypmp42" + bytes(100))
    assert "av." not in refused(path, UnreadableInputError)
