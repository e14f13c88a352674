from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reelpress.errors import (
    OutputError,
    TargetExistsError,
    TargetIsSourceError,
    TargetLockedError,
    UsageError,
)
from reelpress.pipeline import emergency, machine, output
from reelpress.pipeline.lock import FileLock
from reelpress.pipeline.output import TargetGuard, side_name

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX files")


def names(folder: Path) -> set[str]:
    return {p.name for p in folder.iterdir()}


def export(target: Path, content: bytes = b"new", **options) -> None:
    with TargetGuard(target, **options) as guard:
        guard.part_path.write_bytes(content)
        guard.commit()


# -- the good case and its ends --------------------------------------------------------------------------------------


def test_only_the_finished_file_remains(tmp_path):
    target = tmp_path / "out.mp4"
    with TargetGuard(target) as guard:
        assert guard.part_path == tmp_path / "out.mp4.part"
        guard.part_path.write_bytes(b"film")
        assert not target.exists()
        assert names(tmp_path) == {"out.mp4.part", "out.mp4.lock"}
        guard.commit()
        assert target.read_bytes() == b"film"
    assert names(tmp_path) == {"out.mp4"}


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, MemoryError])
def test_failure_leaves_nothing_and_the_old_file_as_it_was(tmp_path, error):
    target = tmp_path / "out.mp4"
    target.write_bytes(b"old")
    stamp = target.stat().st_mtime_ns

    def broken() -> None:
        with TargetGuard(target, overwrite=True) as guard:
            guard.part_path.write_bytes(b"half")
            raise error

    with pytest.raises(error):
        broken()
    assert names(tmp_path) == {"out.mp4"}
    assert (target.read_bytes(), target.stat().st_mtime_ns) == (b"old", stamp)


def test_leaving_without_commit_is_failure_too(tmp_path):
    with TargetGuard(tmp_path / "out.mp4") as guard:
        guard.part_path.write_bytes(b"half")
    assert names(tmp_path) == set()


def test_overwriting_happens_only_on_request(tmp_path):
    target = tmp_path / "out.mp4"
    export(target, b"one")
    with pytest.raises(TargetExistsError, match="--overwrite") as caught:
        export(target, b"two")
    assert caught.value.exit_code == 2
    assert target.read_bytes() == b"one"
    assert names(tmp_path) == {"out.mp4"}
    export(target, b"two", overwrite=True)
    assert target.read_bytes() == b"two"


def export_while_another_file_appears(target: Path) -> None:
    with TargetGuard(target) as guard:
        guard.part_path.write_bytes(b"new")
        target.write_bytes(b"someone else's")
        guard.commit()


def test_without_overwrite_nothing_that_can_replace_is_called(tmp_path, monkeypatch):
    """A rename replaces silently; the hard link has no moment between looking and writing."""
    monkeypatch.setattr(os, "replace", lambda *args: pytest.fail("replaced"))
    export(tmp_path / "out.mp4")
    assert names(tmp_path) == {"out.mp4"}


def test_a_file_that_appears_during_the_export_is_not_lost(tmp_path):
    target = tmp_path / "out.mp4"
    with pytest.raises(TargetExistsError):
        export_while_another_file_appears(target)
    assert target.read_bytes() == b"someone else's"
    assert names(tmp_path) == {"out.mp4"}


def test_file_systems_without_hard_links(tmp_path, monkeypatch):
    def refuse(*args) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    export(tmp_path / "a.mp4")
    assert (tmp_path / "a.mp4").read_bytes() == b"new"
    with pytest.raises(TargetExistsError):
        export_while_another_file_appears(tmp_path / "b.mp4")
    assert (tmp_path / "b.mp4").read_bytes() == b"someone else's"
    assert names(tmp_path) == {"a.mp4", "b.mp4"}


def test_the_part_of_a_killed_export_is_removed(tmp_path):
    (tmp_path / "out.mp4.part").write_bytes(b"left behind")
    with TargetGuard(tmp_path / "out.mp4") as guard:
        assert not guard.part_path.exists()


def test_data_and_folder_are_synced_before_and_after_the_rename(tmp_path, monkeypatch):
    calls: list[str] = []
    fsync, replace = os.fsync, os.replace

    def spy_fsync(descriptor: int) -> None:
        calls.append("folder" if os.path.isdir(f"/proc/self/fd/{descriptor}") else "file")
        fsync(descriptor)

    def spy_replace(source, target) -> None:
        calls.append("rename")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", spy_fsync)
    monkeypatch.setattr(os, "replace", spy_replace)
    export(tmp_path / "out.mp4", overwrite=True)
    assert calls == (["file", "rename", "folder"] if sys.platform == "linux" else calls)


