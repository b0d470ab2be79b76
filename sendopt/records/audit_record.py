"""What somebody changed, kept for ever."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sendopt.records.origin import Origin


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One change that one principal made.

    It holds no secret, and of messages and users no more than their ids: it stays when they are
    erased.
    """

    audit_id: str
    at: datetime
    actor: str  # as `Principal.actor`
    role: str
    origin: Origin
    action: str  # RESOURCE:VERB, such as "key:issue"
    target: str  # what was changed, by its id
    before: Mapping[str, Any] | None  # what was there; None = nothing, or nothing worth telling
    after: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which records; None = whichever."""

    actor: str | None = None
    action: str | None = None
    target: str | None = None
    since: datetime | None = None  # inclusive
    until: datetime | None = None  # exclusive
