"""Reads what users say on being sent to: as a request, in a row, or by an event.

Whoever wants nothing more is heard whatever else is wrong with it: what of an opt-out cannot be
read counts as not said, and it counts from now where its own time is of no use.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, TypeAdapter, ValidationError

from sendopt.clock import parse_instant, too_far_ahead
from sendopt.errors import InvalidInput, together
from sendopt.ingest.fields import Text
from sendopt.records import Consent, Event, EventType, UserId
from sendopt.strict_json import StrictModel, examined, from_pydantic


class _Statement(StrictModel):
    given: bool  # false = an opt-out
    source: Text | None = None  # where it was said, such as "preference page"
    at: Annotated[datetime, BeforeValidator(parse_instant)] | None = None  # null = now
    channel: Text | None = None  # on what occasion
    message_type: Text | None = None


class ConsentBody(_Statement):
    """What a user said on being sent to at all: when, and where they said so."""

    source: Text


@dataclass(frozen=True, slots=True)
class ReadConsent:
    """A statement, and what of it could not be read and counts as not said."""

    consent: Consent
    dropped_fields: tuple[InvalidInput, ...] = ()


def read_consent(user_id: Any, body: Any, *, now: datetime, at: str = "") -> ReadConsent:
    """Read what `user_id` said.

    Args:
        user_id: whoever is said to have said so.
        body: parsed JSON.
        now: when it came in.
        at: the JSON Pointer of `body` within the whole document.

    Raises:
        InvalidInput: all that is wrong, unless it is an opt-out of a user who can be told, as
            `text_invalid`, `null_spelled`, `time_invalid`, `time_in_future`, `missing_field`,
            `unknown_field`, `wrong_type`.
    """
    read, faults = examined(ConsentBody, body, at=at)
    if read is not None and read.at is not None:
        ahead = too_far_ahead(read.at, now=now, field=f"{at}/at")
        faults += [] if ahead is None else [ahead]
    whose = why_no_user(user_id)
    statement: _Statement | None = read
    if faults and whose is None and isinstance(body, dict) and body.get("given") is False:
        unfit = {fault.field for fault in faults}
        legible = {name: said for name, said in body.items() if f"{at}/{name}" not in unfit}
        statement, _ = examined(_Statement, legible)
    elif faults or whose is not None:
        raise together([*([] if whose is None else [whose]), *faults])
    if statement is None:
        raise together(faults)
    return ReadConsent(
        Consent(
            UserId(user_id),
            statement.given,
            statement.at or now,
            source=statement.source,
            channel=statement.channel,
            message_type=statement.message_type,
        ),
        tuple(faults),
    )


@dataclass(frozen=True, slots=True)
class Beside:
    """What a user says in a body that is about something else.

    Attributes:
        rest: the body without it.
        consent: the statement, if there is one that can be read.
        faults: what refuses it.
        dropped_fields: what of it could not be read, and counts as not said.
    """

    rest: Any
    consent: Consent | None = None
    faults: tuple[InvalidInput, ...] = ()
    dropped_fields: tuple[InvalidInput, ...] = ()

    @property
    def opt_out(self) -> Consent | None:
        """The statement, if it is one that counts whatever becomes of the rest."""
        return self.consent if self.consent is not None and not self.consent.given else None


def said_beside(body: Any, *, now: datetime, user_id: Any = None) -> Beside:
    """Take what a user says out of a body that is about something else.

    Args:
        body: parsed JSON, with `consent` or without.
        now: when it came in.
        user_id: whose body it is; None = it says so itself.
    """
    if not isinstance(body, dict) or "consent" not in body:
        return Beside(body)
    rest = {name: said for name, said in body.items() if name != "consent"}
    if body["consent"] is None:
        return Beside(rest)
    whose = body.get("user_id") if user_id is None else user_id
    if why_no_user(whose) is not None:  # told by whoever reads the rest
        _, faults = examined(ConsentBody, body["consent"], at="/consent")
        return Beside(rest, faults=tuple(faults))
    try:
        read = read_consent(whose, body["consent"], now=now, at="/consent")
    except InvalidInput as error:
        return Beside(rest, faults=error.faults)
    return Beside(rest, read.consent, dropped_fields=read.dropped_fields)


def why_no_user(user_id: Any) -> InvalidInput | None:
    """Return what is wrong with the id of a user; None = nothing."""
    try:
        _USER_ID.validate_python(user_id, strict=True)
    except ValidationError as error:
        return from_pydantic(error, at="user_id")
    return None


def consent_of(event: Event) -> Consent:
    """Return what an `opt_in` or an `opt_out` says."""
    return Consent(
        event.user_id,
        event.event_type is EventType.OPT_IN,
        event.occurred_at,
        channel=event.channel,
        message_type=event.message_type,
    )


_USER_ID: TypeAdapter[str] = TypeAdapter(Text)
