from __future__ import annotations

import os
import signal
import sys
import threading

import psutil
import pytest

from reelpress.errors import Cancelled, StallError
from reelpress.pipeline import child as child_module
from reelpress.pipeline.cancel import CancelToken
from reelpress.pipeline.child import Child, run_child

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")


def python(code: str) -> list[str]:
    return [sys.executable, "-S", "-c", code]


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_output_errors_and_status_come_back():
    result = run_child(
        python("import sys; sys.stdout.write('x' * 300000); sys.stderr.write('oh'); sys.exit(3)"),
        name="probe",
        deadline_s=60,
    )
    assert (result.returncode, result.stdout, result.stderr) == (3, b"x" * 300000, "oh")


def test_last_words_are_waited_for(monkeypatch: pytest.MonkeyPatch):
    """The thread that reads stderr may be scheduled only after the child's end was seen."""
    read = Child._read_errors
    ended = threading.Event()

    def late(self: Child) -> None:
        assert ended.wait(60)
        read(self)

    class Seen(threading.Thread):
        def join(self, timeout: float | None = None) -> None:
            ended.set()
            super().join(timeout)

    monkeypatch.setattr(Child, "_read_errors", late)
    monkeypatch.setattr(child_module.threading, "Thread", Seen)
    result = run_child(python("import sys; sys.stderr.write('why it failed'); sys.exit(3)"), name="x", deadline_s=60)
    assert (result.returncode, result.stderr) == (3, "why it failed")


def test_a_program_that_does_not_exist():
    with pytest.raises(FileNotFoundError):
        run_child(["/nowhere/no-such-program"], name="probe")


def test_a_silent_child_is_a_stall_and_is_killed():
    with (
        pytest.raises(StallError) as caught,
        Child(
            python("import sys, time; sys.stderr.write('opening'); sys.stderr.flush(); time.sleep(60)"),
            name="decode",
            deadline_s=1.5,
        ) as child,
    ):
        list(child)
    assert caught.value.stage == "decode"
    assert caught.value.op == "child output"
    assert 1.5 < caught.value.waited_s < 10
    assert child.process.returncode is not None


@posix
def test_a_stopped_child_is_a_stall_and_is_killed():
    """It writes for ever until SIGSTOP."""
    with Child(
        python("import sys, time\nwhile True: print('frame', flush=True); time.sleep(0.01)"),
        name="decode",
        deadline_s=60,  # for starting it, which a busy machine may take long for
    ) as child:
        pieces = iter(child)
        assert next(pieces).startswith(b"frame")
        os.kill(child.process.pid, signal.SIGSTOP)
        child._deadline = 0.5
        with pytest.raises(StallError, match="decode"):
            list(pieces)
    assert child.process.returncode == -signal.SIGKILL


@posix
def test_the_whole_tree_is_killed():
    """The grandchild has its own session and keeps the pipe open."""
    code = (
        "import subprocess, sys, time\n"
        "p = subprocess.Popen([sys.executable, '-S', '-c', 'import time; time.sleep(60)'], start_new_session=True)\n"
        "print(p.pid, flush=True)\n"
        "time.sleep(60)"
    )
    with Child(python(code), name="decode", deadline_s=60) as child:
        grandchild = int(next(iter(child)))
        assert not gone(grandchild)
    psutil.wait_procs([psutil.Process(grandchild)] if psutil.pid_exists(grandchild) else [], timeout=10)
    assert gone(grandchild)
    assert child.process.returncode is not None


def test_any_sign_of_life_is_progress():
    """Silent on its pipes for longer than the deadline, but ``progress`` (the size of a file, say) changes."""
    looks = 0

    def progress() -> int:
        nonlocal looks
        looks += 1
        return looks

    result = run_child(python("import time; time.sleep(1.2)"), name="x", deadline_s=0.4, progress=progress)
    assert result.returncode == 0
    assert looks > 3


def test_cancel_ends_the_wait_and_the_child():
    token = CancelToken()

    def progress() -> None:  # asked between two pieces of output
        token.request("SIGINT")

    with (
        pytest.raises(Cancelled),
        Child(
            python("print('up', flush=True); import time; time.sleep(60)"),
            name="x",
            deadline_s=60,
            cancel=token,
            progress=progress,
        ) as child,
    ):
        list(child)
    assert child.process.returncode is not None


def test_a_reader_that_leaves_does_not_keep_the_child():
    with Child(python("while True: print('x' * 60000, flush=True)"), name="x", deadline_s=60) as child:
        next(iter(child))
    assert child.process.returncode is not None
    child.close()


def test_waiting_for_the_end_has_a_deadline_too():
    code = "import os, time; os.close(1); time.sleep(60)"
    with pytest.raises(StallError) as caught:
        run_child(python(code), name="x", deadline_s=1.0)
    assert caught.value.op in {"child exit", "child output"}
