"""Run the tests here and note in docs/runs.json what was run where. ``python tools/record_run.py [PYTEST ARGS]``."""

from __future__ import annotations

import datetime
import json
import platform
import re
import subprocess
import sys
from pathlib import Path

import av

RUNS = Path(__file__).resolve().parent.parent / "docs" / "runs.json"


def main() -> int:
    arguments = sys.argv[1:]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *arguments], capture_output=True, text=True, check=False
    )
    summary = re.findall(r"=* ?(\d+ (?:passed|failed).*?) in [\d.]+s", done.stdout)
    record = {
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "av": av.__version__,
        "what": "pytest" + (" " + " ".join(arguments) if arguments else ""),
        "result": summary[-1] if summary else f"exit {done.returncode}",
        "date": datetime.date.today().isoformat(),
    }
    data = json.loads(RUNS.read_text()) if RUNS.exists() else {"run": [], "never": []}
    same = ("system", "python", "av", "what")
    data["run"] = [r for r in data["run"] if any(r[k] != record[k] for k in same)] + [record]
    RUNS.write_text(json.dumps(data, indent=1) + "\n")
    print(record)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
