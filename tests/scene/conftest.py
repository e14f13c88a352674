"""The makers lie with the tests of the timeline."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "timeline"))
