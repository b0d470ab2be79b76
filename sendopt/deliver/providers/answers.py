"""Read a provider's answer by a table: what a status means, and who says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from sendopt.clock import Clock
from sendopt.deliver.providers.transport import Request, Response, Transport, TransportError
from sendopt.records import Accepted, DeadAddress, Outcome, Permanent, Retry

_FAMILY = 100


@dataclass(frozen=True, slots=True)
class Meaning:
    """What one status, or a family of them, means."""

    outcome: type[Outcome]
    reason: str
    source: str


#: Keys are statuses, or the first digit of a family for all that have no row of their own.
StatusTable = Mapping[int, Meaning]


def exchange(
    transport: Transport,
    prepared: Sequence[Request | DeadAddress | Permanent],
    table: StatusTable,
    clock: Clock,
) -> list[Outcome]:
    """Send the requests among `prepared` and return all outcomes in the same order."""
    answers = iter(transport.post_all([item for item in prepared if isinstance(item, Request)]))
    now = clock.now()
    return [
        classify(next(answers), table, now=now) if isinstance(item, Request) else item
        for item in prepared
    ]


def classify(answer: Response | TransportError, table: StatusTable, *, now: datetime) -> Outcome:
    """Return the outcome that `table` gives to `answer`.

    Without an answer the outcome is unknown and the message is sent again: at least once.
    """
    if isinstance(answer, TransportError):
        return Permanent(answer.reason) if answer.refused else Retry(answer.reason)
    meaning = table.get(answer.status) or table[answer.status // _FAMILY]
    if meaning.outcome is Accepted:
        return Accepted()
    if meaning.outcome is Retry:
        return Retry(meaning.reason, after=retry_after(answer.headers, now=now))
    return (
        DeadAddress(meaning.reason) if meaning.outcome is DeadAddress else Permanent(meaning.reason)
    )


def retry_after(headers: Mapping[str, str], *, now: datetime) -> timedelta | None:
    """Read `Retry-After` (RFC 9110, section 10.2.3): seconds, or a date; None if unreadable."""
    text = headers.get("retry-after", "")
    if text.isascii() and text.isdigit():
        return timedelta(seconds=min(int(text), 366 * 86_400))
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(timedelta(0), date.replace(tzinfo=date.tzinfo or UTC) - now)
