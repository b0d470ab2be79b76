"""Assemble the commands, and turn errors into explanations and exit status."""

from __future__ import annotations

import sys
import traceback
from types import TracebackType
from typing import Annotated

import typer

import sendopt
from sendopt.cli import (
    access,
    audit,
    backups,
    billing,
    campaigns,
    data,
    devices,
    effect,
    explain,
    export,
    lift,
    limits,
    log,
    model,
    models,
    operate,
    send,
    series,
    service,
    users,
)
from sendopt.cli.output import print_error, stdout
from sendopt.errors import Conflict, InvalidInput, NotAuthorized, NotFound, SendoptError
from sendopt.masking import masked

BAD_INPUT = (InvalidInput, NotFound, Conflict, NotAuthorized)

#: What the system's loader says where it has no memory for a library.
_NOT_MAPPED = ("failed to map segment", "annot allocate memory")

commands = typer.Typer(
    name="sendopt",
    no_args_is_help=True,
    invoke_without_command=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@commands.callback()
def program(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", is_eager=True)
    ] = False,
) -> None:
    """Learn when each user answers push messages, and send every message at that moment.

    The line: ingest, train, score, plan, run, bill. `sendopt demo` shows all of it on real push
    logs; `sendopt verify` checks that every promise was kept.
    """
    if version:
        stdout.print(sendopt.__version__)
        raise typer.Exit


for group in (
    data,
    devices,
    users,
    model,
    models,
    campaigns,
    series,
    send,
    limits,
    service,
    explain,
    export,
    lift,
    effect,
    billing,
    log,
    operate,
    access,
    audit,
    backups,
):
    group.register(commands)


def _report_crash(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Print what nobody explained, without the secrets that any library may have quoted."""
    sys.stderr.write(masked("".join(traceback.format_exception(kind, error, trace))))


def main() -> None:
    """Run one command and exit with its status."""
    sys.excepthook = _report_crash
    try:
        commands()
    except SendoptError as error:
        print_error(error, as_json="--json" in sys.argv)
        sys.exit(2 if isinstance(error, BAD_INPUT) else 1)
    except OSError as error:  # a disk that is full, a file that may not be read
        told = f"{error.filename or 'the disk'}: {error.strerror or error}"
        print_error(SendoptError(told, code="disk_failed"), as_json="--json" in sys.argv)
        sys.exit(1)
    except (ImportError, MemoryError) as error:
        short = _memory_short(error)
        if short is None:
            raise
        print_error(short, as_json="--json" in sys.argv)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def _memory_short(error: ImportError | MemoryError) -> SendoptError | None:
    """Return the explanation of a process that may have no more memory; None = it is another's."""
    told = str(error)
    if isinstance(error, ImportError) and not any(words in told for words in _NOT_MAPPED):
        return None
    return SendoptError(
        f"there is not enough memory: {told}" if told else "there is not enough memory",
        code="memory_short",
        hint="raise the limit of this process (`ulimit -v`, or that of its container); if memory "
        "is free, see whether the folder of the library is mounted noexec",
    )
