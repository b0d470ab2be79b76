"""Whatever is done with a campaign, in whatever order: nobody gets two, and nobody is lost."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from deliver.campaign_life import HOUR, MINUTE, SALE, TENANT, Life, a_plan, told
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from sendopt.clock import VirtualClock
from sendopt.deliver import ClaimPolicy, Dispatcher, RetryPolicy
from sendopt.deliver.providers import SimulatorProvider
from sendopt.deliver.transitions import before_attempt
from sendopt.errors import Conflict
from sendopt.records import CampaignPhase, Channel, DueSend, EndReason, Message, SendId
from sendopt.state import State, audit, plans
from sendopt.state.dispatch import Claimant, claim
from sendopt.state.due import lock_due
from sendopt.state.revisions import RevisionReport
from sendopt.state.tables import metadata
from sendopt.state.unchanged import changed

NOON = datetime.fromisoformat("2026-10-01T12:00:00+00:00")
LEASE = timedelta(minutes=2)
RETRY = RetryPolicy(timedelta(seconds=10), timedelta(hours=1), max_attempts=8)
USERS = st.sets(st.integers(0, 23), min_size=1, max_size=5)


@dataclass(frozen=True)
class Expected:
    """What a user's send must be by now."""

    state: str
    reason: str | None
    revision: int
    due_at: datetime | None
    tried: bool = False
    lease_ends_at: datetime | None = None
    expired_in_a_pause: bool = False

    @property
    def expires_at(self) -> datetime:
        assert self.due_at is not None
        return self.due_at + HOUR

    @property
    def may_be_planned_anew(self) -> bool:
        """Who has not been sent to gets the revision, unless their send was called off."""
        return not self.tried and not self.called_off

    @property
    def called_off(self) -> bool:
        return self.reason == "send_cancelled"


