"""The pieces of the GIF encoder: LZW, colour numbers, palettes, chroma, and reading back."""

from __future__ import annotations

import struct
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from gif_makers import made, planes, ramp
from PIL import Image

from reelpress.encode.gif import blocks
from reelpress.encode.gif.canvas import Needed
from reelpress.encode.gif.check import verify
from reelpress.encode.gif.colours import Colours, TooManyColours, packed
from reelpress.encode.gif.mapper import BAYER, TRANSPARENT, Mapper
from reelpress.encode.gif.palette import choose, nearest_of, to_rgb, to_yuv
from reelpress.encode.gif.session import GifWriter, Piece, TooLarge
from reelpress.encode.gif.settings import GifSettings
from reelpress.errors import Cancelled, EncoderError, OutputError, SettingsError, VerifyError
from reelpress.media import gif_read
from reelpress.media.full_chroma import REACH, FullChroma
from reelpress.media.gif_lzw import Lzw, _image_data
from reelpress.media.gif_read import BrokenGif, walk
from reelpress.scene.plan.rect import IntRect


def unpacked(data: bytes) -> list[int]:
    """GIF's LZW taken apart, by appendix F of GIF89a, in plain Python."""
    start, at, stream = data[0], 1, b""
    while data[at]:
        stream += data[at + 1 : at + 1 + data[at]]
        at += data[at] + 1
    assert at == len(data) - 1
    clear, end = 1 << start, (1 << start) + 1
    bits, value = 0, 0
    size, table, last, out = start + 1, [], None, []
    position = 0
    while True:
        while bits < size:
            value |= stream[position] << bits
            position, bits = position + 1, bits + 8
        code, value, bits = value & ((1 << size) - 1), value >> size, bits - size
        if code == clear:
            table = [[k] for k in range(clear)] + [[], []]
            size, last = start + 1, None
            continue
        if code == end:
            return out
        entry = table[code] if code < len(table) else last + last[:1]
        if last is not None and len(table) < 4096:
            table.append(last + entry[:1])
        last = entry
        out += entry
        if len(table) == 1 << size and size < 12:
            size += 1


@pytest.mark.parametrize("kind", ["noise", "flat", "stripes"])
@pytest.mark.parametrize("shape", [(1, 1), (3, 50), (70, 90)])
def test_lzw_comes_apart_again(kind, shape):
    rng = np.random.default_rng(3)
    values = {"noise": rng.integers(0, 256, shape), "flat": np.full(shape, 255), "stripes": np.indices(shape)[1] % 7}
    indices = values[kind].astype(np.uint8)
    with closing(Lzw()) as lzw:
        for _ in range(2):
            assert unpacked(lzw.compress(indices)) == indices.ravel().tolist()


def test_lzw_of_a_small_picture_has_nothing_of_a_large_one_before_it():
    rng = np.random.default_rng(9)
    large, small = rng.integers(0, 256, (70, 90)).astype(np.uint8), rng.integers(0, 256, (2, 5)).astype(np.uint8)
    with closing(Lzw()) as lzw:
        alone = lzw.compress(small)
        lzw.compress(large)
        assert lzw.compress(small) == alone and unpacked(alone) == small.ravel().tolist()


def test_lzw_takes_parts_of_larger_arrays():
    whole = np.arange(70 * 90).reshape(70, 90).astype(np.uint8)
    with closing(Lzw()) as lzw:
        assert unpacked(lzw.compress(whole[3:20, 5:77])) == whole[3:20, 5:77].ravel().tolist()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_no_room_for_a_compressed_picture_is_said():
    with closing(Lzw()) as lzw:
        lzw._file = open("/dev/full", "r+b", buffering=0)  # noqa: SIM115
        with pytest.raises(OutputError, match=r"64x96.*temporary.*TMPDIR"):
            lzw.compress(np.zeros((96, 64), np.uint8))


def test_what_pillow_itself_says_is_no_full_disk(monkeypatch):
    """Its encoder's own errors are OSErrors without a number of the system."""

    def fails(*_: object, **__: object) -> None:
        raise OSError("encoder error -8 when writing image file")

    monkeypatch.setattr(Image.Image, "save", fails)
    with closing(Lzw()) as lzw, pytest.raises(EncoderError, match=r"64x96: encoder error -8"):
        lzw.compress(np.zeros((96, 64), np.uint8))


