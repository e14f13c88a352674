"""All benchmarks of this folder, one after the other: ``make bench``. About half an hour on 2 cores."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent

for name in ("start.py", "look.py", "memory.py"):
    print(f"== {name}", flush=True)
    subprocess.run([sys.executable, str(HERE / name)], check=True)
