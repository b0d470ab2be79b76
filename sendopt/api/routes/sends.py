"""Show one send with its decision, and take in what its user did."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter, Request

from sendopt.api import openapi, problems
from sendopt.api.answers import Answer, PathId
from sendopt.api.auth import EventsWrite, Facade, SendsCancel, SendsRead
from sendopt.api.body import JsonBody
from sendopt.api.routing import Route
from sendopt.records import Arm, Channel, Decision, SendId, SendState
from sendopt.track.reports import ReportBody

router = APIRouter(prefix="/v1/sends", tags=["sends"], route_class=Route)


class Send(Answer):
    """One message to one user: where it stands, and why it has the time it has."""

    send_id: str
    campaign_id: str
    variant_id: str
    user_id: str
    device_id: str | None
    channel: Channel
    due_at: datetime | None
    expires_at: datetime | None
    state: SendState
    reason: str | None
    planned_at: datetime
    attempt_count: int  # calls to the provider so far
    handed_over_at: datetime | None  # when the provider took responsibility
    arm: Arm | None  # null = no experiment
    decision: Decision


class Reported(Answer):
    """What became of a report. A repeat shows what was recorded first."""

    send_id: str
    kind: str
    occurred_at: datetime
    repeated: bool
    filtered_reason: str | None  # null = it counts


@router.get("/{send_id}", responses=problems.responses(401, 404, 503))
def send(who: SendsRead, app: Facade, send_id: PathId) -> Send:
    """Show a send and its decision record."""
    return Send.model_validate(app.send(who.tenant_id, SendId(send_id)))


@router.post("/{send_id}/cancel", responses=problems.responses(401, 404, 409, 503))
def cancel_send(who: SendsCancel, app: Facade, send_id: PathId) -> Send:
    """Call off a send that no dispatcher has claimed yet."""
    return Send.model_validate(app.cancel_send(who.tenant_id, SendId(send_id)))


@router.post(
    "/{send_id}/responses",
    responses=problems.responses(400, 401, 404, 408, 409, 413, 415, 422, 503),
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
    return Reported.model_validate(verdict)
