"""What users do with what they were sent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sendopt.records.ids import SendId


class ResponseKind(StrEnum):
    """What a user can do with a send, apart from clicking its link."""

    OPEN = "open"
    RESPONSE = "response"
    DISMISSAL = "dismissal"
    OPT_OUT = "opt_out"


@dataclass(frozen=True, slots=True)
class Response:
    """What came back for a send: at most one of a kind counts."""

    send_id: SendId
    kind: ResponseKind
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class Click:
    """One request for a signed link, billable or not; every one is kept."""

    click_id: str
    send_id: SendId
    link_id: str
    occurred_at: datetime
    user_agent: str
    filtered_reason: str | None  # None = billable; else the first rule that refused it
