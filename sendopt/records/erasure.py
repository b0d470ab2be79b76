"""The erasure of a user: how far it is, and the receipt that is left of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sendopt.records.ids import TenantId, UserId

#: How the pseudonyms begin under which what counts is kept.
PSEUDONYM_PREFIX = "erased-"


class ErasureStep(StrEnum):
    """What was done last; each step can be repeated, and the next begins where it ended."""

    ASKED = "asked"  # refused from now on everywhere, nothing planned goes out, no device is left
    STATE = "state"  # what counts is kept under a pseudonym, all else is gone from the state
    LOG = "log"  # likewise in every file and snapshot of the log
    SCORES = "scores"  # no stored score is theirs
    FORGOTTEN = "forgotten"  # the erasure itself does not know any more whom it was about
    DONE = "done"  # pages of databases that held any of it are overwritten


@dataclass(frozen=True, slots=True)
class ErasureReceipt:
    """What an erasure can be shown by; it names nobody."""

    tenant_id: TenantId
    erasure_id: str
    asked_by: str
    asked_at: datetime
    step: ErasureStep
    done_at: datetime | None  # None = it is still under way
    counts: Mapping[str, int]  # by what was deleted, or kept under the pseudonym
    readmitted_at: datetime | None = None  # since when the same user is taken again


@dataclass(frozen=True, slots=True)
class Erasure:
    """An erasure that is under way, which still has to know whom it is about."""

    receipt: ErasureReceipt
    user_id: UserId
    pseudonym: UserId

    @property
    def tenant_id(self) -> TenantId:
        """Whose user it is."""
        return self.receipt.tenant_id

    @property
    def erasure_id(self) -> str:
        """Its own id, and that of its receipt."""
        return self.receipt.erasure_id
