from __future__ import annotations

import platform
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from reelpress.errors import SettingsError
from reelpress.pipeline import machine
from reelpress.pipeline.budget import (
    GIB,
    Budget,
    EncoderLoad,
    Knobs,
    SourceLoad,
    budget_table,
    decoder_frames,
    encoder_frames,
    parse_size,
    usable_ram,
)
from reelpress.pipeline.cgroup import cgroup_memory
from reelpress.pipeline.memory import PressureMonitor, shortage

HD = 1920 * 1080 * 3 // 2
UHD = 3840 * 2160 * 3 // 2
UNLIMITED_V1 = 9223372036854771712


def system(root: Path, files: dict[str, str | int]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{content}\n")
    return root


def v2(root: Path, limit: int | str, *, path: str = "/") -> Path:
    folder = f"sys/fs/cgroup{path if path != '/' else ''}"
    return system(root, {"proc/self/cgroup": f"0::{path}", f"{folder}/memory.max": limit})


def v1(root: Path, limit: int) -> Path:
    return system(
        root,
        {
            "proc/self/cgroup": "4:memory:/docker/abc\n3:cpuset:/\n0::/",
            "sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes": limit,
            "sys/fs/cgroup/memory/memory.limit_in_bytes": UNLIMITED_V1,
        },
    )


# -- usable RAM -------------------------------------------------------------------------------------------------------

TABLE = [(4, 16, 8), (8, 16, 8), (15.6, 32, 16), (16, 32, 16), (32, 32, 16)]


@pytest.mark.parametrize(("gib", "rendered", "encoder"), TABLE)
@pytest.mark.parametrize("kind", ["none", "v1", "v2"])
def test_buffers_by_usable_ram(tmp_path, gib, rendered, encoder, kind):
    """Design 5: from 15 GiB on 32 + 16, below it 16 + 8; a group's limit counts like a machine of that size."""
    size = int(gib * GIB)
    total = size if kind == "none" else 64 * GIB
    root = {"none": lambda r, _: system(r, {}), "v1": v1, "v2": v2}[kind](tmp_path, size)
    usable = usable_ram(root, total=total)
    assert usable == size
    budget = Budget(usable, cores=2)
    assert budget.frame_bounds() == (rendered, encoder)
    assert budget.frame_bounds(gif=True) == (16, 8)
    assert budget.total_bytes == min(size // 2, 2_000_000_000)
    sizes = budget.plan(frame_bytes=1280 * 720 * 3 // 2, sources=[SourceLoad(1280 * 720 * 3 // 2)])
    assert (
        sizes.start_line()
        == f"total_ram_gb={gib:.1f} rendered_buffer={rendered} encoder_buffer={encoder} buffer_bytes={sizes.bytes}"
    )


def test_the_table_for_the_docs_has_a_row_for_each_size():
    rows = budget_table()
    assert [(r["usable_gib"], r["rendered"], r["encoder"]) for r in rows] == TABLE
    assert all(r["estimate_mb"] <= 350 for r in rows)


@pytest.mark.parametrize("text", ["max", "", "nonsense", str(UNLIMITED_V1), "0"])
def test_no_limit_is_no_limit(tmp_path, text):
    assert cgroup_memory(v2(tmp_path, text)) is None
    assert usable_ram(tmp_path, total=7) == 7


def test_a_limit_above_the_machine_does_not_count(tmp_path):
    assert usable_ram(v2(tmp_path, 64 * GIB), total=8 * GIB) == 8 * GIB


def test_the_limit_of_a_group_above_ours_holds_too(tmp_path):
    v2(tmp_path, "max", path="/user/session")
    system(tmp_path, {"sys/fs/cgroup/user/memory.max": 3 * GIB})
    assert usable_ram(tmp_path, total=8 * GIB) == 3 * GIB


def test_beyond_memory_high_the_kernel_throttles(tmp_path):
    v2(tmp_path, 4 * GIB)
    system(tmp_path, {"sys/fs/cgroup/memory.high": 2 * GIB})
    assert usable_ram(tmp_path, total=8 * GIB) == 2 * GIB


def test_in_a_container_the_path_is_not_visible(tmp_path):
    system(
        tmp_path,
        {
            "proc/self/cgroup": "9:memory:/docker/0123",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": 1 * GIB,
        },
    )
    assert usable_ram(tmp_path, total=8 * GIB) == 1 * GIB


def test_hybrid_mounts(tmp_path):
    system(tmp_path, {"proc/self/cgroup": "0::/a", "sys/fs/cgroup/unified/a/memory.max": 5 * GIB})
    assert usable_ram(tmp_path, total=8 * GIB) == 5 * GIB


def test_this_machine_has_memory_and_cores():
    assert usable_ram() > 100_000_000
    assert machine.cores() >= 1
    assert 0 < machine.available_ram() <= machine.total_ram()


# -- sizes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("256MB", 256_000_000),
        ("1GiB", 2**30),
        ("500k", 500_000),
        ("1.5 GB", 1_500_000_000),
        ("2g", 2_000_000_000),
        ("64MiB", 64 * 2**20),
        ("64mi", 64 * 2**20),
        ("1000000", 1_000_000),
        ("10b", 10),
        ("1TB", 10**12),
    ],
)
def test_sizes(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "MB", "-1MB", "0", "0.1b", "1 MB extra", "12XB", "1e9", "1,5GB"])
def test_what_is_no_size_gets_a_sentence(text):
    with pytest.raises(SettingsError, match="256MB, 1GiB, 500k"):
        parse_size(text)


