"""What is told of who changed what."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sendopt.api.schemas.answer import Answer, shown_as
from sendopt.records import AuditRecord as Record

_RECORD = {
    "audit_id": "8c2f0d4be1a94c4f9d6b1f1f0f3c7a55",
    "at": "2026-10-01T09:30:00Z",
    "actor": "key:3f0c5a2b8e103f0c",
    "role": "admin",
    "place": "203.0.113.7",
    "request_id": "req_c2VuZG9wdHNlbmRv",
    "action": "role:put",
    "target": "desk",
    "before": {"permissions": ["sends:read"]},
    "after": {"permissions": ["sends:read", "users:read"]},
}


class AuditRecord(Answer):
    """One change that somebody made."""

    model_config = shown_as(_RECORD)

    audit_id: str
    at: datetime
    actor: str
    """`key:KEY_ID`, `oidc:SUBJECT`, or who works at a command line."""
    role: str
    place: str
    """The address of the client as the service saw it, which may be a proxy's."""
    request_id: str | None
    """`X-Request-Id` of the answer; null = of a command."""
    action: str
    """`resource:verb`."""
    target: str
    """What was changed, by its id."""
    before: dict[str, Any] | None
    after: dict[str, Any] | None

    @classmethod
    def told(cls, record: Record) -> AuditRecord:
        """Return what is told of a record."""
        return cls(
            audit_id=record.audit_id,
            at=record.at,
            actor=record.actor,
            role=record.role,
            place=record.origin.place,
            request_id=record.origin.request_id,
            action=record.action,
            target=record.target,
            before=None if record.before is None else dict(record.before),
            after=None if record.after is None else dict(record.after),
        )
