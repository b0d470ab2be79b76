"""Results of a campaign: whatever it is divided by, the parts add up to the total."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from sendopt.evaluate.campaign_results import CampaignResults, Counts, campaign_results
from sendopt.records import Arm, Channel, CountedSends, SendState, VariantId

MIDNIGHT = datetime(2026, 10, 1, tzinfo=UTC)

COUNTED = st.builds(
    CountedSends,
    variant_id=st.sampled_from(["a", "b"]).map(VariantId),
    arm=st.none() | st.sampled_from(Arm),
    channel=st.sampled_from(Channel),
    due_at=st.none() | st.integers(0, 200).map(lambda hours: MIDNIGHT + timedelta(hours=hours)),
    timezone=st.sampled_from(["UTC", "Asia/Kathmandu", "America/New_York"]),
    state=st.sampled_from(SendState),
    reason=st.none() | st.sampled_from(["gave_up", "opted_out"]),
    sends=st.integers(1, 1000),
    opened=st.integers(0, 1000),
    clicked=st.integers(0, 1000),
    responded=st.integers(0, 1000),
    dismissed=st.integers(0, 1000),
    opted_out=st.integers(0, 1000),
    revision=st.integers(1, 3),
)


def added(parts: list[Counts]) -> Counts:
    total = Counts()
    for part in parts:
        for each in fields(Counts):
            setattr(total, each.name, getattr(total, each.name) + getattr(part, each.name))
    return total


@given(st.lists(COUNTED, max_size=30))
def test_every_division_adds_up_to_the_total(counted: list[CountedSends]) -> None:
    results = campaign_results(counted)
    assert results.total.sends == sum(each.sends for each in counted)
    assert sum(results.total.states.values()) == results.total.sends
    assert results.total.delivered == results.total.states[SendState.DELIVERED]
    for division in fields(CampaignResults)[1:]:
        parts = list(getattr(results, division.name).values())
        assert added(parts) == results.total, division.name


def test_an_hour_is_that_of_the_users_clock_on_both_sides_of_a_change() -> None:
    # Vienna leaves summer time on 2026-10-25 at 01:00 UTC.
    def one(due_at: datetime) -> CountedSends:
        return CountedSends(
            VariantId("a"),
            None,
            Channel.WEBHOOK,
            due_at,
            "Europe/Vienna",
            SendState.DELIVERED,
            None,
            *(1, 1, 0, 0, 0, 0),
        )

    before = datetime(2026, 10, 24, 16, tzinfo=UTC)
    after = datetime(2026, 10, 25, 17, tzinfo=UTC)
    assert {*campaign_results([one(before), one(after)]).by_local_hour} == {"18"}


def test_no_campaign_has_no_results() -> None:
    nothing = campaign_results([])
    assert nothing.total == Counts()
    assert nothing.by_variant == nothing.by_local_hour == {}
