"""Campaigns of one tenant stand beside each other: limits hold over all of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest

from sendopt.app import App, open_app
from sendopt.clock import VirtualClock
from sendopt.errors import Conflict, InvalidInput, NotFound
from sendopt.records import CampaignId, Capacity, FrequencyCap, SendingLimits, TenantId
from sendopt.settings import Settings
from sendopt.state import State, sending_limits
from sendopt.state.send_list import SendFilter

TENANT = TenantId("default")
START = datetime(2026, 10, 1, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
USERS = 6


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(START)


@pytest.fixture
def app(home: Path, clock: VirtualClock) -> Iterator[App]:
    with closing(open_app(Settings(home=home), clock=clock)) as app:
        for number in range(USERS):
            app.as_owner_of(TENANT).devices.register(
                {
                    "device_id": f"d{number}",
                    "user_id": f"u{number}",
                    "channel": "simulator",
                    "address": {},
                }
            )
        yield app


def limited(home: Path, limits: SendingLimits) -> None:
    state = State(f"sqlite:///{home / 'state.sqlite'}")
    with closing(state), state.write(TENANT) as tx:
        sending_limits.put(tx, limits, now=START)


def a_campaign(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "campaign_id": f"campaign-{number}",
        "channel": "simulator",
        "variants": [{"variant_id": "v", "title": "t", "body": "b"}],
        "send_window": {
            "earliest_at": START.isoformat(),
            "latest_at": (START + 12 * HOUR).isoformat(),
        },
        "quiet_hours": None,
        "audience": "everyone",
    } | changes


def planned(app: App) -> dict[str, list[datetime]]:
    found = defaultdict(list)
    for send in app.as_owner_of(TENANT).sends.page(SendFilter(), limit=500).items:
        if send.send.due_at is not None:
            found[send.send.user_id].append(send.send.due_at)
    return {user: sorted(times) for user, times in found.items()}


def test_what_one_campaign_has_planned_counts_for_the_next(app: App, home: Path) -> None:
    limited(home, SendingLimits(caps=(FrequencyCap(2, timedelta(days=1)),), least_gap=2 * HOUR))
    reports = [
        app.as_owner_of(TENANT).campaigns.put(a_campaign(number), commit=True)
        for number in range(3)
    ]
    for times in planned(app).values():
        assert len(times) == 2
        assert all(later - at >= 2 * HOUR for at, later in pairwise(times))
    assert [report.counts["planned"] for report in reports] == [USERS, USERS, 0]
    assert reports[2].preview.suppressed == {"frequency_cap": USERS}
    sends = app.as_owner_of(TENANT).sends
    one = next(
        send for send in sends.page(SendFilter(), limit=500).items if send.send.due_at is None
    )
    assert {slot.excluded_by for slot in sends.get(one.send.send_id)["decision"].slots} == {
        *("least_gap", "frequency_cap")
    }


def test_a_campaign_is_planned_again_beside_what_it_has_sent(app: App, home: Path) -> None:
    limited(home, SendingLimits(weekly_budget=1))
    owner = app.as_owner_of(TENANT)
    owner.campaigns.put(a_campaign(0), commit=True)
    owner.devices.register(
        {"device_id": "late", "user_id": "late", "channel": "simulator", "address": {}}
    )
    assert owner.campaigns.put(a_campaign(0), commit=True).counts["planned"] == USERS + 1


def test_a_revised_campaign_does_not_stand_in_its_own_way(app: App, home: Path) -> None:
    limited(home, SendingLimits(weekly_budget=1, capacities=(Capacity(1),)))
    owner = app.as_owner_of(TENANT)
    owner.campaigns.put(a_campaign(0), commit=True)
    before = planned(app)
    report = owner.campaigns.revise(a_campaign(0, fallback_local_time="12:00"))
    assert report.planned_count == USERS
    after = planned(app)
    assert after.keys() == before.keys()
    assert Counter(at.hour for [at] in after.values()) == {12: USERS}
    assert len({at for [at] in after.values()}) == USERS


def test_whom_a_revision_lets_in_again_has_no_more_room_than_before(app: App, home: Path) -> None:
    limited(home, SendingLimits(weekly_budget=1))
    owner = app.as_owner_of(TENANT)
    for number in range(2):
        owner.campaigns.put(a_campaign(number), commit=True)
    report = owner.campaigns.revise(a_campaign(1, fallback_local_time="12:00"))
    assert (report.planned_count, report.suppressed_count) == (0, USERS)


def test_a_campaign_that_reaches_nobody_is_planned_beside_capacities(app: App, home: Path) -> None:
    limited(home, SendingLimits(capacities=(Capacity(1),)))
    owner = app.as_owner_of(TENANT)
    report = owner.campaigns.put(a_campaign(0, audience="triggered"), commit=True)
    assert report.committed
    assert owner.campaigns.put(a_campaign(1, audience=["nobody"]), commit=True).counts == {
        **report.counts,
        "suppressed": 1,
    }


def test_a_campaign_that_has_no_time_takes_none_from_the_others(app: App, home: Path) -> None:
    limited(home, SendingLimits(capacities=(Capacity(1),)))
    owner = app.as_owner_of(TENANT)
    silent = {"start": "08:00", "end": "22:00"}  # all of the window
    owner.campaigns.put(a_campaign(0), commit=False)
    owner.campaigns.put(a_campaign(1, quiet_hours=silent), commit=False)
    report = owner.plans.commit({"campaign_ids": ["campaign-0", "campaign-1"]})
    assert [each.planned_count for each in report.previews] == [USERS, 0]
    assert report.previews[1].suppressed == {"no_allowed_slot": USERS}


def test_what_fell_due_a_moment_ago_takes_its_part_of_the_minute(
    app: App, clock: VirtualClock, home: Path
) -> None:
    limited(home, SendingLimits(capacities=(Capacity(USERS),)))
    owner = app.as_owner_of(TENANT)
    end = (START + timedelta(seconds=50)).isoformat()
    first = {"earliest_at": START.isoformat(), "latest_at": end}
    assert owner.campaigns.put(a_campaign(0, send_window=first), commit=True).preview.planned_count
    clock.advance(timedelta(seconds=20))
    rest = {"earliest_at": clock.now().isoformat(), "latest_at": end}
    report = owner.campaigns.put(a_campaign(1, send_window=rest), commit=True)
    assert report.preview.suppressed == {"capacity": USERS}


@pytest.mark.parametrize("capacities", [(), (Capacity(USERS),)])
def test_what_is_left_of_a_minute_is_planned_under_limits(
    app: App, clock: VirtualClock, home: Path, capacities: tuple[Capacity, ...]
) -> None:
    """The last candidate is over since seven seconds, and the window is not."""
    limited(home, SendingLimits(least_gap=HOUR, capacities=capacities))
    clock.advance(timedelta(seconds=7))
    window = {
        "earliest_at": START.isoformat(),
        "latest_at": (START + timedelta(minutes=30)).isoformat(),
    }
    report = app.as_owner_of(TENANT).campaigns.put(a_campaign(0, send_window=window), commit=True)
    assert report.counts["planned"] == USERS


@pytest.mark.parametrize("lasts", [HOUR + timedelta(seconds=3), timedelta(seconds=50)])
def test_nobody_is_spread_beyond_the_window(app: App, home: Path, lasts: timedelta) -> None:
    """Its last candidate is the full hour, three seconds before it is over; or its only one."""
    limited(home, SendingLimits(capacities=(Capacity(2),)))
    owner = app.as_owner_of(TENANT)
    window = {"earliest_at": START.isoformat(), "latest_at": (START + lasts).isoformat()}
    report = owner.campaigns.put(a_campaign(0, send_window=window), commit=True)
    times = [at for of_user in planned(app).values() for at in of_user]
    assert all(START <= at < START + lasts for at in times)
    assert max(Counter(times).values()) <= 2
    may = USERS if lasts > HOUR else 2
    assert (report.counts["planned"], report.counts["suppressed"]) == (may, USERS - may)


def test_campaigns_that_are_planned_at_once_do_not_share_room(app: App, home: Path) -> None:
    limited(home, SendingLimits(least_gap=HOUR))
    at_once = Barrier(4)

    def commit(number: int) -> None:
        at_once.wait()
        app.as_owner_of(TENANT).campaigns.put(a_campaign(number), commit=True)

    threads = [Thread(target=commit, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for times in planned(app).values():
        assert len(times) == 4
        assert all(later - at >= HOUR for at, later in pairwise(times))


def test_campaigns_that_are_planned_together_say_who_gives_way(app: App, home: Path) -> None:
    limited(home, SendingLimits(least_gap=2 * HOUR, capacities=(Capacity(1),)))
    owner = app.as_owner_of(TENANT)
    names = [f"campaign-{number}" for number in range(2)]
    for number in range(2):
        owner.campaigns.put(a_campaign(number), commit=False)
    before = owner.plans.preview({"campaign_ids": names})
    assert planned(app) == {}
    after = owner.plans.commit({"campaign_ids": names})
    assert [each.planned_count for each in after.previews] == [USERS, USERS]
    assert [each.by_utc_hour for each in after.previews] == [
        each.by_utc_hour for each in before.previews
    ]
    for times in planned(app).values():
        assert len(times) == 2
        assert times[1] - times[0] >= 2 * HOUR
    report = before.limits
    assert report is not None
    [conflict] = report.conflicts
    assert conflict.campaign_ids == ("campaign-0", "campaign-1")
    assert conflict.shared_count == USERS
    assert {cost.kind for cost in report.costs} == {"least_gap", "capacity"}
    assert all(0 <= cost.at_least <= cost.at_most for cost in report.costs)
    assert all(cost.median_loss <= cost.greatest_loss for cost in report.costs)
    moved = sum(cost.message_count for cost in report.costs)
    assert moved == sum(conflict.moved_counts) > 0
    assert report.expected <= report.best_possible
    assert sum(use.planned_count for use in report.capacity) == 2 * USERS


def test_what_cannot_be_planned_together_is_refused(app: App) -> None:
    owner = app.as_owner_of(TENANT)
    with pytest.raises(InvalidInput, match="twice"):
        owner.plans.preview({"campaign_ids": ["a", "a"]})
    with pytest.raises(NotFound):
        owner.plans.commit({"campaign_ids": ["a", "b"]})


def test_a_draft_that_is_refused_leaves_the_others_uncommitted(app: App) -> None:
    owner = app.as_owner_of(TENANT)
    for number in range(2):
        owner.campaigns.put(a_campaign(number), commit=False)
    owner.campaigns.cancel(CampaignId("campaign-1"))
    with pytest.raises(Conflict):
        owner.plans.commit({"campaign_ids": ["campaign-0", "campaign-1"]})
    assert owner.campaigns.get(CampaignId("campaign-0")).committed_at is None
    assert planned(app) == {}


@pytest.mark.parametrize(("count", "may_differ_by"), [(2 * USERS, 0), (2 * USERS - 2, 2)])
def test_plans_of_the_size_that_was_agreed_to_are_committed(
    app: App, count: int, may_differ_by: int
) -> None:
    owner = app.as_owner_of(TENANT)
    for number in range(2):
        owner.campaigns.put(a_campaign(number), commit=False)
    names = {"campaign_ids": ["campaign-0", "campaign-1"]}
    seen = owner.plans.preview(names)
    assert sum(each.planned_count for each in seen.previews) == 2 * USERS

    owner.plans.commit(names | {"expected_sends": {"count": count, "may_differ_by": may_differ_by}})

    assert sum(map(len, planned(app).values())) == 2 * USERS


@pytest.mark.parametrize("off", [-3, 3])
def test_plans_of_another_size_than_was_agreed_to_commit_nothing(app: App, off: int) -> None:
    owner = app.as_owner_of(TENANT)
    for number in range(2):
        owner.campaigns.put(a_campaign(number), commit=False)
    agreed = {"count": 2 * USERS + off, "may_differ_by": 2}

    with pytest.raises(Conflict) as refused:
        owner.plans.commit({"campaign_ids": ["campaign-0", "campaign-1"], "expected_sends": agreed})

    assert refused.value.code == "expected_sends_differ"
    assert planned(app) == {}
    assert owner.campaigns.get(CampaignId("campaign-0")).committed_at is None
