"""Sends that are asked for one at a time: when they go out, and why some do not."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sendopt.app import App, open_app
from sendopt.app.triggering import RequestAnswer
from sendopt.app.work import Work
from sendopt.clock import VirtualClock, zone_database
from sendopt.errors import Conflict, InvalidInput, NotFound, SendoptError
from sendopt.records import CampaignId, EndReason, Policy, SendState, TenantId, UserId
from sendopt.settings import Settings
from sendopt.state.send_list import SendFilter

START = datetime(2026, 10, 1, 9, 0, tzinfo=UTC)  # 18:00 in Tokyo
HOUR = timedelta(hours=1)
TENANT = TenantId("default")
WINDOW = {"earliest_at": START.isoformat(), "latest_at": (START + HOUR).isoformat()}
NIGHT = {"start": "22:00", "end": "08:00"}


@pytest.fixture
def app(empty_home: Path, tmp_path: Path) -> Iterator[App]:
    home = shutil.copytree(empty_home, tmp_path / "home")
    with closing(open_app(Settings(home=home), clock=VirtualClock(START))) as app:
        app.operator.create_tenant("default", timezone="UTC")
        yield app


@pytest.fixture
def work(app: App) -> Work:
    work = app.as_owner_of(TENANT)
    for user in ("ann", "bob"):
        work.devices.register({"user_id": user, "channel": "simulator", "timezone": "Asia/Tokyo"})
    work.campaigns.put(a_campaign(), commit=True)
    return work


def a_campaign(**changed: Any) -> dict[str, Any]:
    return {
        "campaign_id": "reminder",
        "channel": "simulator",
        "variants": [{"variant_id": "v", "title": "t", "body": "b"}],
        "send_window": {
            "earliest_at": "2026-01-01T00:00:00Z",
            "latest_at": "2030-01-01T00:00:00Z",
        },
        "quiet_hours": NIGHT,
        "audience": "triggered",
        **changed,
    }


def ask(work: Work, **changed: Any) -> RequestAnswer:
    body = {"campaign_id": "reminder", "user_id": "ann", "send_key": "k", **changed}
    return work.sends.ask({name: body[name] for name in body if body[name] is not None})


def refused(work: Work, **changed: Any) -> SendoptError:
    with pytest.raises(SendoptError) as caught:
        ask(work, **changed)
    return caught.value


def test_without_a_deadline_it_goes_out_now(work: Work) -> None:
    answer = ask(work)
    assert (answer.send.state, answer.send.due_at) == (SendState.PLANNED, START)
    decision = work.sends.get(answer.send.send_id)["decision"]
    assert (decision.policy, decision.propensity) == (Policy.EARLIEST, 1.0)
    assert (decision.served_by, decision.timezone) == (None, "Asia/Tokyo")


def test_its_record_says_what_it_was_planned_with(work: Work) -> None:
    work.limits.put({"no_send_share": 0.25, "legal_hours": False})
    answer = ask(work)
    decision = work.sends.get(answer.send.send_id)["decision"]
    assert decision.zone_database == zone_database()
    assert decision.send_propensity == 0.75


def test_now_is_the_first_allowed_time_in_quiet_hours(app: App, work: Work) -> None:
    app.clock.advance(5 * HOUR)  # 23:00 in Tokyo
    answer = ask(work)
    assert answer.send.due_at == datetime(2026, 10, 1, 23, 0, tzinfo=UTC)  # 08:00 there
    decision = work.sends.get(answer.send.send_id)["decision"]
    assert decision.binding_constraint == "quiet_hours"
    assert [slot.excluded_by for slot in decision.slots] == ["quiet_hours", None]


def test_the_same_again_changes_nothing_and_another_key_is_another_send(work: Work) -> None:
    first, again, other = ask(work), ask(work), ask(work, send_key="other")
    assert (first.repeated, again.repeated, other.repeated) == (False, True, False)
    assert first.send == again.send != other.send
    page = work.sends.page(SendFilter(campaign_id=CampaignId("reminder")), limit=10)
    assert [each.send.send_key for each in page.items] == ["k", "other"]
    assert work.campaigns.get(CampaignId("reminder")).counts["planned"] == 2


def test_a_key_names_one_request(work: Work) -> None:
    ask(work)
    assert refused(work, user_id="bob").code == "send_key_taken"
    assert refused(work, within_minutes=60).code == "send_key_taken"


def test_a_local_time_is_the_users_and_a_lead_lies_before_it(work: Work) -> None:
    answer = ask(
        work,
        not_before={"local": "2026-10-02T17:00"},
        not_after={"local": "2026-10-02T18:00", "plus_minutes": -30},
    )
    at = datetime(2026, 10, 2, 8, 0, tzinfo=UTC)
    assert answer.send.due_at is not None
    assert at <= answer.send.due_at < at + HOUR / 2
    elsewhere = ask(
        work, send_key="2", not_before={"local": "2026-10-02T17:00", "timezone": "Europe/Berlin"}
    )
    assert elsewhere.send.due_at == datetime(2026, 10, 2, 23, 0, tzinfo=UTC)  # after the night
    assert work.sends.get(answer.send.send_id)["decision"].policy == Policy.FALLBACK


def test_a_window_lies_behind_an_event_of_the_user(work: Work) -> None:
    happened = (START - HOUR).isoformat()
    event = {"event_id": "e1", "user_id": "ann", "event_type": "session", "occurred_at": happened}
    assert refused(work, not_before={"event_id": "e1"}).code == "event_not_happened"
    work.events.accept([event])
    by_id = ask(work, not_before={"event_id": "e1", "plus_minutes": 120})
    by_type = ask(work, send_key="2", not_before={"event_type": "session", "plus_minutes": 150})
    assert by_id.send.due_at == START + HOUR
    assert by_type.send.due_at == START + 1.5 * HOUR
    told = refused(work, user_id="bob", send_key="3", not_before={"event_id": "e1"})
    assert (told.code, told.field) == ("event_not_happened", "/not_before")


@pytest.mark.parametrize(
    ("given", "code", "field"),
    [
        ({"not_after": "2026-10-01T08:00:00Z"}, "no_feasible_slot", "/not_after"),
        (
            {"not_before": "2026-10-02T08:00:00Z", "not_after": "2026-10-02T08:00:00Z"},
            "window_invalid",
            "/not_after",
        ),
        ({"not_after": "2026-12-01T08:00:00Z"}, "window_invalid", "/not_after"),
        ({"not_before": "2031-12-01T08:00:00Z"}, "no_feasible_slot", "/not_before"),
        ({"not_before": {"local": "2026-02-30T08:00"}}, "time_invalid", "/not_before/local"),
        ({"not_before": {"plus_minutes": 5}}, "moment_invalid", "/not_before"),
        (
            {"not_before": {"local": "2026-10-02T08:00", "timezone": "CST"}},
            "zone_invalid",
            "/not_before/timezone",
        ),
        ({"not_before": 7}, "time_invalid", "/not_before"),
        ({"ignore_quiet_hours": True}, "quiet_hours_hold", "/ignore_quiet_hours"),
        ({"send_key": ""}, "id_invalid", "/send_key"),
        ({"send_key": None}, "missing_field", "/send_key"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    work: Work, given: dict[str, Any], code: str, field: str
) -> None:
    told = refused(work, **given)
    assert (type(told), told.code, told.field) == (InvalidInput, code, field)
    assert not work.sends.page(SendFilter(), limit=10).items


def test_everything_that_is_wrong_is_told_at_once(work: Work) -> None:
    told = refused(
        work,
        send_key=" ",
        not_before={"local": "soon"},
        not_after={"event_id": "a", "event_type": "b"},
        within_minutes=0,
    )
    assert isinstance(told, InvalidInput)
    assert {each.field for each in told.faults} == {
        "/send_key",
        "/not_before/local",
        "/not_after/event_type",
        "/within_minutes",
    }
    told = refused(work, not_after="2026-10-01T08:00:00Z", ignore_quiet_hours=True)
    assert isinstance(told, InvalidInput)
    assert {each.code for each in told.faults} == {"no_feasible_slot", "quiet_hours_hold"}


def test_no_time_left_names_the_rule_that_removed_the_last(app: App, work: Work) -> None:
    app.clock.advance(5 * HOUR)
    told = refused(work, within_minutes=120)
    assert told.code == "no_feasible_slot"
    assert "quiet_hours" in told.message
    work.users.prefer(
        "ann",
        {"topics": {}, "quiet_hours": {"start": "08:00", "end": "23:00"}, "snoozed_until": None},
    )
    assert "quiet_hours_own" in refused(work, within_minutes=600).message


def test_who_may_not_be_reached_is_accepted_and_suppressed(work: Work) -> None:
    work.users.put("cat", {"timezone": "UTC"})
    work.users.say("bob", {"given": False, "source": "app"})
    later = (START + 5 * HOUR).isoformat()
    work.users.prefer("ann", {"topics": {}, "quiet_hours": None, "snoozed_until": later})
    told = {
        user: ask(work, user_id=user, send_key=user, within_minutes=60).send
        for user in ("ann", "bob", "cat")
    }
    assert {user: send.reason for user, send in told.items()} == {
        "ann": EndReason.SNOOZED,
        "bob": EndReason.OPTED_OUT,
        "cat": EndReason.NO_DEVICE,
    }
    assert {send.state for send in told.values()} == {SendState.SUPPRESSED}


def test_unknown_and_erased_users_and_campaigns_are_refused(work: Work) -> None:
    assert isinstance(refused(work, user_id="nobody"), NotFound)
    assert refused(work, user_id="nobody").code == "user_unknown"
    assert refused(work, campaign_id="none").code == "campaign_unknown"
    work.campaigns.put(a_campaign(campaign_id="draft"), commit=False)
    assert refused(work, campaign_id="draft").code == "campaign_not_committed"
    whole = a_campaign(campaign_id="whole", audience="everyone", send_window=WINDOW)
    work.campaigns.put(whole, commit=True)
    assert refused(work, campaign_id="whole").code == "campaign_not_triggered"
    ask(work)
    work.campaigns.cancel(CampaignId("reminder"))
    assert refused(work, send_key="2").code == "campaign_cancelled"
    assert ask(work).send.state is SendState.CANCELLED
    work.users.erase(UserId("bob"))
    told = refused(work, user_id="bob", campaign_id="draft")
    assert (type(told), told.code) == (Conflict, "user_erased")


def test_a_revision_holds_for_what_is_asked_for_since(work: Work) -> None:
    before = ask(work, within_minutes=600)
    work.campaigns.revise(a_campaign(variants=[{"variant_id": "w", "title": "t", "body": "b"}]))
    after = ask(work, send_key="2")
    shown = work.sends.get(before.send.send_id)
    assert (shown["state"], shown["variant_id"], shown["revision"]) == ("planned", "v", 1)
    assert after.send.variant_id == "w"
    with pytest.raises(InvalidInput, match="one by one"):
        work.campaigns.revise(a_campaign(audience="everyone", send_window=WINDOW))


def test_urgent_sends_ignore_quiet_hours_only_if_that_is_said(app: App, work: Work) -> None:
    work.campaigns.put(a_campaign(campaign_id="fraud", message_class="urgent"), commit=True)
    app.clock.advance(6 * HOUR)  # midnight in Tokyo
    waits = ask(work, campaign_id="fraud").send
    at_once = ask(work, campaign_id="fraud", send_key="2", ignore_quiet_hours=True).send
    assert waits.due_at == datetime(2026, 10, 1, 23, 0, tzinfo=UTC)
    assert at_once.due_at == app.clock.now()
    assert waits.urgent
    assert at_once.urgent
    assert app.rounds.dispatcher().dispatch_due().delivered == 1
    assert work.sends.get(at_once.send_id)["state"] == "delivered"
    work.users.say("bob", {"given": False, "source": "app"})
    told = ask(work, campaign_id="fraud", user_id="bob", send_key="3", ignore_quiet_hours=True)
    assert told.send.reason is EndReason.OPTED_OUT


def test_a_class_for_which_no_time_is_chosen_explores_nothing(work: Work) -> None:
    with pytest.raises(InvalidInput) as caught:
        work.campaigns.put(
            a_campaign(
                campaign_id="receipt",
                message_class="transactional",
                holdout={"share": 0.1},
                exploration={"policy": "thompson"},
            ),
            commit=True,
        )
    assert {each.field for each in caught.value.faults} == {"/holdout", "/exploration"}
    work.campaigns.put(
        a_campaign(campaign_id="receipt", message_class="transactional"), commit=True
    )
    answer = ask(work, campaign_id="receipt", within_minutes=600)
    assert answer.send.due_at == START


def asked_at_once(app: App, *bodies: dict[str, Any]) -> list[Any]:
    whole = [{"campaign_id": "reminder", "user_id": "ann", **body} for body in bodies]
    return app.triggering.ask_all(whole, TENANT, asked_by="key:1", now=app.clock.now())


def test_of_requests_at_once_each_has_its_own_answer(app: App, work: Work) -> None:
    before = ask(work)
    answers = asked_at_once(
        app,
        {"send_key": "k"},
        {"send_key": "2"},
        {"send_key": "3", "user_id": "nobody"},
        {"send_key": "2"},
        {"send_key": "2", "within_minutes": 60},
        {"send_key": "4", "campaign_id": "none"},
        {"send_key": 5},
    )
    repeated, fresh, unknown, again, other, without, odd = answers
    assert (repeated.send, repeated.repeated, fresh.repeated) == (before.send, True, False)
    assert (again.send, again.repeated) == (fresh.send, True)
    codes = [each.code for each in (unknown, other, without)]
    assert codes == ["user_unknown", "send_key_taken", "campaign_unknown"]
    assert odd.field == "/send_key"


def test_of_requests_at_once_each_counts_those_before_it(app: App, work: Work) -> None:
    """Two a day may come; each is planned as it would be if they came one after the other."""
    limits = {"caps": [{"at_most": 2, "within": "24h"}], "no_send_share": 0, "legal_hours": False}
    work.limits.put(limits)

    def asked_for(user_id: str) -> list[dict[str, Any]]:
        return [
            {"user_id": user_id, "send_key": f"{user_id} {number}", "within_minutes": 60}
            for number in range(4)
        ]

    together = asked_at_once(app, *asked_for("ann"))
    alone = [asked_at_once(app, each)[0] for each in asked_for("bob")]
    for answers in (together, alone):
        states = [
            "refused" if isinstance(each, SendoptError) else each.send.state for each in answers
        ]
        assert states[:2] == [SendState.PLANNED] * 2
        assert SendState.PLANNED not in states[2:]


def test_requests_of_many_threads_are_planned_once_each(app: App, work: Work) -> None:
    def of_thread(number: int) -> list[bool]:
        asked = [f"{number}", f"{number}", "of all"]
        return [ask(work, send_key=key).repeated for key in asked]

    with ThreadPoolExecutor(8) as threads:
        told = list(threads.map(of_thread, range(8)))
    assert [each[:2] for each in told] == [[False, True]] * 8
    assert sum(not each[2] for each in told) == 1
    assert work.campaigns.get(CampaignId("reminder")).counts["planned"] == 9
