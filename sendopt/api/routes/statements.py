"""Show what is charged."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Response

from sendopt.api import problems
from sendopt.api.auth import Facade, StatementsRead
from sendopt.api.ids import PathText
from sendopt.api.paging import PAGED, Paged
from sendopt.api.routing import Route
from sendopt.api.schemas.page import Page
from sendopt.api.schemas.statements import ListedStatement, Statement

#: Told in the description alone: another one is answered with what a period looks like.
Period = Annotated[PathText, Path(json_schema_extra={"pattern": r"^20[0-9]{2}-(0[1-9]|1[0-2])$"})]

router = APIRouter(prefix="/v1/statements", tags=["statements"], route_class=Route)


@router.get("", responses=problems.responses(PAGED))
def list_statements(who: StatementsRead, app: Facade, paging: Paged) -> Page[ListedStatement]:
    """List the months that have a statement with their totals, the newest first.

    Those that are not closed are counted up to this moment.
    """
    found = app.for_(who).statements.page(behind=paging.behind(str, str), limit=paging.limit)
    return paging.page(found, ListedStatement.of)


@router.get(
    "/{period}",
    response_class=Response,
    responses={
        200: {
            "model": Statement,
            "description": "The canonical document, always the same bytes",
            "headers": {
                "ETag": {
                    "description": "The SHA-256 of the body, quoted.",
                    "schema": {"type": "string"},
                },
                "Sendopt-Closed-At": {
                    "description": "When the period was closed for ever; absent while it is open "
                    "and may still grow.",
                    "schema": {"type": "string", "format": "date-time"},
                },
            },
        },
        **problems.responses({422: ["period_invalid"]}),
    },
)
def get_statement(who: StatementsRead, app: Facade, period: Period) -> Response:
    """Show a period's statement: as it was closed, or up to this moment.

    The body is the canonical document; its SHA-256 is the `ETag`, the same that was recorded
    when the period was closed. `Sendopt-Closed-At` says when that was; without it the period is
    open, and the next answer may say more.
    """
    issued = app.for_(who).statements.get(period)
    headers = {"ETag": f'"{issued.statement.sha256()}"'}
    if issued.closed_at is not None:
        headers["Sendopt-Closed-At"] = issued.closed_at.isoformat()
    return Response(issued.statement.document(), media_type="application/json", headers=headers)
