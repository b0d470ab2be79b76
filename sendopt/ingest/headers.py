"""Names of columns: which are there, which are missing, and what the others may be meant for."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType

from sendopt.errors import InvalidInput
from sendopt.ingest.raw import CONTRACT_COLUMNS, REQUIRED_COLUMNS
from sendopt.text import nearest, quoted

#: Without these no row can be an event. The other required ones a row may lack and be an opt-out.
_NEEDED_AT_ONCE = ("user_id", "event_type")
_CONTRACT = frozenset(CONTRACT_COLUMNS)
_DELIMITERS = (",", ";", "\t", "|")
_SHOWN_COLUMNS = 12
#: No export of events has nearly as many, and each costs work in every row.
MOST_COLUMNS = 500
_IS_ID = re.compile(r"(?:\bid|_id|Id|ID)$")
_ALIKE = 0.85  # of difflib's ratio: a letter too many, or two that changed places


def sep_line(line: bytes) -> str | None:
    """Return the delimiter that a first line such as `sep=;` names, as spreadsheets write it."""
    match = re.fullmatch(rb'"?sep=(.)"?\r?\n?', line, re.IGNORECASE)
    return match[1].decode("latin-1") if match else None


def header_of(source: str, line: bytes, delimiter: str) -> tuple[str, ...]:
    """Return the names of the columns.

    Raises:
        InvalidInput: `malformed_csv`, `too_many_columns`.
    """
    try:
        (names,) = csv.reader([line.decode("utf-8")], strict=True, delimiter=delimiter)
    except (csv.Error, ValueError) as error:
        raise InvalidInput(
            f"the first line of {source} is no CSV header: {error}", code="malformed_csv"
        ) from error
    refuse_wide(source, len(names))
    # Spreadsheets and data frames like to leave the name of a column of row numbers empty.
    names = [name or f"column_{number}" for number, name in enumerate(names, start=1)]
    return tuple(names)


def refuse_wide(source: str, count: int) -> None:
    """Refuse a table with more than `MOST_COLUMNS` columns.

    Raises:
        InvalidInput: `too_many_columns`.
    """
    if count > MOST_COLUMNS:
        raise InvalidInput(
            f"{source} has {count} columns",
            code="too_many_columns",
            expected=f"at most {MOST_COLUMNS} columns",
            hint="leave out the columns that tell nothing about an event",
        )


def check_columns(source: str, names: Sequence[str], *, delimiter: str | None = None) -> None:
    """Check the names of a file's columns.

    Raises:
        InvalidInput: `missing_field`, naming every column that lacks, what was found in its place
            and what it may be meant for; and as `check_unique`.
    """
    if any(name not in names for name in _NEEDED_AT_ONCE):
        raise missing_columns(source, names, delimiter=delimiter)
    check_unique(source, names)


def check_unique(source: str, names: Sequence[str]) -> None:
    """Refuse a file two of whose columns have one name.

    Raises:
        InvalidInput: `invalid`.
    """
    for name in names:
        if names.count(name) > 1:
            raise InvalidInput(
                f"{source} has two columns {quoted(name)}", code="invalid", field=name
            )


def missing_columns(
    source: str, names: Sequence[str], *, delimiter: str | None = None
) -> InvalidInput:
    """Return what to say of a file without some required columns."""
    missing = [name for name in REQUIRED_COLUMNS if name not in names]
    shown = ", ".join(quoted(name) for name in list(names)[:_SHOWN_COLUMNS])
    more = f" and {len(names) - _SHOWN_COLUMNS} more" if len(names) > _SHOWN_COLUMNS else ""
    return InvalidInput(
        f"{source} has no column {', '.join(missing)}; it has {shown or 'none at all'}{more}",
        code="missing_field",
        field=missing[0],
        expected=f"the columns {', '.join(REQUIRED_COLUMNS)}",
        hint=_guess(names, missing, delimiter),
    )


def stand_ins(lacking: str, names: Iterable[str]) -> list[str]:
    """Return further columns that may hold what the column `lacking` should.

    Spelled nearly alike, or ids as well.

    >>> stand_ins("send_id", ["event_id", "message_id", "city"])
    ['message_id']
    """
    further = sorted(name for name in set(names) - _CONTRACT if name.isprintable())
    near = near_misses(tuple(names))
    are_ids = lacking.endswith("_id")
    return [n for n in further if near.get(n) == lacking or (are_ids and _IS_ID.search(n))]


def did_you_mean(column: str) -> str:
    """Return what to say of a name that is nearly that of a column.

    >>> did_you_mean("occurred_at")
    'did you mean occurred_at? Then call it so'
    """
    return f"did you mean {column}? Then call it so"


@lru_cache(1_000)
def near_misses(names: tuple[str, ...]) -> Mapping[str, str]:
    """Return further columns that may be meant for one of the contract that is not there.

    >>> dict(near_misses(("event_id", "Timezone", "usr_id", "city")))
    {'Timezone': 'timezone', 'usr_id': 'user_id'}
    """
    there = set(names)
    meant = {name: _closest(name) for name in sorted(there - _CONTRACT)}
    return MappingProxyType(
        {name: near for name, near in meant.items() if near is not None and near not in there}
    )


def unseen(looked_for: Iterable[str], names: Iterable[str]) -> dict[str, str | None]:
    """Return what is looked for and not there, each with what of `names` it may mean.

    >>> unseen(["mesage", "user", "place"], ["message", "user"])
    {'mesage': 'message', 'place': None}
    """
    wanted, there = set(looked_for), set(names)
    bare = {_bare(name): name for name in sorted(there - wanted)}
    close = {name: nearest(_bare(name), bare, alike=_ALIKE) for name in sorted(wanted - there)}
    return {name: None if near is None else bare[near] for name, near in close.items()}


@lru_cache(10_000)
def _closest(name: str) -> str | None:
    bare = _bare(name)
    mine = set(bare)
    # Each letter that only one of the two has costs the ratio: that is told before the two are
    # compared, because a request may hold many thousand names.
    able = [
        column
        for column, letters in _LETTERS.items()
        if len(letters ^ mine) <= (1.0 - _ALIKE) * (len(column) + len(bare))
    ]
    near = nearest(bare, able, alike=_ALIKE)
    return None if near is None else _BY_BARE_NAME[near]


def _guess(names: Sequence[str], missing: Sequence[str], delimiter: str | None) -> str | None:
    near_ones = near_misses(tuple(names))
    if meant := {name: near for name, near in near_ones.items() if near in missing}:
        return "; ".join(f"{quoted(name)}: {did_you_mean(near)}" for name, near in meant.items())
    if delimiter is None or not names:
        return None
    line = delimiter.join(names)
    counts = {each: line.count(each) for each in _DELIMITERS if each != delimiter}
    likely = max(counts, key=lambda each: counts[each])
    if len(names) > counts[likely]:
        return None
    name = "tab" if likely == "\t" else likely
    return f"its columns look separated by {quoted(likely)}: --delimiter '{name}'"


def _bare(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).casefold()


_BY_BARE_NAME = {_bare(column): column for column in CONTRACT_COLUMNS}
_LETTERS = {bare: frozenset(bare) for bare in _BY_BARE_NAME}
