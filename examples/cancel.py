"""Cancel an export from another thread: ``python examples/cancel.py SOURCE TARGET``.

Nothing is left of it: no target, no ``.part`` file.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import reelpress
from reelpress.errors import Cancelled
from reelpress.events import Event, ProgressEvent


def main() -> int:
    source, target = sys.argv[1:3]
    cancel = reelpress.CancelToken()
    started = threading.Event()

    def tell(event: Event) -> None:
        if isinstance(event, ProgressEvent):
            started.set()

    def press_the_button() -> None:
        started.wait()
        cancel.cancel("the button was pressed")

    threading.Thread(target=press_the_button, daemon=True).start()
    try:
        reelpress.export(source, target, on_event=tell, cancel=cancel)
    except Cancelled as error:
        print(f"{error} Is the target there? {Path(target).exists()}")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