def _one_picture() -> bytes:
    """A file by hand: a screen, a table of two colours, a comment, 2x1 pixels (clear, 0, 1, end in 3 bits each)."""
    head = b"GIF89a" + struct.pack("<HHBBB", 2, 1, 0x80, 0, 0) + bytes(6) + b"!\xfe\x02hi\x00"
    return head + b"," + struct.pack("<HHHHB", 0, 0, 2, 1, 0) + b"\x02\x02\x44\x0a\x00" + b";"


def test_the_compressed_part_of_a_file_is_found():
    data = _image_data(_one_picture(), 2, 1)
    assert data == b"\x02\x02\x44\x0a\x00" and unpacked(data) == [0, 1]


def test_a_file_that_is_cut_off_or_another_is_refused():
    """Cut anywhere; a byte within lost or doubled; interlaced; of another size; two pictures."""
    whole = _one_picture()
    others = [whole[:cut] for cut in range(len(whole))]
    at = whole.index(b",")
    others += [whole[:-4] + whole[-3:], whole[:-4] + b"\x44" + whole[-4:]]
    others += [whole[: at + 9] + b"\x40" + whole[at + 10 :], whole[:-1] + whole[at:]]
    for data in others:
        with pytest.raises(EncoderError, match="2x1 as one image"):
            _image_data(data, 2, 1)
    with pytest.raises(EncoderError):
        _image_data(whole, 1, 2)


def test_a_palette_of_few_colours_is_kept_exactly():
    values = np.array([[16, 128, 128], [235, 128, 128], [81, 90, 240]], np.float32)
    np.testing.assert_array_equal(choose(values, np.array([1.0, 2, 3]), 255), values)


def test_a_palette_takes_clusters_apart():
    """Four tight clusters and four entries: each entry is a cluster's mean."""
    rng = np.random.default_rng(4)
    centres = np.array([[40, 100, 160], [90, 160, 100], [150, 120, 130], [220, 128, 128]], np.float32)
    values = np.concatenate([c + rng.uniform(-2, 2, (50, 3)) for c in centres]).astype(np.float32)
    found = choose(values, np.ones(200), 4)
    for k, centre in enumerate(centres):
        nearest = found[np.abs(found - centre).sum(axis=1).argmin()]
        np.testing.assert_allclose(nearest, values[50 * k : 50 * k + 50].mean(axis=0), atol=0.01)


@pytest.mark.parametrize("kind", ["grid", "line", "twins"])
def test_a_palette_of_equal_and_of_aligned_colours(kind):
    """Points that lie on one another or on a line: never more colours than wanted, all within what there is."""
    line = np.arange(400, dtype=np.float32)[:, None] / 2 + 16
    values = {
        "grid": np.stack(np.meshgrid(*[np.arange(40, 200, 20)] * 3), axis=-1).reshape(-1, 3).astype(np.float32),
        "line": np.concatenate([line, np.full((400, 2), 128, np.float32)], axis=1),
        "twins": np.repeat(np.array([[30, 90, 90], [200, 150, 140], [90, 20, 70]], np.float32), 100, axis=0),
    }[kind]
    found = choose(values, np.ones(len(values)), 64)
    assert len(found) <= 64 and np.isfinite(found).all()
    assert (found >= values.min(axis=0) - 0.01).all() and (found <= values.max(axis=0) + 0.01).all()
    if kind == "line":  # 400 equally frequent points on a line: boxes of half or twice the mean length at most
        gaps = np.diff(np.sort(found[:, 0]))
        assert gaps.max() <= 2.1 * 200 / 64
    if kind == "twins":
        np.testing.assert_allclose(np.unique(np.rint(found), axis=0), np.unique(values, axis=0))


def test_nearest_colours_are_those_of_all_distances():
    rng = np.random.default_rng(12)
    points = rng.uniform(0, 255, (3000, 3)).astype(np.float32)
    means = rng.uniform(0, 255, (200, 3)).astype(np.float32)
    square = ((points[:, None].astype(float) - means[None].astype(float)) ** 2).sum(axis=2)
    nearest, least = nearest_of(points, means)
    np.testing.assert_allclose(least, square.min(axis=1), atol=0.1)  # float32 of numbers up to 200 000
    np.testing.assert_allclose(square[np.arange(3000), nearest], square.min(axis=1), atol=0.1)


