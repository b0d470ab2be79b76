"""Show one send with its decision, and take in what its user did."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from sendopt.api import openapi, problems
from sendopt.api.auth import EventsWrite, Facade, SendsCancel, SendsCreate, SendsRead
from sendopt.api.body import JsonBody, ManyBodies
from sendopt.api.ids import PathId, QueryId, QueryInstant, QueryUserId
from sendopt.api.many import BATCH_CODES, MAX_BODIES
from sendopt.api.paging import PAGED, Paged
from sendopt.api.routing import Route
from sendopt.api.schemas.page import Page
from sendopt.api.schemas.sends import (
    ListedSend,
    Reported,
    RequestedSend,
    RequestVerdict,
    RequestVerdicts,
    Send,
)
from sendopt.app.answers import Verdict
from sendopt.records import CampaignId, SendId, SendState, UserId
from sendopt.schedule.send_request import EXAMPLE, SendRequestBody
from sendopt.state.send_list import SendFilter, SendKey
from sendopt.track.reports import ReportBody

_LIST = {422: [*PAGED[422], "time_invalid"]}
_UNKNOWN = {404: ["send_unknown", "not_found"]}
#: Of a report, by whichever door.
REPORT_CODES = {
    409: ["not_handed_over", "before_hand_over", "event_conflict"],
    422: ["kind_unknown", "time_in_future", "time_invalid"],
}

_REQUEST = {
    404: ["campaign_unknown", "user_unknown"],
    409: [
        *("campaign_cancelled", "campaign_changed", "campaign_not_committed"),
        *("campaign_not_triggered", "send_key_taken", "user_erased"),
    ],
    422: [
        *("event_not_happened", "id_invalid", "moment_invalid", "no_feasible_slot"),
        *("quiet_hours_hold", "time_invalid", "window_invalid", "zone_invalid"),
    ],
}

router = APIRouter(prefix="/v1/sends", tags=["sends"], route_class=Route)


def _filter(
    *,
    campaign_id: Annotated[QueryId | None, Query(description="Only this campaign's.")] = None,
    user_id: Annotated[QueryUserId | None, Query(description="Only this user's.")] = None,
    state: Annotated[list[SendState] | None, Query(description="Only in these states.")] = None,
    reason: Annotated[QueryId | None, Query(description="Only with this reason.")] = None,
    due_from: Annotated[QueryInstant | None, Query(description="Only due then or later.")] = None,
    due_until: Annotated[QueryInstant | None, Query(description="Only due before.")] = None,
) -> SendFilter:
    return SendFilter(
        campaign_id=None if campaign_id is None else CampaignId(campaign_id),
        user_id=None if user_id is None else UserId(user_id),
        states=frozenset(state or ()),
        reason=reason,
        due_from=due_from,
        due_until=due_until,
    )


#: Which sends a route is asked for.
Filter = Annotated[SendFilter, Depends(_filter)]


@router.get("", responses=problems.responses(_LIST))
def list_sends(
    who: SendsRead,
    app: Facade,
    wanted: Filter,
    paging: Paged,
) -> Page[ListedSend]:
    """List sends by campaign and user, without their decision records.

    Where what is asked for is rare a page may hold few sends, or none, and still name a next one.
    """
    found = app.for_(who).sends.page(
        wanted, behind=paging.behind(SendKey, str, str, str), limit=paging.limit
    )
    return paging.page(found, ListedSend.of_row)


@router.post(
    "",
    status_code=201,
    responses={
        200: {"model": RequestedSend, "description": "It was asked for before"},
        **problems.responses(_REQUEST, body=True),
    },
    openapi_extra=openapi.takes(SendRequestBody, example=EXAMPLE),
)
def ask_for_send(
    response: Response, who: SendsCreate, app: Facade, body: JsonBody
) -> RequestedSend:
    """Plan one message of a triggered campaign to one user, and let it go out.

    With `not_after` or `within_minutes` the best allowed time until then is chosen; without, and
    always if the campaign's `message_class` is `transactional` or `urgent`, it is the first allowed
    one. The same request under its `send_key` again changes nothing. A user who may not be reached
    is no error: the send is `suppressed`, and says why.
    """
    answer = RequestedSend.of_answer(app.for_(who).sends.ask(body))
    if answer.repeated:
        response.status_code = 200
    return answer


@router.post(
    "/batch",
    responses={
        207: {"model": RequestVerdicts, "description": "Some were refused; the rest is planned"},
        **problems.responses({422: BATCH_CODES}, body=True),
    },
    openapi_extra=openapi.takes(SendRequestBody, example=[EXAMPLE], up_to=MAX_BODIES),
)
def ask_for_sends(
    response: Response, who: SendsCreate, app: Facade, body: ManyBodies
) -> RequestVerdicts:
    """Ask for up to 500 sends: an array of requests, or a line each (`application/x-ndjson`).

    Every request gets its verdict, in order, and is planned as if those before it stood already.
    200: all are planned and on disk, now or before. 207: at least one was refused, for the reasons
    beside it, which are those of a single request; everything else is planned.
    """
    answers = app.for_(who).sends.ask_all(body)
    verdicts = [RequestVerdict.of_answer(each, place) for place, each in enumerate(answers)]
    counts = Counter(each.verdict for each in verdicts)
    if counts[Verdict.REJECTED]:
        response.status_code = 207
    return RequestVerdicts(
        accepted=counts[Verdict.ACCEPTED],
        repeated=counts[Verdict.REPEATED],
        rejected=counts[Verdict.REJECTED],
        verdicts=verdicts,
    )


@router.get("/{send_id}", responses=problems.responses(_UNKNOWN))
def get_send(who: SendsRead, app: Facade, send_id: PathId) -> Send:
    """Show a send and its decision record."""
    return Send.of(app.for_(who).sends.get(SendId(send_id)))


@router.post(
    "/{send_id}/cancel", responses=problems.responses({**_UNKNOWN, 409: ["send_not_planned"]})
)
def cancel_send(who: SendsCancel, app: Facade, send_id: PathId) -> Send:
    """Call off a send that no dispatcher has claimed yet; again changes nothing.

    One that an attempt may have brought to its user is not tried again, and ends as `expired`,
    `outcome_unknown`: it is answered as that, and no longer as `cancelled`.
    """
    return Send.of(app.for_(who).sends.cancel(SendId(send_id)))


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
    verdict = app.for_(who).sends.report(SendId(send_id), body)
    request.app.state.metrics.count_response(who.tenant_id, verdict.kind, repeated=verdict.repeated)
    return Reported.of(verdict)
