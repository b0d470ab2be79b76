"""Judges what comes to the push service's door, what is planned, how sends end, and the counts.

The state's file is read past the product; what is forbidden is said by `rules`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from scheduler import rules
from scheduler.facts import Facts, HandOver
from scheduler.played_service import PlayedService, instant
from scheduler.rules import Contact

from sendopt.records import Message

FINAL = {"delivered", "failed", "expired", "cancelled", "suppressed"}
#: What is told of a send that no time was left for.
_NO_TIME_LEFT = {"quiet_hours", "snoozed", "frequency_cap", "weekly_budget", "no_allowed_slot"}
#: What was decided stands beside the campaign's plan, or, of one send, by itself.
_SENDS = """
    select send.*, coalesce(basis.timezone, alone.timezone) as zone,
        coalesce(send.propensity, alone.propensity) as chance
    from planned_send send
    left join decision_basis basis on basis.tenant_id = send.tenant_id
        and basis.campaign_id = send.campaign_id and basis.number = send.basis
    left join decision alone on alone.tenant_id = send.tenant_id and alone.send_id = send.send_id
    order by send.send_id
"""
_UNANSWERED = """
    select send_id, max(started_at) as at from attempt where finished_at is null group by send_id
"""


@dataclass(frozen=True)
class Send:
    """A send as it stands in the state's file."""

    send_id: str
    campaign_id: str
    user_id: str
    device_id: str | None
    revision: int
    state: str
    reason: str | None
    due_at: datetime | None
    expires_at: datetime | None
    ready_at: datetime | None
    handed_over_at: datetime | None
    chance: float | None  # of the time that was chosen
    zone: str | None  # in which it was planned

    @property
    def is_open(self) -> bool:
        return self.state in {"planned", "claimed"}

    @property
    def plan(self) -> tuple[object, ...]:
        """What a plan says of it, and no dispatcher changes."""
        return self.revision, self.due_at, self.expires_at


