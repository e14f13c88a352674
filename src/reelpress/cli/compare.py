"""``reelpress compare A B``: two videos, or a video against what it was composed of."""

from __future__ import annotations

import json
import math
import sys
from typing import TYPE_CHECKING, Any

from reelpress import clock
from reelpress.cli.ui import reporter
from reelpress.errors import SettingsError, UnsupportedInputError

if TYPE_CHECKING:
    from collections.abc import Callable
    from fractions import Fraction
    from pathlib import Path

    from reelpress.cli.app import Console
    from reelpress.quality.report import Channels, ComparisonReport, FrameResult, SideFacts

SCHEMA_VERSION = 1


def run(a: Path, b: Path, options: dict[str, Any], console: Console, *, composed: bool, per_frame: bool) -> int:
    """Compare and print; returns 1 when it does not pass ``--min-ssim``, else 0.

    Args:
        a: The reference: a video; with ``composed`` a recording or anything else that can be exported.
        b: What is judged.
        options: ``project`` and ``preset`` (with ``composed`` only), and those of ``reelpress.compare``.
        console: How to talk.
        composed: Compare with the frames that A is composed to.
        per_frame: Also print every measured moment.
    """
    from reelpress.export.settings import ExportSettings
    from reelpress.pipeline.signals import cancel_on_signals, stdout_closed
    from reelpress.project.preset_files import AppliedPreset
    from reelpress.quality import compare as quality

    look = {name: options.pop(name) for name in ("project", "preset") if name in options}
    if not composed and look:
        raise SettingsError(f"--{next(iter(look))} goes with --composed only: it is a look for composing A.")
    if composed and options.pop("scale", False):
        raise SettingsError("--scale and --composed do not go together: A is composed at B's size.")
    if not composed and a.is_dir():
        raise UnsupportedInputError(
            f"{a} is a folder, not a video file. Give --composed to compare B with what a recording is composed to."
        )
    if "preset" in look:
        look["preset"] = AppliedPreset(look["preset"])  # only its look matters: size and rate are B's
    for name in ("start", "end"):
        if name in options:
            options[name] = _time(name, options[name])
    on_frame = (_print_json_frame if console.json else _print_frame) if per_frame else None
    talk = reporter(json=False, quiet=console.quiet or console.json or per_frame)
    if per_frame and not console.json:
        print(_FRAME_HEAD)
    try:
        with cancel_on_signals() as cancel:
            cancel.watch(lambda: "stdout was closed" if stdout_closed() else "")
            common: dict[str, Any] = {**options, "on_frame": on_frame, "on_event": talk, "cancel": cancel}
            if composed:
                report = quality.composed(a, b, settings=ExportSettings(**look), **common)
            else:
                report = quality.compare(a, b, **common)
    finally:
        talk.close()
    if console.json:
        print(json.dumps({"schema_version": SCHEMA_VERSION, "type": "comparison", **report.to_dict()}))
    elif not console.quiet:
        print_report(report)
    for failure in report.failures:
        print(f"reelpress: {failure}", file=sys.stderr)
    return 0 if report.passed else 1


def _time(name: str, text: str) -> Fraction:
    try:
        return clock.parse_time(text)
    except ValueError as error:
        raise SettingsError(f"--{name}: {error}") from None


# --- every moment -----------------------------------------------------------------------------------------------------

_FRAME_HEAD = f"{'moment':>8} {'time':>10} {'A':>7} {'B':>7} {'SSIM':>9} {'PSNR':>8} {'XPSNR':>8}"


def _print_frame(frame: FrameResult) -> None:
    print(
        f"{frame.index:>8} {frame.time_s:>10.4f} {frame.frame_a:>7} {frame.frame_b:>7} "
        f"{frame.ssim.combined:>9.6f} {_db(frame.psnr.combined)} {_db(frame.xpsnr.combined)}"
    )


def _print_json_frame(frame: FrameResult) -> None:
    print(json.dumps({"schema_version": SCHEMA_VERSION, "type": "frame", **frame.to_dict()}))


