"""Campaigns that come again: each date becomes one campaign, once, or says why it did not."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sendopt.app import App, open_app
from sendopt.app import campaigns as use_cases
from sendopt.app.work import Work
from sendopt.clock import VirtualClock
from sendopt.errors import Conflict, InvalidInput, NotFound
from sendopt.records import CampaignId, DateState, SeriesId, SeriesPhase, TenantId, UserId
from sendopt.settings import Settings

#: A Thursday. Tuesday the 6th begins at 10:00 UTC of the 5th where it begins first; its window
#: opens 17 hours later.
START = datetime(2026, 10, 1, 9, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TENANT, TIPS = TenantId("default"), SeriesId("tips")
FIRST, SECOND = CampaignId("tips-2026-10-06"), CampaignId("tips-2026-10-13")
COMES_DUE = datetime(2026, 10, 5, 23, tzinfo=UTC)  # four hours before 17:00 there


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(START)


@pytest.fixture
def app(empty_home: Path, tmp_path: Path, clock: VirtualClock) -> Iterator[App]:
    home = shutil.copytree(empty_home, tmp_path / "home")
    with closing(open_app(Settings(home=home), clock=clock)) as app:
        app.operator.create_tenant("default", timezone="UTC")
        yield app


@pytest.fixture
def work(app: App) -> Work:
    work = app.as_owner_of(TENANT)
    for user, zone in (("ann", "Europe/Vienna"), ("bob", "America/New_York")):
        work.devices.register({"user_id": user, "channel": "simulator", "timezone": zone})
    return work


def tips(**changed: Any) -> dict[str, Any]:
    return {
        "series_id": "tips",
        "channel": "simulator",
        "variants": [{"variant_id": "v", "title": "t", "body": "b"}],
        "recurrence": on(weekdays=["tue"], last_local_date="2026-10-27"),
        "local_times": {"start": "17:00", "end": "21:00"},
        "audience": "everyone",
        "quiet_hours": None,
        **changed,
    }


def on(**said: Any) -> dict[str, Any]:
    return {"first_local_date": "2026-10-06", "last_local_date": None, **said}


def counts(work: Work, campaign_id: CampaignId) -> dict[str, int]:
    told = work.campaigns.get(campaign_id).counts
    return {state: count for state, count in told.items() if count}


def states(work: Work) -> dict[str, tuple[DateState, str | None]]:
    found = work.series.dates(TIPS, limit=100).items
    return {each.local_date.isoformat(): (each.state, each.code) for each in found}


def test_a_date_becomes_a_campaign_when_it_comes_due(
    app: App, work: Work, clock: VirtualClock
) -> None:
    seen = work.series.preview(tips())
    assert [each.local_date.day for each in seen.dates] == [6, 13, 20, 27]
    assert seen.preview.planned_count == 2
    put = work.series.put(tips())
    assert (put.repeated, put.status.phase) == (False, SeriesPhase.ACTIVE)
    assert put.status.upcoming[0].commit_at == COMES_DUE
    assert work.series.put(tips()).repeated
    clock.advance_to(COMES_DUE - timedelta(seconds=1))
    assert app.rounds.recur() == 0
    clock.advance_to(COMES_DUE)
    assert app.rounds.recur() == 1
    assert app.rounds.recur() == 0
    campaign = work.campaigns.get(FIRST)
    assert counts(work, FIRST) == {"planned": 2}
    assert campaign.definition["send_window"] == {
        "local_dates": ["2026-10-06"],
        "local_times": {"start": "17:00", "end": "21:00"},
    }
    assert states(work) == {"2026-10-06": (DateState.COMMITTED, None)}
    assert [each.local_date.day for each in work.series.get(TIPS).upcoming] == [13, 20, 27]


def test_every_date_is_committed_once_and_then_the_series_has_ended(
    app: App, work: Work, clock: VirtualClock
) -> None:
    """Over the night of the 25th, in which the clocks of Vienna go back."""
    work.series.put(tips())
    while clock.now() < START + 30 * DAY:
        app.rounds.recur()
        clock.advance(7 * HOUR)
    assert states(work) == {
        f"2026-10-{day:02}": (DateState.COMMITTED, None) for day in (6, 13, 20, 27)
    }
    status = work.series.get(TIPS)
    assert (status.phase, status.upcoming) == (SeriesPhase.ENDED, ())
    assert len(work.campaigns.page(limit=10).items) == 4


def test_who_joins_meanwhile_is_in_the_dates_to_come(
    app: App, work: Work, clock: VirtualClock
) -> None:
    work.series.put(tips())
    clock.advance_to(COMES_DUE)
    app.rounds.recur()
    work.devices.register({"user_id": "cy", "channel": "simulator", "timezone": "Asia/Tokyo"})
    clock.advance(7 * DAY)
    app.rounds.recur()
    assert counts(work, FIRST) == {"planned": 2}
    assert counts(work, SECOND) == {"planned": 3}


def test_what_was_missed_while_nobody_was_at_work_is_told_and_not_sent_late(
    app: App, work: Work, clock: VirtualClock
) -> None:
    work.series.put(tips())
    clock.advance_to(START + 15 * DAY)  # the 16th: two dates are over, the third is to come
    assert app.rounds.recur() == 0
    assert states(work) == {
        "2026-10-06": (DateState.MISSED, "not_at_work"),
        "2026-10-13": (DateState.MISSED, "not_at_work"),
    }
    with pytest.raises(NotFound):
        work.campaigns.get(FIRST)
    clock.advance_to(datetime(2026, 10, 20, 16, tzinfo=UTC))  # in the midst of its window
    assert app.rounds.recur() == 1
    assert states(work)["2026-10-20"] == (DateState.COMMITTED, None)


def test_many_rounds_at_once_commit_a_date_once(app: App, work: Work, clock: VirtualClock) -> None:
    work.series.put(tips())
    clock.advance_to(COMES_DUE)
    with ThreadPoolExecutor(6) as threads:
        committed = [each.result() for each in [threads.submit(app.rounds.recur) for _ in range(6)]]
    assert sum(committed) == 1
    assert counts(work, FIRST) == {"planned": 2}


def test_a_process_that_dies_in_the_midst_leaves_the_date_to_the_next(
    app: App, work: Work, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def dies(*_args: object, **_options: object) -> None:
        raise Killed

    work.series.put(tips())
    clock.advance_to(COMES_DUE)
    with monkeypatch.context() as broken:
        broken.setattr(use_cases.plans, "commit", dies)
        with pytest.raises(Killed):
            app.rounds.recur()
    assert app.rounds.recur() == 0  # its lease holds
    clock.advance(timedelta(minutes=31))
    assert app.rounds.recur() == 1
    assert counts(work, FIRST) == {"planned": 2}


def test_pause_holds_back_dates_and_campaigns_and_resume_lets_both_go_on(
    app: App, work: Work, clock: VirtualClock
) -> None:
    work.series.put(tips())
    clock.advance_to(COMES_DUE)
    app.rounds.recur()
    assert work.series.pause(TIPS).phase is SeriesPhase.PAUSED
    assert work.campaigns.get(FIRST).paused_at == COMES_DUE
    work.series.resume(TIPS)
    assert work.campaigns.get(FIRST).paused_at is None
    work.series.pause(TIPS)
    clock.advance(7 * DAY)
    assert app.rounds.recur() == 0
    assert states(work)["2026-10-13"] == (DateState.WAITS, "series_paused")
    work.series.resume(TIPS)
    assert app.rounds.recur() == 1
    work.series.pause(TIPS)
    clock.advance(10 * DAY)
    app.rounds.recur()
    assert states(work)["2026-10-20"] == (DateState.MISSED, "series_paused")


def test_cancel_calls_off_what_has_not_gone_out_with_exact_counts(
    app: App, work: Work, clock: VirtualClock
) -> None:
    work.series.put(tips())
    clock.advance_to(COMES_DUE)
    app.rounds.recur()
    assert work.series.cancel(TIPS).phase is SeriesPhase.CANCELLED
    assert counts(work, FIRST) == {"cancelled": 2}
    clock.advance(20 * DAY)
    assert app.rounds.recur() == 0
    assert len(work.campaigns.page(limit=10).items) == 1
    with pytest.raises(Conflict, match="cancelled"):
        work.series.revise(tips(slot_minutes=30))


def test_a_revision_holds_for_campaigns_at_work_and_for_dates_to_come(
    app: App, work: Work, clock: VirtualClock
) -> None:
    work.series.put(tips())
    clock.advance_to(COMES_DUE)
    app.rounds.recur()
    words = [{"variant_id": "v", "title": "new", "body": "b"}]
    (one,) = work.series.revise(tips(variants=words)).campaigns
    assert (one.campaign_id, one.refusal) == (FIRST, None)
    clock.advance(7 * DAY)
    app.rounds.recur()
    for name in (FIRST, SECOND):
        assert work.campaigns.get(name).definition["variants"] == words
    assert work.series.revise(tips(variants=words)).repeated


def test_a_campaign_of_somebody_else_is_not_taken_over(
    app: App, work: Work, clock: VirtualClock
) -> None:
    work.series.put(tips())
    of_series = {"series_id", "recurrence", "local_times"}
    other = {name: value for name, value in tips().items() if name not in of_series}
    window = {"local_dates": ["2026-10-06"]}
    work.campaigns.put(other | {"campaign_id": FIRST, "send_window": window}, commit=False)
    clock.advance_to(COMES_DUE)
    assert app.rounds.recur() == 0
    assert states(work) == {"2026-10-06": (DateState.WAITS, "campaign_conflict")}
    assert counts(work, FIRST) == {}
    clock.advance(5 * DAY)
    app.rounds.recur()
    assert states(work)["2026-10-06"] == (DateState.MISSED, "campaign_conflict")


def test_a_user_who_is_named_and_erased_is_in_no_definition_any_more(
    app: App, work: Work, clock: VirtualClock
) -> None:
    work.series.put(tips(audience=["ann", "bob"]))
    work.users.erase(UserId("ann"))
    app.rounds.erase()
    assert work.series.get(TIPS).definition["audience"] == ["bob"]
    clock.advance_to(COMES_DUE)
    assert app.rounds.recur() == 1
    assert counts(work, FIRST) == {"planned": 1}


def test_no_other_tenant_knows_of_it(app: App, work: Work, clock: VirtualClock) -> None:
    app.operator.create_tenant("other", timezone="UTC")
    other = app.as_owner_of(TenantId("other"))
    work.series.put(tips())
    with pytest.raises(NotFound):
        other.series.get(TIPS)
    assert not other.series.page(limit=10).items
    other.series.put(tips(slot_minutes=30))
    clock.advance_to(COMES_DUE)
    assert app.rounds.recur() == 2
    assert counts(other, FIRST) == {}


@pytest.mark.parametrize(
    ("changed", "field", "code"),
    [
        ({"recurrence": on()}, "/recurrence", "recurrence_invalid"),
        (
            {"recurrence": on(every_days=2, last_local_date="2026-10-01")},
            "/recurrence/last_local_date",
            "recurrence_invalid",
        ),
        (
            {"recurrence": on(weekdays=["mon"], last_local_date="2026-10-11")},
            "/recurrence",
            "no_feasible_slot",
        ),
        (
            {"recurrence": on(weekdays=["tue"], except_local_dates=["2026-10-07"])},
            "/recurrence/except_local_dates/0",
            "recurrence_invalid",
        ),
        (
            {
                "recurrence": on(
                    weekdays=["tue"], first_local_date="2020-10-06", last_local_date="2020-10-20"
                )
            },
            "/recurrence/last_local_date",
            "no_feasible_slot",
        ),
        ({"audience": "triggered"}, "/audience", "audience_invalid"),
        ({"series_id": "x" * 118}, "/series_id", "id_invalid"),
        ({"lead_minutes": -1}, "/lead_minutes", "invalid"),
        ({"local_times": {"start": "25:00", "end": "21:00"}}, "/local_times/start", "time_invalid"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(
    work: Work, changed: dict[str, Any], field: str, code: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        work.series.put(tips(**changed))
    assert (field, code) in [(each.field, each.code) for each in caught.value.faults]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"month_days": [1, -1]}, ["2026-10-31", "2026-11-01", "2026-11-30", "2026-12-01"]),
        ({"every_days": 25}, ["2026-10-06", "2026-10-31", "2026-11-25", "2026-12-20"]),
        ({"weekdays": ["sat", "mon"]}, ["2026-10-10", "2026-10-12", "2026-10-17", "2026-10-19"]),
    ],
)
def test_the_dates_are_those_of_the_calendar(
    work: Work, rule: dict[str, Any], expected: list[str]
) -> None:
    dates = work.series.preview(tips(recurrence=on(**rule))).dates
    assert [each.local_date for each in dates[:4]] == [
        date.fromisoformat(each) for each in expected
    ]


def test_an_erased_user_has_no_arm_in_a_definition_any_more(app: App, work: Work) -> None:
    arms = {
        "arms": {"optimised": 0.5, "configured": 0.5},
        "assignment": "given",
        "assigned": {"ann": "configured", "bob": "optimised"},
    }
    work.series.put(tips(experiment=arms))
    of_series = {"series_id", "recurrence", "local_times"}
    campaign = {
        name: value for name, value in tips(experiment=arms).items() if name not in of_series
    }
    campaign |= {"campaign_id": "alone", "send_window": {"local_dates": ["2026-10-06"]}}
    work.campaigns.put(campaign, commit=True)
    work.users.erase(UserId("ann"))
    app.rounds.erase()
    for definition in (
        work.series.get(TIPS).definition,
        work.campaigns.get(CampaignId("alone")).definition,
    ):
        assert definition["experiment"]["assigned"] == {"bob": "optimised"}