# -- the model --------------------------------------------------------------------------------------------------------

# Peak RSS above the base in pictures, measured with PyAV 18.1, x264 veryfast, frame threads, glibc, 45 pictures:
# (look-ahead, B-frames, encoder threads, sync look-ahead, decoder threads, stream reorders) -> 1080p / 4K
MEASURED = [
    ((0, 3, 1, 0, 1, True), 40.8),
    ((3, 3, 1, 0, 1, True), 40.8),
    ((10, 3, 1, 0, 1, True), 56.5),
    ((10, 3, 2, 4, 1, True), 68.1),
    ((10, 3, 2, 4, 2, True), 72.5),
    ((10, 3, 4, 4, 2, True), 82.9),
    ((3, 3, 2, 4, 1, True), 55.1),
    ((3, 3, 1, 0, 1, True), 39.7),
    ((3, 3, 2, 4, 1, True), 52.4),
    ((3, 3, 2, 4, 2, True), 54.8),
    ((10, 3, 2, 4, 2, True), 71.5),
    ((3, 0, 1, 0, 1, True), 27.8),
    ((3, 1, 1, 0, 1, True), 32.3),
    ((3, 3, 2, 0, 1, True), 45.9),
    ((3, 0, 2, 0, 1, True), 31.7),
    ((3, 3, 1, 0, 1, False), 34.5),
    ((3, 0, 2, 0, 1, False), 26.6),
    ((3, 0, 2, 0, 2, False), 28.6),
    ((1, 0, 2, 0, 1, False), 22.7),
]


@pytest.mark.parametrize(("setting", "measured"), MEASURED)
def test_the_model_is_within_a_tenth_of_what_was_measured(setting, measured):
    lookahead, bframes, threads, sync, decoders, reorders = setting
    model = encoder_frames(Knobs(lookahead, bframes, threads, decoders, sync)) + decoder_frames(
        decoders, reorders=reorders
    )
    assert model == pytest.approx(measured, rel=0.10)


def plan(size: int = HD, *, ram: float = 16, cores: int = 2, memory: int | None = None, **options):
    return Budget(int(ram * GIB), cores, memory).plan(
        frame_bytes=size, sources=[SourceLoad(size)], **{"encoder": EncoderLoad(), **options}
    )


def test_hd_stays_under_350_mb():
    sizes = plan(HD)
    assert sizes.estimate_bytes < 350e6
    assert sizes.lookahead >= 3
    assert not sizes.large_pictures
    assert sizes.bframes is None
    assert (sizes.encode_threads, sizes.decode_threads) == (2, 2)
    assert sizes.effective(HD)["rendered"] >= 4


@pytest.mark.parametrize("reorders", [True, False])
@pytest.mark.parametrize(("cores", "ram"), [(2, 4), (2, 32), (16, 4), (16, 6.5)])
def test_uhd_stays_under_500_mb_on_two_cores_or_with_little_memory(reorders, cores, ram):
    sizes = Budget(int(ram * GIB), cores).plan(frame_bytes=UHD, sources=[SourceLoad(UHD, reorders)])
    assert sizes.estimate_bytes < 500e6
    assert sizes.lookahead <= 3
    assert sizes.encode_threads <= 2
    assert sizes.decode_threads <= 2
    assert sizes.effective(UHD)["rendered"] == 2
    assert sizes.large_pictures


