"""For whoever runs the service: what is over tenants, and in the rows of none."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter, Response

from sendopt.api import openapi, problems
from sendopt.api.auth import (
    Facade,
    FleetHold,
    FleetRead,
    OperatorAuditRead,
    OperatorKeysRead,
    OperatorKeysWrite,
    TenantsRead,
    TenantsWrite,
)
from sendopt.api.body import JsonBody, OptionalBody
from sendopt.api.ids import PathId
from sendopt.api.paging import PAGED, Paged
from sendopt.api.routes import audit
from sendopt.api.routing import Route
from sendopt.api.schemas.audit import AuditRecord
from sendopt.api.schemas.operator import (
    Backlog,
    Decided,
    IssuedOperatorKey,
    OperatorKey,
    OperatorKeyBody,
    OperatorKeys,
    ResumeBody,
    Tenant,
    TenantBody,
)
from sendopt.api.schemas.page import Page
from sendopt.records import TenantId
from sendopt.state.audit_trail import AuditKey
from sendopt.strict_json import validate

_BEYOND = {403: ["permission_missing", "role_beyond_own"]}

router = APIRouter(prefix="/v1/operator", tags=["operator"], route_class=Route)


@router.get("/tenants", responses=problems.responses(PAGED))
def list_tenants(who: TenantsRead, app: Facade, paging: Paged) -> Page[Tenant]:
    """List tenants by name."""
    found = app.operator_for(who).page_of_tenants(
        behind=paging.behind(TenantId, str), limit=paging.limit
    )
    return paging.page(found, Tenant.of)


@router.post(
    "/tenants",
    status_code=201,
    responses={
        200: {"model": Tenant, "description": "Was there before, and stays as it is"},
        **problems.responses({422: ["tenant_invalid", "zone_invalid"]}, body=True),
    },
    openapi_extra=openapi.takes(
        TenantBody, example={"tenant_id": "shop", "timezone": "Europe/Vienna"}
    ),
)
def create_tenant(response: Response, who: TenantsWrite, app: Facade, body: JsonBody) -> Tenant:
    """Create a tenant. Its first key is made where the service runs: `sendopt key issue`."""
    asked = validate(TenantBody, body)
    tenant_id = TenantId(asked.tenant_id)
    created, tenant = app.operator_for(who).put_tenant(tenant_id, timezone=asked.timezone)
    if not created:
        response.status_code = 200
    return Tenant.of(tenant)


@router.get("/backlog", responses=problems.responses({}))
def get_backlog(who: FleetRead, app: Facade) -> Backlog:
    """Count what waits for every tenant: sends, events, clicks."""
    return Backlog.told(app.operator_for(who).backlog())


@router.post("/hold", responses=problems.responses({}))
def hold(who: FleetHold, app: Facade) -> Decided:
    """Hold every unfinished send of every tenant, as after a restore: docs/backup.md."""
    return Decided.told(app.operator_for(who).hold())


@router.post(
    "/resume",
    responses=problems.responses({}, body=True),
    openapi_extra=openapi.takes(ResumeBody, example={"overdue": False}),
)
def resume(who: FleetHold, app: Facade, body: OptionalBody) -> Decided:
    """Let held sends go out that are due from now on, or also those whose time has come."""
    overdue = validate(ResumeBody, body).overdue
    return Decided.told(app.operator_for(who).resume(overdue=overdue))


@router.get("/keys", responses=problems.responses({}))
def list_operator_keys(who: OperatorKeysRead, app: Facade) -> OperatorKeys:
    """List every key of an operator, the oldest first; never secrets."""
    found = app.operator_for(who).keys.everyone()
    return OperatorKeys(items=[OperatorKey.of(each) for each in found])


@router.post(
    "/keys",
    status_code=201,
    responses=problems.responses({**_BEYOND, 422: ["role_unknown"]}, body=True),
    openapi_extra=openapi.takes(
        OperatorKeyBody, example={"name": "on call", "role": "observer", "expires_in_days": 90}
    ),
)
def issue_operator_key(who: OperatorKeysWrite, app: Facade, body: JsonBody) -> IssuedOperatorKey:
    """Issue a key of an operator, which is shown this once."""
    asked = validate(OperatorKeyBody, body)
    return IssuedOperatorKey.of(
        app.operator_for(who).keys.issue(asked.name, role=asked.role, lifetime=asked.lifetime)
    )


@router.delete(
    "/keys/{key_id}",
    status_code=204,
    responses=problems.responses({**_BEYOND, 404: ["key_unknown", "not_found"]}),
)
def revoke_operator_key(who: OperatorKeysWrite, app: Facade, key_id: PathId) -> None:
    """Make a key of an operator worthless, from the next request on."""
    app.operator_for(who).keys.revoke(key_id)


@router.get("/audit", responses=problems.responses(audit.LIST))
def list_operator_audit(
    who: OperatorAuditRead, app: Facade, paging: Paged, wanted: audit.Wanted
) -> Page[AuditRecord]:
    """List what operators changed, the newest first; what a tenant's did is the tenant's."""
    found = app.operator_for(who).audit(
        wanted, behind=paging.behind(AuditKey, datetime, str), limit=paging.limit
    )
    return paging.page(found, AuditRecord.told)
