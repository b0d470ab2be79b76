"""Windows of requested sends: local times over changes of the clocks, and what makes no window."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import example, given, settings
from hypothesis import strategies as st

from sendopt.clock import zone_of
from sendopt.errors import InvalidInput
from sendopt.records import (
    Campaign,
    CampaignId,
    Channel,
    LocalMoment,
    SendRequest,
    UserId,
    Variant,
    VariantId,
)
from sendopt.schedule.requested_window import (
    RequestedWindow,
    instant_showing,
    requested_window,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
#: An hour, half an hour and a whole day that are skipped or shown twice, and zones without any.
ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "America/Santiago",
    "Africa/Casablanca",
    "Pacific/Apia",
)
NEW_YEAR = datetime.fromisoformat("2026-01-01T00:00")
LOCAL = st.integers(0, 365 * 24 * 60).map(lambda minutes: NEW_YEAR + minutes * MINUTE)


def instants_of(shown: datetime, zone: str) -> list[datetime]:
    """Return every minute within two days at which clocks show this, found by looking at them."""
    first = shown.replace(tzinfo=UTC) - DAY
    minutes = (first + index * MINUTE for index in range(2 * 24 * 60))
    tz = zone_of(zone)
    return [at for at in minutes if at.astimezone(tz).replace(tzinfo=None) == shown]


@given(LOCAL, st.sampled_from(ZONES))
@example(datetime.fromisoformat("2026-10-25T02:30"), "Europe/Berlin")
@example(datetime.fromisoformat("2026-03-29T02:30"), "Europe/Berlin")
@example(datetime.fromisoformat("2026-04-05T01:45"), "Australia/Lord_Howe")
@example(datetime.fromisoformat("2026-10-04T02:15"), "Australia/Lord_Howe")
@settings(max_examples=40, deadline=None)
def test_a_local_time_is_the_first_that_shows_it_and_a_skipped_one_moves_forward(
    shown: datetime, zone: str
) -> None:
    at = instant_showing(shown, zone_of(zone))
    found = instants_of(shown, zone)
    if found:
        assert at == found[0]
        return
    moved = at.astimezone(zone_of(zone)).replace(tzinfo=None)
    assert moved > shown
    # As far behind the change as it would have lain behind the beginning of what was skipped.
    before = shown
    while not instants_of(before, zone):
        before -= MINUTE
    change = instants_of(before, zone)[-1] + MINUTE
    assert at - change == shown - (before + MINUTE)


def a_campaign(begins: timedelta, length: timedelta) -> Campaign:
    return Campaign(
        CampaignId("c"),
        (Variant(VariantId("v"), "t", "b"),),
        Channel.SIMULATOR,
        NOW + begins,
        NOW + begins + length,
        audience=(),
    )


HOURS = st.integers(-200, 200).map(lambda hours: timedelta(hours=hours))


@given(
    HOURS,
    HOURS.filter(lambda length: length > timedelta(0)),
    st.none() | HOURS,
    st.none() | HOURS,
    st.none() | st.integers(1, 44_640).map(lambda minutes: minutes * MINUTE),
)
@settings(max_examples=200, deadline=None)
def test_a_window_lies_within_all_that_was_said_or_all_faults_are_told(
    begins: timedelta,
    length: timedelta,
    not_before: timedelta | None,
    not_after: timedelta | None,
    within: timedelta | None,
) -> None:
    request = SendRequest(
        CampaignId("c"),
        UserId("u"),
        "k",
        None if not_before is None else NOW + not_before,
        None if not_after is None or within is not None else NOW + not_after,
        within,
    )
    campaign = a_campaign(begins, length)
    found = requested_window(request, campaign, timezone="UTC", happened_at={}, now=NOW)
    earliest_at = max([NOW] + ([] if not_before is None else [NOW + not_before]))
    ends = earliest_at + within if within is not None else request.not_after
    assert not isinstance(ends, LocalMoment)
    if isinstance(found, RequestedWindow):
        assert found.earliest_at == max(earliest_at, campaign.earliest_at)
        assert found.earliest_at < found.latest_at <= campaign.latest_at
        assert found.is_chosen_in == (ends is not None)
        if isinstance(ends, datetime):
            assert found.latest_at <= ends
        return
    assert found
    assert all(isinstance(each, InvalidInput) and each.field for each in found)
    too_long = isinstance(ends, datetime) and ends - earliest_at > timedelta(hours=499)
    ends_at = ends if isinstance(ends, datetime) else campaign.latest_at
    latest_at = min(ends_at, campaign.latest_at)
    assert too_long or max(earliest_at, campaign.earliest_at) >= latest_at
