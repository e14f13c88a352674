"""The typer app, and the one place where errors become exit codes."""

from __future__ import annotations

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
    json: Json = False,
    log_level: LogLevel = None,
    debug: Debug = False,
    **options: Any,
) -> None:
    """Say what an export would do, and why, without doing it."""
    _talk(json=json, debug=debug, log_level=log_level)
    from reelpress.cli import inspect

    inspect.plan(source, output, _given(options), console)


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
def doctor_command(json: Json = False, log_level: LogLevel = None, debug: Debug = False) -> None:
    """Say what this machine and installation can do."""
    _talk(json=json, debug=debug, log_level=log_level)
    from reelpress.cli import doctor

    doctor.run(console)


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


def run(argv: Sequence[str] | None = None) -> int:
    """Run a command line; returns the exit code and prints errors as people (or ``--json``) expect them.

    0 done; 1 export failed; 2 bad usage; 3 input unreadable or invalid; 130 cancelled.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    console.json = "--json" in arguments
    console.debug = "--debug" in arguments
    console.quiet = False
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
