"""Show one send with its decision, and take in what its user did."""

from __future__ import annotations

from fastapi import APIRouter, Request

from sendopt.api import openapi, problems
from sendopt.api.auth import EventsWrite, Facade, SendsCancel, SendsRead
from sendopt.api.body import JsonBody
from sendopt.api.ids import PathId
from sendopt.api.routing import Route
from sendopt.api.schemas.sends import Reported, Send
from sendopt.records import SendId
from sendopt.track.reports import ReportBody

_UNKNOWN = {404: ["send_unknown", "not_found"]}
#: Of a report, by whichever door.
REPORT_CODES = {
    409: ["not_handed_over", "before_hand_over", "event_conflict"],
    422: ["kind_unknown", "time_in_future", "time_invalid"],
}

router = APIRouter(prefix="/v1/sends", tags=["sends"], route_class=Route)


@router.get("/{send_id}", responses=problems.responses(_UNKNOWN))
def get_send(who: SendsRead, app: Facade, send_id: PathId) -> Send:
    """Show a send and its decision record."""
    return Send.of(app.send(who.tenant_id, SendId(send_id)))


@router.post(
    "/{send_id}/cancel", responses=problems.responses({**_UNKNOWN, 409: ["send_not_planned"]})
)
def cancel_send(who: SendsCancel, app: Facade, send_id: PathId) -> Send:
    """Call off a send that no dispatcher has claimed yet."""
    return Send.of(app.cancel_send(who.tenant_id, SendId(send_id)))


@router.post(
    "/{send_id}/responses",
    responses=problems.responses(_UNKNOWN | REPORT_CODES, body=True),
    openapi_extra=openapi.takes(
        ReportBody, example={"kind": "open", "occurred_at": "2026-09-25T18:03:00+02:00"}
    ),
)
def report_response(
    request: Request, who: EventsWrite, app: Facade, send_id: PathId, body: JsonBody
) -> Reported:
    """Take in what a send's user did, or that its device received it (`delivery`, never billed).

    The first of a kind counts; again changes nothing. Without a time it happened now.
    """
    verdict = app.record_report(who.tenant_id, SendId(send_id), body)
    request.app.state.metrics.count_response(who.tenant_id, verdict.kind, repeated=verdict.repeated)
    return Reported.of(verdict)