@pytest.mark.parametrize(("cores", "ram", "threads"), [(4, 8, 2), (8, 8, 3), (4, 16, 2), (8, 16, 8), (64, 32, 8)])
def test_uhd_has_more_encoder_threads_on_more_cores_where_there_is_memory(cores, ram, threads):
    sizes = plan(UHD, ram=ram, cores=cores)
    assert sizes.encode_threads >= threads
    assert sizes.bframes is None or cores == 4
    assert sizes.decode_threads <= 2
    further = min(cores, 8) - 2
    assert sizes.estimate_bytes < 500e6 + further * (12 if ram > 8 else 5) * UHD
    assert plan(UHD, ram=ram, cores=cores, memory=500_000_000).estimate_bytes <= 500e6


def test_256_mb_are_enough_for_hd():
    sizes = plan(HD, memory=256_000_000)
    assert sizes.estimate_bytes <= 256e6
    assert sizes.memory_bytes == 256_000_000
    assert sizes.effective(HD)["rendered"] >= 2


def test_a_budget_that_cannot_work_says_what_would():
    with pytest.raises(SettingsError, match=r"--memory 100 MB is too little .* at least (\d+) MB") as caught:
        plan(HD, memory=100_000_000)
    needed = int(str(caught.value).split("at least ")[1].split(" MB")[0])
    assert plan(HD, memory=(needed + 1) * 1_000_000).estimate_bytes <= (needed + 1) * 1_000_000
    with pytest.raises(SettingsError):
        plan(HD, memory=(needed - 1) * 1_000_000)


def test_more_than_there_is_is_refused():
    with pytest.raises(SettingsError, match="more than the 4295 MB"):
        Budget(4 * GIB, 2, 5 * GIB)


def test_a_small_machine_gets_the_leanest_choice_instead_of_a_refusal():
    sizes = plan(UHD, ram=0.5)
    assert (sizes.lookahead, sizes.encode_threads, sizes.decode_threads, sizes.bframes) == (0, 1, 1, 0)
    assert sizes.effective(UHD)["rendered"] == 2


