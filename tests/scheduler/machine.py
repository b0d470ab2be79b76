"""A tenant's whole life with its campaigns, in any order, with everything that may come between."""

from __future__ import annotations

import itertools
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from scheduler import rules
from scheduler.door import Door
from scheduler.draws import (
    DAY,
    HOUR,
    MINUTE,
    STARTS,
    TRIGGERED,
    USERS,
    campaigns,
    devices,
    limits,
    outcomes,
    quiet_hours,
    users,
    zones,
)
from scheduler.facts import Facts, Launched
from scheduler.judge import FINAL, Judge, Send
from scheduler.played_service import ADDRESS, PlayedService

from sendopt.errors import SendoptError
from sendopt.state import audit

#: What may be refused because of what happened before, and is not the request's fault.
_OVERTAKEN = {"campaign_cancelled", "no_feasible_slot", "user_erased", "window_invalid"}


class Scheduler(RuleBasedStateMachine):
    """One tenant, a few users, and all that may happen to their messages."""

    def __init__(self, service: PlayedService, tally: Counter[str]) -> None:
        super().__init__()
        self.service = service
        self.tally = tally  # of all lives: how often sends ended for which reason
        self.facts = Facts()
        self.judge = Judge(self.facts, service)
        self.wanted: deque[Any] = deque()  # of the push service, the next first
        self.numbers = itertools.count()
        self.erasing = False

    @property
    def now(self) -> datetime:
        return self.service.clock.now()

    @initialize(
        start=st.sampled_from(STARTS),
        said=limits,
        known=st.lists(zones, min_size=4, max_size=4),
        first=campaigns,
    )
    def begin(
        self,
        start: datetime,
        said: dict[str, Any],
        known: list[str | None],
        first: dict[str, Any],
    ) -> None:
        self.service.begin(start, lambda clock: Door(self.facts, self.judge, self.wanted, clock))
        self.limit(said)
        for user, zone in zip(USERS, known, strict=False):  # the last one joins late, if ever
            self.register(user, f"phone-of-{user}", zone)
        for message_class, campaign_id in TRIGGERED.items():
            definition = self._definition(
                campaign_id,
                audience="triggered",
                quiet_hours={"start": "22:00", "end": "07:00"},
                message_class=message_class,
                message_type="news",
                send_window=(timedelta(0), 60 * DAY),
            )
            self.service.owner.campaigns.put(definition, commit=True)
            self.facts.campaigns[campaign_id] = Launched({1: definition})
        self.launch(first)

    # Users.

    @rule(user=users, device=devices, zone=zones)
    def register(self, user: str, device: str, zone: str | None) -> None:
        self._pass(timedelta(seconds=1))  # which of two was registered last is told by the time
        address = ADDRESS | {"url": f"https://push.example/{device}"}
        body = {"user_id": user, "device_id": device, "channel": "webhook", "address": address}
        body |= {"timezone": zone} if zone is not None else {}
        with self._maybe_refused("user_erased"):
            self.service.owner.devices.register(body)
            self.facts.owners.pop(device, None)
            self.facts.owners[device] = user  # the latest last; it is where it was, whoever has it
            if zone is not None:
                self.facts.zones[device] = zone

    @rule(device=devices)
    def log_out(self, device: str) -> None:
        with self._maybe_refused("device_unknown"):
            self.service.owner.devices.delete(device)
        self.facts.owners.pop(device, None)
        self.facts.zones.pop(device, None)

    @rule(user=users, zone=zones.filter(bool))
    def move(self, user: str, zone: str) -> None:
        with self._maybe_refused("user_erased"):
            self.service.owner.users.put(user, {"timezone": zone})
            self.facts.people[user].zone = zone

    @rule(user=users, given=st.sampled_from([True, True, False]))
    def say(self, user: str, given: bool) -> None:
        self._pass(timedelta(seconds=1))  # of two words at one instant the no counts
        with self._maybe_refused("user_erased"):
            self.service.owner.users.say(user, {"given": given, "source": "app"})
            self.facts.people[user].opted_out = not given

    @rule(
        user=users,
        topics=st.sampled_from([{}, {}, {"news": False}]),
        quiet=quiet_hours,
        snoozed_for=st.sampled_from([None, None, HOUR, 20 * HOUR]),
    )
    def prefer(
        self, user: str, topics: dict[str, bool], quiet: Any, snoozed_for: timedelta | None
    ) -> None:
        until = None if snoozed_for is None else (self.now + snoozed_for).isoformat()
        wants = {"topics": topics, "quiet_hours": quiet, "snoozed_until": until}
        with self._maybe_refused("user_erased"):
            self.service.owner.users.prefer(user, wants)
            self.facts.people[user].wants = wants

    @precondition(lambda self: not any(each.erased for each in self.facts.people.values()))
    @rule(user=users)
    def erase(self, user: str) -> None:
        self.service.owner.users.erase(user)
        self.erasing = not self.facts.people[user].erased
        self.facts.people[user].erased = True
        for device in [each for each, owner in self.facts.owners.items() if owner == user]:
            del self.facts.owners[device]
            self.facts.zones.pop(device, None)

    # Campaigns.

    @rule(said=campaigns)
    def launch(self, said: dict[str, Any]) -> None:
        definition = self._definition(f"c{next(self.numbers)}", **said)

        def launch() -> None:
            with self._maybe_refused("user_erased", *_refusals(definition)):
                self.service.owner.campaigns.put(definition, commit=True)
                self._note(definition)

        self._planned(launch)

    @rule(first=campaigns, second=campaigns)
    def launch_together(self, first: dict[str, Any], second: dict[str, Any]) -> None:
        definitions = [self._definition(f"c{next(self.numbers)}", **s) for s in (first, second)]

        def launch() -> None:
            refusals = [code for each in definitions for code in _refusals(each)]
            with self._maybe_refused("user_erased", *refusals):
                for definition in definitions:
                    self.service.owner.campaigns.put(definition, commit=False)
                names = [each["campaign_id"] for each in definitions]
                self.service.owner.plans.commit({"campaign_ids": names})
                for definition in definitions:
                    self._note(definition)

        self._planned(launch)

    @precondition(lambda self: self._launched())
    @rule(data=st.data())
    def commit_again(self, data: st.DataObject) -> None:
        """Late joiners get what is left of the window."""
        campaign_id = data.draw(st.sampled_from(self._launched()))
        launched = self.facts.campaigns[campaign_id]

        def commit() -> None:
            with self._maybe_refused(*_OVERTAKEN):
                self.service.owner.campaigns.commit(campaign_id)
                last = max(launched.revisions)
                self._note(launched.revisions[last], last)

        self._planned(commit)

    @precondition(lambda self: self._launched())
    @rule(data=st.data(), said=campaigns)
    def revise(self, data: st.DataObject, said: dict[str, Any]) -> None:
        """Give it other words, hours, people, and another window."""
        campaign_id = data.draw(st.sampled_from(self._launched()))
        launched = self.facts.campaigns[campaign_id]
        settled = {
            name: launched.revisions[1].get(name) for name in ("experiment", "message_class")
        }
        definition = self._definition(campaign_id, **{**said, **settled})

        def revise() -> None:
            with self._maybe_refused(*_OVERTAKEN):
                report = self.service.owner.campaigns.revise(definition)
                self._note(definition, report.revision)

        self._planned(revise)

    @precondition(lambda self: self._launched())
    @rule(data=st.data(), what=st.sampled_from(["pause", "resume", "resume", "cancel"]))
    def steer(self, data: st.DataObject, what: str) -> None:
        campaign_id = data.draw(st.sampled_from(self._launched()))
        launched = self.facts.campaigns[campaign_id]
        if what == "cancel":
            launched.cancelled = True
        with self._maybe_refused("campaign_cancelled"):
            getattr(self.service.owner.campaigns, what)(campaign_id)
            if what == "pause" and not launched.is_paused:
                launched.pauses.append((self.now, None))
            if what == "resume" and launched.is_paused:
                launched.pauses[-1] = launched.pauses[-1][0], self.now

    @rule(
        user=users,
        campaign_id=st.sampled_from(list(TRIGGERED.values())),
        when=st.sampled_from(
            [{}, {"within_minutes": 45}, {"within_minutes": 600}, {"ignore_quiet_hours": True}]
        ),
    )
    def trigger(self, user: str, campaign_id: str, when: dict[str, Any]) -> None:
        if campaign_id != TRIGGERED["urgent"]:
            when = {name: when[name] for name in when if name != "ignore_quiet_hours"}
        key = f"k{next(self.numbers)}"
        body = {"campaign_id": campaign_id, "user_id": user, "send_key": key, **when}

        def ask() -> None:
            with self._maybe_refused(*_OVERTAKEN, "user_unknown"):
                send_id = self.service.owner.sends.ask(body).send.send_id
                self.facts.requests[send_id] = body
                assert self.service.owner.sends.ask(body).repeated

        self._planned(ask)

    @rule(said=limits)
    def limit(self, said: dict[str, Any]) -> None:
        self.service.owner.limits.put(said)
        self.facts.limits = said

    # Time, and those who work in it.

    @rule(wanted=outcomes, length=st.sampled_from([MINUTE, 20 * MINUTE, 2 * HOUR]))
    def work(self, wanted: list[Any], length: timedelta) -> None:
        """Let the dispatcher do its work for a while; one that dies is started again.

        What the push service answers, or what happens at its door, is `wanted` first.
        """
        self.wanted.extend(wanted)
        self._work_until(self.now + length)

    @rule(wanted=outcomes, length=st.sampled_from([9 * HOUR, DAY, 3 * DAY]))
    def work_for_long(self, wanted: list[Any], length: timedelta) -> None:
        self.work(wanted, length)

    @rule(length=st.sampled_from([MINUTE, 20 * MINUTE, 2 * HOUR, 9 * HOUR, DAY]))
    def outage(self, length: timedelta) -> None:
        self._pass(length)

    @rule()
    def restart(self) -> None:
        self.service.restart()

    @precondition(lambda self: self.erasing)
    @rule()
    def go_on_erasing(self) -> None:
        """Sends of the erased go by other ids from then on, and stay as they ended."""
        before = Counter(map(_end_of, self.judge.look().values()))
        self.service.app.rounds.erase()
        assert Counter(map(_end_of, self.judge.look().values())) == before
        self.erasing = False

    # What must be true at every moment.

    @invariant()
    def nothing_forbidden_has_happened(self) -> None:
        assert not self.facts.violations, self._told()

    @invariant()
    def everybody_is_counted_once(self) -> None:
        before = self.judge.sends
        now = self.judge.look()
        miscounted = list(self.judge.of_counts())
        assert not miscounted, "\n".join(miscounted)
        for send_id, send in before.items():
            assert send_id in now, f"{send_id} is lost"
            if send.state in FINAL and now[send_id].revision == send.revision:
                assert (now[send_id].state, now[send_id].reason) == (send.state, send.reason)

    def teardown(self) -> None:
        """Let the rest of the world's life pass in peace: then every send has ended."""
        self.wanted.clear()
        if not self.facts.campaigns or self.facts.violations:
            return
        self._work_until(self.now + 90 * DAY)
        assert not self.facts.violations, self._told()
        unended = [send for send in self.judge.look().values() if send.state not in FINAL]
        assert not unended, unended
        self.everybody_is_counted_once()
        self.tally.update(str(send.reason) for send in self.judge.sends.values())
        with self.service.state.read_fleet() as tx:
            findings = list(audit.sends(tx))
        assert not findings, findings

    # How it is done.

    def _told(self) -> str:
        return "\n".join(self.facts.violations)

    def _work_until(self, until: datetime) -> None:
        dispatcher = self.service.dispatcher
        while (ready_at := dispatcher.next_ready_at()) is not None and ready_at <= until:
            self.service.clock.advance_to(ready_at)
            before = self.judge.look()
            try:
                dispatcher.dispatch_due()
            except MemoryError:
                self.service.restart()
                dispatcher = self.service.dispatcher
            self.judge.look()
            self.facts.violations += self.judge.of_ends(before, self.now)
            if self.facts.violations:
                return
        self.service.clock.advance_to(until)

    def _pass(self, length: timedelta) -> None:
        self.service.clock.advance(length)

    def _planned(self, plan: Callable[[], None]) -> None:
        before = self.judge.look()
        plan()
        self.judge.look()
        self.facts.violations += self.judge.of_plan(before, self.now)

    def _note(self, definition: dict[str, Any], revision: int = 1) -> None:
        """Note that a definition was accepted, for all who are in its audience now."""
        launched = self.facts.campaigns.setdefault(definition["campaign_id"], Launched())
        launched.revisions[revision] = definition
        audience, reachable = definition["audience"], self.facts.owners.values()
        launched.audiences |= set(reachable if audience == "everyone" else audience)

    def _launched(self) -> list[str]:
        return sorted(set(self.facts.campaigns) - set(TRIGGERED.values()))

    @contextmanager
    def _maybe_refused(self, *codes: str) -> Iterator[None]:
        try:
            yield
        except SendoptError as refusal:
            if refusal.code not in codes:
                raise

    def _definition(self, campaign_id: str, **said: Any) -> dict[str, Any]:
        definition = {
            "campaign_id": campaign_id,
            "channel": "webhook",
            "variants": [{"variant_id": "v", "title": "t", "body": "b"}],
            **said,
            "send_window": _window(said["send_window"], self.now),
        }
        if definition.get("message_class", "marketing") != "marketing":
            definition.pop("experiment", None)
            definition.pop("fallback_local_time", None)
        return {name: said for name, said in definition.items() if said or name == "quiet_hours"}


def _end_of(send: Send) -> tuple[str, int, str, str | None]:
    return send.campaign_id, send.revision, send.state, send.reason


def _refusals(definition: dict[str, Any]) -> list[str]:
    """Return how a definition must be refused: it is quiet whenever its window is open."""
    quiet, window = definition["quiet_hours"], definition["send_window"]
    if quiet is None or window.get("local_times") is None:
        return []
    day = [datetime(2026, 7, 1, tzinfo=UTC) + number * MINUTE for number in range(1440)]
    is_open = [at for at in day if rules.is_quiet(at, "UTC", window["local_times"])]
    silent = all(rules.is_quiet(at, "UTC", quiet) for at in is_open)
    return ["no_feasible_slot"] if silent else []


def _window(said: Any, now: datetime) -> dict[str, Any]:
    if isinstance(said[0], timedelta):
        after, lasts = said
        return {
            "earliest_at": (now + after).isoformat(),
            "latest_at": (now + after + lasts).isoformat(),
        }
    after, days, hours = said
    # Begun or to begin anywhere on the earth: tomorrow's dates are over nowhere.
    dates = [(now + (1 + after + number) * DAY).date().isoformat() for number in range(days)]
    return {"local_dates": dates} | ({} if hours is None else {"local_times": hours})
