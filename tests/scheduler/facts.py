"""What a trial has done, and what came to the push service's door: all that the judge knows."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from scheduler.played_service import TENANT_ZONE


@dataclass
class Person:
    """A user, by what was said of them last."""

    zone: str | None = None  # of the profile
    opted_out: bool = False
    erased: bool = False
    wants: dict[str, Any] = field(default_factory=dict)

    @property
    def snoozed_until(self) -> datetime | None:
        said = self.wants.get("snoozed_until")
        return None if said is None else datetime.fromisoformat(said)


@dataclass
class Launched:
    """A campaign that was accepted, with all its revisions by number."""

    revisions: dict[int, dict[str, Any]] = field(default_factory=dict)
    audiences: set[str] = field(default_factory=set)  # whom any of its plans was for
    cancelled: bool = False
    pauses: list[tuple[datetime, datetime | None]] = field(default_factory=list)

    @property
    def is_paused(self) -> bool:
        return bool(self.pauses) and self.pauses[-1][1] is None

    def was_paused(self, at: datetime) -> bool:
        return any(since <= at and (until is None or at <= until) for since, until in self.pauses)


@dataclass
class HandOver:
    """A message that came to the push service's door."""

    send_id: str
    user_id: str
    campaign_id: str
    revision: int
    at: datetime
    accepted: bool | None = None  # None = the process died before it was told


@dataclass
class Facts:
    """Everything that was said, done and seen."""

    people: dict[str, Person] = field(default_factory=lambda: defaultdict(Person))
    owners: dict[str, str] = field(default_factory=dict)  # of living devices, the latest last
    zones: dict[str, str] = field(default_factory=dict)  # that devices showed last
    campaigns: dict[str, Launched] = field(default_factory=dict)
    requests: dict[str, dict[str, Any]] = field(default_factory=dict)  # by send that was asked for
    limits: dict[str, Any] = field(default_factory=dict)
    hand_overs: list[HandOver] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)

    def definition(self, campaign_id: str, revision: int) -> dict[str, Any]:
        return self.campaigns[campaign_id].revisions[revision]

    def device_of(self, user_id: str, planned_for: str | None) -> str | None:
        """Return the device that a message goes to: the plan's, else the one registered last."""
        its = [device for device, owner in self.owners.items() if owner == user_id]
        return planned_for if planned_for in its or not its else its[-1]

    def zones_of(self, user_id: str, device_id: str | None, planned_in: str | None) -> set[str]:
        """Return where a user is by what is known now.

        Two where nobody has said anything: the tenant's, and the one that the plan was made in.
        """
        told = self.zones.get(device_id or "") or self.people[user_id].zone
        return {told} if told else {TENANT_ZONE, planned_in or TENANT_ZONE}
