"""Who speaks for the devices of one user: a browser, with a token that its tenant gave it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sendopt.records.ids import TenantId, UserId
from sendopt.records.origin import UNKNOWN_ORIGIN, Origin


@dataclass(frozen=True, slots=True)
class DevicePrincipal:
    """A browser that may register and delete devices of one user, and report for its own sends."""

    tenant_id: TenantId
    user_id: UserId
    ends_at: datetime  # of the token
    origin: Origin = UNKNOWN_ORIGIN
