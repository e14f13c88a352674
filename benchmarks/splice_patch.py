"""Patches by transplant: what they take, in time and bytes, and how good text in them is. Under a minute.

    python benchmarks/splice_patch.py [--quick] [--no-write]

Pictures are drawn here: a page of text with coloured lines, and a pointer that moves over it. Damage is what differs
from the page without the pointer's first position: two places of some 6 macroblocks each.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from typing import Any

import av
import numpy as np
from av.video.frame import VideoFrame
from PIL import Image, ImageDraw, ImageFont

import common
from reelpress.color import BT709_LIMITED
from reelpress.encode.splice import transplant
from reelpress.encode.splice.stream import IntraRun, PcmRun, Splicer
from reelpress.encode.splice.transplant import Transplanter, patch_qp
from reelpress.media.patch_encoder import PatchEncoder
from reelpress.media.planes import Planes
from reelpress.media.scale import from_frame, plane_views

WIDTH, HEIGHT = 1920, 1080
COLUMNS, ROWS = WIDTH // 16, -(-HEIGHT // 16)
WORDS = "encode held picture while moving only what changes costs anything in a recording of the screen".split()
Runs = list[tuple[int, int, int]]


def page(pointer: tuple[int, int] | None) -> Planes:
    """Text of several sizes on light and dark ground, with a pointer of 24x36 pixels."""
    image = _page().copy()
    if pointer is not None:
        x, y = pointer
        outline = [(0, 0), (0, 26), (6, 21), (10, 32), (15, 30), (11, 20), (19, 20)]
        ImageDraw.Draw(image).polygon([(x + a, y + b) for a, b in outline], fill="black", outline="white", width=2)
    frame = VideoFrame.from_ndarray(np.asarray(image), format="rgb24")
    return from_frame(frame.reformat(format="yuv420p", dst_colorspace="ITU709"), BT709_LIMITED)


@cache
def _page() -> Image.Image:
    image = Image.new("RGB", (WIDTH, HEIGHT), (250, 250, 252))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 420, HEIGHT), fill=(32, 34, 40))
    rng = np.random.default_rng(5)
    for left, right, colour in ((24, 400, (214, 216, 220)), (452, 1880, (36, 38, 44))):
        y = 24
        while y < HEIGHT - 40:
            size = int(rng.choice([13, 15, 15, 18, 24]))
            font = ImageFont.load_default(size)
            x = left
            for word in rng.choice(WORDS, 40):
                width = draw.textlength(word + " ", font=font)
                if x + width > right:
                    break
                shade = (20, 90, 200) if rng.random() < 0.1 else (190, 40, 60) if rng.random() < 0.05 else colour
                draw.text((x, y), word, font=font, fill=shade)
                x += width
            y += int(size * rng.choice([1.5, 1.5, 3.0]))
    return image


def damage(one: Planes, other: Planes) -> np.ndarray:
    padded = np.zeros((16 * ROWS, WIDTH), bool)
    padded[:HEIGHT] = one.planes[0] != other.planes[0]
    return padded.reshape(ROWS, 16, COLUMNS, 16).any((1, 3))


def pointer_pictures(count: int) -> list[tuple[Planes, np.ndarray]]:
    """Pictures with the pointer elsewhere, and their damage against the one with it at rest."""
    rest = page((700, 500))
    found = []
    for index in range(count):
        t = index / 17
        picture = page((int(900 + 700 * math.sin(t)), int(520 + 400 * math.sin(1.7 * t + 1))))
        found.append((picture, damage(picture, rest)))
    return found


@dataclass
class Timed:
    """Stands for an open encoder and counts the time in it."""

    context: Any
    spent: list[float] = field(default_factory=list)

    def encode(self, frame: VideoFrame) -> Any:
        start = time.perf_counter()
        packets = self.context.encode(frame)
        self.spent.append(time.perf_counter() - start)
        return packets


def spied(encoder: PatchEncoder) -> None:
    for tiny in encoder._open.values():
        if not isinstance(tiny.context, Timed):
            tiny.context = Timed(tiny.context)  # type: ignore[assignment]


def speed(rounds: int) -> dict[str, Any]:
    """Microseconds of a call for 12 macroblocks, split into the encoder's and ours."""
    shapes: dict[str, Runs] = {
        "2 runs of 6": [(10, 40, 6), (40, 70, 6)],
        "2 places of 2 rows of 3": [(10, 40, 3), (11, 40, 3), (40, 70, 3), (41, 70, 3)],
        "2 rows of 3 and 3 rows of 2": [(10, 40, 3), (11, 40, 3), (40, 70, 2), (41, 70, 2), (42, 70, 2)],
        "12 single ones": [(4 * k, 40, 1) for k in range(12)],
    }
    result: dict[str, Any] = {}
    yuv = page(None)
    interleaved = np.stack([yuv.planes[1], yuv.planes[2]], 2).reshape(HEIGHT // 2, WIDTH)
    nv12 = Planes("nv12", WIDTH, HEIGHT, (yuv.planes[0], interleaved), BT709_LIMITED)
    for picture in (yuv, nv12):
        for name, runs in shapes.items():
            macroblocks = np.zeros((ROWS, COLUMNS), bool)
            for row, column, width in runs:
                macroblocks[row, column : column + width] = True
            encoder = PatchEncoder(picture.format)
            patches = Transplanter(encoder, 22)
            patches.pieces(picture, macroblocks)
            spied(encoder)
            total, inside, pieces = [], [], None
            for _ in range(rounds):
                for tiny in encoder._open.values():
                    tiny.context.spent.clear()  # type: ignore[attr-defined]
                start = time.perf_counter()
                pieces = patches.pieces(picture, macroblocks)
                total.append(time.perf_counter() - start)
                inside.append(sum(sum(tiny.context.spent) for tiny in encoder._open.values()))  # type: ignore[attr-defined]
            assert pieces is not None
            own = [a - b for a, b in zip(total, inside, strict=True)]
            result[f"{picture.format}: {name}"] = {
                "encoder_us": round(1e6 * statistics.median(inside)),
                "own_us": round(1e6 * statistics.median(own)),
                "own_us_p95": round(1e6 * sorted(own)[int(0.95 * len(own))]),
                "slices": len(pieces),
            }
    return result


def opening(rounds: int) -> dict[str, float]:
    """Milliseconds to open an encoder, by its size in macroblocks."""
    result = {}
    for width, rows in ((1, 1), (3, 4), (8, 8), (120, 1)):
        encoder = PatchEncoder(kept=4)
        times = []
        for _ in range(rounds):
            start = time.perf_counter()
            encoder._opened(width, rows, 22)
            times.append(1e3 * (time.perf_counter() - start))
        result[f"{width}x{rows}"] = round(statistics.median(times), 2)
    return result


def encoded(pictures: list[Planes], crf: float, preset: str) -> tuple[bytes, list[bytes], list[tuple[np.ndarray, ...]]]:
    """Through x264 as a splicing export opens it, each picture four ticks long: header, packets, decoded pictures."""
    context = av.CodecContext.create("libx264", "w")
    context.width, context.height, context.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    context.time_base, context.framerate = Fraction(1, 60), Fraction(60)
    context.thread_type, context.thread_count = "FRAME", 2
    context.flags |= av.codec.context.Flags.global_header
    context.options = {"preset": preset, "crf": str(crf), "x264-params": "bframes=0:keyint=infinite"}
    packets = []
    for index, picture in enumerate(pictures):
        frame = VideoFrame.from_dlpack(picture.planes, format="yuv420p", width=WIDTH, height=HEIGHT)
        frame.pts = 4 * index
        packets += context.encode(frame)
    units = [bytes(packet) for packet in [*packets, *context.encode(None)]]
    header = bytes(context.extradata)
    return header, units, decoded(header, units)


def decoded(header: bytes, units: list[bytes]) -> list[tuple[np.ndarray, ...]]:
    decoder = av.CodecContext.create("h264", "r")
    decoder.thread_count, decoder.extradata = 1, header
    frames = [frame for unit in units for frame in decoder.decode(av.Packet(unit))] + decoder.decode(None)
    return [tuple(np.array(view) for view in plane_views(frame)) for frame in frames]


def text_macroblocks(picture: Planes) -> np.ndarray:
    """Whole macroblocks with strong gradients in at least 16 samples."""
    steep = np.abs(np.diff(picture.planes[0].astype(int), axis=1, append=0)) > 40
    counts = steep[: HEIGHT // 16 * 16].reshape(HEIGHT // 16, 16, COLUMNS, 16).sum((1, 3))
    mask = np.zeros((ROWS, COLUMNS), bool)
    mask[: HEIGHT // 16] = counts >= 16
    return mask


def quality_of(shown: tuple[np.ndarray, ...], source: Planes, mask: np.ndarray) -> dict[str, float]:
    """Luma and chroma PSNR and mean SSIM (8x8 windows, step 4) over the macroblocks of ``mask``."""
    errors, ssims = ([], [], []), []
    for row, column in np.argwhere(mask):
        for index, size in enumerate((16, 8, 8)):
            area = np.s_[row * size : (row + 1) * size, column * size : (column + 1) * size]
            a, b = shown[index][area].astype(float), source.planes[index][area].astype(float)
            errors[index].append(float(np.mean((a - b) ** 2)))
            if index == 0:
                ssims.append(_ssim(a, b))
    decibel = [10 * math.log10(255**2 / max(1e-9, value)) for value in (np.mean(errors[0]), np.mean(errors[1:]))]
    return {"psnr_y": round(decibel[0], 2), "psnr_c": round(decibel[1], 2), "ssim": round(float(np.mean(ssims)), 5)}


def _ssim(a: np.ndarray, b: np.ndarray) -> float:
    values = []
    for y in (0, 4, 8):
        for x in (0, 4, 8):
            p, q = a[y : y + 8, x : x + 8], b[y : y + 8, x : x + 8]
            cov = float(np.mean((p - p.mean()) * (q - q.mean())))
            values.append(
                (2 * p.mean() * q.mean() + 6.5025)
                * (2 * cov + 58.5225)
                / ((p.mean() ** 2 + q.mean() ** 2 + 6.5025) * (p.var() + q.var() + 58.5225))
            )
    return float(np.mean(values))


def patched(header: bytes, packets: list[bytes], source: Planes, mask: np.ndarray, qp: int) -> tuple[np.ndarray, ...]:
    """The picture that a decoder shows when ``mask`` is patched over the last real one, some macroblocks at a time."""
    encoder = PatchEncoder("yuv420p")
    patches = Transplanter(encoder, qp)
    splicer = Splicer(header, patch_pps=encoder.pps)
    units = [splicer.real(packet, index) for index, packet in enumerate(packets)]
    rows = [mask & (np.arange(ROWS) == row)[:, None] for row in range(ROWS)]
    areas = []
    for part in rows:
        if part.any():
            pieces = patches.pieces(source, part)
            assert pieces is not None
            units.append(splicer.patched(len(units), pieces))
            areas.append(part)
    shown = decoded(splicer.header, units)
    result = tuple(plane.copy() for plane in shown[len(packets) - 1])
    for part, picture in zip(areas, shown[len(packets) :], strict=True):
        for plane, new, size in zip(result, picture, (16, 8, 8), strict=True):
            where = np.repeat(np.repeat(part, size, 0), size, 1)[: plane.shape[0], : plane.shape[1]]
            plane[where] = new[where]
    return result


def quality(presets: list[str], crfs: list[int]) -> dict[str, Any]:
    """Text as x264 leaves it in the first and the last of 12 equal pictures, and as patches have it."""
    source = page(None)
    mask = text_macroblocks(source)
    keep = np.zeros_like(mask)
    keep[::4, ::5] = keep[::4, 1::5] = keep[::4, 2::5] = True
    mask &= keep
    result: dict[str, Any] = {"macroblocks": int(mask.sum())}
    for preset in presets:
        for crf in crfs:
            header, packets, shown = encoded([source] * 12, crf, preset)
            qp = patch_qp(crf, tree=preset not in ("ultrafast", "superfast"))
            result[f"{preset} crf {crf}"] = {
                "qp": qp,
                "first_real": quality_of(shown[0], source, mask),
                "last_real": quality_of(shown[-1], source, mask),
                "patches": quality_of(patched(header, packets[:1], source, mask, qp), source, mask),
            }
            print(preset, crf, result[f"{preset} crf {crf}"])
    return result


def moving(pictures: list[tuple[Planes, np.ndarray]], crfs: list[int]) -> dict[str, Any]:
    """Bytes of a patched picture with a moving pointer, and its quality against x264's own of the same macroblocks."""
    result: dict[str, Any] = {"macroblocks": round(float(np.mean([m.sum() for _, m in pictures])), 1)}
    rest = page((700, 500))
    for crf in crfs:
        header, packets, own = encoded([rest, *(picture for picture, _ in pictures)], crf, "veryfast")
        encoder = PatchEncoder()
        patches = Transplanter(encoder, patch_qp(crf))
        splicer = Splicer(header, patch_pps=encoder.pps)
        units = [splicer.real(packets[0], 0)]
        slices = raw = 0
        for index, (picture, mask) in enumerate(pictures):
            pieces = patches.pieces(picture, mask)
            assert pieces is not None
            slices += sum(isinstance(piece, IntraRun) for piece in pieces)
            raw += sum(isinstance(piece, PcmRun) for piece in pieces)
            units.append(splicer.patched(index + 1, pieces))
        shown = decoded(splicer.header, units)
        rows = [
            [quality_of(planes[index + 1], picture, mask) for index, (picture, mask) in enumerate(pictures)]
            for planes in (shown, own)
        ]
        sizes = [len(unit) for unit in units[1:]]
        result[f"crf {crf}"] = {
            "qp": patches.qp,
            "bytes": round(statistics.mean(sizes)),
            "bytes_max": max(sizes),
            "bytes_x264": round(statistics.mean(len(unit) for unit in packets[1:])),
            "intra_slices": round(slices / len(pictures), 1),
            "raw_macroblocks": raw,
            "opened": encoder.opened,
            "patches": {key: round(statistics.mean(q[key] for q in rows[0]), 5) for key in rows[0][0]},
            "x264": {key: round(statistics.mean(q[key] for q in rows[1]), 5) for key in rows[1][0]},
        }
        print("pointer", crf, result[f"crf {crf}"])
    return result


def joining(qp: int) -> dict[str, Any]:
    """Bytes that one gap macroblock adds when coded with its neighbours, less the slices that it saves."""
    source = page(None)
    luma = source.planes[0]
    patches = Transplanter(PatchEncoder(), qp)
    header, packets, _ = encoded([source], 23, "veryfast")
    splicer = Splicer(header, patch_pps=patches.pps)
    splicer.real(packets[0], 0)
    rng = np.random.default_rng(1)
    differences: dict[str, list[int]] = {"flat": [], "not flat": []}
    display = 0
    while min(len(values) for values in differences.values()) < 40 and display < 6000:
        row, column = int(rng.integers(2, ROWS - 2)), int(rng.integers(2, COLUMNS - 8))
        runs: Runs = [(row, column, 2), (row, column + 3, 2)]
        if not (_busy(luma, row, column) and _busy(luma, row, column + 3)):
            continue
        kind = "flat" if transplant._flat(luma, row, column + 2, column + 3) else "not flat"
        if len(differences[kind]) >= 200:
            display += 1
            continue
        sizes = []
        for pieces in (
            patches._coded(source, [(row, column, 5)], COLUMNS, qp),
            patches._coded(source, runs, COLUMNS, qp),
        ):
            display += 1
            sizes.append(len(splicer.patched(display, pieces)))
        differences[kind].append(sizes[0] - sizes[1])
    return {kind: {"cases": len(v), "bytes": round(statistics.mean(v), 1)} for kind, v in differences.items() if v}


def _busy(luma: np.ndarray, row: int, column: int) -> bool:
    """Whether two macroblocks hold text."""
    return int(np.ptp(luma[16 * row : 16 * row + 16, 16 * column : 16 * column + 32])) > 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, one preset")
    parser.add_argument("--no-write", action="store_true", help="print only")
    chosen = parser.parse_args()
    quick = chosen.quick
    result = {
        "speed": speed(100 if quick else 500),
        "opening_ms": opening(5 if quick else 20),
        "joining_one_macroblock": joining(22),
        "pointer": moving(pointer_pictures(12 if quick else 30), [23] if quick else [18, 23, 28]),
        "text": quality(
            ["veryfast"] if quick else ["superfast", "veryfast", "medium"], [23] if quick else [18, 23, 28]
        ),
    }
    for name in ("speed", "opening_ms", "joining_one_macroblock"):
        print(name, result[name])
    if not chosen.no_write:
        common.write("splice_patch", "python benchmarks/splice_patch.py", result)


if __name__ == "__main__":
    main()
