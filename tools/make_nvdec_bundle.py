"""Gather what an NVIDIA machine without a network needs to play spliced files: ``make_nvdec_bundle.py OUT_FOLDER``.

Puts spliced MP4s, the MD5 of each picture that they must show (worked out from what was put in, see
``tests/splice_proof/proof_splice_witness.py``, and equal to what PyAV decodes in software), ``frame_hashes.py`` and
``check_nvdec.sh`` into the folder; with ``--wheel`` also PyAV's wheel for CPython 3.11 and later on x86-64 Linux.
There: ``sh OUT_FOLDER/check_nvdec.sh``.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path

import av

TOOLS = Path(__file__).resolve().parent
TESTS = TOOLS.parent / "tests"
LIMIT = 40_000_000


def main() -> int:
    parser = argparse.ArgumentParser(description="Files for check_nvdec.sh.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--wheel", action="store_true", help="fetch PyAV's wheel with pip")
    options = parser.parse_args()
    sys.path[:0] = [str(TESTS), str(TESTS / "splice_proof")]
    from proof_splice_files import FILES
    from proof_splice_players import pyav

    folder: Path = options.folder
    folder.mkdir(parents=True, exist_ok=True)
    expected = {}
    for name, made in FILES.items():
        if not made.small:
            continue
        path = folder / f"{name}.mp4"
        witness = made.make(path)
        path.with_suffix(".json").unlink(missing_ok=True)
        wanted = list(witness.expected())
        played = pyav(path, made.size)
        if witness.faults or played.said or played.pictures != wanted:
            raise SystemExit(f"{name} is not even right in software: {witness.faults} {played.said}")
        expected[path.name] = {"title": made.title, "pictures": wanted, "kinds": dict(witness.kinds)}
        print(f"{path.name}: {len(wanted)} pictures, {path.stat().st_size} bytes")
    (folder / "expected.json").write_text(json.dumps(expected))
    for name in ("frame_hashes.py", "check_nvdec.py", "check_nvdec.sh"):
        shutil.copy(TOOLS / name, folder / name)
    if options.wheel:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        command += ["--python-version", "3.12", "--implementation", "cp", "--abi", "abi3"]
        command += ["--platform", "manylinux_2_28_x86_64", "--dest", str(folder), f"av=={av.__version__}"]
        subprocess.run(command, check=True)
    total = sum(path.stat().st_size for path in folder.iterdir())
    print(f"{total} bytes in {folder}")
    return 0 if total < LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