class Campaigns(RuleBasedStateMachine):
    """One campaign, its dispatcher, and what must become of each of its users."""

    def __init__(self, state: State) -> None:
        super().__init__()
        self.state = state
        self.clock = VirtualClock(NOON)
        with state.write_fleet() as tx:
            for table in reversed(metadata.sorted_tables):
                tx.execute(sa.delete(table))
        self.life = Life(state, self.clock, users=())
        self.expected: dict[str, Expected] = {}
        self.revision = 1
        self.committed = self.cancelled = False
        self.paused_at: datetime | None = None
        self.seen: list[tuple[Message, bool]] = []
        self.dispatcher = Dispatcher(
            state,
            {Channel.SIMULATOR: SimulatorProvider(self._hand_over)},
            self.clock,
            owner="one",
            sign_link=str,
            random_bytes=os.urandom,
            retry=RETRY,
            claims=ClaimPolicy(LEASE, batch=100),
        )

    def _hand_over(self, message: Message) -> None:
        self.seen.append((message, self.paused_at is not None))

    @initialize(users=USERS)
    def begin(self, users: set[int]) -> None:
        self.commit(users)

    @rule(users=USERS)
    def commit(self, users: set[int]) -> None:
        now = self.clock.now()
        plan = a_plan(now + 5 * MINUTE, sorted(users), self.revision)

        def commit() -> None:
            with self.state.write(TENANT) as tx:
                plans.commit(tx, plan, now=now)

        if self._is_refused(commit):
            return
        for send in plan.sends:
            planned = Expected("planned", None, self.revision, send.due_at)
            self.expected.setdefault(send.user_id, planned)

    @rule()
    def pause(self) -> None:
        if self._is_refused(self.life.pause):
            return
        self.paused_at = self.paused_at or self.clock.now()

    @rule()
    def resume(self) -> None:
        if self._is_refused(self.life.resume):
            return
        now, since, self.paused_at = self.clock.now(), self.paused_at, None
        for user, its in self.expected.items():
            if its.state == "planned" and since is not None and since < its.expires_at <= now:
                self.expected[user] = replace(its, expired_in_a_pause=True)

    @rule(minutes=st.sampled_from([2, 10, 20, 70]))
    def pause_for_a_while(self, minutes: int) -> None:
        """Chance alone seldom comes to it while something is due."""
        self.pause()
        self.wait(minutes)
        self.dispatch()
        self.resume()

    @rule()
    def outage(self) -> None:
        """No dispatcher is at work, until all that is planned is too late."""
        self.wait(120)
        self.dispatch()

    @rule(users=USERS, suppressed=USERS)
    def revise(self, users: set[int], suppressed: set[int]) -> None:
        plan = a_plan(
            self.clock.now() + 5 * MINUTE, sorted(users), self.revision + 1, suppressed=suppressed
        )
        reports: list[RevisionReport] = []
        if self._is_refused(lambda: reports.append(self.life.revise(plan))):
            return
        self.revision += 1
        before = [self.expected.get(send.user_id) for send in plan.sends]
        open_to = [its is None or its.may_be_planned_anew for its in before]
        reached = [send.state == "planned" for send in plan.sends]
        counted = Counter(state for state, is_open in zip(reached, open_to, strict=True) if is_open)
        called_off = sum(its is not None and its.called_off and not its.tried for its in before)
        assert reports == [
            RevisionReport(
                revision=self.revision,
                planned_count=counted[True],
                suppressed_count=counted[False],
                withdrawn_count=sum(
                    its.state == "planned" and its.may_be_planned_anew
                    for user, its in self.expected.items()
                    if user not in {send.user_id for send in plan.sends}
                ),
                kept_count=open_to.count(False) - called_off,
                ended_count=called_off,
            )
        ]
        for user, its in self.expected.items():
            left_out = user not in {send.user_id for send in plan.sends}
            if left_out and its.state == "planned" and its.may_be_planned_anew:
                self._end(user, "cancelled", "campaign_revised")
        for send in plan.sends:
            its = self.expected.get(send.user_id)
            if its is None or its.may_be_planned_anew:
                self.expected[send.user_id] = Expected(
                    send.state, send.reason, self.revision, send.due_at
                )

    @rule(really=st.sampled_from([*[False] * 9, True]))  # or most lives would be short
    def cancel(self, really: bool) -> None:
        if not really:
            return
        with self.state.write(TENANT) as tx:
            plans.cancel_campaign(tx, SALE, reason="campaign_cancelled", now=self.clock.now())
        self.cancelled = True
        for user, its in self.expected.items():
            if its.state == "planned":
                self._end_unless_unknown(user, "cancelled", "campaign_cancelled")

    @rule(number=st.integers(0, 23))
    def cancel_one(self, number: int) -> None:
        user = f"user-{number}"
        its = self.expected.get(user)
        if its is None or its.state != "planned":
            return
        with self.state.write(TENANT) as tx:
            plans.cancel_send(tx, SendId(f"s-{number}"), reason=EndReason.SEND_CANCELLED)
        self._end_unless_unknown(user, "cancelled", "send_cancelled")

    @precondition(lambda self: self.paused_at is None and not self.cancelled)
    @rule()
    def claim_and_die(self) -> None:
        """A dispatcher claims what is due and is never heard of again."""
        now = self.clock.now()
        by = Claimant("another", {Channel.SIMULATOR: "simulator"}, lambda: "no link")
        with self.state.write_fleet() as tx:
            due = lock_due(tx, channels=[Channel.SIMULATOR], now=now, limit=100)
            ready = [
                each
                for each in due
                if isinstance(each, DueSend) and before_attempt(each, now=now, retry=RETRY) is None
            ]
            claim(tx, ready, by, now=now, lease_ends_at=now + LEASE)
        for each in ready:
            self.expected[each.user_id] = replace(
                self.expected[each.user_id],
                state="claimed",
                tried=True,
                lease_ends_at=now + LEASE,
            )

    @rule()
    def dispatch(self) -> None:
        self.dispatcher.dispatch_due()
        for user in [*self.expected]:
            self._dispatched(user)

    def _dispatched(self, user: str) -> None:
        its, now = self.expected[user], self.clock.now()
        abandoned = its.state == "claimed"
        if abandoned:
            is_looked_at = its.lease_ends_at is not None and its.lease_ends_at <= now
        else:
            is_looked_at = its.state == "planned" and its.due_at is not None and its.due_at <= now
        if not is_looked_at:
            return
        paused = self.paused_at is not None and self.paused_at < its.expires_at
        if self.cancelled:
            self._end_unless_unknown(user, "cancelled", "campaign_cancelled")
        elif its.expires_at <= now:
            paused = paused or its.expired_in_a_pause
            self._end_unless_unknown(user, "expired", "campaign_paused" if paused else "too_late")
        elif paused:
            self.expected[user] = replace(its, state="planned", lease_ends_at=None)
        else:
            self._end(user, "delivered", "accepted")
            self.expected[user] = replace(self.expected[user], tried=True)

    @rule(minutes=st.sampled_from([2, 10, 20, 70]))
    def wait(self, minutes: int) -> None:
        self.clock.advance(minutes * MINUTE)

    @invariant()
    def everybody_is_where_they_must_be(self) -> None:
        rows = self.life.rows()
        assert {
            user: (row.state, row.reason, row.revision, row.due_at) for user, row in rows.items()
        } == {
            user: (its.state, its.reason, its.revision, its.due_at)
            for user, its in self.expected.items()
        }
        assert self.life.counts() == dict(Counter(its.state for its in self.expected.values()))

    @invariant()
    def nobody_gets_two_and_nobody_anything_while_it_is_paused(self) -> None:
        users = [message.user_id for message, _ in self.seen]
        assert len(users) == len({*users})
        assert not any(paused for _, paused in self.seen)
        for message, _ in self.seen:
            its = self.expected[message.user_id]
            assert message.variant.title == told(its.revision)["title"]
            assert its.state == "delivered"

    @invariant()
    def its_phase_says_so(self) -> None:
        at_work = any(its.state in {"planned", "claimed"} for its in self.expected.values())
        if self.cancelled:
            assert self.life.phase() is CampaignPhase.CANCELLED
        elif self.life.phase() is CampaignPhase.ENDED:
            assert not at_work
        else:
            paused = CampaignPhase.PAUSED if self.paused_at else CampaignPhase.COMMITTED
            assert self.life.phase() is paused

    def teardown(self) -> None:
        with self.state.read_fleet() as tx:
            assert list(audit.sends(tx)) == []
            for table in metadata.sorted_tables:
                assert list(changed(tx, table)) == []

    def _is_refused(self, act: Callable[[], object]) -> bool:
        if not self.cancelled:
            act()
            return False
        with pytest.raises(Conflict) as refused:
            act()
        assert refused.value.code == "campaign_cancelled"
        return True

    def _end_unless_unknown(self, user: str, state: str, reason: str) -> None:
        """Whoever was tried was tried by a dispatcher that told nobody what came of it."""
        if self.expected[user].tried:
            state, reason = "expired", "outcome_unknown"
        self._end(user, state, reason)

    def _end(self, user: str, state: str, reason: str) -> None:
        self.expected[user] = replace(self.expected[user], state=state, reason=reason)


@pytest.mark.parametrize(
    "examples", [20, pytest.param(300, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])]
)
def test_whatever_is_done_with_a_campaign(state: State, examples: int) -> None:
    few = examples if state.engine.dialect.name == "sqlite" else max(2, examples // 10)
    run_state_machine_as_test(
        lambda: Campaigns(state),
        settings=settings(
            max_examples=few,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=[*HealthCheck],
        ),
    )