def test_an_error_while_syncing_is_an_output_error(tmp_path, monkeypatch):
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    target = tmp_path / "out.mp4"
    target.write_bytes(b"old")
    with pytest.raises(OutputError, match="the disk is full"):
        export(target, overwrite=True)
    assert names(tmp_path) == {"out.mp4"}
    assert target.read_bytes() == b"old"


def test_a_part_that_is_gone_is_said_so(tmp_path):
    with (
        pytest.raises(OutputError, match=r"was not written: out\.mp4\.part is gone"),
        TargetGuard(tmp_path / "out.mp4") as guard,
    ):
        guard.commit()


@posix
def test_a_link_is_followed_to_the_file_it_points_to(tmp_path):
    (tmp_path / "store").mkdir()
    real = tmp_path / "store" / "film.mp4"
    real.write_bytes(b"old")
    link = tmp_path / "out.mp4"
    link.symlink_to(real)
    export(link, overwrite=True)
    assert link.is_symlink()
    assert real.read_bytes() == b"new"


# -- refusals ---------------------------------------------------------------------------------------------------------


def test_a_missing_folder(tmp_path):
    with pytest.raises(OutputError, match="does not exist"):
        export(tmp_path / "nowhere" / "out.mp4")
    assert names(tmp_path) == set()


def test_a_folder_as_target(tmp_path):
    with pytest.raises(UsageError, match="is a folder"):
        export(tmp_path, overwrite=True)


@posix
def test_a_device_is_not_replaced():
    with pytest.raises(UsageError, match="not an ordinary file"):
        export(Path(os.devnull), overwrite=True)


@posix
def test_an_unwritable_folder(tmp_path, monkeypatch):
    """By its permission bits; root may write anyway, so the system's answer is also faked."""
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path)
    with pytest.raises(OutputError, match="permission denied in the folder") as caught:
        export(tmp_path / "out.mp4")
    assert caught.value.exit_code == 1


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (errno.EACCES, "permission denied"),
        (errno.EROFS, "read-only"),
        (errno.ENOSPC, "the disk is full"),
        (errno.ENAMETOOLONG, "too long"),
    ],
)
def test_the_reason_is_said(tmp_path, monkeypatch, code, reason):
    def refuse(path, flags, mode=0o777):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(OutputError, match=reason), TargetGuard(tmp_path / "out.mp4"):
        pass
    assert names(tmp_path) == set()


@posix
def test_a_write_protected_file_is_left_alone(tmp_path, monkeypatch):
    target = tmp_path / "out.mp4"
    target.write_bytes(b"old")
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != target)
    with pytest.raises(OutputError, match="write-protected"):
        export(target, overwrite=True)


# -- sources ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["same", "dots", "symlink", "hard link"])
def test_the_source_is_never_the_target(tmp_path, how):
    source = tmp_path / "in.mp4"
    source.write_bytes(b"precious")
    target = source
    if how == "dots":
        (tmp_path / "x").mkdir()
        target = tmp_path / "x" / ".." / "in.mp4"
    elif how == "symlink":
        target = tmp_path / "out.mp4"
        target.symlink_to(source)
    elif how == "hard link":
        target = tmp_path / "out.mp4"
        os.link(source, target)
    with pytest.raises(TargetIsSourceError) as caught:
        export(target, overwrite=True, sources=[source])
    assert caught.value.exit_code == 2
    assert source.read_bytes() == b"precious"


@pytest.fixture
def cap(tmp_path) -> Path:
    folder = tmp_path / "demo.cap"
    for name in ("content/segments/segment-0/display.mp4", "recording-meta.json", "output/old.mp4"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"precious")
    return folder


@pytest.mark.parametrize(
    "name",
    ["content/segments/segment-0/display.mp4", "content/new.mp4", "content/segments/x.mp4", "recording-meta.json"],
)
def test_nothing_inside_of_a_recording_is_replaced(cap, name):
    before = {p: p.read_bytes() for p in cap.rglob("*") if p.is_file()}
    with pytest.raises(TargetIsSourceError):
        export(cap / name, overwrite=True, sources=[cap])
    assert {p: p.read_bytes() for p in cap.rglob("*") if p.is_file()} == before


