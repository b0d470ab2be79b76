"""What is known of a day without asking the product: who was told what, and when.

Transactions of all processes are numbered in the order in which they were committed; whether a
claim knew of an opt-out is a matter of these numbers, not of clocks.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sendopt.records import Message, Outcome

SendKey = tuple[str, str]  # tenant, send


@dataclass(eq=False)
class Request:
    """Something that was asked for; repeated by its client until it is answered."""

    kind: str
    tenant_id: str
    begun_as: int  # the number of the last transaction before it
    begun_at: datetime  # by the clock on the wall
    args: dict[str, Any]
    answered_as: int | None = None  # None = its client never heard of it
    answer: Any = None  # what the use case returned
    refusal: str | None = None  # or the code of its error

    @property
    def done(self) -> bool:
        return self.answered_as is not None and self.refusal is None

    def done_before(self, number: int) -> bool:
        """Tell whether a transaction of that number must have known of it."""
        return self.done and self.answered_as is not None and self.answered_as < number


@dataclass(eq=False)
class HandOver:
    """One message at a provider's door."""

    message: Message
    claimed_at: datetime  # by the clock on the wall
    held_from: datetime  # the same instant, of the time that passes
    claimed_as: int
    at: datetime
    steps: int = 0  # how often the clock on the wall had been set
    accepted: bool = False  # the provider took it, whatever it said
    told: Outcome | None = None  # None = the dispatcher died before it heard
    told_at: datetime | None = None
    recorded_as: int | None = None  # the transaction in which its outcome was written down
    recorded_at: datetime | None = None

    @property
    def key(self) -> SendKey:
        return self.message.tenant_id, self.message.send_id


@dataclass(frozen=True, slots=True)
class Promise:
    """A send as it was first seen in the store."""

    campaign_id: str
    user_id: str
    state: str
    due_at: int | None  # microseconds
    expires_at: int | None


@dataclass
class Facts:
    """Everything that happened."""

    requests: list[Request] = field(default_factory=list)
    hand_overs: list[HandOver] = field(default_factory=list)
    by_send: dict[SendKey, list[HandOver]] = field(default_factory=lambda: defaultdict(list))
    promises: dict[SendKey, Promise] = field(default_factory=dict)
    closed: dict[tuple[str, str], str] = field(default_factory=dict)  # first document that was told

    def asked(self, *kinds: str, tenant_id: str | None = None) -> list[Request]:
        return [
            request
            for request in self.requests
            if request.kind in kinds and tenant_id in (None, request.tenant_id)
        ]
