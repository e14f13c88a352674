"""From the command to the first encoded frame, to a still, and to ``--help``: seconds, median of 5."""

from __future__ import annotations

import json
import subprocess
import time

from common import CACHE, ROOT, reelpress, spread, write


def first_frame() -> float:
    """Seconds from starting the command on the demo to the progress line of its first encoded frame."""
    out = CACHE / "start.mp4"
    out.parent.mkdir(parents=True, exist_ok=True)
    command = [*reelpress(), "export", str(ROOT / "examples" / "demo.cap"), "-o", str(out), "--overwrite", "--json"]
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            event = json.loads(line)
            if event["type"] == "progress" and event["frame"] >= 1:
                took = time.perf_counter() - started
                process.terminate()
                process.stdout.read()
                return took
    raise RuntimeError("the export ended without a frame")


def frame_time() -> float:
    """Seconds of ``frame`` on the demo."""
    out = CACHE / "start.png"
    command = [*reelpress(), "frame", str(ROOT / "examples" / "demo.cap"), "--time", "5", "-o", str(out), "--overwrite"]
    started = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started


def help_time() -> float:
    """Seconds of ``--help``."""
    started = time.perf_counter()
    subprocess.run([*reelpress(), "--help"], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started


def main() -> None:
    first_frame()
    data = {
        "first_frame_s": spread([first_frame() for _ in range(5)]),
        "frame_s": spread([frame_time() for _ in range(5)]),
        "help_s": spread([help_time() for _ in range(5)]),
    }
    print(json.dumps(data))
    write("start", "python benchmarks/start.py", data)


if __name__ == "__main__":
    main()
