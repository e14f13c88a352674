"""A page that plays a video in a browser and reads the number drawn in each picture from its pixels."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from proof_splice_files import AT, BITS, CELL, CELLS_IN_ROW

from headless_browser import Browser

# The file travels inside the page as a blob: what comes from another file may not be read back from a canvas.
_PAGE = """<!doctype html><meta charset="utf-8"><title>spliced</title>
<link rel="icon" href="data:,">
<video muted playsinline preload="auto"></video>
<script>
const data = Uint8Array.from(atob("@DATA@"), c => c.charCodeAt(0));
const video = document.querySelector('video');
const canvas = document.createElement('canvas');
const pen = canvas.getContext('2d', { willReadFrequently: true });
const once = name => new Promise((done, failed) => {
  video.addEventListener(name, done, { once: true });
  const say = () => failed(new Error(video.error.code + ' ' + video.error.message));
  video.addEventListener('error', say, { once: true });
});
const ready = once('canplaythrough');
video.src = URL.createObjectURL(new Blob([data], { type: 'video/mp4' }));
// A block is read at its middle: far from what filters and scaling of chroma do at its edges.
function look() {
  const picture = new VideoFrame(video);  // it knows its own time; the element may move on while we look
  canvas.width = video.videoWidth; canvas.height = video.videoHeight;
  pen.drawImage(picture, 0, 0);
  const time = picture.timestamp / 1e6;
  picture.close();
  return [time, number()];
}
function number() {
  let value = 0;
  for (let bit = 0; bit < @BITS@; bit++) {
    const x = @LEFT@ + (bit % @ROW@) * @CELL@ + @CELL@ / 2, y = @TOP@ + Math.floor(bit / @ROW@) * @CELL@ + @CELL@ / 2;
    const [r, g, b] = pen.getImageData(x, y, 1, 1).data;
    const light = (r + g + b) / 3;
    if (light > 60 && light < 195) return -1 - Math.round(light);  // neither: a wrong picture
    if (light > 127) value += 2 ** bit;
  }
  return value;
}
async function seek(times) {
  await ready;
  const found = [];
  for (const time of times) {
    const there = once('seeked');
    video.currentTime = time;
    await there;
    // On a busy machine the picture can come to the screen after the event.
    let seen = look();
    for (let wait = 0; wait < 100 && !(seen[0] <= time && time < seen[0] + @STEP@); wait++) {
      await new Promise(done => setTimeout(done, 50));
      seen = look();
    }
    found.push(seen);
  }
  return found;
}
async function play(from, rate) {
  await ready;
  if (from !== null) { const there = once('seeked'); video.currentTime = from; await there; }
  const found = [];
  const note = () => {
    found.push(look());
    if (!video.ended) video.requestVideoFrameCallback(note);
  };
  video.requestVideoFrameCallback(note);
  video.playbackRate = rate;
  const end = once('ended');
  await video.play();
  await end;
  const quality = video.getVideoPlaybackQuality();
  return { shown: found, last: look(), total: quality.totalVideoFrames, dropped: quality.droppedVideoFrames,
           corrupted: quality.corruptedVideoFrames, duration: video.duration };
}
</script>
"""


def make_page(video: Path, page: Path, fps: int) -> None:
    """Write the page of a video of so many pictures a second."""
    values: dict[str, Any] = {
        "DATA": base64.b64encode(video.read_bytes()).decode(),
        "STEP": 1 / fps,
        "BITS": BITS,
        "LEFT": AT[0],
        "TOP": AT[1],
        "CELL": CELL,
        "ROW": CELLS_IN_ROW,
    }
    text = _PAGE
    for name, value in values.items():
        text = text.replace(f"@{name}@", str(value))
    page.write_text(text, encoding="utf-8")


class VideoBrowser(Browser):
    """Also keeps what the browser's media player tells: its decoder, its errors and its messages."""

    def __init__(self, program: str, profile: Path) -> None:
        super().__init__(program, profile)
        self.player: dict[str, str] = {}
        self.messages: list[str] = []

    def __enter__(self) -> VideoBrowser:
        super().__enter__()
        try:
            self.call("Media.enable")
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def _note(self, method: str | None, parameters: dict[str, Any]) -> None:
        super()._note(method, parameters)
        if method == "Media.playerPropertiesChanged":
            self.player |= {entry["name"]: entry["value"] for entry in parameters["properties"]}
        elif method == "Media.playerErrorsRaised":
            self.messages += [json.dumps(error) for error in parameters["errors"]]
        elif method == "Media.playerMessagesLogged":
            self.messages += [
                f"{entry['level']}: {entry['message']}"
                for entry in parameters["messages"]
                if entry["level"] in ("error", "warning")
            ]

    @property
    def version(self) -> str:
        """Name and version of the browser."""
        return str(self.call("Browser.getVersion")["product"])

    def can_play(self, kind: str) -> str:
        """What the browser says of a type: "probably", "maybe" or nothing."""
        return str(self.value(f"document.createElement('video').canPlayType({json.dumps(kind)})"))

    def seek(self, times: Sequence[float]) -> list[tuple[float, int]]:
        """The time of the picture shown and the number in it, after seeking to each of these times."""
        return [(float(time), int(value)) for time, value in self.value(f"seek({json.dumps(list(times))})")]

    def play(self, start: float | None = None, rate: float = 1.0) -> dict[str, Any]:
        """Play to the end: every picture that was shown, as its time and the number seen."""
        answer: dict[str, Any] = self.value(f"play({json.dumps(start)}, {rate})")
        return answer
