"""The sentence that tells why a send has its time is true of the record."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from examples import at_most
from hypothesis import given, settings
from hypothesis import strategies as st
from schedule.test_plan_properties import Planning, planned, plannings
from schedule.test_plan_together import DAY, HOUR, a_campaign, asked, people

from sendopt.records import (
    Capacity,
    Decision,
    EndReason,
    Exclusion,
    Exploration,
    FrequencyCap,
    Plan,
    PlannedSend,
    Policy,
    SendId,
    SendingLimits,
    Slot,
    TenantId,
    ZoneSource,
)
from sendopt.schedule.plan import plan_together
from sendopt.schedule.why import why, why_of

SEVEN = datetime(2026, 3, 3, 7, tzinfo=UTC)


def sentences(plan: Plan) -> list[tuple[PlannedSend, Decision, str]]:
    return [
        (send, decision, why_of(send, decision))
        for send, decision in zip(plan.sends, plan.decisions, strict=True)
    ]


def check(plan: Plan) -> None:
    for send, decision, said in sentences(plan):
        assert re.fullmatch(r"[A-Z][^.]*(\d\.\d[^.]*)*\.", said), said
        slot = decision.chosen_slot
        is_shown = slot is not None and send.reason in {None, EndReason.KEPT_BACK}
        if is_shown:
            at = slot.starts_at.astimezone(ZoneInfo(decision.timezone))
            assert f"{at:%A %d %B %Y, %H:%M} in {decision.timezone}" in said
        else:
            assert said.startswith("Nothing is sent: ")
        known = {
            f"{each.starts_at.astimezone(ZoneInfo(decision.timezone)):%H:%M}"
            for each in decision.slots
        }
        assert set(re.findall(r"\d\d:\d\d", said)) <= known
        if send.reason == EndReason.KEPT_BACK:
            continue
        assert (";" in said) == (decision.binding_constraint is not None), said


@settings(max_examples=at_most(200))
@given(plannings())
def test_it_names_the_time_and_what_bound_it(drawn: Planning) -> None:
    check(planned(*drawn))


@settings(max_examples=at_most(40))
@given(st.integers(1, 3), st.sampled_from([0.0, 0.3]))
def test_it_does_so_under_limits_over_campaigns(campaigns: int, kept_back: float) -> None:
    members = people(8)
    exploration = Exploration(Policy.EPSILON_GREEDY, 0.3)
    limits = SendingLimits(
        caps=(FrequencyCap(1, DAY),),
        least_gap=4 * HOUR,
        capacities=(Capacity(1),),
        no_send_share=kept_back,
    )
    together = plan_together(
        [asked(a_campaign(n, exploration=exploration), members, n) for n in range(campaigns)],
        TenantId("shop"),
        limits,
    )
    for plan in together.plans:
        check(plan)


def test_it_reads_like_this() -> None:
    slots = (
        Slot(SEVEN - 5 * HOUR, 0.134, Exclusion.QUIET_HOURS),
        Slot(SEVEN, 0.123),
        Slot(SEVEN + HOUR, 0.1),
    )
    decision = Decision(
        SendId("s"),
        slots,
        SEVEN,
        0.9,
        Policy.GREEDY,
        Exclusion.QUIET_HOURS,
        None,
        "3",
        41,
        "Europe/Vienna",
        ZoneSource.DEVICE,
    )
    assert why(decision) == (
        "Tuesday 03 March 2026, 08:00 in Europe/Vienna: of 2 allowed times the likeliest to be "
        "answered (12.3 %); Tuesday 03:00 is likelier by 1.1 points, but it is in the quiet hours "
        "of the campaign."
    )
