"""Say what choosing the time was worth, from the users who were held out."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AfterValidator

from sendopt.api import problems
from sendopt.api.auth import Facade, ResultsRead
from sendopt.api.ids import QueryId, QueryInstant
from sendopt.api.routing import Route
from sendopt.api.schemas.lift import LiftReport
from sendopt.app.defaults import ANSWER_WINDOW, EFFECT
from sendopt.app.outcomes import parse_outcome
from sendopt.records import OUTCOMES, CampaignId, EventType


def _outcome(name: str) -> str:
    return parse_outcome(name, field="outcome")


_CODES = {
    404: ["campaign_unknown"],
    422: ["wrong_type", "invalid", "outcome_unknown", "time_invalid"],
}

router = APIRouter(prefix="/v1/lift", tags=["lift"], route_class=Route)


@router.get("", responses=problems.responses(_CODES))
def get_lift(
    who: ResultsRead,
    app: Facade,
    *,
    campaign_id: Annotated[
        list[QueryId] | None, Query(description="Only these; none = all with arms.")
    ] = None,
    since: Annotated[
        QueryInstant | None,
        Query(description="Only sends planned from this instant on, RFC 3339."),
    ] = None,
    outcome: Annotated[
        str,
        AfterValidator(_outcome),
        Query(
            description="What counts as an answer: open, click or response.",
            json_schema_extra={"enum": [*OUTCOMES]},
        ),
    ] = EventType.OPEN,
    window_seconds: Annotated[
        int,
        Query(ge=1, le=31 * 86_400, description="An answer counts so long after the hand-over."),
    ] = int(ANSWER_WINDOW.total_seconds()),
    effect: Annotated[
        float, Query(gt=0, lt=1, description="Difference of shares that would matter.")
    ] = EFFECT,
) -> LiftReport:
    """Compare users whose times were chosen with those held out at random, and arm with arm.

    The intervals hold however often one looks. Where no users were randomised, or the draw went
    wrong, `refusal` says so and there is no `lift`. `comparisons` hold every arm of holdouts and
    experiments against every other, in all and by full weeks; of weeks to come they say nothing.
    """
    report = app.for_(who).results.lift(
        campaign_ids=[CampaignId(each) for each in campaign_id or ()],
        since=since,
        outcome=EventType(outcome),
        window=timedelta(seconds=window_seconds),
        effect=effect,
    )
    return LiftReport.of(report)
