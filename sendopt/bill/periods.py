"""Calendar months in UTC, written "2026-10": from the first instant to before the next one."""

from __future__ import annotations

import re
from collections.abc import Container
from datetime import UTC, datetime, timedelta

from sendopt.errors import InvalidInput
from sendopt.text import quoted

#: How long after its end a period stays open for what comes late.
GRACE = timedelta(hours=48)

# Of any year that a calendar has: what was recorded under a wrong clock is still counted somewhere.
_PERIOD = re.compile(r"((?!0000|9999)\d{4})-(0[1-9]|1[0-2])", re.ASCII)


def bounds(period: str) -> tuple[datetime, datetime]:
    """Return the first instant of `period` and the first one after it.

    >>> bounds("2026-12")[1].isoformat()
    '2027-01-01T00:00:00+00:00'

    Raises:
        InvalidInput: `period_invalid`.
    """
    match = _PERIOD.fullmatch(period)
    if match is None:
        raise InvalidInput(
            f"{quoted(period)} is no period",
            code="period_invalid",
            field="/period",
            expected="a month such as 2026-10",
        )
    year, month = int(match[1]), int(match[2])
    return datetime(year, month, 1, tzinfo=UTC), datetime(
        year + month // 12, month % 12 + 1, 1, tzinfo=UTC
    )


def period_of(instant: datetime) -> str:
    """Return the period in which `instant` lies.

    >>> period_of(datetime.fromisoformat("2026-11-01T00:30:00+01:00"))
    '2026-10'
    """
    utc = instant.astimezone(UTC)
    return f"{utc.year:04}-{utc.month:02}"


def following(period: str) -> str:
    """Return the next period."""
    return period_of(bounds(period)[1])


def earliest_open(period: str, closed: Container[str]) -> str:
    """Return `period`, or the first one after it that is not closed.

    >>> earliest_open("2026-11", {"2026-11", "2026-12"})
    '2027-01'
    """
    while period in closed:
        period = following(period)
    return period


def periods_between(first: str, last: str) -> list[str]:
    """Return every period from `first` to `last`, both included."""
    found = [first]
    while found[-1] < last:
        found.append(following(found[-1]))
    return found