# --- for people -------------------------------------------------------------------------------------------------------


def print_report(report: ComparisonReport) -> None:
    """The report as people read it."""
    for label, side in (("A", report.a), ("B", report.b)):
        print(f"{label}: {_side(side)}")
        if side.repeated:
            print(f"   {side.repeated} moments show a stand-in for a picture that cannot be decoded")
        if side.problem:
            print(f"   the file ends early: {side.problem}")
    alignment = report.alignment
    every = f", every {report.every}th moment" if report.every > 1 else ""
    print(
        f"compared: {report.compared} of {alignment.moments} moments from {alignment.start_s:.3f} s "
        f"to {alignment.end_s:.3f} s{every}; {report.identical} identical"
    )
    print(f"   {alignment.how}")
    if alignment.missing_in_b or alignment.missing_in_a:
        print(
            f"   new pictures that the other does not have at that time: {alignment.missing_in_b} of A, "
            f"{alignment.missing_in_a} of B"
        )
    if not alignment.lengths_agree:
        for label, other, rest in (("A", "B", alignment.rest_a), ("B", "A", alignment.rest_b)):
            if rest != 0:
                print(f"   {label} goes on after {other}'s end: {'some' if rest is None else rest} pictures")
    if report.all_identical:
        print("identical: every picture is the same, bit for bit")
    print()
    print(f"{'':<8}{'Y':>10}{'U':>10}{'V':>10}{'6:1:1':>10}{'lowest':>10}")
    for name, metric, show in (("PSNR", report.psnr, _db), ("SSIM", report.ssim, _part), ("XPSNR", report.xpsnr, _db)):
        print(f"{name:<8}{_row(metric.mean, show)}{show(metric.min.combined):>10}")
    if report.text is not None:
        text = report.text
        print(
            f"text at rest: PSNR {_db(text.psnr).strip()} dB, SSIM {text.ssim:.6f} over {text.blocks:.0f} blocks a "
            f"picture; worst block {text.worst_ssim:.4f} at {text.worst_time_s:.3f} s, x {text.worst_x}, "
            f"y {text.worst_y}"
        )
    if report.worst:
        print()
        print("worst moments")
    for worst in report.worst:
        print(
            f"  {worst.time_s:>9.3f} s  A {worst.frame_a}  B {worst.frame_b}  SSIM {worst.ssim:.6f}  "
            f"PSNR {_db(worst.psnr).strip()} dB"
        )
        for path in worst.pictures:
            print(f"      {path}")
    _print_rest(report)


def _print_rest(report: ComparisonReport) -> None:
    print()
    if report.sync is None:
        print("sound and picture: no flashes with clicks in either")
    else:
        for label, sync in (("A", report.sync.a), ("B", report.sync.b)):
            if sync is None:
                print(f"sound and picture: no flashes with clicks in {label}")
            else:
                print(
                    f"sound and picture of {label}: {len(sync.events)} marks, sound {sync.mean_ms:+.1f} ms on average, "
                    f"{sync.worst_ms:+.1f} ms at most, drift {sync.drift_ms:+.1f} ms"
                )
    for note in report.colour.notes:
        print(f"colour: {note}")
    if report.colour.agree:
        known = report.colour.b or report.colour.a
        print(f"colour: {known.understood if known else 'unknown'}, no contradiction")


def _side(side: SideFacts) -> str:
    parts = [side.name, f"{side.width}x{side.height}", f"{side.fps:.3f} fps"]
    if side.frames is not None and side.duration_s is not None:
        parts.append(f"{side.frames} pictures, {side.duration_s:.3f} s")
    parts.append(f"{side.codec} {side.pixel_format}" if side.codec else side.pixel_format)
    return ", ".join(parts)


def _db(value: float) -> str:
    return f"{value:>8.3f}" if math.isfinite(value) else f"{'inf':>8}"


def _part(value: float) -> str:
    return f"{value:.6f}"


def _row(channels: Channels, show: Callable[[float], str]) -> str:
    return "".join(f"{show(v):>10}" for v in (channels.y, channels.u, channels.v, channels.combined))
