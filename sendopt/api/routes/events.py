"""Take in events."""

from __future__ import annotations

from collections import Counter

from fastapi import APIRouter, Request, Response

from sendopt.api import openapi, problems
from sendopt.api.auth import EventsWrite, Facade
from sendopt.api.body import EventsBody
from sendopt.api.routing import Route
from sendopt.api.schemas.events import EventVerdict, EventVerdicts
from sendopt.app.answers import Verdict
from sendopt.errors import Conflict, InvalidInput, SendoptError, together
from sendopt.ingest.accept import MAX_ITEMS, EventBody

router = APIRouter(prefix="/v1", tags=["events"], route_class=Route)

_CODES = {
    409: ["event_conflict"],
    422: [
        *("empty_batch", "too_many_items", "event_id_invalid", "event_type_unknown", "id_reserved"),
        *("null_spelled", "time_invalid", "time_in_future", "time_unit_suspect", "zone_invalid"),
        *("attribute_reserved", "user_erased"),
    ],
}
_EXAMPLE = {
    "event_id": "0199a0f2-7b1c-7d6e-9a41-3f0c5a2b8e10",
    "user_id": "user-7",
    "event_type": "session",
    "occurred_at": "2026-10-01T18:03:00+02:00",
    "timezone": "Europe/Vienna",
}


@router.post(
    "/events",
    response_model_exclude_none=True,
    responses={
        207: {
            "model": EventVerdicts,
            "description": "Some were refused; the rest is stored",
        },
        **problems.responses(_CODES, body=True),
    },
    openapi_extra=openapi.takes(EventBody, example=[_EXAMPLE], up_to=MAX_ITEMS),
)
def accept_events(
    request: Request, response: Response, who: EventsWrite, app: Facade, body: EventsBody
) -> EventVerdicts:
    """Store up to 500 events: an array of them.

    Every event gets its verdict, in order. 200: every one is on disk, now or before. 207: at
    least one was refused; nothing of it was stored, everything else was. A request with a single
    event that is refused is refused as a whole: 409 or 422. Repeating a request changes nothing.
    An optional field that cannot be read costs the field, not the event: see `dropped_fields`.
    """
    verdicts = [
        _located(EventVerdict.of(verdict), position)
        for position, verdict in enumerate(app.for_(who).events.accept(body))
    ]
    counts = Counter(verdict.verdict for verdict in verdicts)
    for verdict, count in counts.items():
        request.app.state.metrics.events.labels(who.tenant_id, verdict).inc(count)
    answer = EventVerdicts(
        accepted=counts[Verdict.ACCEPTED],
        repeated=counts[Verdict.REPEATED],
        conflict=counts[Verdict.CONFLICT],
        rejected=counts[Verdict.REJECTED],
        verdicts=verdicts,
    )
    if answer.conflict or answer.rejected:
        if len(verdicts) == 1:
            raise _refusal(verdicts[0])
        response.status_code = 207
    return answer


def _located(verdict: EventVerdict, position: int) -> EventVerdict:
    """Turn the names of fields into JSON Pointers into the request's body."""
    for each in (verdict, *(verdict.errors or ()), *(verdict.dropped_fields or ())):
        if each.field is not None:
            each.field = _pointer(position, each.field)
    return verdict


def _pointer(position: int, field: str) -> str:
    return f"/{position}/{field.removeprefix('/')}".removesuffix("/")


def _refusal(verdict: EventVerdict) -> SendoptError:
    """Turn the verdict on the only event of a request into the request's own failure."""
    if verdict.errors:
        return together(
            InvalidInput(
                each.detail,
                code=each.code,
                field=each.field,
                expected=each.expected,
                hint=each.hint,
            )
            for each in verdict.errors
        )
    return Conflict(
        verdict.detail or "this event was refused",
        code=verdict.code,
        field=verdict.field,
        hint=verdict.hint,
    )
