"""Look through who changed what."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from sendopt.api import problems
from sendopt.api.auth import AuditRead, Facade
from sendopt.api.ids import QueryId, QueryInstant, QueryUserId
from sendopt.api.paging import Paged
from sendopt.api.routing import Route
from sendopt.api.schemas.audit import AuditRecord
from sendopt.api.schemas.page import Page
from sendopt.records import AuditFilter
from sendopt.state.audit_trail import AuditKey

LIST = {422: ["cursor_invalid", "time_invalid", "wrong_type", "invalid"]}

router = APIRouter(prefix="/v1", tags=["audit"], route_class=Route)


def _filter(
    *,
    actor: Annotated[QueryUserId | None, Query(description="Only by this actor.")] = None,
    action: Annotated[QueryId | None, Query(description="Only this, such as key:issue.")] = None,
    target: Annotated[QueryUserId | None, Query(description="Only of what has this id.")] = None,
    since: Annotated[QueryInstant | None, Query(description="Only then or later.")] = None,
    until: Annotated[QueryInstant | None, Query(description="Only before.")] = None,
) -> AuditFilter:
    return AuditFilter(actor=actor, action=action, target=target, since=since, until=until)


#: What is asked for, of either list.
Wanted = Annotated[AuditFilter, Depends(_filter)]


@router.get("/audit", responses=problems.responses(LIST))
def list_audit(who: AuditRead, app: Facade, paging: Paged, wanted: Wanted) -> Page[AuditRecord]:
    """List who changed what, the newest first; what comes in by the thousand is not recorded."""
    behind = paging.behind(AuditKey, datetime, str)
    found = app.for_(who).audit.page(wanted, behind=behind, limit=paging.limit)
    return paging.page(found, AuditRecord.told)