def test_colours_there_and_back():
    """BT.709 by its own numbers: white, black, and the primaries' luma."""
    rgb = np.array([[255, 255, 255], [0, 0, 0], [255, 0, 0], [0, 255, 0], [0, 0, 255]], np.uint8)
    yuv = to_yuv(rgb)
    np.testing.assert_allclose(yuv[:, 0], [235, 16, 16 + 219 * 0.2126, 16 + 219 * 0.7152, 16 + 219 * 0.0722], atol=1e-3)
    np.testing.assert_allclose(yuv[4, 1], 240, atol=1e-3)
    np.testing.assert_array_equal(to_rgb(yuv), rgb)


def numbers_of(colours: Colours, y: object, u: object, v: object) -> np.ndarray:
    y, u, v = (np.broadcast_to(np.asarray(c, np.uint8), (4, 8)).ravel() for c in (y, u, v))
    return colours.numbers(packed(y, u, v)).reshape(4, 8)


def indices_of(mapper: Mapper, numbers: np.ndarray) -> np.ndarray:
    """Indices by the encoder's way; asked for again, when all colours are known, they are the same."""
    rows, columns = numbers.shape
    ranks = np.tile(BAYER, (rows // 4, columns // 4)).ravel()
    out = mapper.indices(numbers.ravel(), ranks)
    np.testing.assert_array_equal(mapper.indices(numbers.ravel(), ranks), out)
    return out.reshape(numbers.shape)


def luma_of(mapper: Mapper, indices: np.ndarray) -> np.ndarray:
    """Y of what is shown: the lowest byte of its word."""
    return mapper.shown[indices] & np.uint32(255)


def test_a_colour_is_a_word_of_its_bytes():
    words = packed(*(np.array(c, np.uint8) for c in ([1, 255], [2, 0], [3, 128])))
    assert words.tolist() == [0x030201, 0x8000FF]
    assert words.view(np.uint8).tolist() == [1, 2, 3, 0, 255, 0, 128, 0]


def test_colours_get_numbers_and_keep_them():
    colours = Colours()
    y = np.arange(32).reshape(4, 8) + 50
    first = numbers_of(colours, y, 100, 150)
    assert len(np.unique(first)) == 32 and first.min() == 1 and colours.count == 33
    np.testing.assert_array_equal(numbers_of(colours, y, 100, 150), first)
    np.testing.assert_array_equal(colours.values[first[2, 3]], [y[2, 3], 100, 150])
    assert colours.count == 33


def coarse() -> Colours:
    """Colours that were too many for 7 bits of chroma."""
    colours = Colours(fine=False)
    grid = np.indices((220, 40)).reshape(2, -1)
    many = packed(*(c.astype(np.uint8) for c in (grid[0] + 16, 2 * grid[1] + 50, np.full(8800, 90))))
    assert len(colours.numbers(many[:7900])) == 7900
    with pytest.raises(TooManyColours):
        colours.numbers(many)
    assert (colours.count, colours.generation) == (1, 1)
    return colours


@pytest.mark.parametrize(("made_by", "step"), [(Colours, 2), (lambda: Colours(fine=False), 2), (coarse, 4)])
def test_chroma_is_told_apart_in_steps_and_luma_in_all(made_by, step):
    """So many neighbouring codes of U, or of V, have one number."""
    colours = made_by()
    u = np.arange(32).reshape(4, 8) + 96
    assert len(np.unique(numbers_of(colours, 60, u, 150))) == 32 // step
    assert len(np.unique(numbers_of(colours, 61, 150, u))) == 32 // step
    assert len(np.unique(numbers_of(colours, u, 100, 100))) == 32


def test_a_number_is_the_mean_of_the_pixels_that_it_was_met_in():
    """Grain within one step of chroma has its own mean, not the grid's; what comes later changes nothing."""
    colours = coarse()
    u = np.full((4, 8), 96)
    u[:2, :4] = 99  # a quarter of the pixels
    number = numbers_of(colours, 60, u, 151)
    assert (number == number[0, 0]).all()
    assert colours.values[number[0, 0]].tolist() == [60, 96.75, 151]
    assert (numbers_of(colours, 60, 98, 150) == number[0, 0]).all()
    assert colours.values[number[0, 0]].tolist() == [60, 96.75, 151]


def test_numbers_of_forgotten_colours_are_learned_again():
    """A palette that was in use before all numbers became void maps the new ones as a new palette does."""
    palette = np.array([[60, 128, 128], [92, 128, 128], [92, 90, 160]], np.float32)
    colours = Colours()
    used = Mapper(colours, palette, dither=1.0)
    indices_of(used, numbers_of(colours, np.arange(32).reshape(4, 8) + 60, 128, 128))
    colours.clear()
    numbers = numbers_of(colours, 91 - np.arange(32).reshape(4, 8), 110, 140)
    np.testing.assert_array_equal(indices_of(used, numbers), indices_of(Mapper(colours, palette, dither=1.0), numbers))


def test_a_sample_is_of_all_parts():
    """One of each of as many equal parts as are wanted; all where there are not more."""
    numbers = np.arange(1000, dtype=np.uint16)
    needed = Needed(np.arange(1000), numbers, None)
    np.testing.assert_array_equal(needed.sample(100) // 10, np.arange(100))
    assert len(np.unique(needed.sample(100) % 10)) > 5  # not the same place in each
    np.testing.assert_array_equal(needed.sample(1000), numbers)


def test_mixtures_are_the_best_of_all_pairs():
    """Against the formula in plain Python, over all of a palette so small that all are neighbours."""
    rng = np.random.default_rng(11)
    colours = Colours()
    palette = rng.uniform(60, 180, (7, 3)).astype(np.float32)
    mapper = Mapper(colours, palette, dither=0.0)
    exact = to_yuv(mapper.rgb).astype(float) * [1.0, 0.8, 0.8]
    numbers = numbers_of(colours, *(rng.integers(70, 170, (4, 8)) for _ in range(3)))
    for number in np.unique(numbers):
        point = colours.values[number].astype(float) * [1.0, 0.8, 0.8]
        a = int(((exact - point) ** 2).sum(axis=1).argmin())
        costs = {}
        for b in range(len(exact)):
            way = exact[b] - exact[a]
            length = way @ way
            if b != a:
                t = min(max((point - exact[a]) @ way / max(length, 1e-3), 0.0), 0.5)
                costs[b] = ((point - exact[a] - t * way) ** 2).sum() + 0.25 * t * (1 - t) * length, t
        found = indices_of(mapper, np.full((4, 4), number, np.uint16))
        second = set(found.ravel().tolist()) - {a}
        share = float((found != a).mean())
        assert len(second) <= 1
        cost, t = min(costs.values())
        assert abs(share - t) <= 1 / 32 + 1e-4
        if second:
            assert costs[second.pop()][0] <= cost + 1e-3


def test_too_many_colours_make_coarser_numbers():
    """First a bit of chroma less, then one of luma."""
    ramp = np.arange(32).reshape(4, 8)
    colours = Colours()
    for generation, kept in ((1, (32, 8)), (2, (16, 8))):
        colours.count = 65_530
        with pytest.raises(TooManyColours):
            numbers_of(colours, ramp + 50, 40 * generation, 150)
        assert colours.generation == generation
        found = numbers_of(colours, ramp + 50, 100, 150), numbers_of(colours, 20, ramp + 96, 150)
        assert tuple(len(np.unique(each)) for each in found) == kept


def test_more_colours_than_numbers_in_a_picture(tmp_path):
    """A picture with a hundred thousand colours is encoded all the same, and comes close."""
    size = 640, 320
    y = np.arange(size[0] * size[1]).reshape(size[1], size[0]) * 7 % 220 + 16
    rng = np.random.default_rng(6)
    u, v = (rng.integers(16, 240, (size[1] // 2, size[0] // 2)) for _ in range(2))
    picture = planes(y, u, v, size)
    encoder = made(tmp_path / "x.gif", [picture], settings=GifSettings(quality=100))
    assert encoder._colours.generation >= 1
    assert walk(tmp_path / "x.gif").size == size


def test_mixtures_have_the_mean_of_what_they_stand_for():
    """Between two greys there are only mixtures, with the share that is nearest to the grey wanted."""
    colours = Colours()
    wanted = np.arange(60, 92).reshape(4, 8)
    numbers = numbers_of(colours, wanted, 128, 128)
    mapper = Mapper(colours, np.array([[60, 128, 128], [92, 128, 128]], np.float32), dither=1.0)
    for value, number in zip(wanted.ravel(), numbers.ravel(), strict=True):
        tile = np.full((4, 4), number, np.uint16)
        out = indices_of(mapper, tile)
        mean = luma_of(mapper, out).astype(float).mean()
        assert abs(mean - value) <= 32 / 16 + 8 + 1e-6  # a share costs contrast, so mixtures lean to the nearer end
        assert TRANSPARENT not in out
    middle = np.full((4, 4), numbers.ravel()[16], np.uint16)
    assert len(np.unique(indices_of(mapper, middle))) == 2


def test_without_dither_it_is_the_nearest():
    colours = Colours()
    wanted = np.arange(60, 92).reshape(4, 8)
    numbers = numbers_of(colours, wanted, 128, 128)
    mapper = Mapper(colours, np.array([[60, 128, 128], [92, 128, 128]], np.float32), dither=None)
    out = indices_of(mapper, numbers)
    np.testing.assert_array_equal(
        luma_of(mapper, out), np.where(wanted < 76, 60, np.where(wanted > 76, 92, luma_of(mapper, out)))
    )


def test_chroma_of_a_part_is_that_of_the_whole():
    rng = np.random.default_rng(7)
    picture = planes(rng.integers(16, 236, (64, 96)), *(rng.integers(16, 240, (32, 48)) for _ in range(2)))
    chroma = FullChroma()
    whole = [p.copy() for p in chroma.planes(picture, IntRect(0, 0, 96, 64))]
    np.testing.assert_array_equal(whole[0], picture.planes[0])
    for area in (IntRect(10, 8, 50, 40), IntRect(30, 20, 66, 44), IntRect(0, 0, 34, 30)):
        inner = slice(REACH, area.h - REACH), slice(REACH, area.w - REACH)
        for full, part in zip(whole, chroma.planes(picture, area), strict=True):
            np.testing.assert_array_equal(part[inner], full[area.y : area.bottom, area.x : area.right][inner])


@pytest.mark.parametrize("value", range(0, 256, 5))
def test_flat_chroma_stays(value):
    picture = planes(value, value, 255 - value)
    y, u, v = FullChroma().planes(picture, IntRect(0, 0, 96, 64))
    assert (y == value).all() and (u == value).all() and (v == 255 - value).all()


def test_local_palettes_have_only_what_is_used():
    indices = np.array([[7, 255], [200, 7]], np.uint8)
    palette = np.arange(255 * 3).reshape(255, 3).astype(np.uint8)
    image = blocks.compact(indices, palette, TRANSPARENT)
    assert image.transparent == 2
    np.testing.assert_array_equal(image.indices, [[0, 2], [1, 0]])
    np.testing.assert_array_equal(image.palette[:2], palette[[7, 200]])
    assert len(blocks.table(image.palette)) == 3 * 4


def test_palettes_of_many_colours_stay_as_they_are():
    """From 129 colours on a table has 256 entries, so nothing is gained by leaving some out."""
    rng = np.random.default_rng(14)
    palette = rng.integers(0, 256, (255, 3)).astype(np.uint8)
    for count, kept in ((255, True), (120, False)):
        indices = rng.integers(0, count, (90, 160)).astype(np.uint8)
        indices[:, :20] = TRANSPARENT
        image = blocks.compact(indices, palette, TRANSPARENT)
        assert (image.indices is indices) == kept
        assert len(blocks.table(image.palette)) == 3 * (256 if kept else 128)
        seen = np.zeros((256, 3), np.uint8)
        seen[: len(image.palette)] = image.palette
        there = image.indices != image.transparent
        np.testing.assert_array_equal(there, indices != TRANSPARENT)
        np.testing.assert_array_equal(seen[image.indices[there]], palette[indices[there]])


def test_the_header_is_the_specification():
    palette = np.zeros((255, 3), np.uint8)
    data = blocks.header(640, 360, palette, 0)
    assert data[:6] == b"GIF89a" and struct.unpack("<HH", data[6:10]) == (640, 360)
    assert data[10] & 0x87 == 0x87 and len(data) == 13 + 768 + 19


@pytest.mark.parametrize("settings", [{"quality": 0}, {"quality": 101}, {"loop": -1}, {"loop": 65536}, {"colours": 1}])
def test_settings_out_of_range(settings):
    with pytest.raises(SettingsError):
        GifSettings(**settings)


def test_quality_is_monotone():
    tolerances = [GifSettings(quality=q).tolerance for q in range(1, 101)]
    assert tolerances == sorted(tolerances, reverse=True) and tolerances[-1] == (0, 0)


# --- reading back -----------------------------------------------------------------------------------------------------


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    made(tmp_path / "x.gif", [ramp(), planes(100), planes(200)])
    return tmp_path / "x.gif"


def checked(path: Path, **other: object) -> object:
    expected = {"frames": 3, "fps": 15, "size": (96, 64), "shown": [0, 1, 2], "loop": 0, "full": True}
    return verify(path, **{**expected, "heartbeat": lambda: None, "cancelled": lambda: False, **other})


def test_a_good_file_is_accepted(finished):
    result = checked(finished)
    assert (result.frames, result.decoded) == (3, 3)
    assert float(result.duration) == 0.2


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"frames": 4, "shown": [0, 1, 2]}, "lasts"),
        ({"size": (98, 64)}, "98x64"),
        ({"loop": 1}, "loop"),
        ({"shown": [0, 1]}, "delays"),
        ({"shown": [0, 2, 3], "frames": 3}, "delays"),
    ],
)
def test_what_differs_from_the_plan_is_refused(finished, other, said):
    with pytest.raises(VerifyError, match=said):
        checked(finished, **other)


@pytest.mark.parametrize("cut", [5, 13, 400, 900, -1])
def test_cut_files_are_refused(finished, cut):
    finished.write_bytes(finished.read_bytes()[:cut])
    with pytest.raises(VerifyError):
        checked(finished)


@pytest.mark.parametrize("window", [771, 1000, 4096])
def test_reading_in_pieces_is_reading_at_once(tmp_path, monkeypatch, window):
    """Blocks that lie across the end of what is read at a time; cut anywhere, it is told where."""
    rng = np.random.default_rng(15)
    made(tmp_path / "x.gif", [planes(rng.integers(16, 236, (64, 96))) for _ in range(3)])
    whole = walk(tmp_path / "x.gif")
    data = (tmp_path / "x.gif").read_bytes()
    assert whole.image_bytes > 10_000
    monkeypatch.setattr(gif_read, "_WINDOW", window)
    assert walk(tmp_path / "x.gif") == whole
    for cut in [*range(771, 3000, 97), *range(len(data) - 300, len(data), 13), len(data) - 1]:
        (tmp_path / "y.gif").write_bytes(data[:cut])
        with pytest.raises(BrokenGif, match=f"cut off at byte {cut}$"):
            walk(tmp_path / "y.gif")


@pytest.mark.parametrize("extra", [b"x", b";;"])
def test_what_follows_the_end_is_refused(finished, extra):
    finished.write_bytes(finished.read_bytes() + extra)
    with pytest.raises(BrokenGif, match="follows"):
        walk(finished)


def test_checking_can_be_cancelled(finished):
    with pytest.raises(Cancelled):
        checked(finished, cancelled=lambda: True)


def test_a_limit_is_counted_beyond_and_told_in_the_end(tmp_path):
    rng = np.random.default_rng(8)
    palette = rng.integers(0, 256, (255, 3)).astype(np.uint8)
    pieces = [Piece(rng.integers(0, 255, (64, 96)).astype(np.uint8), 0, 0, palette, True, False, k) for k in range(4)]
    last = Piece(np.zeros((0, 0), np.uint8), 0, 0, palette, False, False, 4)

    def written(limit: int | None) -> tuple[int, int]:
        writer = GifWriter(tmp_path / "y.gif", 96, 64, 15, GifSettings(), limit=limit)
        writer.mux([*pieces, last])
        writer.finish()
        return writer.bytes, (tmp_path / "y.gif").stat().st_size

    whole, size = written(None)
    assert whole == size
    assert written(whole) == (whole, whole)
    with pytest.raises(TooLarge) as caught:
        written(whole - 1)
    assert caught.value.bytes == whole
    assert (tmp_path / "y.gif").stat().st_size < whole
