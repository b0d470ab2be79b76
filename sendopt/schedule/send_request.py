"""Reads what is asked to be sent to one user: a message of a triggered campaign, and when."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    Field,
    GetJsonSchemaHandler,
    PlainValidator,
    WithJsonSchema,
    WrapValidator,
    model_validator,
)
from pydantic_core.core_schema import CoreSchema, ValidatorFunctionWrapHandler

from sendopt.clock import zone_of
from sendopt.errors import InvalidInput, together
from sendopt.records import (
    CampaignId,
    EventMoment,
    EventType,
    LocalMoment,
    Moment,
    SendRequest,
    UserId,
)
from sendopt.schedule.fields import Name, User, instant
from sendopt.schedule.send_window import MAX_DAYS
from sendopt.strict_json import StrictModel, examined
from sendopt.text import MAX_ID_CHARACTERS, quoted, why_no_id

EXAMPLE: dict[str, Any] = {
    "campaign_id": "class-reminder",  # a triggered one, which was committed
    "user_id": "user-7",
    "send_key": "algebra-2026-10-26",  # yours: the same again is the same send, and changes nothing
    "not_before": "2026-10-26T08:00:00+01:00",  # optional; now unless you say otherwise
    "not_after": {"local": "2026-10-26T18:00", "plus_minutes": -45},  # optional; or within_minutes
}

_MINUTE = timedelta(minutes=1)
_LONGEST = timedelta(days=MAX_DAYS) // _MINUTE
_LOCAL = re.compile(r"2\d{3}-\d\d-\d\dT([01]\d|2[0-3]):[0-5]\d", re.ASCII)


def parse_send_request(body: Any) -> SendRequest:
    """Read a request from parsed JSON.

    Raises:
        InvalidInput: all that is wrong, each with a JSON Pointer; the code is that of the first,
            one of `strict_json.validate`, or `id_invalid`, `time_invalid`, `zone_invalid`,
            `moment_invalid`, `window_invalid`.
    """
    given, faults = examined(SendRequestBody, body)
    faults += _contradictions(body)
    if given is None or faults:
        raise together(faults)
    return SendRequest(
        campaign_id=CampaignId(given.campaign_id),
        user_id=UserId(given.user_id),
        send_key=given.send_key,
        not_before=_moment(given.not_before),
        not_after=_moment(given.not_after),
        within=None if given.within_minutes is None else given.within_minutes * _MINUTE,
        ignores_quiet_hours=given.ignore_quiet_hours,
    )


def _contradictions(body: Any) -> list[InvalidInput]:
    named = body if isinstance(body, dict) else {}
    if named.get("within_minutes") is None or named.get("not_after") is None:
        return []
    return [
        InvalidInput(
            "stands beside not_after, and both say when it is too late",
            code="window_invalid",
            field="/within_minutes",
            expected="one of the two",
        )
    ]


def _key(value: str) -> str:
    reason = None if 1 <= len(value) <= MAX_ID_CHARACTERS else "is empty or too long"
    if reason := reason or why_no_id(value):
        raise InvalidInput(
            f"{quoted(value)} is no key of a send: it {reason}",
            code="id_invalid",
            expected=f"1 to {MAX_ID_CHARACTERS} characters, each of which can be seen",
        )
    return value


def _zone(value: str) -> str:
    return str(zone_of(value))


def _local(value: object) -> datetime:
    if isinstance(value, str) and _LOCAL.fullmatch(value):
        try:
            return datetime.fromisoformat(value)
        except ValueError:  # a 30th of February
            pass
    raise InvalidInput(
        f"{quoted(value)} is no local date and time",
        code="time_invalid",
        expected='"YYYY-MM-DDTHH:MM", such as "2026-10-26T18:00", without a zone',
    )


class MomentDefinition(StrictModel):
    """A time on a clock face, or when something happened to the user; or so many minutes behind."""

    local: (
        Annotated[
            datetime,
            PlainValidator(_local),
            WithJsonSchema({"type": "string", "pattern": f"^{_LOCAL.pattern}$"}),
        ]
        | None
    ) = None
    timezone: Annotated[str, AfterValidator(_zone)] | None = None
    event_id: User | None = None
    event_type: (
        Annotated[
            EventType,
            Field(strict=False),
            WithJsonSchema({"type": "string", "enum": [*EventType]}),
        ]
        | None
    ) = None
    plus_minutes: Annotated[int, Field(ge=-_LONGEST, le=_LONGEST)] = 0

    @model_validator(mode="after")
    def _one_of_three(self) -> Self:
        named = [each for each in (self.local, self.event_id, self.event_type) if each is not None]
        if len(named) != 1:
            raise InvalidInput(
                "names no moment" if not named else "names more than one moment",
                code="moment_invalid",
                expected="one of local, event_id and event_type",
            )
        if self.timezone is not None and self.local is None:
            raise InvalidInput(
                "names a zone, and no local time",
                code="moment_invalid",
                expected="timezone beside local alone",
            )
        return self


def _instant_or_moment(
    value: object, inner: ValidatorFunctionWrapHandler
) -> datetime | MomentDefinition:
    if isinstance(value, dict):
        moment: MomentDefinition = inner(value)
        return moment
    return instant(value)


class _OrInstant:
    """Says to others that an instant may stand there as well."""

    def __get_pydantic_json_schema__(
        self, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        instant_schema = {"type": "string", "format": "date-time", "pattern": "^20"}
        return {"anyOf": [instant_schema, handler(core)]}


_MomentField = Annotated[MomentDefinition, WrapValidator(_instant_or_moment), _OrInstant()]


class SendRequestBody(StrictModel):
    """One message of a triggered campaign to one user, and when it may go out."""

    campaign_id: Name
    user_id: User
    send_key: Annotated[
        str,
        AfterValidator(_key),
        WithJsonSchema({"type": "string", "minLength": 1, "maxLength": MAX_ID_CHARACTERS}),
    ]
    not_before: _MomentField | None = None
    not_after: _MomentField | None = None
    within_minutes: Annotated[int, Field(ge=1, le=_LONGEST)] | None = None
    ignore_quiet_hours: bool = False


def _moment(given: MomentDefinition | datetime | None) -> Moment | None:
    if given is None or isinstance(given, datetime):
        return given
    shift = given.plus_minutes * _MINUTE
    if given.local is not None:
        return LocalMoment(given.local, given.timezone, shift)
    return EventMoment(given.event_id, given.event_type, shift)
