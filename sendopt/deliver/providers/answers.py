"""Read a provider's answer by a table: what a status means, and who says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import structlog

from sendopt.clock import Clock
from sendopt.deliver.providers.transport import Request, Response, Transport, TransportError
from sendopt.records import DeadAddress, EndReason, Message, Outcome, Permanent, Retry

_log = structlog.get_logger()

_FAMILY = 100
_LAST_FAMILY = 5
#: Nobody waits longer for a provider; no message lives half as long.
_LONGEST_WAIT = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Meaning:
    """What one status, or a family of them, means."""

    outcome: Outcome
    source: str


#: Keys are statuses, or the first digit of a family for all that have no row of their own.
StatusTable = Mapping[int, Meaning]


def prepare_all(
    messages: Sequence[Message], prepare: Callable[[Message], Request | DeadAddress | Permanent]
) -> list[Request | DeadAddress | Permanent]:
    """Make a request of each message; one of which none can be made keeps no other from going."""
    prepared: list[Request | DeadAddress | Permanent] = []
    for message in messages:
        try:
            prepared.append(prepare(message))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this message's alone
            _log.error(
                "message_unusable",
                tenant_id=message.tenant_id,
                send_id=message.send_id,
                error=type(error).__name__,
            )
            prepared.append(Permanent(EndReason.MESSAGE_UNUSABLE))
    return prepared


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
        return Permanent(EndReason(answer.reason)) if answer.refused else Retry(answer.reason)
    # A status that no standard knows, from 600 on, is the server's fault (RFC 9110, section 15).
    meaning = table.get(answer.status) or table[min(answer.status // _FAMILY, _LAST_FAMILY)]
    if isinstance(meaning.outcome, Retry):
        return replace(meaning.outcome, after=retry_after(answer.headers, now=now))
    return meaning.outcome


def retry_after(headers: Mapping[str, str], *, now: datetime) -> timedelta | None:
    """Read `Retry-After` (RFC 9110, section 10.2.3): seconds, or a date; None if unreadable.

    It is the provider's text: whatever it says, what comes out is between none and a year.
    """
    text = headers.get("retry-after", "")
    if text.isascii() and text.isdigit():
        asked = timedelta(seconds=int(text[:9]))  # nine digits are three years already
    else:
        try:
            date = parsedate_to_datetime(text)
        except (ValueError, OverflowError):
            return None
        asked = date.replace(tzinfo=date.tzinfo or UTC) - now
    return min(max(timedelta(0), asked), _LONGEST_WAIT)
