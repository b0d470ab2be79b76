"""Give out keys, look through them, renew and withdraw them."""

from __future__ import annotations

from fastapi import APIRouter, Request

from sendopt.api import openapi, problems
from sendopt.api.auth import Facade, KeysRead, KeysWrite
from sendopt.api.body import JsonBody
from sendopt.api.idempotency import claim_of
from sendopt.api.ids import PathId
from sendopt.api.routing import Route
from sendopt.api.schemas.keys import IssuedKey, Key, KeyBody, Keys, Role, Roles, RotationBody
from sendopt.strict_json import validate

_BEYOND = {403: ["permission_missing", "role_beyond_own"]}
_UNKNOWN = {404: ["key_unknown", "not_found"]}

router = APIRouter(prefix="/v1", tags=["keys"], route_class=Route)


@router.get("/keys", responses=problems.responses({}))
def list_keys(who: KeysRead, app: Facade) -> Keys:
    """List every key with its role, its end and its last use, the oldest first; never secrets."""
    return Keys(items=[Key.of(each) for each in app.for_(who).keys.everyone()])


@router.post(
    "/keys",
    status_code=201,
    responses=problems.responses(
        {**_BEYOND, 404: ["role_unknown"], 409: ["already_issued"]}, body=True
    ),
    openapi_extra=openapi.takes(
        KeyBody, example={"name": "night import", "role": "ingest", "expires_in_days": 90}
    ),
)
def issue_key(request: Request, who: KeysWrite, app: Facade, body: JsonBody) -> IssuedKey:
    """Issue a key, which is shown this once; its role may do no more than that of the asking key.

    A repetition issues another one, or under its Idempotency-Key is refused (`already_issued`) and
    names the one that nobody has got: revoke that.
    """
    asked = validate(KeyBody, body)
    issued = app.for_(who).keys.issue(
        asked.name, role=asked.role, lifetime=asked.lifetime, under=claim_of(request)
    )
    return IssuedKey.of(issued)


@router.post(
    "/keys/{key_id}/rotate",
    status_code=201,
    responses=problems.responses(
        {**_BEYOND, **_UNKNOWN, 409: ["key_dead", "rotation_under_way", "already_issued"]},
        body=True,
    ),
    openapi_extra=openapi.takes(RotationBody, example={"overlap_hours": 168}),
)
def rotate_key(
    request: Request, who: KeysWrite, app: Facade, key_id: PathId, body: JsonBody
) -> IssuedKey:
    """Issue the successor of a key, of the same name and role; both open the tenant meanwhile."""
    overlap = validate(RotationBody, body).overlap
    return IssuedKey.of(app.for_(who).keys.rotate(key_id, overlap=overlap, under=claim_of(request)))


@router.delete(
    "/keys/{key_id}", status_code=204, responses=problems.responses({**_BEYOND, **_UNKNOWN})
)
def revoke_key(who: KeysWrite, app: Facade, key_id: PathId) -> None:
    """Make a key worthless: from the next request on, and for best times within 2 seconds."""
    app.for_(who).keys.revoke(key_id)


@router.get("/roles", responses=problems.responses({}))
def list_roles(who: KeysRead, app: Facade) -> Roles:
    """List the roles that there are, and what each may do."""
    found = app.for_(who).roles.everyone()
    return Roles(
        items=[
            Role(name=each.name, permissions=sorted(each.permissions), built_in=each.built_in)
            for each in found
        ]
    )
