"""Tables of docs/splice.md from results under benchmarks/ and from the limits in the code."""

from __future__ import annotations

import math
from typing import Any

from bench_tables import not_yet, result_of, rows

RECORDING = "recording "
"""How the rows of real recordings begin in the result of ``benchmarks/splice.py``."""


def machine(data: dict[str, Any]) -> str:
    """Facts and command of a result of ``benchmarks/``."""
    m = data["machine"]
    return (
        f"{m['cpu']}, {m['cores']} cores, {m['ram_gib']} GiB, {m['system']}, Python {m['python']}, PyAV {m['av']}, "
        f"commit {m['commit']}. `{data['command']}`"
    )


def exports(data: dict[str, Any] | None = None) -> str:
    """Whole exports: splice against encode."""
    data = result_of("splice") if data is None else data
    if data is None:
        return not_yet("python benchmarks/splice.py --recordings FOLDER", "splice")
    found: dict[str, Any] = data["rows"]
    body = []
    for name, row in found.items():
        goal, speed, plain = row["goal"], row["speed_against_encode"], row["speed_against_encode-bf0"]
        encode, splice = row["ways"]["encode"], row["ways"]["splice"]
        aims = [f"{goal['speed']:g}x" if goal["speed"] else "–", f"{goal['size']:g}x" if goal["size"] else "–"]
        text = "–"
        if encode["text_worst_ssim"] is not None and splice["text_worst_ssim"] is not None:
            text = f"{encode['text_worst_ssim']:.4f} → {splice['text_worst_ssim']:.4f}"
        body.append([
            name, str(row["runs"]), str(row["frames"]), str(splice["encoded"]), aims[0],
            f"**{speed['median']:.2f}x** ({speed['min']:.2f} to {speed['max']:.2f})", f"{plain['median']:.2f}x",
            aims[1], f"{row['size_against_encode']:.2f}x", f"{encode['ssim_y']:.4f} → {splice['ssim_y']:.4f}", text,
        ])  # fmt: skip
    header = ["content", "runs", "frames", "encoded", "speed goal", "speed against encode", "against bframes=0",
              "size goal", "size", "SSIM", "worst text at rest, SSIM"]  # fmt: skip
    speeds = [r["speed_against_encode"]["median"] for n, r in found.items() if n.startswith(RECORDING)]
    said = ""
    if speeds:
        mean = math.exp(sum(math.log(s) for s in speeds) / len(speeds))
        said = (
            f"{len(speeds)} real recordings: geometric mean {mean:.2f}x (goal 1.25), "
            f"best {max(speeds):.2f}x (goal 2.5), least {min(speeds):.2f}x (goal 0.97).\n\n"
        )
    return f"{rows(header, body)}\n\n{said}{machine(data)}"


def verify(data: dict[str, Any] | None = None) -> str:
    """What reading the file back costs."""
    data = result_of("verify_cost") if data is None else data
    if data is None:
        return not_yet("python benchmarks/verify_cost.py", "verify_cost")
    body = []
    for name, row in data["scenarios"].items():
        wall, cpu = row["share_of_wall"]["median"], row["share_of_cpu"]["median"]
        body.append([name, str(row["frames"]), str(row["pictures_decoded"]), f"{100 * data['goal']:.0f} %",
                     f"**{100 * wall:.1f} %**", f"{100 * cpu:.1f} %"])  # fmt: skip
    header = ["export", "frames", "pictures decoded", "goal", "share of wall time", "of CPU time"]
    return f"{rows(header, body)}\n\n{machine(data)}"


def copying(data: dict[str, Any] | None = None) -> str:
    """A trim by copying packets."""
    data = result_of("copy") if data is None else data
    if data is None:
        return not_yet("python benchmarks/copying.py --out benchmarks/results/copy.json", "copy")
    encode = data["encode"]
    how = f" (estimated: {encode['how']})" if encode.get("estimated") else ""
    start, end = data["trim"]
    body = [
        [f"{start:.1f} to {end:.1f} s of {data['recording']}", str(data["frames"]["copied"]),
         str(data["frames"]["encoded"]), f"{data['copy']['wall_s']:.2f}", f"{encode['wall_s']:.0f}{how}", "150x",
         f"**{data['ratio']:.0f}x**"]
    ]  # fmt: skip
    header = ["trim, nothing drawn", "frames copied", "encoded", "copy, s", "encode, s", "goal", "speed"]
    m = data["machine"]
    where = (
        f"{m['cpu']}, {m['cores']} cores, {m['system']}, Python {m['python']}, PyAV {m['av']}, commit {m['commit']}. "
        "`python benchmarks/copying.py`"
    )
    return f"{rows(header, body)}\n\n{where}"


