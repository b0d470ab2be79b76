"""What is asked and said over tenants."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sendopt.api.schemas.answer import Answer, shown_as
from sendopt.api.schemas.keys import KeyBody
from sendopt.app.backlog import Backlog as Measured
from sendopt.app.operator import Decided as Decision
from sendopt.ingest.fields import Text, Timezone
from sendopt.records import TenantId
from sendopt.strict_json import StrictModel

_KEY = {
    "key_id": "3f0c5a2b8e103f0c",
    "name": "on call",
    "role": "observer",
    "created_at": "2026-10-01T09:30:00Z",
    "expires_at": None,
    "revoked_at": None,
}
_TENANT = {"tenant_id": "shop", "timezone": "Europe/Vienna", "created_at": "2026-10-01T09:30:00Z"}


class TenantBody(StrictModel):
    """A tenant to be created, as JSON."""

    tenant_id: Text
    timezone: Timezone = "UTC"  # of users whose own zone is unknown


class Tenant(Answer):
    """One company that sends."""

    model_config = shown_as(_TENANT)

    tenant_id: str
    timezone: str
    created_at: datetime


class OperatorKeyBody(KeyBody):
    """A key of an operator to be issued, as JSON."""


class OperatorKey(Answer):
    """A key of an operator, without its secret."""

    model_config = shown_as(_KEY)

    key_id: str
    name: str
    role: str
    created_at: datetime
    expires_at: datetime | None
    """null = never."""
    revoked_at: datetime | None


class OperatorKeys(Answer):
    """Every key of an operator, the oldest first."""

    model_config = shown_as({"items": [_KEY]})

    items: list[OperatorKey]


class IssuedOperatorKey(Answer):
    """A key of an operator, which is shown this once."""

    shows_secret = True

    model_config = shown_as({"key": "so_op_3f0c5a2b8e103f0c_" + "0" * 64, "listed": _KEY})

    key: str
    listed: OperatorKey


class ResumeBody(StrictModel):
    """Which held sends may go out, as JSON."""

    overdue: bool = False  # also those whose time has come: they may have gone out already


class Decided(Answer):
    """What was decided about unfinished sends of all tenants."""

    model_config = shown_as({"sends": 120, "held_later": 118, "held_overdue": 2})

    sends: int
    """Which it concerns: held now that were not, or let go."""
    held_later: int
    """Held from then on, and due later."""
    held_overdue: int
    """Held from then on, whose time has come."""

    @classmethod
    def told(cls, decision: Decision) -> Decided:
        """Return what is told of a decision."""
        held = decision.held
        return cls(sends=decision.sends, held_later=held.later, held_overdue=held.overdue)


class Backlog(Answer):
    """How much waits, by tenant."""

    model_config = shown_as(
        {
            "sends": {"shop": {"planned": 12, "claimed": 0}},
            "oldest_due_seconds": 0.0,
            "held": {"shop": 0},
            "outbox_waiting": {"shop": 3},
            "unmetered": {"shop": 0},
        }
    )

    sends: dict[str, dict[str, int]]
    """By state."""
    oldest_due_seconds: float
    """Age of the oldest send that is due and not handed over; 0 = none is."""
    held: dict[str, int]
    """Sends that wait until somebody resumes them."""
    outbox_waiting: dict[str, int] | None
    """Events that are not in the log yet; null = the log does not answer."""
    unmetered: dict[str, int]
    """Clicks and responses that no statement counts yet."""

    @classmethod
    def told(cls, found: Measured) -> Backlog:
        """Return what is told of what waits."""
        return cls(
            sends={
                tenant: {str(state): count for state, count in counts.items()}
                for tenant, counts in found.sends.items()
            },
            oldest_due_seconds=found.oldest_due.total_seconds(),
            held=_by_name(found.held),
            outbox_waiting=None if found.outbox_waiting is None else _by_name(found.outbox_waiting),
            unmetered=_by_name(found.unmetered),
        )


def _by_name(counts: Mapping[TenantId, int]) -> dict[str, int]:
    return {str(tenant_id): count for tenant_id, count in counts.items()}
