"""Say when a user is likely to respond."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from sendopt.api import problems
from sendopt.api.answers import PathId
from sendopt.api.auth import Facade, Tenant
from sendopt.app.answers import BestTimes
from sendopt.records import UserId

router = APIRouter(prefix="/v1/users", tags=["users"])


@router.get("/{user_id}/best-times", responses=problems.responses(401, 404, 422, 503))
def best_times(
    tenant_id: Tenant,
    app: Facade,
    user_id: PathId,
    top: Annotated[int, Query(ge=1, le=168, description="How many hours, best first.")] = 24,
) -> BestTimes:
    """Return the hours of the week, in the user's own zone, best first.

    Where no model speaks, the answer says why in `fallback_reason`; it is never made up.
    """
    return app.best_times(tenant_id, UserId(user_id), top=top)
