"""Tell everything that is held about a user, and forget the user for good."""

from __future__ import annotations

from fastapi import APIRouter, Response

from sendopt.api import problems
from sendopt.api.auth import Facade, UsersErase, UsersExport
from sendopt.api.ids import PathId, PathUserId
from sendopt.api.routing import Route
from sendopt.api.schemas.erasures import Erasure, UserExport
from sendopt.records import UserId

router = APIRouter(prefix="/v1", tags=["users"], route_class=Route)


@router.delete(
    "/users/{user_id}",
    status_code=202,
    responses={
        202: {
            "headers": {
                "Location": {
                    "description": "Where the receipt is.",
                    "schema": {"type": "string"},
                }
            }
        },
        **problems.responses({404: ["not_found"]}),
    },
)
def erase_user(who: UsersErase, app: Facade, user_id: PathUserId, response: Response) -> Erasure:
    """Erase a user, known or not, from every store. It cannot be undone.

    From now on nothing that names the user is taken (`user_erased`), what is planned for them is
    called off, and their devices are forgotten. The service does the rest within minutes; the
    receipt at `Location` says when. Statements and results stay as they are: what counts is kept
    under a pseudonym that nobody can lead back. Asked for again it answers the same.
    """
    begun = app.for_(who).users.erase(UserId(user_id))
    response.headers["Location"] = f"/v1/erasures/{begun.erasure_id}"
    return Erasure.of(begun)


@router.get(
    "/erasures/{erasure_id}",
    responses=problems.responses({404: ["erasure_unknown", "not_found"]}),
)
def get_erasure(who: UsersErase, app: Facade, erasure_id: PathId) -> Erasure:
    """Show how far an erasure is; once it is done this is its receipt."""
    return Erasure.of(app.for_(who).users.erasure(erasure_id))


@router.get(
    "/users/{user_id}/export",
    responses=problems.responses({404: ["user_unknown", "not_found"]}),
)
def export_user(who: UsersExport, app: Facade, user_id: PathUserId) -> UserExport:
    """Return everything that is held about a user, with addresses and every event."""
    return UserExport.of(app.for_(who).users.export(UserId(user_id)))
