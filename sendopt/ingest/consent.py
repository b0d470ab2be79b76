"""Reads what users say on being sent to: as a request, in a row, or by an event.

Whoever wants nothing more is heard whatever else is wrong with it: what of an opt-out cannot be
read counts as not said, and it counts from now where its own time is of no use.
"""

from __future__ import annotations

from collections.abc import Sequence
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


class OwnConsentBody(StrictModel):
    """What a user says by a browser of their own: where and when is not theirs to choose."""

    given: bool  # false = an opt-out
    channel: Text | None = None  # on what occasion
    message_type: Text | None = None


@dataclass(frozen=True, slots=True)
class ReadConsent:
    """A statement, and what of it could not be read and counts as not said."""

    consent: Consent
    dropped_fields: tuple[InvalidInput, ...] = ()


def read_consent(
    user_id: Any,
    body: Any,
    *,
    now: datetime,
    at: str = "",
    form: type[StrictModel] = ConsentBody,
) -> ReadConsent:
    """Read what `user_id` said.

    Args:
        user_id: whoever is said to have said so.
        body: parsed JSON.
        now: when it came in.
        at: the JSON Pointer of `body` within the whole document.
        form: which fields it may have.

    Raises:
        InvalidInput: all that is wrong, unless it is an opt-out of a user who can be told, as
            `text_invalid`, `null_spelled`, `time_invalid`, `time_in_future`, `missing_field`,
            `unknown_field`, `wrong_type`.
    """
    _, faults = examined(form, body, at=at)
    statement = _legible(body, faults, at=at)
    said_at = None if statement is None else statement.at
    if said_at is not None and (ahead := too_far_ahead(said_at, now=now, field=f"{at}/at")):
        faults.append(ahead)
        said_at = None
    whose = why_no_user(user_id)
    if whose is not None or statement is None or (faults and statement.given):
        raise together([*([] if whose is None else [whose]), *faults])
    return ReadConsent(
        Consent(
            UserId(user_id),
            statement.given,
            said_at or now,
            source=statement.source,
            channel=statement.channel,
            message_type=statement.message_type,
        ),
        tuple(faults),
    )


def _legible(body: Any, faults: Sequence[InvalidInput], *, at: str) -> _Statement | None:
    """Return what `body` says without the fields that have faults; None = nothing."""
    if not isinstance(body, dict):
        return None
    unfit = {fault.field for fault in faults}
    fit = {name: said for name, said in body.items() if f"{at}/{name}" not in unfit}
    return examined(_Statement, fit)[0]


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


def said_beside(
    body: Any, *, now: datetime, user_id: Any = None, form: type[StrictModel] = ConsentBody
) -> Beside:
    """Take what a user says out of a body that is about something else.

    Args:
        body: parsed JSON, with `consent` or without.
        now: when it came in.
        user_id: whose body it is; None = it says so itself.
        form: which fields the statement may have.
    """
    if not isinstance(body, dict) or "consent" not in body:
        return Beside(body)
    rest = {name: said for name, said in body.items() if name != "consent"}
    if body["consent"] is None:
        return Beside(rest)
    whose = body.get("user_id") if user_id is None else user_id
    if why_no_user(whose) is not None:  # told by whoever reads the rest
        _, faults = examined(form, body["consent"], at="/consent")
        return Beside(rest, faults=tuple(faults))
    try:
        read = read_consent(whose, body["consent"], now=now, at="/consent", form=form)
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
