"""``python -m reelpress``."""

from reelpress.cli import main

main()