def limits() -> str:
    """What the policy goes by, for some outputs at the default quality."""
    from fractions import Fraction

    from reelpress.encode.rate import rate_control
    from reelpress.encode.splice import policy

    body = []
    for name, width, height, fps in (("720p30", 1280, 720, 30), ("1080p60", 1920, 1080, 60), ("4K60", 3840, 2160, 60)):
        rate = rate_control(width, height, Fraction(fps), quality="social")
        assert rate.maxrate is not None
        per_frame = rate.maxrate / 1.5 / fps / 8
        found = policy.PolicyLimits.of(width, height, 2 * fps, per_frame)
        body.append([name, str(found.patch_area), f"{found.patch_bytes / 1000:.1f}",
                     f"{found.allowance / 1000:.1f}, {found.still_allowance / 1000:.0f} after a picture not in motion",
                     f"{found.income * fps * 8 / 1e6:.2f}", f"{found.savings / 1000:.0f}",
                     f"{found.motion_area} macroblocks, {found.settle_after} frames"])  # fmt: skip
    header = ["`social`, `--gop 2`", "macroblocks of a patch", "kB of a patch", "kB of patches between real pictures",
              "Mbit/s of patches over time", "kB saved up", "settles after more than, when still for"]  # fmt: skip
    shares = (
        f"At most each. In recordings that were encoded before, patches have no income of their own but "
        f"{100 * policy.NOISY_SHARE:.0f} % of the real pictures' bytes. A patch as large as one that was refused is "
        f"not tried again for {policy.REFUSAL_FRAMES} frames."
    )
    return f"{rows(header, body)}\n\n{shares}"


def times() -> str:
    """The virtual durations."""
    from reelpress.encode.splice import policy

    body = [
        ["in motion", str(policy.MOVING_DURATION)],
        ["as a key frame on which little moves, in a `.cap`", str(policy.STILL_LITTLE)],
        ["at rest, in a `.cap`", str(policy.STILL_REST)],
        ["at rest, in a recording that was encoded before", str(policy.NOISY_REST)],
    ]
    return rows(["a real picture coded", "is said to last, frames"], body)


def _patch() -> dict[str, Any]:
    data = result_of("splice_patch")
    if data is None:
        raise SystemExit("benchmarks/results/splice_patch.json is missing: python benchmarks/splice_patch.py")
    return data


def patch_speed() -> str:
    """Making twelve macroblocks."""
    data = _patch()
    body = []
    for name, row in data["speed"].items():
        kind, _, shape = name.partition(": ")
        if kind == "yuv420p":
            own = f"{row['own_us']} µs ({row['own_us_p95']})"
            body.append([shape, str(row["slices"]), f"{row['encoder_us']} µs", own])
    header = ["12 macroblocks of a 1080p picture", "slices", "tiny encoder", "our own time, median (95 %)"]
    return f"{rows(header, body)}\n\n{machine(data)}"


def patch_pointer() -> str:
    """A pointer over text: bytes and quality against x264's P pictures."""
    data = _patch()
    body = []
    for name, row in data["pointer"].items():
        if not isinstance(row, dict):
            continue
        body.append([name.upper(), str(row["qp"]), f"{row['bytes']} ({row['bytes_x264']})",
                     f"{row['patches']['psnr_y']:.1f} ({row['x264']['psnr_y']:.1f})",
                     f"{row['patches']['ssim']:.4f} ({row['x264']['ssim']:.4f})"])  # fmt: skip
    header = ["", "QP of patches", "bytes a picture (x264's P)", "luma PSNR dB there", "SSIM there"]
    return f"{rows(header, body)}\n\n{machine(data)}"


def patch_text() -> str:
    """Text: patches against the real pictures around them."""
    data = _patch()

    def cell(found: dict[str, float]) -> str:
        return f"{found['psnr_y']:.1f} / {found['psnr_c']:.1f} / {found['ssim']:.4f}"

    body = [
        [name.replace(" crf ", ", CRF "), str(row["qp"]), cell(row["first_real"]), cell(row["last_real"]),
         cell(row["patches"])]
        for name, row in data["text"].items() if isinstance(row, dict)
    ]  # fmt: skip
    header = ["preset, CRF", "QP of patches", "first real picture", "last real picture", "patches"]
    return f"{rows(header, body)}\n\n{machine(data)}"
