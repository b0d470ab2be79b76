"""Whether a user may be sent anything."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sendopt.records.ids import UserId


@dataclass(frozen=True, slots=True)
class Consent:
    """A user's word on whether anything may be sent; of two the later holds."""

    user_id: UserId
    given: bool  # False = an opt-out
    at: datetime  # when the user said so
