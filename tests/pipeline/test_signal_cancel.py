from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading

import pytest

from reelpress.errors import Cancelled
from reelpress.pipeline.cancel import CancelToken
from reelpress.pipeline.signals import cancel_on_signals, closed_stdout_cancels, is_closed_pipe

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")


@posix
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_cancels_and_the_former_handler_is_back_afterwards(name):
    number = getattr(signal, name)
    mine: list[int] = []
    old = signal.signal(number, lambda n, frame: mine.append(n))
    try:
        with cancel_on_signals() as token:
            os.kill(os.getpid(), number)
            assert token.cancelled
            assert token.reason == name
            assert mine == []
        os.kill(os.getpid(), number)
        assert mine == [number]
    finally:
        signal.signal(number, old)


@posix
def test_a_second_ctrl_c_does_what_it_always_did():
    # a shell that starts the tests in the background has Ctrl-C ignored, and Python then installs no handler
    old = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with cancel_on_signals() as token:
            os.kill(os.getpid(), signal.SIGINT)
            assert token.cancelled
            with pytest.raises(KeyboardInterrupt):
                os.kill(os.getpid(), signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, old)


@posix
def test_an_ignored_hangup_stays_ignored():
    old = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with cancel_on_signals() as token:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not token.cancelled
    finally:
        signal.signal(signal.SIGHUP, old)


def test_outside_of_the_main_thread_there_are_no_handlers():
    before = signal.getsignal(signal.SIGINT)
    seen: list[object] = []

    def run() -> None:
        with cancel_on_signals() as token:
            seen.extend([token.cancelled, signal.getsignal(signal.SIGINT)])

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(10)
    assert seen == [False, before]


def test_an_own_token_is_used():
    token = CancelToken()
    with cancel_on_signals(token) as used:
        assert used is token


def test_other_errors_of_output_pass():
    with pytest.raises(OSError, match="disk"), closed_stdout_cancels(CancelToken()):
        raise OSError(28, "disk full")
    assert is_closed_pipe(BrokenPipeError())
    assert not is_closed_pipe(OSError(28, "disk full"))


def run(code: str, read: int) -> tuple[int, str]:
    """Run Python whose stdout reader leaves after ``read`` characters: exit status and stderr."""
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            process.stdout.read(read)
            process.stdout.close()
            err = process.stderr.read()
            return process.wait(30), err
        finally:
            process.kill()


def test_closed_stdout_cancels_without_a_traceback():
    code = """
        import sys
        from reelpress.errors import Cancelled
        from reelpress.pipeline.cancel import CancelToken
        from reelpress.pipeline.signals import closed_stdout_cancels
        token = CancelToken()
        try:
            with closed_stdout_cancels(token):
                while True:
                    print("progress", flush=True)
        except Cancelled as error:
            assert token.cancelled
            sys.exit(error.exit_code)
    """
    status, err = run(code, 8)
    assert (status, err) == (Cancelled.exit_code, "")


@posix
def test_closed_stdout_is_seen_without_writing():
    code = """
        import sys
        from reelpress.pipeline.cancel import CancelToken
        from reelpress.pipeline.run import Pipeline
        from reelpress.pipeline.stage import Stage
        from reelpress.pipeline.signals import stdout_closed
        from reelpress.errors import Cancelled
        print("x", end="", flush=True)
        token = CancelToken()
        def stage(ctx):
            import threading
            while not ctx.cancelled:
                ctx.heartbeat()
                threading.Event().wait(0.01)
        def tick():
            if stdout_closed():
                token.request("closed")
        try:
            Pipeline([Stage("s", stage)]).run(token, on_tick=tick)
        except Cancelled:
            sys.exit(130)
    """
    status, err = run(code, 1)
    assert status == 130, err
