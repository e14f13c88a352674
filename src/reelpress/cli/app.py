"""The typer app, and the one place where errors become exit codes."""

from __future__ import annotations

import codecs
import logging
import sys
from dataclasses import dataclass
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reelpress import __version__
from reelpress.cli.help import PlainCommand, PlainGroup
from reelpress.cli.options import with_options
from reelpress.errors import Cancelled, ReelpressError
from reelpress.flags import PREFIX

if TYPE_CHECKING:
    from collections.abc import Sequence

app = typer.Typer(
    name="reelpress",
    cls=PlainGroup,
    help="Export screen recordings: a .cap project or any video in, a finished MP4 out.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

LOG_LEVELS = ("debug", "info", "warning", "error")


@dataclass(slots=True)
class Console:
    """How this run talks: set by the options that every command has."""

    json: bool = False
    quiet: bool = False
    debug: bool = False


console = Console()
"""Of this process. A command line runs once; ``run`` resets it first, for tests that run it often."""


def _switch(*names: str, help: str) -> Any:
    variable = PREFIX + names[-1].removeprefix("--").upper()
    return typer.Option(*names, help=help, show_default=False, envvar=variable, show_envvar=False)


Json = Annotated[bool, _switch("--json", help="Machine-readable output on stdout.")]
Quiet = Annotated[bool, _switch("-q", "--quiet", help="Only errors.")]
Verbose = Annotated[bool, _switch("-v", "--verbose", help="Say more.")]
Debug = Annotated[bool, _switch("--debug", help="Show tracebacks.")]
LogLevel = Annotated[
    str | None,
    typer.Option(
        "--log-level",
        metavar="|".join(LOG_LEVELS),
        help="Log level.",
        show_default=False,
        envvar=PREFIX + "LOG_LEVEL",
        show_envvar=False,
    ),
]


def _show_version(value: bool) -> None:
    if not value:
        return
    print(f"reelpress {__version__}")
    print("Apache-2.0. The PyAV wheels it uses contain x264 and x265, which are under the GPL.")
    raise typer.Exit


@app.callback()
def _app(
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version and licences.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    pass


def _talk(
    *, json: bool, quiet: bool = False, verbose: bool = False, debug: bool = False, log_level: str | None
) -> None:
    console.json, console.quiet, console.debug = json, quiet, debug
    level = log_level or ("debug" if debug or verbose else "error" if quiet else "info")
    if level not in LOG_LEVELS:
        raise typer.BadParameter(f"{level!r}. Allowed are {', '.join(LOG_LEVELS)}.", param_hint="--log-level")
    logging.basicConfig(
        level=level.upper(), stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s", force=True
    )


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


@app.command("export", cls=PlainCommand)
@with_options
def export_command(
    sources: Annotated[
        list[Path], typer.Argument(metavar="SOURCE", help=".cap folders or video files.", show_default=False)
    ],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="OUT|DIR", help="Target file, or a folder.", show_default=False),
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    log_level: LogLevel = None,
    debug: Debug = False,
    **options: Any,
) -> None:
    """Export recordings to finished videos."""
    _talk(json=json, quiet=quiet, verbose=verbose, debug=debug, log_level=log_level)
    from reelpress.cli import export

    code = export.run(sources, output, _given(options), console)
    if code:
        raise typer.Exit(code)


@app.command("plan", cls=PlainCommand)
@with_options
def plan_command(
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="A .cap folder or a video.", show_default=False)],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="OUT", help="Target file.", show_default=False)
    ] = None,
    trial: Annotated[
        bool,
        typer.Option("--trial/--no-trial", help="Tell size and time by exporting parts for about three seconds."),
    ] = True,
    json: Json = False,
    log_level: LogLevel = None,
    debug: Debug = False,
    **options: Any,
) -> None:
    """Say what an export would do, and why, without doing it."""
    _talk(json=json, debug=debug, log_level=log_level)
    from reelpress.cli import inspect

    inspect.plan(source, output, _given(options), console, trial=trial)


@app.command("frame", cls=PlainCommand)
@with_options
def frame_command(
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="A .cap folder or a video.", show_default=False)],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="PNG", help="Picture to write.", show_default=False)
    ],
    time: Annotated[str, typer.Option("--time", metavar="T", help="Moment in output time.", show_default=False)] = "0",
    json: Json = False,
    log_level: LogLevel = None,
    debug: Debug = False,
    **options: Any,
) -> None:
    """Render one moment to a PNG."""
    _talk(json=json, debug=debug, log_level=log_level)
    from reelpress.cli import inspect

    inspect.frame(source, output, time, _given(options), console)


