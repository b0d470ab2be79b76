"""Show what is charged."""

from __future__ import annotations

from fastapi import APIRouter, Response

from sendopt.api import problems
from sendopt.api.answers import Answer
from sendopt.api.auth import Facade, Tenant
from sendopt.bill import Line

router = APIRouter(prefix="/v1/statements", tags=["statements"])


class Statement(Answer):
    """One month: what was measured, what was filtered and why, what is charged."""

    tenant_id: str
    period: str  # "2026-10", a calendar month in UTC
    currency: str | None  # null = there is no rate card, and nothing is charged
    lines: list[Line]
    total_minor: int  # in the currency's smallest unit


@router.get(
    "/{period}",
    response_class=Response,
    responses={
        200: {"model": Statement, "description": "The canonical document, always the same bytes"},
        **problems.responses(401, 422, 503),
    },
)
def statement(tenant_id: Tenant, app: Facade, period: str) -> Response:
    """Show a period's statement: as it was closed, or up to this moment.

    The body is the canonical document; its SHA-256 is the `ETag`, the same that was recorded
    when the period was closed.
    """
    found = app.statement(tenant_id, period)
    return Response(
        found.document(),
        media_type="application/json",
        headers={"ETag": f'"{found.sha256()}"'},
    )
