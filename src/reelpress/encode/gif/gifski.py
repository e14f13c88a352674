"""The user's own ``gifski``, where it is asked for: pictures go to it as PNG files, and it writes the GIF.

It is AGPL software and no part of Reelpress; it is only run when ``--encoder gifski`` says so. Every picture is written
once, however long it lasts: held frames are links to the same file.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reelpress.encode.base import UNKNOWN, Change, Decision, Kind
from reelpress.encode.gif.settings import check_rate
from reelpress.errors import Cancelled, EncoderError, OutputError, SettingsError
from reelpress.media.encoder import EncoderSpec
from reelpress.media.faults import writing
from reelpress.media.rgb import to_rgb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from fractions import Fraction

    from reelpress.encode.gif.settings import GifSettings
    from reelpress.media.planes import Planes

NAME = "gifski"
_POLL_S = 0.05
_LIMIT_S = 3600.0
"""It goes on through all pictures before it can be asked how far it is."""


def found() -> str:
    """Where the program is.

    Raises:
        SettingsError: It is not on the PATH.
    """
    path = shutil.which(NAME)
    if path is None:
        raise SettingsError(
            f"--encoder {NAME}: no such program is on the PATH. Install it (https://gif.ski), "
            "or leave the option out: the built-in encoder needs nothing."
        )
    return path


class GifskiSession:
    """Both :class:`reelpress.encode.base.Encoder` and its writer; the writer's methods do the work of the program.

    Args:
        path: The file to write.
        width, height: Pixels.
        fps: Frames a second, 1 to 50.
        settings: Quality and loop count.
        program: Its path; default is the one on the PATH.
    """

    audio = None
    shown = None

    def __init__(
        self, path: Path, width: int, height: int, fps: Fraction, settings: GifSettings, program: str | None = None
    ) -> None:
        check_rate(fps)
        self._program = program or found()
        self._path, self._settings = path, settings
        self.spec = EncoderSpec(width, height, fps, codec="gif")
        # Beside the target, where there is room for what is written; not among the user's files when it fails.
        self._folder = Path(tempfile.mkdtemp(prefix=f".{NAME}-", dir=os.path.dirname(os.path.abspath(path))))
        self._process: subprocess.Popen[bytes] | None = None
        self._last: tuple[Planes, Path] | None = None
        self._frames = 0
        self.decision = Decision(Kind.REAL, "every picture is given to gifski")

    def encode(self, planes: Planes, pts: int, change: Change = UNKNOWN) -> list[Any]:
        """See :meth:`reelpress.encode.base.Encoder.encode`."""
        name = self._folder / f"{pts:08d}.png"
        held = self._last is not None and (planes is self._last[0] or change.damage == ())
        with writing(name, "encode"):
            if held and self._last is not None:
                try:
                    os.link(self._last[1], name)
                except OSError:  # a file system without links
                    shutil.copyfile(self._last[1], name)
            else:
                from PIL import Image

                Image.fromarray(to_rgb(planes)).save(name, compress_level=1)
        self.decision = Decision(Kind.HOLD if held else Kind.REAL, "given to gifski")
        self._last = planes, name
        self._frames += 1
        return []

    def flush(self) -> list[Any]:
        """See :meth:`reelpress.encode.base.Encoder.flush`."""
        self._last = None
        return []

    def mux(self, packets: Iterable[Any]) -> None:
        """Nothing comes out of ``encode``."""
        for packet in packets:
            raise EncoderError(f"gifski got {packet!r}, but takes pictures only.")

    def command(self) -> list[str]:
        """What is run in the folder of the pictures, but for their names."""
        width, height = str(self.spec.width), str(self.spec.height)
        repeat = {0: "0", 1: "-1"}.get(self._settings.loop, str(self._settings.loop - 1))
        rate = f"{float(self.spec.fps):g}"
        quality = str(self._settings.quality)
        options = ["--fps", rate, "--quality", quality, "--width", width, "--height", height, "--repeat", repeat]
        return [self._program, "--quiet", *options, "-o", os.path.abspath(self._path)]

    def finish(self, cancelled: Callable[[], bool] | None = None, progress: Callable[[], None] | None = None) -> None:
        """Run the program to its end.

        Raises:
            EncoderError: It failed; its last words are in the message.
            Cancelled: ``cancelled`` said so.
        """
        files = sorted(entry.name for entry in self._folder.iterdir())
        if len(files) < 2:
            self.abort()
            raise EncoderError("gifski makes nothing of a single picture. Leave --encoder gifski out.")
        log = self._folder / "log"
        deadline = time.monotonic() + _LIMIT_S
        try:
            with writing(self._path, "mux"), log.open("wb") as words:
                # as many names as a system takes on a command line; a few tens of thousands of eight digits fit
                self._process = subprocess.Popen(
                    [*self.command(), *files], cwd=self._folder, stdin=subprocess.DEVNULL, stdout=words, stderr=words
                )
                while self._process.poll() is None:
                    if cancelled is not None and cancelled():
                        raise Cancelled("The export was cancelled.")
                    if time.monotonic() > deadline:
                        raise EncoderError(f"gifski did not end within {_LIMIT_S:g} s.")
                    if progress is not None:
                        progress()
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        self._process.wait(_POLL_S)
            if self._process.returncode != 0:
                said = log.read_text("utf-8", "replace").strip()[-300:]
                raise EncoderError(f"gifski ended with {self._process.returncode}: {said or 'it said nothing'}")
            if not self._path.exists():
                raise OutputError(f"{self._path}: gifski wrote no file.")
        finally:
            self.abort()

    def abort(self) -> None:
        """End the program and remove the pictures. Never raises."""
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(5)
        shutil.rmtree(self._folder, ignore_errors=True)