@pytest.mark.parametrize("name", ["output/new.mp4", "output/old.mp4", "fresh.mp4", "../other.mp4"])
def test_where_exports_of_a_recording_may_go(cap, name):
    export(cap / name, overwrite=True, sources=[cap])
    assert (cap / name).read_bytes() == b"new"


def test_a_folder_with_a_similar_name_is_another_folder(cap, tmp_path):
    other = tmp_path / "demo.cap.backup"
    other.mkdir()
    export(other / "out.mp4", sources=[cap])


# -- names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "with space.mp4",
        "100%.mp4",
        "%d-%s.mp4",
        "qu'o\"te.mp4",
        "фильм.mp4",
        "映画 🎬.mp4",
        "-dash.mp4",
        ".hidden.mp4",
        "noext",
    ],
)
def test_all_kinds_of_names(tmp_path, name):
    if sys.platform == "win32" and '"' in name:
        pytest.skip("not a name there")
    export(tmp_path / name)
    assert [unicodedata.normalize("NFC", n) for n in names(tmp_path)] == [name]


@pytest.mark.parametrize("letter", ["a", "é", "映", "🎬"])
def test_names_up_to_the_limit_work_although_their_part_would_be_too_long(tmp_path, letter):
    size = len(letter.encode())
    name = letter * ((255 - 4) // size) + ".mp4"
    assert 250 < len(name.encode()) <= 255
    target = tmp_path / name
    with TargetGuard(target) as guard:
        assert len(os.fsencode(guard.part_path.name)) <= 255
        guard.part_path.write_bytes(b"film")
        guard.commit()
    assert names(tmp_path) == {name}


def test_a_name_beyond_the_limit_is_refused_before_the_export(tmp_path):
    with (
        pytest.raises(OutputError, match="256 bytes; allowed here are 255"),
        TargetGuard(tmp_path / ("a" * 252 + ".mp4")),
    ):
        pass


@given(st.text(st.characters(blacklist_characters="/\0", blacklist_categories=["Cs"]), min_size=1, max_size=300))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_helper_names_fit_and_differ(name):
    if name in {".", ".."}:
        return
    helper = side_name(Path("/x") / name, ".part", 255)
    assert len(os.fsencode(helper)) <= 255
    assert helper.endswith(".part")
    assert helper != side_name(Path("/x") / (name + "2"), ".part", 255)


# -- lock -------------------------------------------------------------------------------------------------------------


def test_a_second_export_to_the_same_target_is_refused(tmp_path):
    target = tmp_path / "out.mp4"
    with TargetGuard(target) as guard:
        guard.part_path.write_bytes(b"first")
        with pytest.raises(TargetLockedError, match=f"process {os.getpid()}") as caught, TargetGuard(target):
            pass
        assert caught.value.exit_code == 2
        assert guard.part_path.read_bytes() == b"first"
        with TargetGuard(tmp_path / "another.mp4"):
            pass
        guard.commit()
    export(target, overwrite=True)
    assert names(tmp_path) == {"out.mp4"}


def lock_of(path: Path, *, process_start=machine.process_start) -> FileLock:
    return FileLock(path, path.with_suffix(""), process_start=process_start)


def holder(path: Path, **changes) -> None:
    """A lock file of some process, as this program writes it."""
    lock = lock_of(path)
    lock.acquire()
    content = json.loads(path.read_bytes())
    path.write_text(json.dumps({**content, **changes}))


def test_the_lock_of_a_dead_process_is_taken_over(tmp_path):
    path = tmp_path / "out.mp4.lock"
    holder(path, pid=4_000_000)
    lock = lock_of(path)
    lock.acquire()
    assert json.loads(path.read_bytes())["pid"] == os.getpid()
    lock.release()
    assert names(tmp_path) == set()


def test_of_two_that_find_it_stale_the_second_one_looks_again(tmp_path):
    """The first one takes over just after the second one has found the holder dead."""
    path = tmp_path / "out.mp4.lock"
    holder(path, pid=4_000_000)
    first = lock_of(path)
    looks: list[int] = []

    def process_start(pid: int) -> str | None:
        if pid == 4_000_000 and not looks:
            looks.append(pid)
            first.acquire()
        return machine.process_start(pid)

    with pytest.raises(TargetLockedError, match=f"process {os.getpid()}"):
        lock_of(path, process_start=process_start).acquire()
    assert looks
    assert names(tmp_path) == {"out.mp4.lock"}
    first.release()
    assert names(tmp_path) == set()


def test_a_pid_that_was_given_to_another_process_does_not_hold(tmp_path):
    path = tmp_path / "out.mp4.lock"
    holder(path, pid=os.getppid(), start="1")
    lock_of(path).acquire()


def test_a_lock_from_before_the_boot_does_not_hold(tmp_path):
    path = tmp_path / "out.mp4.lock"
    holder(path, boot="another boot")
    lock_of(path).acquire()


def test_a_lock_of_another_machine_holds_and_says_what_to_delete(tmp_path):
    path = tmp_path / "out.mp4.lock"
    holder(path, host="another-host", pid=4_000_000)
    with pytest.raises(TargetLockedError, match=r"another-host.*delete out\.mp4\.lock"):
        lock_of(path).acquire()


def test_a_process_that_may_not_be_looked_at_holds(tmp_path):
    path = tmp_path / "out.mp4.lock"
    holder(path, pid=1)
    with pytest.raises(TargetLockedError):
        lock_of(path, process_start=lambda pid: "").acquire()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"pid": "x"}'])
