"""``python with_ram.py GIB ARGS…``: the command line on a machine that seems to have GIB of usable memory."""

from __future__ import annotations

import sys

from reelpress.cli.app import run
from reelpress.pipeline import budget

usable = int(float(sys.argv[1]) * budget.GIB)
budget.usable_ram = lambda *args, **kwargs: usable
sys.exit(run(sys.argv[2:]))
