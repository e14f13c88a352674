"""The GPU compositor beyond its pixels (those: ``tests/contract``): frames ahead, what is uploaded and read back, RGBA,
leaks. On a software adapter where there is no other, so all pictures are small."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from reelpress.color import BT709_LIMITED, codes_to_rgb
from reelpress.compose.base import Composed
from reelpress.compose.gpu.compositor import TILE_BYTES, GpuCompositor
from reelpress.compose.gpu.device import GpuWrong, native_counts, shared
from reelpress.compose.reference import ReferenceCompositor
from reelpress.errors import FormatError, StallError
from reelpress.media.planes import Planes
from reelpress.media.scale import allocate
from reelpress.scene.plan.effects import Blur, Effect, Grade
from reelpress.scene.plan.fills import GradientFill, SolidFill
from reelpress.scene.plan.frame import FramePlan
from reelpress.scene.plan.layers import BackgroundLayer, EffectLayer, FillLayer, GroupLayer, PictureLayer, SpriteLayer
from reelpress.scene.plan.outline import Shape
from reelpress.scene.plan.rect import Rect

pytestmark = pytest.mark.gpu

SIZE = (192, 96)
BACK = BackgroundLayer(GradientFill((0.1, 0.2, 0.8), (0.9, 0.5, 0.2), 90))


@pytest.fixture
def compositor():
    made = GpuCompositor()
    yield made
    made.close()


def planes_of(width: int, height: int, seed: int = 0, format_name: str = "yuv420p", padding: int = 0) -> Planes:
    """Noise, in rows with so many bytes of padding."""
    random = np.random.default_rng(seed)

    def plane(rows: int, columns: int) -> np.ndarray:
        return random.integers(16, 236, (rows, columns + padding), np.uint8)[:, :columns]

    half = (-(-height // 2), -(-width // 2))
    if format_name == "nv12":
        planes = (plane(height, width), plane(half[0], 2 * half[1]))
    else:
        planes = (plane(height, width), plane(*half), plane(*half))
    return Planes(format_name, width, height, planes, BT709_LIMITED)


def plan_of(*layers, size: tuple[int, int] = SIZE) -> FramePlan:
    return FramePlan(size, (BACK, *layers))


def card(frame: int = 0, rect: Rect | None = None, **more) -> PictureLayer:
    rect = rect or Rect(32, 16, 128, 64)
    return PictureLayer("display:0", frame, Rect(0, 0, 128, 64), rect, Shape(rect, 8), **more)


def box(x: float, y: float = 40.0, color: tuple[float, float, float] = (1.0, 0.0, 0.0)) -> FillLayer:
    return FillLayer(Shape(Rect(x, y, 10, 8)), color)


def same(a: Planes, b: Planes) -> bool:
    return a.format == b.format and all(np.array_equal(x, y) for x, y in zip(a.planes, b.planes, strict=True))


# --- frames ahead -----------------------------------------------------------------------------------------------------


def test_frames_begun_ahead_are_those_composed_one_by_one(compositor):
    sources = [{"display:0": planes_of(128, 64, seed)} for seed in (1, 2)]
    frames = [
        (plan_of(card(0)), sources[0]),
        (plan_of(card(0), box(20)), sources[0]),
        (plan_of(card(0), box(23.5)), sources[0]),
        (plan_of(card(0), box(23.5)), sources[0]),
        (plan_of(card(1), box(150)), sources[1]),
        (plan_of(card(1, Rect(20.3, 9.1, 140, 70)), box(150)), sources[1]),
    ]
    made: list[Composed] = []
    on_its_way = Composed(Planes("nv12", 2, 2, (), BT709_LIMITED), ())
    for number, (plan, pictures) in enumerate(frames):
        if compositor.in_flight >= compositor.depth:
            made.append(compositor.finish(60))
        compositor.begin(plan, pictures, on_its_way if number else None)
    while compositor.in_flight:
        made.append(compositor.finish(60))
    assert [composed.damage == () for composed in made] == [False, False, False, True, False, False]
    assert made[3].planes is made[2].planes
    for (plan, pictures), composed in zip(frames, made, strict=True):
        alone = GpuCompositor()
        assert same(composed.planes, alone.compose(plan, pictures, None).planes)
        alone.close()
    assert (compositor.composed + compositor.patched, compositor.held) == (5, 1)
    assert compositor.patched >= 2


@pytest.mark.parametrize("size", [(194, 98), (66, 6), (8, 2)])
def test_a_copy_in_two_halves_is_the_whole_picture(size, monkeypatch):
    class Beside:
        halves = closed = 0

        def both(self, here, there):
            self.halves += 1
            there()
            here()

        def close(self):
            self.closed += 1

    monkeypatch.setattr("reelpress.compose.gpu.compositor.LARGE_BYTES", 0)
    plan, pictures = plan_of(card(), size=size), {"display:0": planes_of(128, 64)}
    beside = Beside()
    alone, together = GpuCompositor(), GpuCompositor(beside=beside)
    right = alone.compose(plan, pictures, None).planes
    poison(size)
    assert same(together.compose(plan, pictures, None).planes, right)
    assert beside.halves == 1
    for each in (alone, together):
        each.close()
    assert beside.closed == 1


def test_memory_that_another_thread_may_still_read_stays_until_that_is_over(monkeypatch):
    """A copy in two halves that hangs: nothing is unmapped before the other thread was waited for."""
    events = []

    class Stuck:
        def both(self, here, there):
            raise StallError("read-back", "native", 10)

        def close(self):
            events.append("closed")

    monkeypatch.setattr("reelpress.compose.gpu.compositor.LARGE_BYTES", 0)
    compositor = GpuCompositor(beside=Stuck())
    compositor.begin(plan_of(card()), {"display:0": planes_of(128, 64)}, None)
    compositor._begun[0].ticket.release = lambda: events.append("released")
    drop = compositor._gpu.drop
    monkeypatch.setattr(compositor._gpu, "drop", lambda thing: (events.append("dropped"), drop(thing)))
    with pytest.raises(StallError):
        compositor.finish(60)
    assert events == []
    compositor.close()
    assert events[0] == "closed"
    assert "dropped" in events
    assert "released" not in events


def poison(size: tuple[int, int]) -> None:
    """Fill the picture that the pool lends next with what no picture holds: a row left out would show."""
    for plane in allocate(*size, "nv12", BT709_LIMITED).planes:
        plane[:] = 255


def test_no_more_frames_than_the_ring_is_deep(compositor):
    for x in range(compositor.depth):
        compositor.begin(plan_of(box(20 + x)), {}, None)
    assert compositor.in_flight == compositor.depth
    with pytest.raises(RuntimeError, match="finish one first"):
        compositor.begin(plan_of(box(80)), {}, None)
    with pytest.raises(RuntimeError, match="have to be finished"):
        compositor.compose(plan_of(box(80)), {}, None)
    for _ in range(compositor.depth):
        compositor.finish(60)
    assert compositor.in_flight == 0


def test_a_frame_that_could_not_be_begun_does_no_harm(compositor):
    good = plan_of(box(20))
    first = compositor.compose(good, {}, None)
    with pytest.raises(FormatError, match="display:0"):
        compositor.compose(plan_of(card()), {}, first)
    wrong = planes_of(128, 64)
    wrong.format = "yuv444p"
    with pytest.raises(FormatError, match="yuv444p"):
        compositor.compose(plan_of(card()), {"display:0": wrong}, first)
    assert compositor.in_flight == 0
    again = compositor.compose(good, {}, first)
    assert same(again.planes, first.planes)


@pytest.mark.parametrize("size", [(191, 96), (192, 95), (0, 0)])
def test_odd_sizes_are_refused(compositor, size):
    with pytest.raises(FormatError, match="must be even"):
        compositor.compose(FramePlan(size, (BACK,)), {}, None)


def test_closing_with_frames_on_their_way():
    gpu = shared(allow_software=True)
    before = gpu.live
    made = GpuCompositor()
    made.begin(plan_of(box(20)), {}, None)
    made.begin(plan_of(box(30)), {}, None)
    made.close()
    made.close()
    assert gpu.live == before


# --- what travels -----------------------------------------------------------------------------------------------------


def test_bytes_uploaded_and_read(compositor):
    """Only what changed goes up, only the tiles that changed come back (32x16 pixels are 768 bytes of NV12)."""
    picture = planes_of(128, 64)
    first = compositor.compose(plan_of(card()), {"display:0": picture}, None)
    assert compositor.read_back == 192 * 96 * 3 // 2
    uploaded = compositor.uploaded
    assert uploaded >= 128 * 64 * 3 // 2

    second = compositor.compose(plan_of(card(), box(64, 32)), {"display:0": picture}, first)
    assert compositor.uploaded == uploaded, "a box is made of numbers alone"
    tiles = (compositor.read_back - 192 * 96 * 3 // 2) / TILE_BYTES
    assert 1 <= tiles <= 4

    read = compositor.read_back
    third = compositor.compose(plan_of(card(), box(64, 32)), {"display:0": picture}, second)
    assert third.planes is second.planes
    assert (compositor.read_back, compositor.uploaded) == (read, uploaded)


def test_an_equal_picture_of_another_number_is_held(compositor):
    picture = planes_of(128, 64)
    copy = dataclasses.replace(picture, planes=tuple(p.copy() for p in picture.planes))
    first = compositor.compose(plan_of(card(0)), {"display:0": picture}, None)
    uploaded = compositor.uploaded
    second = compositor.compose(plan_of(card(1)), {"display:0": copy}, first)
    assert second.damage == ()
    assert second.planes is first.planes
    assert compositor.uploaded == uploaded


def test_of_a_picture_that_changed_in_some_rows_only_those_go_up(compositor):
    picture = planes_of(128, 256)
    changed = dataclasses.replace(picture, planes=tuple(p.copy() for p in picture.planes))
    changed.planes[0][100:104] ^= 0x40
    changed.planes[2][51] ^= 0x10
    rect = Rect(32, 8, 128, 80)

    def plan(frame: int) -> FramePlan:
        return plan_of(PictureLayer("display:0", frame, Rect(0, 0, 128, 256), rect, Shape(rect)))

    first = compositor.compose(plan(0), {"display:0": picture}, None)
    uploaded = compositor.uploaded
    second = compositor.compose(plan(1), {"display:0": changed}, first)
    assert compositor.uploaded - uploaded == 4 * 128 + 2 * 2 * 64  # rows 100 to 104 of luma and theirs of chroma
    assert sum(rect.area for rect in second.damage) < 128 * 80 / 2
    alone = GpuCompositor()
    assert same(second.planes, alone.compose(plan(1), {"display:0": changed}, None).planes)
    assert not same(second.planes, first.planes)
    alone.close()


@pytest.mark.parametrize("format_name", ["yuv420p", "nv12"])
@pytest.mark.parametrize(
    ("width", "height", "padding"), [(64, 32, 0), (62, 34, 0), (61, 33, 0), (64, 32, 32), (62, 30, 3)]
)
def test_rows_of_any_length_and_padding(compositor, format_name, width, height, padding):
    """What is uploaded is the picture, wherever its rows begin: shown one to one it comes back as it is."""
    picture = planes_of(width, height, 5, format_name, padding)
    rect = Rect(8, 4, width, height)
    plan = plan_of(PictureLayer("camera:0", 0, Rect(0, 0, width, height), rect, Shape(rect)))
    got = compositor.compose(plan, {"camera:0": picture}, None).planes
    assert np.array_equal(got.planes[0][4 : 4 + height, 8 : 8 + width], picture.planes[0])
    if width % 2 == 0 and height % 2 == 0:
        chroma = got.planes[1][2 : 2 + height // 2, 8 : 8 + width]
        if format_name == "nv12":
            wanted = picture.planes[1]
        else:
            wanted = np.stack(picture.planes[1:], axis=-1).reshape(height // 2, width)
        # The first column's filter takes in the background to the left of it.
        assert np.array_equal(chroma[:, 2:], wanted[:, 2:])


@pytest.mark.parametrize("width", [2, 6, 30, 34, 66])
def test_widths_that_are_no_whole_words(compositor, width):
    """Patched and whole, against the reference."""
    plans = [plan_of(box(3.3, 8), size=(width, 34)), plan_of(box(5.6, 11), size=(width, 34))]
    last = None
    for plan in plans:
        last = compositor.compose(plan, {}, last)
        truth = ReferenceCompositor().compose(plan, {}, None).planes
        luma, chroma = last.planes.planes
        assert luma.shape == (34, width)
        assert chroma.shape == (17, width)
        assert np.abs(luma.astype(int) - truth.planes[0]).max() <= 1
        assert np.abs(chroma[:, 0::2].astype(int) - truth.planes[1]).max() <= 1
        assert np.abs(chroma[:, 1::2].astype(int) - truth.planes[2]).max() <= 1


# --- RGBA -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("output", ["rgba", "bgra"])
def test_packed_rgb_with_straight_alpha(output):
    made = GpuCompositor(output=output)
    red = FillLayer(Shape(Rect(8, 8, 20, 12)), (0.9, 0.3, 0.1), 0.5)
    plan = FramePlan((62, 32), (red,))
    planes = made.compose(plan, {}, None).planes
    made.close()
    assert planes.format == output
    pixels = planes.planes[0].reshape(32, 62, 4)
    if output == "bgra":
        pixels = pixels[..., [2, 1, 0, 3]]
    assert not pixels[:6].any()
    assert not pixels[:, 40:].any()
    inside = pixels[11:17, 12:24].astype(int)
    assert np.abs(inside - [230, 77, 26, 128]).max() <= 1


def test_packed_rgb_of_a_picture_is_its_codes_converted():
    made = GpuCompositor(output="rgba")
    flat = planes_of(64, 32)
    for plane, code in zip(flat.planes, (90, 150, 110), strict=True):
        plane[...] = code
    rect = Rect(0, 0, 64, 32)
    plan = FramePlan((64, 32), (PictureLayer("display:0", 0, rect, rect, Shape(rect)),))
    pixels = made.compose(plan, {"display:0": flat}, None).planes.planes[0].reshape(32, 64, 4)
    made.close()
    wanted = [255 * v for v in codes_to_rgb((90, 150, 110))] + [255]
    assert np.abs(pixels - np.array(wanted)).max() <= 0.6


def test_an_output_that_there_is_not():
    with pytest.raises(FormatError, match="p010"):
        GpuCompositor(output="p010")


# --- far from the usual -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [2.0, 12.5])
def test_a_picture_reduced_very_far(compositor, width):
    """Hundreds of samples under the kernel: made by passes of their own, as right as any other."""
    picture = planes_of(640, 360)
    rect = Rect(40.2, 30.1, width, width * 9 / 16)
    plan = plan_of(PictureLayer("display:0", 0, Rect(0, 0, 640, 360), rect, Shape(rect)))
    got = compositor.compose(plan, {"display:0": picture}, None).planes
    truth = ReferenceCompositor().compose(plan, {"display:0": picture}, None).planes
    assert np.abs(got.planes[0].astype(int) - truth.planes[0]).max() <= 1


def test_nothing_of_what_a_mask_hides_is_seen(compositor):
    """Two pictures that differ only where a mosaic and a blur of flat surroundings hide it look the same."""
    rect = Rect(32, 16, 128, 64)
    masks = (
        EffectLayer(Effect.PIXELATE, Rect(48, 24, 32, 32), 64.0),
        EffectLayer(Effect.BLUR, Rect(100, 24, 32, 32), 4.0),
    )
    flat = planes_of(128, 64)
    for plane in flat.planes:
        plane[...] = 100
    spot = dataclasses.replace(flat, planes=tuple(p.copy() for p in flat.planes))
    spot.planes[0][12:18, 20:24] = 235  # not the mosaic's middle
    pictures = []
    for source in (flat, spot):
        layer = PictureLayer("display:0", 0, Rect(0, 0, 128, 64), rect, Shape(rect))
        alone = GpuCompositor()
        pictures.append(alone.compose(plan_of(layer, *masks), {"display:0": source}, None).planes)
        alone.close()
    assert same(*pictures)


@pytest.mark.parametrize("effect", [Effect.PIXELATE, Effect.BLUR, Effect.HIGHLIGHT])
@pytest.mark.parametrize("rect", [Rect(66, 17, 38, 32), Rect(61.3, 30.2, 71.4, 22.7), Rect(130, -9, 90, 60)])
def test_a_mask_that_begins_within_a_block(compositor, effect, rect):
    """Shaders draw 4x2 pixels at a time: what lies beside the mask must be drawn as without it, coverage included."""
    noise = BackgroundLayer(GradientFill((0.2, 0.3, 0.8), (0.9, 0.5, 0.1), 30, noise_intensity=100, noise_scale=100))
    mask = EffectLayer(effect, rect, 1.0 if effect is Effect.HIGHLIGHT else 6.5)
    group = GroupLayer((card(opacity=0.4), mask), 0.8)
    picture = {"display:0": planes_of(128, 64)}
    for layers in ((noise, group), (noise, card(), mask)):
        plan = FramePlan(SIZE, layers)
        got = compositor.compose(plan, picture, None).planes
        truth = ReferenceCompositor().compose(plan, picture, None).planes
        assert np.abs(got.planes[0].astype(int) - truth.planes[0]).max() <= 2
        for plane in (0, 1):
            assert np.abs(got.planes[1][:, plane::2].astype(int) - truth.planes[1 + plane]).max() <= 2


# --- leaks ------------------------------------------------------------------------------------------------------------


def check_no_leak(frames: int) -> None:
    gpu = shared(allow_software=True)
    made = GpuCompositor()
    before = gpu.live
    last = None
    seen: list[dict[str, int]] = []
    pictures = [{"display:0": planes_of(128, 64, seed)} for seed in range(3)]
    for n in range(frames):
        layers = [card(n % 3, Rect(30 + n % 7, 16, 128, 64)), box(20 + n % 50)]
        if n % 4 == 1:
            layers.append(EffectLayer(Effect.PIXELATE, Rect(60, 20, 40 + n % 5, 40), 6.0))
        if n % 4 == 2:
            layers = [GroupLayer(tuple(layers), 0.7)]
        if n % 4 == 3:
            layers[0] = dataclasses.replace(layers[0], grade=Grade(contrast=0.2))
        layers.append(SpriteLayer("builtin:hand", Rect(90 + 0.37 * n, 20, 24, 24), width=200, height=200))
        last = made.compose(
            FramePlan(SIZE, (BackgroundLayer(SolidFill((0.2, 0.3, 0.4))), *layers)), pictures[n % 3], last
        )
        if n in (frames // 3, frames - 1):
            seen.append(gpu.live)
    assert seen[0] == seen[1], "buffers are made anew and again"
    made.close()
    assert gpu.live["buffer"] < before["buffer"]


def test_no_leak_over_some_frames():
    check_no_leak(60)


@pytest.mark.release
@pytest.mark.timeout(900)
def test_no_leak_over_a_thousand_frames():
    check_no_leak(1000)


def test_the_arena_gives_back_what_is_not_shown_any_more():
    from reelpress.compose.gpu.memory import Arena

    gpu = shared(allow_software=True)
    arena = Arena(gpu, limit=10_000)
    places = []
    for n in range(40):
        arena.begin()
        block = arena.keep(("art", n), lambda: (np.zeros(1000, np.uint8), None))
        places.append(block.at)
        assert arena.kept_bytes <= 10_000 + 1024
    assert len(arena) <= 10
    assert len(set(places)) <= 11, "free places are used again"
    arena.close()


def test_a_steady_frame_makes_nothing_new(monkeypatch):
    """What moves, is darkened, blurred and pointed at, drawn whole: after the first frames no buffer, no texture, no
    bind group and no array for parameters is made any more, and as much is uploaded in as many calls each time."""
    gpu = shared(allow_software=True)
    calls = gpu._calls
    assert calls is not None, "this wgpu-py is not the one that compose/gpu/calls.py is for"
    groups, writes = [], []
    real_group, real_write = gpu.device.create_bind_group, calls.write
    monkeypatch.setattr(gpu.device, "create_bind_group", lambda **told: groups.append(1) or real_group(**told))
    monkeypatch.setattr(calls, "write", lambda *told: writes.append(told[3]) or real_write(*told))
    source = planes_of(128, 64)
    compositor = GpuCompositor()

    def plan_at(n: int) -> FramePlan:
        rect = Rect(20 + n, 10.5, 128, 64)
        return plan_of(
            PictureLayer("display:0", 0, Rect(0, 0, 128, 64), rect, Shape(rect, 8), blur=Blur(12 + n / 4, -5)),
            EffectLayer(Effect.BLUR, Rect(40, 20, 60, 40), 8),
            EffectLayer(Effect.HIGHLIGHT, Rect(10 + n, 10, 80, 60), 0.5),
        )

    try:
        made = []
        for n in range(12):
            writes.clear()
            compositor.compose(plan_at(n), {"display:0": source}, None)
            made.append((dict(gpu.created), native_counts()["buffers"], len(groups), len(compositor._parameters._host)))
            sizes = list(writes)
            if n >= 2:
                assert made[-1] == made[1]
                assert len(sizes) == 1, "the picture is there: only the parameters are new"
    finally:
        compositor.close()


def test_the_same_without_the_calls_below_wgpu_py(compositor, monkeypatch):
    """Another wgpu-py may not have them: then its public API records the same frame."""
    plan = plan_of(card(), EffectLayer(Effect.BLUR, Rect(40, 20, 60, 40), 8))
    source = planes_of(128, 64, padding=20)
    first = compositor.compose(plan, {"display:0": source}, None)
    monkeypatch.setattr(shared(allow_software=True), "_calls", None)
    other = GpuCompositor()
    try:
        second = other.compose(plan, {"display:0": source}, None)
    finally:
        other.close()
    assert all(np.array_equal(a, b) for a, b in zip(first.planes.planes, second.planes.planes, strict=True))


def test_calls_stay_inside_of_a_buffer():
    gpu = shared(allow_software=True)
    buffer = gpu.buffer(64, "COPY_DST", "a test")
    try:
        for offset, data in ((60, np.zeros(8, np.uint8)), (0, np.zeros(68, np.uint8)), (0, np.zeros(0, np.uint8))):
            with pytest.raises(ValueError, match="are not in a buffer of 64"):
                gpu.write(buffer, offset, data)
    finally:
        gpu.drop(buffer)


@pytest.mark.parametrize("steps", [[(None, (0,), 1, 1)], [(None, (0, 0, 0, 0), 1, 1)], [(None, (-1,), 1, 1)]])
def test_a_pass_that_breaks_off_is_released(monkeypatch, steps):
    """And what comes after it is drawn as ever."""
    gpu = shared(allow_software=True)
    calls, open_passes = gpu._calls, []
    begin, release = (
        calls.functions[f"wgpu{name}"] for name in ("CommandEncoderBeginComputePass", "ComputePassEncoderRelease")
    )

    def begun(*told):
        open_passes.append(begin(*told))
        return open_passes[-1]

    def released(work):
        open_passes.remove(work)
        release(work)

    monkeypatch.setitem(calls.functions, "wgpuCommandEncoderBeginComputePass", begun)
    monkeypatch.setitem(calls.functions, "wgpuComputePassEncoderRelease", released)
    with pytest.raises((AttributeError, IndexError, OverflowError)):
        gpu.commands().compute(steps, None)
    assert open_passes == []
    compositor = GpuCompositor()
    try:
        plan = plan_of(card())
        drawn = compositor.compose(plan, {"display:0": planes_of(128, 64)}, None)
        assert drawn.planes.planes[0].any()
    finally:
        compositor.close()


def test_a_library_without_a_type_or_a_name_is_not_called_directly(monkeypatch):
    from wgpu.backends.wgpu_native import _api

    from reelpress.compose.gpu import calls

    device = shared(allow_software=True).device
    assert calls.of(device) is not None
    assert calls.of(object()) is None

    real = _api.ffi

    class Renamed:
        """cffi's, of a header in which the types have other names."""

        def new(self, what, *more):
            return real.new(what.replace("WGPUComputePassDescriptor", "WGPUPassOfLater"), *more)

    with monkeypatch.context() as patched:
        patched.setattr(_api, "ffi", Renamed())
        assert calls.of(device) is None
    monkeypatch.delattr(_api.libf, "wgpuQueueSubmit")
    assert calls.of(device) is None


def test_bytes_read_back_are_counted_through_all_sizes(compositor):
    counted = 0
    for size in ((64, 48), (128, 96), (32, 32)):  # a larger one wants a new ring
        plan = FramePlan(size, (BackgroundLayer(SolidFill((0.2, 0.4, 0.6))),))
        compositor.compose(plan, {}, None)
        counted += size[0] * size[1] * 3 // 2
        assert compositor.read_back == counted


def test_commands_that_are_refused_say_so():
    """Errors of the parts of a pass are raised for the pass, by our own names."""
    gpu = shared(allow_software=True)
    buffer = gpu.buffer(64, "COPY_DST", "a test")
    try:
        commands = gpu.commands()
        commands.copy_buffer_to_buffer(buffer, 0, buffer, 0, 64)  # it is no source
        with pytest.raises(GpuWrong, match="while drawing"):
            gpu.submit(commands, "drawing")
    finally:
        gpu.drop(buffer)
