"""Answers on stdout, progress and explanations on stderr."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from pydantic_core import to_jsonable_python
from rich.cells import cell_len
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from sendopt.errors import InvalidInput, SendoptError

# What is printed holds ids, names and file names: a bracket in them is no style, a colon no emoji,
# and no line is broken, so that a key that is copied is whole.
stdout = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
stderr = Console(highlight=False, markup=False, emoji=False, soft_wrap=True, stderr=True)

#: What a column gets beside a first one that is wide.
_LEAST_WIDTH = 8


def as_json(value: Any) -> Any:
    """Turn records into what JSON can hold; instants become ISO 8601, durations seconds.

    A limit that is infinite becomes null: JSON has no number for it.
    """
    return to_jsonable_python(value, timedelta_mode="float", inf_nan_mode="null")


def print_json(value: Any) -> None:
    """Print one machine-readable object."""
    sys.stdout.write(
        json.dumps(as_json(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    )


def print_table(
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    empty: str = "none",
) -> None:
    """Print a table as wide as the terminal at most, which is 80 columns where there is none.

    Numbers stand whole, to the right. Text is folded into as many lines as it needs, between words
    wherever all columns together leave room for their longest word, so that ids and dates stand
    whole. Where they do not, the first column does, by whose word the others are looked up, if it
    leaves the others room at all. Nothing is ever cut off.

    Args:
        title: stands above it.
        columns: their headings.
        rows: their cells; None = a dash.
        empty: what is said after the title where there are no rows, and what to do about it.
    """
    if not rows:
        stdout.print(f"{shown(title)}: {empty}")
        return
    cells = [[_cell(value) for value in row] for row in rows]
    lines = [list(columns), *cells]
    padding, widths = _fitting(lines)
    room = _room(len(columns), padding)
    first = max(cell_len(line[0]) for line in lines)
    keeps_first = widths is None and first + _LEAST_WIDTH * (len(columns) - 1) <= room
    table = Table(padding=(0, padding))
    for index, column in enumerate(columns):
        numeric = all(isinstance(row[index], int | float) for row in rows)
        table.add_column(
            column if widths is not None else column.replace(" ", "\n"),
            justify="right" if numeric else "left",
            no_wrap=widths is None and (numeric or (index == 0 and keeps_first)),
            overflow="fold",
            width=None if widths is None else widths[index],
        )
    for row in cells:
        table.add_row(*row)
    stdout.print(shown(title), style="bold", soft_wrap=False)
    stdout.print(table, soft_wrap=False)


def print_counts(
    title: str, columns: tuple[str, str], counts: Mapping[Any, int], *, empty: str = "none"
) -> None:
    """Print what was counted, in its order, but for what there is nothing of."""
    print_table(title, columns, [each for each in counts.items() if each[1]], empty=empty)


def print_rest(damaged: Sequence[str], *, more_than: int | None) -> None:
    """Say on stderr what a list could not show; `more_than` = as many as it was to show at most."""
    if damaged:
        stderr.print(f"Cannot be read: {', '.join(map(shown, damaged))}; `sendopt verify` says why")
    if more_than is not None:
        stderr.print(f"There are more than {more_than:,}; --limit shows more of them")


def minute(instant: datetime | None) -> str | None:
    """Return an instant as a cell of a table shows it, to the minute; None = never."""
    return None if instant is None else f"{instant:%Y-%m-%d %H:%M} UTC"


def _fitting(lines: Sequence[Sequence[str]]) -> tuple[int, list[int] | None]:
    """Return how many blanks stand beside each cell, and how wide each column is.

    Blanks are done without before a word is broken; without a width there is no way that keeps
    every word whole.
    """
    for padding in (1, 0):
        widths = _widths(lines, room=_room(len(lines[0]), padding))
        if widths is not None:
            return padding, widths
    return 1, None


def _room(columns: int, padding: int) -> int:
    """Return what the terminal leaves for the words of so many columns."""
    return stdout.width - (2 * padding + 1) * columns - 1


def _widths(lines: Sequence[Sequence[str]], *, room: int) -> list[int] | None:
    """Return how wide each column is if words are to stay whole; None = there is no such way."""
    columns = list(zip(*lines, strict=True))
    widths = [max(map(cell_len, column)) for column in columns]
    least = [
        max(cell_len(word) for text in column for word in text.split() or [""])
        for column in columns
    ]
    if sum(least) > room:
        return None
    while sum(widths) > room:  # the widest gives way first
        widest = max(
            (place for place, width in enumerate(widths) if width > least[place]),
            key=widths.__getitem__,
        )
        widths[widest] -= 1
    return widths


def print_error(error: SendoptError, *, as_json: bool) -> None:
    """Explain a failure, a line a fault: what, where, and what to do."""
    faults = error.faults if isinstance(error, InvalidInput) else (error,)
    for fault in faults:
        stderr.print(fault.code, style="bold red", end="")
        stderr.print(f": {SendoptError.__str__(fault)}")
    if as_json:
        print_json({"error": {**_fault(error), "errors": list(map(_fault, faults))}})


def _fault(error: SendoptError) -> dict[str, str | None]:
    told = ("code", "message", "field", "expected", "hint")
    return {name: getattr(error, name) for name in told}


@contextmanager
def progress(task: str) -> Iterator[Callable[[str], None]]:
    """Show that something long is alive; the given function replaces the text beside it.

    Where stderr is no terminal, such as in a file or a container's log, each text is a line.
    """
    if not stderr.is_terminal:
        stderr.print(task)
        yield lambda text: stderr.print(f"{task}: {text}")
        return
    columns = SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn()
    with Progress(*columns, console=stderr, transient=True) as bar:
        shown = bar.add_task(task, total=None)
        yield lambda text: bar.update(shown, description=f"{task}: {text}")


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.4f}"
    if isinstance(value, int):
        return f"{value:,}"
    return shown(str(value))


def shown(text: str) -> str:
    r"""Return text with what a terminal would obey, or nobody could see, spelled out.

    >>> shown("ann\x1b[2J"), shown("größer → 5")
    ('ann\\x1b[2J', 'größer → 5')
    """
    return "".join(
        each
        if each.isprintable() or unicodedata.category(each) == "Zs"
        else each.encode("unicode_escape").decode("ascii")
        for each in text
    )