@pytest.mark.parametrize("size", [320 * 180 * 3 // 2, HD, 2560 * 1440 * 3 // 2, UHD, 7680 * 4320 * 3 // 2])
@pytest.mark.parametrize("ram", [0.5, 2, 4, 16])
@pytest.mark.parametrize("converts", [False, True])
def test_every_plan_has_room_for_two_pictures_in_each_channel(size, ram, converts):
    sizes = plan(size, ram=ram, converts=converts)
    assert sizes.rendered >= 2
    assert sizes.encoder >= 2
    assert sizes.decoded >= 2
    assert sizes.rendered_bytes >= 2 * size
    assert sizes.encoder_bytes >= (2 * size if converts else 0)
    assert sizes.bytes == sizes.rendered_bytes + sizes.encoder_bytes
    assert min(sizes.decode_threads, sizes.encode_threads) >= 1


def test_more_memory_never_makes_a_plan_leaner():
    previous = None
    for memory in range(220_000_000, 2_000_000_000, 20_000_000):
        sizes = plan(HD, memory=memory, cores=4)
        assert sizes.estimate_bytes <= memory
        if previous is not None:
            assert sizes.lookahead >= previous.lookahead
            assert sizes.encode_threads >= previous.encode_threads
            assert sizes.decode_threads >= previous.decode_threads
        previous = sizes


def test_slow_presets_count_with_their_references_and_look_ahead():
    slow = EncoderLoad(lookahead=50, bframes=3, references=5)
    assert plan(HD, memory=1_900_000_000, encoder=slow).lookahead == 50
    assert plan(HD, encoder=slow).lookahead < 50
    assert plan(HD, encoder=slow).estimate_bytes < 350e6


@pytest.mark.skipif(sys.platform != "linux", reason="glibc")
def test_a_bounded_heap_gives_large_blocks_back():
    """Forty blocks of 8 MB freed between small ones: without the bound they stay in the heap."""
    code = """
        import ctypes, sys
        from reelpress.pipeline.machine import bound_heap
        libc = ctypes.CDLL(None)
        libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
        done = sys.argv[1] == "plain" or bound_heap(large_blocks=True)

        def resident():
            return int(open("/proc/self/statm").read().split()[1]) * 4096

        libc.free(libc.malloc(30 << 20))  # this is what raises the threshold
        before = resident()
        blocks = []
        for _ in range(40):
            blocks.append(libc.malloc(8 << 20))
            ctypes.memset(blocks[-1], 1, 8 << 20)
            ctypes.memset(libc.malloc(200_000), 1, 200_000)  # stays
        for block in blocks:
            libc.free(block)
        print(done, resident() - before > 100_000_000)
    """

    def run(mode: str) -> str:
        command = [sys.executable, "-c", textwrap.dedent(code), mode]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout.strip()

    if platform.libc_ver()[0] != "glibc":
        pytest.skip("not glibc")
    assert run("plain") == "True True"
    assert run("bound") == "True False"


def test_two_sources_cost_twice():
    one = Budget(16 * GIB, 2, 300_000_000).plan(frame_bytes=HD, sources=[SourceLoad(HD)])
    two = Budget(16 * GIB, 2, 300_000_000).plan(frame_bytes=HD, sources=[SourceLoad(HD), SourceLoad(HD)])
    assert two.estimate_bytes <= 300_000_000
    assert (two.lookahead, two.bytes) < (one.lookahead, one.bytes)


def test_buffers_can_be_set():
    assert Budget(16 * GIB, 2, buffers=5).frame_bounds() == (5, 2)
    assert Budget(4 * GIB, 2, buffers=40).frame_bounds(gif=True) == (40, 20)
    with pytest.raises(SettingsError, match="--buffers 1"):
        Budget(16 * GIB, 2, buffers=1)


def test_detect_reads_this_machine(tmp_path):
    budget = Budget.detect(memory="150MB", buffers=4, root=v2(tmp_path, 200_000_000))
    assert budget.usable_ram_bytes == 200_000_000
    assert budget.total_bytes == 150_000_000
    assert budget.buffers == 4


# -- pressure ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("used", "cache", "short"), [(850, 0, False), (899, 0, False), (901, 0, True), (990, 300, False), (990, 50, True)]
)
@pytest.mark.parametrize("version", [1, 2])
def test_a_group_over_ninety_percent_is_short_but_page_cache_does_not_count(
    tmp_path, monkeypatch, used, cache, short, version
):
    monkeypatch.setattr(machine, "available_ram", lambda: 50 * GIB)
    monkeypatch.setattr(machine, "total_ram", lambda: 64 * GIB)
    mb = 1_000_000
    if version == 2:
        v2(tmp_path, 1000 * mb)
        folder, usage, key = "sys/fs/cgroup", "memory.current", "inactive_file"
    else:
        v1(tmp_path, 1000 * mb)
        folder, usage, key = "sys/fs/cgroup/memory/docker/abc", "memory.usage_in_bytes", "total_inactive_file"
    system(tmp_path, {f"{folder}/{usage}": used * mb, f"{folder}/memory.stat": f"anon 5\n{key} {cache * mb}\nx 1"})
    assert (shortage(tmp_path) is not None) == short


@pytest.mark.parametrize(("available", "short"), [(50, False), (10.1, False), (9.9, True)])
def test_a_machine_with_less_than_a_tenth_available_is_short(tmp_path, monkeypatch, available, short):
    monkeypatch.setattr(machine, "available_ram", lambda: int(available * GIB))
    monkeypatch.setattr(machine, "total_ram", lambda: 100 * GIB)
    assert (shortage(tmp_path) is not None) == short


def test_pressure_shrinks_once_and_warns_once(clock):
    answers = [None, None, "the cup is full", "the cup is full"]
    shrunk: list[int] = []
    warnings: list[str] = []
    monitor = PressureMonitor(shrunk.append, warnings.append, measure=lambda: answers.pop(0), clock=clock)
    for _ in range(100):
        monitor()
        clock.jump(0.05)
    assert shrunk == [2]
    assert warnings == ["Memory is short: the cup is full. Buffers were reduced to 2 frames."]
    assert monitor.tripped
    assert len(answers) == 1  # looked once a second, and not any more afterwards


def test_facts_that_cannot_be_had_are_no_shortage(clock):
    def broken() -> str | None:
        raise OSError("no /proc")

    monitor = PressureMonitor(
        lambda n: pytest.fail("shrunk"), lambda t: pytest.fail("warned"), measure=broken, clock=clock
    )
    monitor()
    assert not monitor.tripped


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc's heap is known")
def test_a_freed_heap_goes_back_to_the_system() -> None:
    """Blocks below the threshold of mmap, freed under one that lives on: glibc keeps them until it is asked."""
    code = textwrap.dedent(
        """
        import ctypes
        from reelpress.pipeline.machine import rss, trim_heap

        libc = ctypes.CDLL(None)
        libc.malloc.restype = ctypes.c_void_p
        libc.malloc.argtypes = (ctypes.c_size_t,)
        libc.free.argtypes = (ctypes.c_void_p,)
        blocks = [libc.malloc(100_000) for _ in range(400)]
        for block in blocks:
            ctypes.memset(block, 1, 100_000)
        for block in blocks[:-1]:
            libc.free(block)
        before = rss()
        assert trim_heap()
        print(before - rss())
        """
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert int(run.stdout) > 30_000_000  # of 40
