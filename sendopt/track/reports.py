"""Take in reports about sends: from a tenant's server, or from the device that got the push."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from sendopt.clock import parse_instant, too_far_ahead
from sendopt.errors import InvalidInput, together
from sendopt.records import ConsentDoor, EventType, ResponseKind, SendId, TenantId
from sendopt.state import State, engagement
from sendopt.strict_json import StrictModel, examined
from sendopt.text import did_you_mean, quoted
from sendopt.track.links import LinkSigner, link_unknown
from sendopt.track.responses import ResponseVerdict, record_receipt, record_response

#: What a device or a server can tell of a send: that it arrived, and what its user did.
KINDS = (EventType.DELIVERY.value, *(kind.value for kind in ResponseKind))


#: What a browser can tell by its user's token.
OWN_KINDS = (
    EventType.DELIVERY.value,
    ResponseKind.OPEN.value,
    ResponseKind.DISMISSAL.value,
    ResponseKind.OPT_OUT.value,
)


def _known_kind(kind: str) -> str:
    """Return `kind` if it can be reported.

    Raises:
        InvalidInput: `kind_unknown`.
    """
    if kind not in KINDS:
        raise InvalidInput(
            f"{quoted(kind)} cannot be reported",
            code="kind_unknown",
            field="/kind",
            expected=", ".join(KINDS),
            hint=did_you_mean(kind, KINDS),
        )
    return kind


class ReportBody(StrictModel):
    """What happened with a send: `delivery`, or what its user did."""

    kind: Annotated[str, AfterValidator(_known_kind), Field(json_schema_extra={"enum": [*KINDS]})]
    occurred_at: Annotated[datetime, BeforeValidator(parse_instant)] | None = None  # None = now


def record_report(
    state: State, tenant_id: TenantId, send_id: SendId, body: Any, *, now: datetime
) -> ResponseVerdict:
    """Record what a tenant's server reports; an opt-out whatever else is wrong with it.

    Raises:
        InvalidInput: `kind_unknown`, or as `validate` and `record_response`.
        NotFound, Conflict: as `record_response`.
    """
    return _record_body(state, tenant_id, send_id, body, now=now, door=ConsentDoor.API)


def record_own_report(
    state: State, tenant_id: TenantId, send_id: SendId, body: Any, *, now: datetime
) -> ResponseVerdict:
    """Record what a browser reports of a send to its own user: nothing that anybody is charged for.

    Raises:
        InvalidInput: `kind_unknown`, or as `validate` and `record_response`.
        NotFound, Conflict: as `record_response`.
    """
    kind = body.get("kind") if isinstance(body, dict) else None
    if kind in KINDS and kind not in OWN_KINDS:
        raise InvalidInput(
            f"{quoted(kind)} cannot be reported by a browser",
            code="kind_unknown",
            field="/kind",
            expected=", ".join(OWN_KINDS),
        )
    return _record_body(state, tenant_id, send_id, body, now=now, door=ConsentDoor.DEVICE)


def record_by_token(
    state: State, signer: LinkSigner, token: str, kind: str, *, now: datetime
) -> ResponseVerdict:
    """Record what an installation reports; the token of its push is all the right it needs.

    It happened now: the clocks of devices are not asked.

    Raises:
        NotFound: `link_unknown`, for any token that was not signed here.
        InvalidInput: `kind_unknown`.
        Conflict: as `record_response`.
    """
    with state.read_fleet() as tx:
        link = engagement.find_link(tx, signer.open(token))
    if link is None:
        raise link_unknown()
    return _record(
        state,
        link.tenant_id,
        link.send_id,
        kind,
        occurred_at=now,
        now=now,
        door=ConsentDoor.DEVICE,
    )


def _record_body(
    state: State,
    tenant_id: TenantId,
    send_id: SendId,
    body: Any,
    *,
    now: datetime,
    door: ConsentDoor,
) -> ResponseVerdict:
    report, faults = examined(ReportBody, body)
    if report is not None and report.occurred_at is not None:
        ahead = too_far_ahead(report.occurred_at, now=now, field="/occurred_at")
        faults += [] if ahead is None else [ahead]
    if faults and isinstance(body, dict) and body.get("kind") == ResponseKind.OPT_OUT:
        report = ReportBody(kind=ResponseKind.OPT_OUT)
    elif report is None or faults:
        raise together(faults)
    verdict = _record(
        state,
        tenant_id,
        send_id,
        report.kind,
        occurred_at=report.occurred_at or now,
        now=now,
        door=door,
    )
    return replace(verdict, dropped_fields=tuple(faults))


def _record(
    state: State,
    tenant_id: TenantId,
    send_id: SendId,
    kind: str,
    *,
    occurred_at: datetime,
    now: datetime,
    door: ConsentDoor,
) -> ResponseVerdict:
    if kind == EventType.DELIVERY:
        return record_receipt(state, tenant_id, send_id, occurred_at=occurred_at, now=now)
    answer = ResponseKind(_known_kind(kind))
    return record_response(
        state, tenant_id, send_id, answer, occurred_at=occurred_at, now=now, door=door
    )
