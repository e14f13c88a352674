"""A plan, a report and samples of an export that never was, and a reader for what the page became."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

from reelpress.pipeline.samples import Sample

WALL = 10.0


def plan(**changes: Any) -> dict[str, Any]:
    choice = {"used": "libx264", "reason": "it runs everywhere", "rejected": [{"name": "nvenc", "reason": "no GPU"}]}
    return {
        "source": "/srv/jane/films/talk.cap",
        "output": "/srv/jane/out/talk.mp4",
        "frames": 600,
        "width": 1920,
        "height": 1080,
        "fps": "60",
        "duration_s": 10.0,
        "formats": [
            {"edge": "encoded", "format": "yuv420p", "matrix": "bt709", "range": "limited", "by": "libx264"},
        ],
        "conversions": [],
        "decoder": choice,
        "renderer": choice,
        "converter": choice,
        "encoder": choice,
        "rate_control": {
            "crf": 20.0,
            "preset": "veryfast",
            "maxrate": 10_000_000,
            "bufsize": 20_000_000,
            "gop_s": 2.0,
            "lookahead": 10,
            "threads": 2,
        },
        "audio": {"used": True, "reason": "AAC"},
        "buffers": {"rendered": 32, "encoder": 16, "bytes": 100_000_000},
        "memory_bytes": 2_000_000_000,
        "copy": {"used": False, "reason": "something is drawn"},
        "estimate": {"size_bytes": 1_000_000, "wall_s": 9.0},
        "not_drawn": [],
        "warnings": [],
        "fallbacks": [],
        "subtitles": {"used": False, "reason": "not asked for"},
    } | changes


def report(**changes: Any) -> dict[str, Any]:
    return {
        "frames": {
            "total": 600,
            "composed": 100,
            "patched": 300,
            "held": 200,
            "encoded": 600,
            "copied": 0,
            "repeated_after_error": 0,
        },
        "wall_s": 10.5,
        "fps": 57.1,
        "cpu_s": 15.0,
        "peak_rss_bytes": 300_000_000,
        "stages": {
            "decode": {"busy_s": 2.0, "wait_in_s": 0.0, "wait_out_s": 8.0, "frames": 300},
            "compose": {"busy_s": 2.9, "wait_in_s": 0.1, "wait_out_s": 7.0, "frames": 600},
            "encode": {"busy_s": 9.0, "wait_in_s": 1.0, "wait_out_s": 0.0, "frames": 600},
            "mux": {"busy_s": 0.5, "wait_in_s": 9.5, "wait_out_s": 0.0, "frames": 600},
        },
        "formats": [],
        "conversions": [],
        "fallbacks": [],
        "warnings": [],
        "buffers": {
            "rendered": 32,
            "encoder": 16,
            "bytes": 100_000_000,
            "rendered_peak": 32,
            "rendered_peak_bytes": 99_000_000,
            "encoder_peak": 3,
            "encoder_peak_bytes": 200_000,
        },
        "decoder": "software",
        "renderer": "planar",
        "converter": "none",
        "encoder": "libx264",
        "output": {
            "width": 1920,
            "height": 1080,
            "fps": 60.0,
            "duration_s": 10.0,
            "size_bytes": 2_000_000,
            "video_codec": "h264",
            "audio_codec": "aac",
            "color": "bt709 limited",
        },
        "verified": ["structure"],
        "subtitles": None,
    } | changes


def samples(count: int = 100) -> list[Sample]:
    """The encode stage is busy in the first half and waits in the second."""
    found = []
    for index in range(count):
        t = WALL * index / (count - 1)
        busy = min(t, WALL / 2)
        found.append(
            Sample(
                t,
                100_000_000 + 2_000_000 * index,
                {"rendered": (index % 33, 3_000_000), "encoder": (1, 1000)},
                {"encode": (busy, t - busy, 0.0), "compose": (0.0, 0.0, t)},
                {"composed": index, "patched": 3 * index, "held": 2 * index},
            )
        )
    return found


class Reader(HTMLParser):
    """What a page consists of. Fails on tags that are not closed as they were opened."""

    VOID = frozenset({"br", "hr", "img", "input", "meta", "link"})

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert self._open == [], f"not closed: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open and self._open[-1] == tag, (tag, self._open)
        self._open.pop()

    def handle_data(self, data: str) -> None:
        if not (self._open and self._open[-1] in ("script", "style")):
            self.words.append(data)

    @property
    def text(self) -> str:
        """All that is to be read, spaces made plain."""
        return " ".join(" ".join(self.words).replace("\u00a0", " ").replace("\u202f", " ").split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """Attributes of every element of that name."""
        return [attributes for name, attributes in self.tags if name == tag]

    def foreign(self) -> list[str]:
        """Addresses that lead out of the page."""
        found = []
        for _, attributes in self.tags:
            for name in ("src", "href", "srcset", "action", "data", "poster", "xlink:href"):
                value = attributes.get(name)
                if value and not value.startswith(("#", "data:")):
                    found.append(value)
        return found
