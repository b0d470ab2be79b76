"""The lift report over a whole line: arms drawn, sends handed over, answers counted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sendopt.app import App, open_app
from sendopt.clock import VirtualClock
from sendopt.errors import InvalidInput, NotFound
from sendopt.records import CampaignId, EventType, Message, TenantId
from sendopt.settings import Settings

TENANT = TenantId("default")
START = datetime(2026, 10, 1, 9, 0, tzinfo=UTC)
USERS = 240


def a_campaign(day: int, holdout: dict[str, Any] | None) -> dict[str, Any]:
    earliest = START + timedelta(days=day, hours=1)
    return {
        "campaign_id": f"day-{day}",
        "channel": "simulator",
        "variants": [{"variant_id": "v", "title": "t", "body": "b"}],
        "send_window": {
            "earliest_at": earliest.isoformat(),
            "latest_at": (earliest + timedelta(hours=10)).isoformat(),
        },
        "quiet_hours": None,
        "audience": "everyone",
        "holdout": holdout,
    }


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(START)


@pytest.fixture
def app(home: Path, clock: VirtualClock) -> Iterator[App]:
    with closing(open_app(Settings(home=home), clock=clock)) as app:
        for number in range(USERS):
            device = {"device_id": f"d{number}", "user_id": f"u{number}", "channel": "simulator"}
            app.as_owner_of(TENANT).devices.register({**device, "address": {}})
        yield app


def live(app: App, clock: VirtualClock, day: int, holdout: dict[str, Any] | None) -> None:
    """Run one campaign; whoever was optimised answers 60 %, whoever was held out 30 %."""
    rng = np.random.default_rng(day)
    app.as_owner_of(TENANT).campaigns.put(a_campaign(day, holdout), commit=True)
    sent: list[Message] = []
    clock.advance_to(START + timedelta(days=day, hours=10))
    app.rounds.dispatcher(on_simulated=sent.append).dispatch_due()
    arms = arm_of_send(app)
    for message in sent:
        share = {"optimised": 0.6, "holdout": 0.3, None: 0.45}[arms[message.send_id]]
        if rng.random() < share:
            app.as_owner_of(TENANT).sends.report(message.send_id, {"kind": "open"})
        if rng.random() < 0.1:
            app.as_owner_of(TENANT).sends.report(message.send_id, {"kind": "dismissal"})
    clock.advance_to(START + timedelta(days=day + 1))


def experiment(app: App, clock: VirtualClock, day: int, arms: dict[str, float]) -> None:
    """Run one campaign with arms; whoever was optimised answers 60 %, all others 30 %."""
    definition = a_campaign(day, None) | {"experiment": {"arms": arms}}
    app.as_owner_of(TENANT).campaigns.put(definition, commit=True)
    rng, sent = np.random.default_rng(day), list[Message]()
    clock.advance_to(START + timedelta(days=day, hours=10))
    app.rounds.dispatcher(on_simulated=sent.append).dispatch_due()
    arm = arm_of_send(app)
    for message in sent:
        if rng.random() < (0.6 if arm[message.send_id] == "optimised" else 0.3):
            app.as_owner_of(TENANT).sends.report(message.send_id, {"kind": "open"})


def arm_of_send(app: App) -> dict[str, str | None]:
    import sqlalchemy as sa

    from sendopt.state.tables import planned_send

    with app.state.read_fleet() as tx:
        rows = tx.execute(sa.select(planned_send.c.send_id, planned_send.c.arm))
        return {row.send_id: row.arm for row in rows}


def test_a_real_difference_is_found_once_the_windows_have_closed(
    app: App, clock: VirtualClock
) -> None:
    live(app, clock, 0, None)
    clock.advance(timedelta(days=1))  # its last answers are in before the experiment begins
    for day in (2, 3, 4):
        live(app, clock, day, {"share": 0.5})
    early = app.as_owner_of(TENANT).results.lift()
    assert early.waiting == ("day-4",)
    assert early.campaigns == ("day-2", "day-3")
    clock.advance(timedelta(days=2))
    report = app.as_owner_of(TENANT).results.lift()
    assert (report.campaigns, report.waiting) == (("day-2", "day-3", "day-4"), ())
    found = report.lift
    assert found is not None
    assert report.refusal is None
    assert report.compared_with == ("configured",)
    assert found.label == "causal"
    assert found.conclusion == "better"
    assert sum(found.users.values()) == USERS
    assert sum(found.sends.values()) == 3 * USERS
    assert found.adjusted
    assert found.answered.difference is not None
    assert found.answered.difference.low < 0.3 < found.answered.difference.high
    assert found.answered.relative is not None
    assert found.answered.relative.low < 1.0 < found.answered.relative.high
    assert found.dismissed.difference is not None
    assert found.dismissed.difference.low < 0 < found.dismissed.difference.high
    assert found.opted_out.difference is None, "nobody left"
    assert found.needed is not None


def test_every_arm_is_told_beside_every_other_and_by_full_weeks(
    app: App, clock: VirtualClock
) -> None:
    """The clock starts on a Thursday: two campaigns of that week, and one of the next."""
    arms = {"optimised": 0.4, "configured": 0.4, "no_send": 0.2}
    for day in (0, 2, 5):
        experiment(app, clock, day, arms)
    work = app.as_owner_of(TENANT)
    results = work.results.of_campaign(CampaignId("day-0"))
    assert results.by_arm["no_send"].reasons == {"kept_back": results.by_arm["no_send"].sends}
    assert results.by_arm["configured"].delivered == results.by_arm["configured"].sends
    clock.advance_to(START + timedelta(days=7))
    report = work.results.lift()
    assert report.campaigns == ("day-0", "day-2", "day-5")
    assert (report.lift, report.last_full_week) == (None, date(2026, 9, 28))
    found = {(each.arm, each.against): each for each in report.comparisons}
    assert found.keys() == {
        ("optimised", "no_send"),
        ("optimised", "configured"),
        ("no_send", "configured"),
    }
    ours = found["optimised", "configured"]
    assert (ours.conclusion, ours.label) == ("better", "causal")
    assert [week.begins_on for week in ours.weeks] == [date(2026, 9, 28)]
    assert sum(ours.weeks[0].sends.values()) * 3 == sum(ours.sends.values()) * 2
    silent = found["optimised", "no_send"]
    assert silent.refusal is not None
    assert (silent.answered, silent.refusal.code) == (None, "outcome_needs_a_send")


def test_a_holdout_is_compared_as_an_arm_too(app: App, clock: VirtualClock) -> None:
    live(app, clock, 0, {"share": 0.5})
    clock.advance(timedelta(days=2))
    report = app.as_owner_of(TENANT).results.lift()
    (found,) = report.comparisons
    assert report.lift is not None
    assert found.answered is not None
    assert (found.arm, found.against) == ("optimised", "holdout")
    assert found.answered.difference == report.lift.answered.difference


def test_suppressed_users_count_in_the_arm_that_was_drawn(app: App, clock: VirtualClock) -> None:
    events = [
        {
            "event_id": f"o{number}",
            "user_id": f"u{number}",
            "event_type": "opt_out",
            "occurred_at": START.isoformat(),
        }
        for number in range(0, USERS, 4)
    ]
    app.as_owner_of(TENANT).events.accept(events)
    live(app, clock, 0, {"share": 0.5})
    clock.advance(timedelta(days=2))
    found = app.as_owner_of(TENANT).results.lift().lift
    assert found is not None
    assert sum(found.sends.values()) == USERS
    assert found.answered.optimised > 0.3
    assert (
        app.as_owner_of(TENANT).campaigns.get(CampaignId("day-0")).counts["suppressed"]
        == USERS // 4
    )
    assert found.answered.optimised < 0.55, "a quarter could not answer"


def test_an_answer_after_the_window_does_not_count(app: App, clock: VirtualClock) -> None:
    app.as_owner_of(TENANT).campaigns.put(a_campaign(0, {"share": 0.5}), commit=True)
    sent: list[Message] = []
    clock.advance_to(START + timedelta(hours=10))
    app.rounds.dispatcher(on_simulated=sent.append).dispatch_due()
    clock.advance(timedelta(hours=2))
    for message in sent[:100]:
        app.as_owner_of(TENANT).sends.report(message.send_id, {"kind": "open"})
    clock.advance(timedelta(days=3))
    for window, answered in ((timedelta(hours=2), 0), (timedelta(hours=3), 100)):
        found = app.as_owner_of(TENANT).results.lift(window=window).lift
        assert found is not None
        total = sum(getattr(found.answered, arm) * sends for arm, sends in found.sends.items())
        assert round(total) == answered


def test_without_arms_no_number_is_shown(app: App, clock: VirtualClock) -> None:
    nothing = app.as_owner_of(TENANT).results.lift()
    assert (nothing.lift, nothing.campaigns) == (None, ())
    assert nothing.refusal is not None
    assert nothing.refusal.code == "no_randomised_arms"
    live(app, clock, 0, None)
    clock.advance(timedelta(days=3))
    assert app.as_owner_of(TENANT).results.lift().refusal == nothing.refusal


def test_users_that_vanished_from_an_arm_are_noticed(app: App, clock: VirtualClock) -> None:
    import sqlalchemy as sa

    from sendopt.state.tables import planned_send

    live(app, clock, 0, {"share": 0.5})
    held = [send for send, arm in arm_of_send(app).items() if arm == "holdout"]
    with app.state.write_fleet() as tx:
        lost = planned_send.c.send_id.in_(held[: len(held) // 2])
        tx.execute(sa.update(planned_send).where(lost).values(arm=None))
    clock.advance(timedelta(days=2))
    report = app.as_owner_of(TENANT).results.lift()
    assert report.lift is None
    assert report.refusal is not None
    assert report.refusal.code == "sample_ratio_mismatch"


def test_only_what_was_asked_for_counts(app: App, clock: VirtualClock) -> None:
    for day in (0, 1):
        live(app, clock, day, {"share": 0.5})
    clock.advance(timedelta(days=2))
    assert app.as_owner_of(TENANT).results.lift(campaign_ids=[CampaignId("day-1")]).campaigns == (
        "day-1",
    )
    assert app.as_owner_of(TENANT).results.lift(since=START + timedelta(hours=12)).campaigns == (
        "day-1",
    )
    clicks = app.as_owner_of(TENANT).results.lift(outcome=EventType.CLICK).lift
    assert clicks is not None
    assert (clicks.answered.optimised, clicks.conclusion) == (0.0, "not_yet_known")
    with pytest.raises(NotFound):
        app.as_owner_of(TENANT).results.lift(campaign_ids=[CampaignId("day-9")])
    for effect in (0.0, 1.0, float("nan")):
        with pytest.raises(InvalidInput) as refused:
            app.as_owner_of(TENANT).results.lift(effect=effect)
        assert refused.value.code == "effect_invalid"


def test_a_changed_setting_changes_no_campaign_that_was_accepted(
    home: Path, clock: VirtualClock
) -> None:
    """Neither the report of those who are there, nor the arms of those who join later."""

    def under(share: float) -> App:
        schedule = {"holdout_share": share}
        return open_app(Settings(home=home, schedule=schedule), clock=clock)

    silent = a_campaign(0, None)
    del silent["holdout"]
    with closing(under(0.5)) as app:
        for number in range(USERS):
            device = {"device_id": f"d{number}", "user_id": f"u{number}", "channel": "simulator"}
            app.as_owner_of(TENANT).devices.register({**device, "address": {}})
        app.as_owner_of(TENANT).campaigns.put(silent, commit=True)
        accepted = held_out(app)
    with closing(under(0.05)) as app:
        for number in range(USERS, 2 * USERS):
            device = {"device_id": f"d{number}", "user_id": f"u{number}", "channel": "simulator"}
            app.as_owner_of(TENANT).devices.register({**device, "address": {}})
        assert app.as_owner_of(TENANT).campaigns.put(silent, commit=True).repeated
        joined = held_out(app) - accepted
        clock.advance(timedelta(days=3))
        found = app.as_owner_of(TENANT).results.lift()
    with closing(under(0.5)) as app:
        before = app.as_owner_of(TENANT).results.lift()
    for drawn in (accepted, joined):
        assert abs(drawn - USERS / 2) < 40  # 5 standard deviations of the draw
    assert (found.lift, found.refusal) == (before.lift, before.refusal)
    assert found.campaigns == ("day-0",)


def held_out(app: App) -> int:
    return sum(arm == "holdout" for arm in arm_of_send(app).values())


def test_of_a_campaign_of_an_earlier_release_the_share_is_unknown(
    app: App, clock: VirtualClock
) -> None:
    import sqlalchemy as sa

    from sendopt.state.tables_campaigns import campaign_revision

    live(app, clock, 0, {"share": 0.5})
    silent = a_campaign(1, None)
    del silent["holdout"]
    app.settings = app.settings.model_copy(
        update={"schedule": app.settings.schedule.model_copy(update={"holdout_share": 0.3})}
    )
    app.as_owner_of(TENANT).campaigns.put(silent, commit=True)
    with app.state.write_fleet() as tx:
        tx.execute(sa.update(campaign_revision).values(rules=None))
    clock.advance(timedelta(days=3))
    report = app.as_owner_of(TENANT).results.lift()
    assert (report.campaigns, report.share_unknown) == (("day-0",), ("day-1",))