class Judge:
    """Watches a service, by the facts of a trial."""

    def __init__(self, facts: Facts, service: PlayedService) -> None:
        self._facts, self._service = facts, service
        self.sends: dict[str, Send] = {}  # as they were when it last looked
        self._version = 0  # of the state, when it last looked
        self._counted = 0

    def look(self) -> dict[str, Send]:
        """Read all sends, and return them."""
        version = self._service.version()
        if version == self._version:
            return self.sends
        self._version = version
        times = ("due_at", "expires_at", "ready_at", "handed_over_at")
        names = [name for name in Send.__dataclass_fields__ if name not in times]
        self.sends = {
            row["send_id"]: Send(
                **{name: row[name] for name in names},
                **{name: instant(row[name]) for name in times},
            )
            for row in self._service.rows(_SENDS)
        }
        return self.sends

    # What comes to the door.

    def at_the_door(self, message: Message, now: datetime) -> Iterator[str]:
        """Judge a message behind all that were handed over before it."""
        facts, send = self._facts, self._send(message.send_id)
        user, device = message.user_id, message.device.device_id
        person, definition = facts.people[user], self._definition(send)
        zones = facts.zones_of(user, device, send.zone)
        if facts.owners.get(device) != user or device != facts.device_of(user, send.device_id):
            yield f"goes to {device}, which is dead or not the one"
        if person.opted_out or person.erased:
            yield "goes to somebody who wants nothing any more"
        if person.wants.get("topics", {}).get(definition.get("message_type")) is False:
            yield "is of a topic that is not wanted"
        launched = facts.campaigns[send.campaign_id]
        if launched.cancelled or launched.is_paused:
            yield "is of a campaign that was called off or paused"
        if send.due_at is None or now < send.due_at:
            yield "comes before its time"
        if not now < message.expires_at <= self._latest(send):
            yield f"would be shown until {message.expires_at}"
        if forbidden := self._forbidden(send, zones, now):
            yield f"comes in forbidden time: {forbidden}"
        for at in rules.minutes(now, message.expires_at):
            if self._forbidden(send, zones, at):
                yield f"may be shown in forbidden time, at {at}"
                break
        yield from self._too_often(send, now)

    def _too_often(self, send: Send, now: datetime) -> Iterator[str]:
        facts, definition = self._facts, self._definition(send)
        if rules.is_marketing(definition):
            others = self._got(send.user_id, besides=send.send_id)
            broken = rules.broken_limit(facts.limits, others, now, definition.get("message_type"))
            if broken:
                yield f"breaks {broken} beside {_told(others)}"
        for before in facts.hand_overs:
            if before.send_id == send.send_id and before.accepted:
                yield f"was delivered at {before.at} already"
            same = (before.user_id, before.campaign_id) == (send.user_id, send.campaign_id)
            if same and before.send_id != send.send_id and send.send_id not in facts.requests:
                yield f"is another one of its campaign, beside that of {before.at}"

    # What was planned.

    def of_plan(self, before: dict[str, Send], now: datetime) -> Iterator[str]:
        """Judge what was planned since `before`; `self.sends` is what stands now."""
        fresh = [
            send
            for send in self.sends.values()
            if send.send_id not in before or before[send.send_id].plan != send.plan
        ]
        planned = [send for send in fresh if send.state == "planned"]
        for send in fresh:
            if send.state == "planned" and not 0 < (send.chance or 0) <= 1:
                yield f"{send.send_id} has the propensity {send.chance}"
        for send in planned:
            definition = self._definition(send)
            zones = self._facts.zones_of(send.user_id, send.device_id, send.zone)
            assert send.due_at is not None
            if send.due_at < now or not send.due_at < (send.expires_at or now) <= self._latest(
                send
            ):
                yield f"{send.send_id} is planned for {send.due_at} to {send.expires_at}"
            if forbidden := self._forbidden(send, zones, send.due_at):
                yield f"{send} is planned in forbidden time: {forbidden}"
            if rules.is_marketing(definition):
                others = self._stands(send.user_id, besides=send.send_id)
                broken = rules.broken_limit(
                    self._facts.limits, others, send.due_at, definition.get("message_type")
                )
                if broken:
                    yield f"{send} is planned over {broken}, beside {_told(others)}"
        yield from self._over_capacity(planned)

    def _over_capacity(self, planned: Sequence[Send]) -> Iterator[str]:
        chosen = {
            _minute(send.due_at) for send in planned if send.send_id not in self._facts.requests
        }
        due = Counter(_minute(send.ready_at) for send in self.sends.values() if send.is_open)
        for capacity in self._facts.limits.get("capacities", ()):
            for minute in sorted(chosen):
                if due[minute] > capacity["per_minute"]:
                    yield f"{due[minute]} fall due at {minute}, {capacity['per_minute']} may"

    # How sends end.

    def of_ends(self, before: dict[str, Send], now: datetime) -> Iterator[str]:
        """Judge why sends have ended at this instant that were open `before`."""
        for send in self.sends.values():
            old = before.get(send.send_id)
            if old is None or not old.is_open or send.is_open or old.due_at is None:
                continue
            assert old.expires_at is not None
            expired = now >= old.expires_at
            if send.reason == "too_late" and not expired:
                yield f"{send.send_id} is too late before {old.expires_at}"
            launched = self._facts.campaigns[send.campaign_id]
            if send.reason == "campaign_paused" and not launched.was_paused(old.expires_at):
                yield f"{send.send_id} ends for a pause that was over by {old.expires_at}"
            was_tried = any(
                (each.send_id, each.at) == (send.send_id, now) for each in self._facts.hand_overs
            )
            if send.reason not in _NO_TIME_LEFT or was_tried:  # how long it must wait is not known
                continue
            if left := self._time_left(old, max(now, old.due_at)):
                yield f"{send.send_id} ends as {send.reason}, but may go out at {left}"

    def _time_left(self, send: Send, since: datetime) -> datetime | None:
        definition = self._definition(send)
        device = self._facts.device_of(send.user_id, send.device_id)
        zones = self._facts.zones_of(send.user_id, device, send.zone)
        others = self._got(send.user_id, besides=send.send_id) + self._unanswered(send)
        assert send.expires_at is not None
        for at in rules.minutes(since, send.expires_at):
            if any(self._why_not(send, zone, at) is not None for zone in zones):
                continue
            if not rules.is_marketing(definition) or not rules.broken_limit(
                self._facts.limits, others, at, definition.get("message_type")
            ):
                return at
        return None

    # What is counted.

    def of_counts(self) -> Iterator[str]:
        """Judge that everybody is counted once, by what the product shows."""
        if self._counted == self._version:
            return
        self._counted = self._version
        states: dict[str, Counter[str]] = defaultdict(Counter)
        people: Counter[tuple[str, str]] = Counter()
        for send in self.sends.values():
            states[send.campaign_id][send.state] += 1
            if self._definition(send)["audience"] != "triggered":
                people[send.campaign_id, send.user_id] += 1
            if (send.state in FINAL) != (send.reason is not None):
                yield f"{send.send_id} is {send.state} for the reason {send.reason}"
        for key in [key for key, count in people.items() if count > 1]:
            yield f"{key} has {people[key]} sends"
        for campaign_id, launched in self._facts.campaigns.items():
            shown = self._service.owner.campaigns.get(campaign_id).counts
            if {state: count for state, count in shown.items() if count} != states[campaign_id]:
                yield f"{campaign_id} is shown as {shown} and is {states[campaign_id]}"
            for user in launched.audiences:
                erased = self._facts.people[user].erased
                if people[campaign_id, user] != 1 and not erased:
                    yield f"{user} was accepted in {campaign_id}, and is lost"

    # By which all this is judged.

    def _forbidden(self, send: Send, zones: Collection[str], at: datetime) -> str | None:
        """Return what forbids a time, wherever of these places a user may be."""
        found = [self._why_not(send, zone, at) for zone in sorted(zones)]
        return None if None in found else ", ".join(map(str, found))

    def _why_not(self, send: Send, zone: str, at: datetime) -> str | None:
        person, request = self._facts.people[send.user_id], self._facts.requests.get(send.send_id)
        definition = self._definition(send)
        if person.snoozed_until is not None and at < person.snoozed_until:
            return "snoozed"
        if not rules.in_window(at, zone, definition):
            return "outside its window"
        if request is not None and request.get("ignore_quiet_hours"):
            return None
        for hours in (definition["quiet_hours"], person.wants.get("quiet_hours")):
            if rules.is_quiet(at, zone, hours):
                return f"quiet hours in {zone}"
        return None

    def _latest(self, send: Send) -> datetime:
        assert send.due_at is not None
        lives = timedelta(minutes=self._definition(send).get("time_to_live_minutes", 240))
        return send.due_at + lives

    def _definition(self, send: Send) -> dict[str, Any]:
        return self._facts.definition(send.campaign_id, send.revision)

    def _send(self, send_id: str) -> Send:
        return self.sends.get(send_id) or self.look()[send_id]

    def _contact(self, each: HandOver) -> Contact | None:
        definition = self._facts.definition(each.campaign_id, each.revision)
        return (each.at, definition.get("message_type")) if rules.is_marketing(definition) else None

    def _got(self, user_id: str, *, besides: str) -> list[Contact]:
        """Return what a user was handed, or may have been; a send counts once, at its last time."""
        found = self._handed_over(user_id).items()
        got = [self._contact(each) for send_id, each in found if send_id != besides]
        return [contact for contact in got if contact is not None]

    def _handed_over(self, user_id: str) -> dict[str, HandOver]:
        """Return the last hand-over of each send that a user may have got."""
        return {
            each.send_id: each
            for each in self._facts.hand_overs
            if each.user_id == user_id and each.accepted is not False
        }

    def _unanswered(self, besides: Send) -> list[Contact]:
        """Return what a dispatcher began to hand over to a user and never told the outcome of."""
        found = []
        for row in self._service.rows(_UNANSWERED):
            send = self.sends[row["send_id"]]
            definition = self._definition(send)
            if send.user_id == besides.user_id and send.send_id != besides.send_id:
                at = instant(row["at"])
                if at is not None and rules.is_marketing(definition):
                    found.append((at, definition.get("message_type")))
        return found

    def _stands(self, user_id: str, *, besides: str) -> list[Contact]:
        """Return what a user got and has in store; what may have come and is tried again, once."""
        got = self._handed_over(user_id)
        to_come = [
            (send.ready_at, self._definition(send).get("message_type"))
            for send in self.sends.values()
            if send.is_open and send.user_id == user_id and send.send_id not in {besides, *got}
            if send.ready_at is not None and rules.is_marketing(self._definition(send))
        ]
        return [*self._got(user_id, besides=besides), *to_come]


def _told(contacts: Sequence[Contact]) -> str:
    return ", ".join(f"{at:%m-%d %H:%M:%S} {of_type}" for at, of_type in sorted(contacts))


def _minute(at: datetime | None) -> datetime | None:
    return None if at is None else at.replace(second=0, microsecond=0)