@app.command("compare", cls=PlainCommand)
def compare_command(
    a: Annotated[Path, typer.Argument(metavar="A", help="The reference.", show_default=False)],
    b: Annotated[Path, typer.Argument(metavar="B", help="The video that is judged.", show_default=False)],
    min_ssim: Annotated[
        float | None,
        typer.Option("--min-ssim", metavar="X", help="Exit 1 below this mean SSIM.", show_default=False),
    ] = None,
    worst: Annotated[int, typer.Option("--worst", metavar="N", help="Worst moments to list.")] = 3,
    pictures: Annotated[
        Path | None,
        typer.Option("--pictures", metavar="DIR", help="Write them as PNG: A, B, difference x8.", show_default=False),
    ] = None,
    start: Annotated[str | None, typer.Option("--start", metavar="T", help="First moment.", show_default=False)] = None,
    end: Annotated[str | None, typer.Option("--end", metavar="T", help="Last moment.", show_default=False)] = None,
    every: Annotated[int, typer.Option("--every", metavar="N", help="Measure every Nth moment.")] = 1,
    scale: Annotated[bool, typer.Option("--scale", help="Bring B to A's size if they differ.")] = False,
    per_frame: Annotated[bool, typer.Option("--per-frame", help="Print every moment too.")] = False,
    composed: Annotated[
        bool, typer.Option("--composed", help="A is a recording: compare with its composed frames.")
    ] = False,
    project: Annotated[
        Path | None,
        typer.Option("--project", metavar="FILE", help="With --composed: edit description.", show_default=False),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option("--preset", metavar="FILE|NAME", help="With --composed: look.", show_default=False),
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
    log_level: LogLevel = None,
    debug: Debug = False,
) -> None:
    """Measure how much video B differs from A."""
    _talk(json=json, quiet=quiet, debug=debug, log_level=log_level)
    from reelpress.cli import compare

    options = {"min_ssim": min_ssim, "worst": worst, "pictures": pictures, "start": start, "end": end}
    options |= {"every": every, "scale": scale or None, "project": project, "preset": preset}
    code = compare.run(a, b, _given(options), console, composed=composed, per_frame=per_frame)
    if code:
        raise typer.Exit(code)


@app.command("probe", cls=PlainCommand)
def probe_command(
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="A .cap folder or a video.", show_default=False)],
    json: Json = False,
    log_level: LogLevel = None,
    debug: Debug = False,
) -> None:
    """Say what is in a recording."""
    _talk(json=json, debug=debug, log_level=log_level)
    from reelpress.cli import inspect

    inspect.probe(source, console)


@app.command("doctor", cls=PlainCommand)
def doctor_command(
    source: Annotated[
        Path | None,
        typer.Argument(metavar="SOURCE", help="Also what an export of it would use.", show_default=False),
    ] = None,
    json: Json = False,
    log_level: LogLevel = None,
    debug: Debug = False,
) -> None:
    """Say what this machine and installation can do, and what it would use."""
    _talk(json=json, debug=debug, log_level=log_level)
    from reelpress.cli import doctor

    doctor.run(console, source)


@app.command("config", cls=PlainCommand)
@with_options
def config_command(
    source: Annotated[
        Path | None,
        typer.Argument(metavar="SOURCE", help="Also read the reelpress.toml beside it.", show_default=False),
    ] = None,
    json: Json = False,
    log_level: LogLevel = None,
    debug: Debug = False,
    **options: Any,
) -> None:
    """Show every option's value and where it comes from."""
    _talk(json=json, debug=debug, log_level=log_level)
    from reelpress.cli import inspect

    inspect.config(source, _given(options), console)


