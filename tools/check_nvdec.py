"""Decode the files beside this script with NVDEC and compare each picture: ``python check_nvdec.py [RESULT.json]``.

``expected.json`` (of ``make_nvdec_bundle.py``) has the MD5s. Two ways lead to NVDEC: FFmpeg's parser (``cuda``) and
NVIDIA's own (``cuvid``). A way that cannot be taken is told and is no success.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent


def hashes(file: Path, decoder: str) -> tuple[list[str], list[int], str]:
    """MD5s, times, and what was said."""
    done = subprocess.run(
        [sys.executable, str(HERE / "frame_hashes.py"), str(file), "--decoder", decoder],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    lines = [line.split() for line in done.stdout.splitlines()]
    said = done.stderr + ("" if done.returncode == 0 else f"exit {done.returncode}")
    return [line[1] for line in lines], [int(line[0]) for line in lines if line[0] != "None"], said


def device() -> str:
    """Name and driver of the card."""
    command = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except OSError as fault:
        return f"nvidia-smi does not start: {fault.strerror}"
    return (done.stdout or done.stderr).strip().splitlines()[0]


def main() -> int:
    import av

    result: dict[str, Any] = {
        "device": device(),
        "av": av.__version__,
        "python": platform.python_version(),
        "files": {},
    }
    good = True
    for name, wanted in json.loads((HERE / "expected.json").read_text()).items():
        row: dict[str, Any] = {"title": wanted["title"], "pictures": len(wanted["pictures"])}
        for decoder in ("software", "cuda", "cuvid"):
            found, times, said = hashes(HERE / name, decoder)
            wrong = [n for n, (a, b) in enumerate(zip(found, wanted["pictures"], strict=False)) if a != b]
            equal = found == wanted["pictures"] and times == sorted(times)
            row[decoder] = {"equal": equal, "decoded": len(found), "differ": len(wrong), "first": wrong[:5]}
            row[decoder]["said"] = said[-600:]
            good &= equal
            print(
                f"{name} {decoder}: {'equal' if equal else row[decoder]}", "" if not said else f"said {said[-300:]!r}"
            )
        result["files"][name] = row
    result["equal"] = good
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(json.dumps(result, indent=1) + "\n")
    print("all pictures are equal" if good else "NOT all pictures are equal")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