def test_an_unreadable_lock_holds_only_while_it_is_fresh(tmp_path, content):
    path = tmp_path / "out.mp4.lock"
    path.write_bytes(content)
    with pytest.raises(TargetLockedError):
        lock_of(path).acquire()
    os.utime(path, (1, 1))
    lock_of(path).acquire()


def test_releasing_does_not_take_the_lock_of_another(tmp_path):
    path = tmp_path / "out.mp4.lock"
    mine = lock_of(path)
    mine.acquire()
    path.write_text("someone else's")
    mine.release()
    mine.release()
    assert path.read_text() == "someone else's"


def test_a_take_over_that_died_does_not_block_for_ever(tmp_path):
    path = tmp_path / "out.mp4.lock"
    holder(path, pid=4_000_000)
    guard = tmp_path / "out.mp4.loc~"
    guard.write_text("")
    with pytest.raises(TargetLockedError):
        lock_of(path).acquire()
    os.utime(guard, (1, 1))
    lock_of(path).acquire()
    assert names(tmp_path) == {"out.mp4.lock"}


CONTENDER = """
import sys
from pathlib import Path
from reelpress.errors import TargetLockedError
from reelpress.pipeline.lock import FileLock

print("ready", flush=True)
for line in sys.stdin:
    lock = FileLock(Path(line.strip()), Path("out.mp4"))
    try:
        lock.acquire()
        print("won", flush=True)
    except TargetLockedError:
        print("lost", flush=True)
"""


@pytest.mark.parametrize("stale", [False, True])
def test_of_many_processes_only_one_gets_it(tmp_path, stale):
    processes = [
        subprocess.Popen([sys.executable, "-c", CONTENDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    try:
        assert [p.stdout.readline() for p in processes] == ["ready\n"] * 4
        for number in range(25):
            path = tmp_path / f"{number}.lock"
            if stale:
                holder(path, pid=4_000_000)
            for process in processes:
                process.stdin.write(f"{path}\n")
                process.stdin.flush()
            results = [p.stdout.readline() for p in processes]
            assert sorted(results) == ["lost\n"] * 3 + ["won\n"]
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def test_the_start_of_a_process():
    assert machine.process_start(os.getpid()) == machine.process_start(os.getpid())
    assert machine.process_start(os.getpid()) not in {None, "", machine.process_start(1)}
    assert machine.process_start(4_000_000) is None


# -- emergency --------------------------------------------------------------------------------------------------------


def test_emergency_cleanup_removes_part_and_lock(tmp_path):
    target = tmp_path / "out.mp4"
    target.write_bytes(b"old")
    guard = TargetGuard(target, overwrite=True)
    with guard:
        guard.part_path.write_bytes(b"half")
        emergency.emergency_cleanup()
        assert names(tmp_path) == {"out.mp4"}
    assert target.read_bytes() == b"old"
    assert not emergency._callbacks


def test_emergency_cleanup_goes_on_after_a_failure(caplog):
    calls: list[int] = []
    first = emergency.register(lambda: calls.append(1))
    second = emergency.register(lambda: 1 / 0)
    emergency.emergency_cleanup()
    first()
    second()
    assert calls == [1]
    assert "an emergency cleanup failed" in caplog.text


def test_a_guard_that_was_left_is_not_registered_any_more(tmp_path):
    export(tmp_path / "out.mp4")
    with pytest.raises(TargetExistsError):
        export(tmp_path / "out.mp4")
    assert not emergency._callbacks
    assert output.PART_SUFFIX == ".part"