@app.command("bench", cls=PlainCommand)
def bench_command(
    recordings: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[RECORDING]", help="Also these .cap folders or videos.", show_default=False),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Short scenarios: under 3 minutes on 2 cores.")] = False,
    scenario: Annotated[
        list[str] | None, typer.Option("--scenario", metavar="ID", help="Only these; may be given again.")
    ] = None,
    path: Annotated[
        list[str] | None, typer.Option("--path", metavar="ID", help="Only these ways; may be given again.")
    ] = None,
    encoder: Annotated[list[str] | None, typer.Option("--encoder", metavar="x264|null", help="Only these.")] = None,
    runs: Annotated[int | None, typer.Option("--runs", metavar="N", help="Runs of each. [5, quick: 2]")] = None,
    scale: Annotated[float | None, typer.Option("--scale", metavar="X", help="Share of the full lengths.")] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write the result as JSON.")] = None,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE.html", help="Write it as a page.")] = None,
    sampling: Annotated[bool, typer.Option("--sampling", help="Also say where the stages' threads are.")] = False,
    python_memory: Annotated[bool, typer.Option("--python-memory", help="Also count Python's own memory.")] = False,
    no_quality: Annotated[bool, typer.Option("--no-quality", help="Do not judge the outputs.")] = False,
    aa: Annotated[bool, typer.Option("--aa", help="Also the same thing twice, to know the noise.")] = False,
    self_cost: Annotated[bool, typer.Option("--self-cost", help="Also what measuring costs.")] = False,
    peers: Annotated[bool, typer.Option("--peers", help="Also ffmpeg and MoviePy, where they are.")] = False,
    peer: Annotated[
        list[str] | None,
        typer.Option("--peer", metavar="NAME=COMMAND", help="Another program: {source} {output} {width} {crf} ..."),
    ] = None,
    gate: Annotated[
        Path | None, typer.Option("--gate", metavar="FILE", help="Exit 1 if ratios got worse than in FILE.")
    ] = None,
    write_gate: Annotated[Path | None, typer.Option("--write-gate", metavar="FILE", help="Write such a FILE.")] = None,
    json: Json = False,
    quiet: Quiet = False,
    log_level: LogLevel = None,
    debug: Debug = False,
) -> None:
    """Measure exports on this machine: speed, memory, size, quality, and where the time goes."""
    _talk(json=json, quiet=quiet, debug=debug, log_level=log_level)
    from reelpress.cli import bench

    options: dict[str, Any] = {
        "recordings": recordings,
        "quick": quick,
        "scenario": scenario,
        "path": path,
        "encoder": encoder,
    }
    options |= {
        "runs": runs,
        "scale": scale,
        "out": out,
        "html": html,
        "sampling": sampling,
        "python_memory": python_memory,
    }
    options |= {"no_quality": no_quality, "aa": aa, "self_cost": self_cost, "peers": peers, "peer": peer}
    options |= {"gate": gate, "write_gate": write_gate}
    code = bench.run(_given(options), console)
    if code:
        raise typer.Exit(code)


def _raw_or_escaped(error: UnicodeError) -> tuple[str | bytes, int]:
    """What stands for characters that standard output cannot encode: bytes of a name, or escapes as JSON has them."""
    assert isinstance(error, UnicodeEncodeError)
    try:
        return codecs.lookup_error("surrogateescape")(error)
    except UnicodeError:
        units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass")
        return "".join(f"\\u{units[k : k + 2].hex()}" for k in range(0, len(units), 2)), error.end


def _let_any_name_out() -> None:
    """Print every file name that there is: bytes that are no text as they are, other characters escaped.

    Else a finished export fails as its path is printed: names on POSIX need not be UTF-8, and a redirected output on
    Windows, or one under LC_ALL=C, encodes few characters. Standard error escapes by itself.
    """
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None and getattr(sys.stdout, "errors", None) == "strict":
        codecs.register_error("reelpress-names", _raw_or_escaped)
        reconfigure(errors="reelpress-names")


def run(argv: Sequence[str] | None = None) -> int:
    """Run a command line; returns the exit code and prints errors as people (or ``--json``) expect them.

    0 done; 1 export failed; 2 bad usage; 3 input unreadable or invalid; 130 cancelled.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    console.json = "--json" in arguments
    console.debug = "--debug" in arguments
    console.quiet = False
    _let_any_name_out()
    try:
        result: object = app(arguments, standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except ReelpressError as error:
        _say(error.code, str(error), error)
        return error.exit_code
    except typer.Exit as leave:
        return leave.exit_code
    except typer.TyperException as error:
        _say("usage", error.format_message(), error)
        return 2
    except (KeyboardInterrupt, typer.Abort) as error:
        _say(Cancelled.code, "Cancelled.", error)
        return Cancelled.exit_code
    except BrokenPipeError:
        from reelpress.pipeline.signals import mute_stdout

        mute_stdout()  # nobody is left to tell, and Python would complain again at exit
        return Cancelled.exit_code
    except Exception as error:  # the last net: a defect of ours, never a traceback for the user
        _say("internal", f"{type(error).__name__}: {error}. This is a defect; --debug shows where.", error)
        return 1


def _say(code: str, text: str, error: BaseException) -> None:
    if console.debug:
        import traceback

        traceback.print_exception(error)
    print(f"reelpress: {text}", file=sys.stderr)
    if console.json:
        from reelpress.events import ErrorEvent

        try:
            print(ErrorEvent(code, text).to_json(), flush=True)
        except BrokenPipeError:
            from reelpress.pipeline.signals import mute_stdout

            mute_stdout()
