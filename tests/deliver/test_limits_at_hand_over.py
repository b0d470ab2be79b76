"""Limits over campaigns, judged again as messages are handed over, on both databases."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from sendopt.deliver import DispatchReport
from sendopt.deliver.providers import SimulatorProvider
from sendopt.records import (
    Accepted,
    EndReason,
    FrequencyCap,
    Permanent,
    Retry,
    SendingLimits,
    TenantId,
)
from sendopt.state import plans, sending_limits
from sendopt.state.tables import decision, planned_send
from sendopt.state.tables_campaigns import campaign_revision
from sendopt.state.tables_limits import sending_limits as stored_limits

NOON = datetime(2026, 10, 1, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ACME = TenantId("acme")
TWO_A_DAY = SendingLimits(caps=(FrequencyCap(2, within=DAY),))
A_GAP = SendingLimits(least_gap=HOUR)


@pytest.fixture
def plan(sends):
    """Plan a send of each of some campaigns to Ann, due at the same second unless said."""

    def plan(*campaigns, limits=None, due_at=NOON, lives=timedelta(hours=4), **rules):
        if limits is not None:
            limit(limits)
        for campaign_id in campaigns:
            sends.plan(
                campaign_id=campaign_id,
                users=["ann"],
                due_at=lambda _number: due_at,
                time_to_live=lives,
            )
            if rules:
                with sends.state.write_fleet() as tx:
                    tx.execute(
                        sa.update(campaign_revision)
                        .where(campaign_revision.c.campaign_id == campaign_id)
                        .values(rules=rules)
                    )
        return [f"s-{campaign_id}-0" for campaign_id in campaigns]

    def limit(limits):
        with sends.state.write(ACME) as tx:
            sending_limits.put(tx, limits, now=NOON)

    plan.limit = limit
    sends.plan(campaign_id="before-anything", users=["somebody"], due_at=lambda _n: NOON - DAY)
    sends.change(planned_send, state="cancelled", reason="send_cancelled", ready_at=None)
    return plan


@pytest.fixture
def live(dispatcher, clock):
    """Let dispatchers work until nothing is left, and return the instants of hand-over by send."""

    def live(*dispatchers, seen=None):
        handed_over = {} if seen is None else seen
        made = dispatchers or [
            dispatcher(SimulatorProvider(lambda m: handed_over.__setitem__(m.send_id, clock.now())))
        ]
        while ready_at := made[0].next_ready_at():
            clock.advance_to(max(ready_at, clock.now()))
            for each in made:
                each.dispatch_due()
        return handed_over

    return live


def shown(sends, send_id):
    with sends.state.read(ACME) as tx:
        return plans.get_send(tx, send_id)


def weigh(sends, send_id, chances):
    """Let a decision have these probabilities, by hours from noon."""
    slots = [
        [(NOON + hours * HOUR).isoformat(), chance, excluded]
        for hours, (chance, excluded) in chances.items()
    ]
    with sends.state.write_fleet() as tx:
        tx.execute(sa.update(decision).where(decision.c.send_id == send_id).values(slots=slots))


def test_four_campaigns_at_one_second_are_spread_by_the_gap(sends, plan, live):
    planned = plan("a", "b", "c", "d", limits=A_GAP)
    assert live() == {each: NOON + at * HOUR for at, each in enumerate(planned)}
    moves = [[(each.until, each.reason) for each in shown(sends, s).moves] for s in planned]
    assert moves == [
        [],
        [(NOON + HOUR, "least_gap")],
        [(NOON + 2 * HOUR, "least_gap")],
        [(NOON + 3 * HOUR, "least_gap")],
    ]
    assert [shown(sends, each).send.due_at for each in planned] == [NOON] * 4


def test_as_many_go_as_may_and_the_others_end_with_their_reason(sends, plan, live):
    planned = plan("a", "b", "c", "d", limits=TWO_A_DAY)
    assert [*live()] == planned[:2]
    assert {sends.ends()[each] for each in planned[2:]} == {("suppressed", "frequency_cap")}


@pytest.mark.parametrize(
    "case",
    [
        (SendingLimits(weekly_budget=1), 6 * DAY, ("suppressed", "weekly_budget")),
        (SendingLimits(weekly_budget=1), 7 * DAY + HOUR, ("delivered", "accepted")),
        (SendingLimits(least_gap=5 * HOUR), 5 * HOUR, ("suppressed", "frequency_cap")),
        (TWO_A_DAY, HOUR, ("delivered", "accepted")),
        (SendingLimits(), HOUR, ("delivered", "accepted")),
        (
            SendingLimits(caps=(FrequencyCap(1, DAY, message_type="news"),)),
            HOUR,
            ("delivered", "accepted"),
        ),
        (
            SendingLimits(caps=(FrequencyCap(1, DAY, message_type="promotion"),)),
            HOUR,
            ("suppressed", "frequency_cap"),
        ),
    ],
)
def test_a_limit_looks_at_what_the_user_got_before(sends, plan, live, case):
    limits, lives, end = case
    # They are said only after the first message went out: that one counts all the same.
    plan("first")
    live()
    [second] = plan("second", limits=limits, lives=lives)
    live()
    assert sends.ends()[second] == end


@pytest.mark.parametrize("message_class", ["transactional", "urgent"])
def test_what_is_owed_to_a_user_is_neither_held_back_nor_counted(sends, plan, live, message_class):
    owed = plan("a", "b", "c", limits=TWO_A_DAY, message_class=message_class)
    chosen = plan("d", "e")
    assert live() == dict.fromkeys([*owed, *chosen], NOON)


def test_a_send_moves_to_the_most_likely_time_left(sends, plan, live):
    first, second, third = plan("a", "b", "c", limits=A_GAP)
    for each in (second, third):
        weigh(
            sends,
            each,
            {
                -1: (0.9, None),  # over
                0: (0.8, None),
                1: (0.1, None),
                2: (0.3, "capacity"),  # was full as it was planned, and nobody looks again
                3: (0.2, "frequency_cap"),  # that is judged by what is known now
                4: (0.9, None),  # it has expired by then
            },
        )
    # The third leaves the second its time, and takes the next best.
    assert live() == {first: NOON, second: NOON + 3 * HOUR, third: NOON + HOUR}


def test_what_is_planned_for_later_keeps_its_time_if_that_leaves_another(sends, plan, live):
    first, second = plan("a", "b", limits=A_GAP)
    [later] = plan("c", due_at=NOON + HOUR)
    weigh(sends, second, {1: (0.9, None), 2: (0.2, None), 3: (0.1, None)})
    assert live() == {first: NOON, later: NOON + HOUR, second: NOON + 2 * HOUR}


def test_a_send_that_has_no_other_time_takes_that_of_a_later_one(sends, plan, live):
    first, second = plan("a", "b", limits=A_GAP, lives=HOUR + HOUR / 2)
    [later] = plan("c", due_at=NOON + HOUR)
    assert live() == {first: NOON, second: NOON + HOUR, later: NOON + 2 * HOUR}


def test_a_message_that_may_have_arrived_counts(sends, plan, dispatcher, scripted, clock):
    [first, second] = plan("a", "b", limits=SendingLimits(least_gap=2 * HOUR), lives=HOUR)

    def dies(_message, _number):
        raise MemoryError

    with pytest.raises(MemoryError):
        dispatcher(scripted(dies), owner="dies").dispatch_due()
    assert sends.ends()[second] == ("suppressed", "frequency_cap")
    clock.advance(2 * HOUR)
    dispatcher(SimulatorProvider()).dispatch_due()
    assert sends.ends()[first] == ("expired", "outcome_unknown")
    [third] = plan("c", due_at=clock.now())
    [fourth] = plan("d", due_at=clock.now() - HOUR / 2, lives=HOUR)
    dispatcher(SimulatorProvider()).dispatch_due()
    assert sends.ends()[fourth] == ("delivered", "accepted")
    assert sends.ends()[third] == ("planned", None)


def test_so_does_one_of_which_only_a_later_attempt_has_failed(
    sends, plan, dispatcher, scripted, clock
):
    [first, second] = plan("a", "b", limits=SendingLimits(least_gap=2 * HOUR), lives=HOUR)

    def dies(_message, _number):
        raise MemoryError

    with pytest.raises(MemoryError):
        dispatcher(scripted(dies), batch=1).dispatch_due()
    clock.advance(HOUR / 2)
    made = dispatcher(scripted(lambda _m, _n: Permanent(EndReason.PAYLOAD_TOO_LARGE)), batch=1)
    made.dispatch_due()
    assert sends.ends()[first] == ("failed", "payload_too_large")
    assert sends.ends()[second] == ("suppressed", "frequency_cap")


def test_an_attempt_that_failed_makes_room(sends, plan, dispatcher, scripted, clock):
    first, second = plan("a", "b", limits=SendingLimits(caps=(FrequencyCap(1, DAY),)))
    made = dispatcher(
        scripted(
            lambda message, number: (
                Retry("busy", HOUR) if message.send_id == first and number == 1 else Accepted()
            )
        ),
        batch=1,
    )
    assert made.dispatch_batch() == DispatchReport(postponed=1)
    assert made.dispatch_batch() == DispatchReport(delivered=1)
    clock.advance(2 * HOUR)
    made.dispatch_due()
    assert sends.ends() | {"s-before-anything-0": None} == {
        first: ("suppressed", "frequency_cap"),
        second: ("delivered", "accepted"),
        "s-before-anything-0": None,
    }


def test_dispatchers_at_once_do_not_overlook_each_other(sends, plan, dispatcher):
    plan.limit(TWO_A_DAY)
    users = [f"user-{number}" for number in range(30)]
    for number in range(5):
        sends.plan(campaign_id=f"c{number}", users=users)
    seen: list[tuple[str, str]] = []
    made = [
        dispatcher(SimulatorProvider(lambda m: seen.append((m.user_id, m.send_id))), batch=7)
        for _ in range(4)
    ]
    threads = [threading.Thread(target=each.dispatch_due) for each in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(user for user, _ in seen) == sorted(users * 2)
    ends = [row.reason for row in sends.rows() if row.user_id in users]
    assert sorted(ends) == ["accepted"] * 60 + ["frequency_cap"] * 90


def test_nothing_is_sent_within_limits_that_nobody_can_read(sends, plan, live):
    [chosen] = plan("a", limits=TWO_A_DAY)
    [owed] = plan("b", message_class="transactional")
    sends.change(stored_limits, limits={"caps": "many"})
    assert [*live()] == [owed]
    assert sends.ends()[chosen] == ("failed", "record_damaged")


def test_the_event_of_a_moved_send_has_no_propensity(sends, plan, live):
    first, second = plan("a", "b", limits=A_GAP)
    live()
    said = {event["send_id"]: event.get("propensity") for event in sends.events()}
    assert said == {first: 0.25, second: None}
