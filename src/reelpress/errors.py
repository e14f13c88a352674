"""Every error Reelpress raises on purpose.

::

    ReelpressError                      exit  code
    ├── UsageError                       2    usage
    │   ├── SettingsError                2    settings         an option has a value that is not allowed
    │   ├── TargetExistsError            2    target_exists    without --overwrite
    │   ├── TargetIsSourceError          2    target_is_source
    │   └── TargetLockedError            2    target_locked    another export writes the same target
    ├── InputError                       3    input
    │   ├── MissingInputError            3    input_missing
    │   ├── UnreadableInputError         3    input_unreadable
    │   ├── UnsupportedInputError        3    input_unsupported
    │   └── ProjectError                 3    project          file, key, expected and given
    ├── ExportError                      1    export
    │   ├── StallError                   1    stall            a stage made no progress until its deadline
    │   ├── DamagedSourceError           1    damaged_source   too many frames could not be decoded
    │   ├── OutputError                  1    output           unwritable, full
    │   ├── EncoderError                 1    encoder
    │   ├── OutOfMemoryError             1    out_of_memory    names the stage
    │   ├── VerifyError                  1    verify           the finished file is not what was planned
    │   ├── StrictFallbackError          1    strict_fallback  a fallback under --strict
    │   └── GpuError                     1    gpu              its own tree: compose.gpu.errors
    ├── FormatError                      1    format           planes in a format nobody agreed on
    └── Cancelled                      130    cancelled

The command line exits with ``error.exit_code`` and prints ``str(error)``: one or two sentences that say
what was given, what is allowed and what to do. ``code`` is the stable name in the JSON.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class ReelpressError(Exception):
    """Base of everything raised on purpose. ``str()`` is a sentence for people."""

    exit_code: ClassVar[int] = 1
    code: ClassVar[str] = "error"


class UsageError(ReelpressError):
    """The call itself cannot be honoured; nothing was opened for writing."""

    exit_code = 2
    code = "usage"


class SettingsError(UsageError):
    """An option has a value that is not allowed."""

    code = "settings"


class TargetExistsError(UsageError):
    """The target exists and ``overwrite`` was not given."""

    code = "target_exists"


class TargetIsSourceError(UsageError):
    """The target is the source, or lies inside it where it would replace a track."""

    code = "target_is_source"


class TargetLockedError(UsageError):
    """Another running export writes to the same target."""

    code = "target_locked"


class InputError(ReelpressError):
    """The source cannot be used."""

    exit_code = 3
    code = "input"


class MissingInputError(InputError):
    """A file or folder that must exist does not."""

    code = "input_missing"


class UnreadableInputError(InputError):
    """The file exists, but no reader understands its content."""

    code = "input_unreadable"


class UnsupportedInputError(InputError):
    """The content is understood and deliberately not supported."""

    code = "input_unsupported"


class ProjectError(InputError):
    """A metadata or project file breaks its schema.

    Attributes:
        file: The JSON file.
        key: Dotted path of the offending key (``timeline.segments[2].end``), or ``None`` for syntax errors.
        line: 1-based line for syntax errors, else ``None``.
        expected: What is allowed.
        given: What was found, shortened.
    """

    code = "project"

    def __init__(
        self,
        file: Path | str,
        *,
        expected: str,
        given: str,
        key: str | None = None,
        line: int | None = None,
    ) -> None:
        self.file = file
        self.key = key
        self.line = line
        self.expected = expected
        self.given = given
        where = f"{file}"
        if line is not None:
            where += f", line {line}"
        if key is not None:
            where += f", key {key!r}"
        super().__init__(f"{where}: expected {expected}, given {given}.")


class ExportError(ReelpressError):
    """The export began and could not be finished. No partial output is left behind."""

    exit_code = 1
    code = "export"


class StallError(ExportError):
    """A stage made no progress until its deadline.

    Attributes:
        stage: The stage that stands still (not the one that noticed).
        op: What was waited for: ``"send"``, ``"recv"``, ``"first_frame"``, ``"flush"``, ``"native"``, ...
        waited_s: How long without any progress of that stage.
        state: One line per stage at that moment.
        leaked_threads: Names of threads that are stuck in native code and cannot be joined.
    """

    code = "stall"

    def __init__(
        self,
        stage: str,
        op: str,
        waited_s: float,
        state: Mapping[str, str] | None = None,
        leaked_threads: tuple[str, ...] = (),
    ) -> None:
        self.stage = stage
        self.op = op
        self.waited_s = waited_s
        self.state = dict(state or {})
        self.leaked_threads = leaked_threads
        states = "; ".join(f"{k}: {v}" for k, v in self.state.items())
        super().__init__(
            f"The {stage} stage made no progress for {waited_s:.1f} s ({op})."
            + (f" Stages: {states}." if states else "")
            + " A longer --stall-timeout allows for slow storage; if it is the decoder, check the source file."
        )


class DamagedSourceError(ExportError):
    """More frames of the source could not be decoded than the limit allows (5 %, or 2 s in a row)."""

    code = "damaged_source"


class OutputError(ExportError):
    """The target cannot be written: permissions, missing folder, full disk."""

    code = "output"


class EncoderError(ExportError):
    """The encoder could not be opened or refused a picture."""

    code = "encoder"


class OutOfMemoryError(ExportError):
    """A stage ran out of memory.

    Attributes:
        stage: The stage whose allocation failed.
    """

    code = "out_of_memory"

    def __init__(self, stage: str, detail: str = "") -> None:
        self.stage = stage
        super().__init__(
            f"The {stage} stage ran out of memory{': ' + detail if detail else ''}. "
            "Try a smaller --memory, fewer --buffers or a lower --resolution."
        )


class VerifyError(ExportError):
    """The finished file is not what was planned; it was removed."""

    code = "verify"


class StrictFallbackError(ExportError):
    """A fallback was needed although ``strict`` forbids it."""

    code = "strict_fallback"


class FormatError(ReelpressError):
    """Planes arrived in a format, size or colour that the receiver did not agree to."""

    exit_code = 1
    code = "format"


class Cancelled(ReelpressError):
    """The export was cancelled by the user (Ctrl-C, SIGTERM, closed stdout or a cancel token)."""

    exit_code = 130
    code = "cancelled"
