"""Where other systems drop, clip, fail open or forbid, as their own pages say: what ours does.

Each test names the system, what it does, and holds ours to something better. All of them share one
history: everybody answers best at eight in the evening, and less at noon.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, time, timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from scheduler.played_service import ADDRESS, PlayedService

from sendopt.clock import VirtualClock
from sendopt.deliver.providers import SimulatorProvider
from sendopt.errors import InvalidInput
from sendopt.records import CampaignId, Message, UserId
from sendopt.state.send_list import SendFilter

MORNING = datetime(2026, 10, 1, 6, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
EVENING, NOON = time(20), time(12)
USERS = [f"user-{number}" for number in range(12)]
NO_LIMITS: dict[str, Any] = {"no_send_share": 0, "legal_hours": False}


class Shop:
    """A tenant in UTC whose users have a history, and the messages that reach them."""

    def __init__(self, service: PlayedService) -> None:
        self._service = service
        self.got: dict[str, list[datetime]] = defaultdict(list)
        service.begin(MORNING, self._provider)
        for user in USERS:
            self.owner.devices.register(
                {
                    "device_id": f"phone-of-{user}",
                    "user_id": user,
                    "channel": "webhook",
                    "address": ADDRESS,
                    "timezone": "UTC",
                }
            )
        self.owner.events.accept(list(_history()))
        service.app.rounds.copy_to_log()

    @property
    def owner(self) -> Any:
        return self._service.owner

    @property
    def clock(self) -> VirtualClock:
        return self._service.clock

    def limit(self, **limits: Any) -> None:
        self.owner.limits.put(NO_LIMITS | limits)

    def launch(self, campaign_id: str = "sale", **said: Any) -> Any:
        return self.owner.campaigns.put(a_campaign(campaign_id, **said), commit=True)

    def planned(self, campaign_id: str = "sale") -> dict[str, datetime | None]:
        chosen = SendFilter(campaign_id=CampaignId(campaign_id))
        page = self.owner.sends.page(chosen, limit=100)
        return {each.send.user_id: each.send.due_at for each in page.items}

    def work(self, *, for_: timedelta = 30 * DAY) -> None:
        """Let the dispatcher do its work."""
        until, dispatcher = self.clock.now() + for_, self._service.dispatcher
        while (ready_at := dispatcher.next_ready_at()) is not None and ready_at <= until:
            self.clock.advance_to(ready_at)
            dispatcher.dispatch_due()
        self.clock.advance_to(until)

    def another_dispatcher(self) -> Any:
        self._service.restart()
        return self._service.dispatcher

    def _provider(self, clock: VirtualClock) -> SimulatorProvider:
        return SimulatorProvider(lambda message: self._take(message, clock))

    def _take(self, message: Message, clock: VirtualClock) -> None:
        self.got[message.user_id].append(clock.now())


def _history() -> Sequence[dict[str, Any]]:
    """Twenty days of a message each: of those at nine and at three none is answered."""
    events = []
    for day in range(1, 21):
        for number, user in enumerate(USERS):
            hour = (20, 12, 9, 15)[number % 4]
            at = (MORNING - day * DAY).replace(hour=hour)
            send = {"user_id": user, "send_id": f"before-{day}-{number}"}
            events.append(send | _event("send", day, number, at))
            if hour == 20 or (hour == 12 and day % 3):
                events.append(send | _event("open", day, number, at + MINUTE))
    return events


def _event(kind: str, day: int, number: int, at: datetime) -> dict[str, Any]:
    return {
        "event_id": f"{kind}-{day}-{number}",
        "event_type": kind,
        "occurred_at": at.isoformat(),
        "timezone": "UTC",
    }


def a_campaign(campaign_id: str, *, days: int = 1, **said: Any) -> dict[str, Any]:
    return {
        "campaign_id": campaign_id,
        "channel": "webhook",
        "variants": [{"variant_id": "v", "title": "t", "body": "b"}],
        "send_window": {
            "earliest_at": MORNING.isoformat(),
            "latest_at": (MORNING + days * DAY).isoformat(),
        },
        "quiet_hours": {"start": "22:00", "end": "07:00"},
        "audience": USERS,
        "least_confidence": 0.5,
    } | said


@pytest.fixture
def shop(service: PlayedService) -> Shop:
    return Shop(service)


def test_it_is_eight_in_the_evening_where_nothing_limits(shop: Shop) -> None:
    shop.launch()
    assert set(shop.planned().values()) == {MORNING.replace(hour=20)}


def test_a_throttle_leaves_the_choice_of_times_at_work(shop: Shop) -> None:
    """OneSignal: "throttling overrides time zone and Intelligent Delivery", and rounds rates."""
    shop.limit(capacities=[{"per_minute": 1}])
    shop.launch()
    times = Counter(shop.planned().values())
    assert {at.time().hour for at in times if at} == {20}
    assert len(times) == len(USERS), "one a minute, and everybody in the best hour"


def test_a_cap_and_the_choice_of_times_hold_together(shop: Shop) -> None:
    """Infobip: "STO cannot be used together with frequency capping"."""
    shop.limit(caps=[{"at_most": 1, "within": "24h"}])
    for name in ("sale", "news"):
        shop.launch(name, days=2)
    first = MORNING.replace(hour=20)
    assert set(shop.planned("sale").values()) == {first}
    assert set(shop.planned("news").values()) == {first + DAY}, "the next best evening"


def test_hours_of_a_users_own_move_a_message_and_skip_none(shop: Shop) -> None:
    """Novu: the subscriber's schedule skips what comes outside of it. So does Stream's."""
    own = {"start": "19:00", "end": "23:00"}
    planned_before, told_later = USERS[0], USERS[1]
    shop.owner.users.prefer(
        planned_before, {"topics": {}, "quiet_hours": own, "snoozed_until": None}
    )
    shop.launch(days=2, time_to_live_minutes=24 * 60)
    assert shop.planned()[planned_before] == MORNING.replace(hour=12), "the best of the rest"
    shop.owner.users.prefer(told_later, {"topics": {}, "quiet_hours": own, "snoozed_until": None})
    shop.work()
    assert {user: len(times) for user, times in shop.got.items()} == dict.fromkeys(USERS, 1)
    assert shop.got[told_later] == [MORNING.replace(hour=12) + DAY]
    assert [at.time() for at in shop.got[USERS[2]]] == [EVENING]


def test_limits_that_make_no_sense_are_refused_and_the_others_stay(shop: Shop) -> None:
    """Knock: a throttle whose window is missing or invalid is skipped, and everything passes."""
    shop.limit(caps=[{"at_most": 1, "within": "24h"}])
    for within in (None, "", "0h", "-1h", "1 day", 24, "24"):
        with pytest.raises(InvalidInput) as refusal:
            shop.limit(caps=[{"at_most": 1, "within": within}])
        assert {each.field for each in refusal.value.faults} == {"/caps/0/within"}
    assert shop.owner.limits.get().version == 1
    for name in ("sale", "news"):
        shop.launch(name)
    shop.work()
    assert {len(times) for times in shop.got.values()} == {1}


def test_triggers_at_one_moment_do_not_overlook_each_other(shop: Shop) -> None:
    """Adobe Journey Optimizer: counters lag ten minutes, so that two journeys both pass."""
    shop.limit(caps=[{"at_most": 2, "within": "24h"}])
    window = {
        "earliest_at": MORNING.isoformat(),
        "latest_at": (MORNING + 90 * DAY).isoformat(),
    }
    shop.launch("asked-for", audience="triggered", send_window=window, quiet_hours=None)
    body = {"campaign_id": "asked-for", "user_id": USERS[0]}
    at_once(*(lambda key=key: shop.owner.sends.ask(body | {"send_key": key}) for key in "abcdef"))
    dispatchers = [shop.another_dispatcher() for _ in range(3)]
    at_once(*(each.dispatch_due for each in dispatchers))
    assert shop.got[USERS[0]] == [shop.clock.now()] * 2
    shop.work()
    assert sum(shop.owner.campaigns.get("asked-for").counts.values()) == 6
    assert most_within(shop.got[USERS[0]], DAY) == 2


def test_nobody_leaves_a_campaign_because_of_a_limit(shop: Shop) -> None:
    """Dittofeed: its rate limit is not implemented, and lets the user leave the journey."""
    shop.limit(weekly_budget=1, capacities=[{"per_minute": 2}])
    for name in ("sale", "news"):
        shop.launch(name)
    shop.work()
    assert {len(times) for times in shop.got.values()} == {1}
    counts = shop.owner.campaigns.get("news").counts
    assert {state: count for state, count in counts.items() if count} == {"suppressed": len(USERS)}
    for user in USERS:
        why = shop.owner.campaigns.reach(CampaignId("news"), UserId(user))
        assert "weekly_budget" in str(why)


def test_the_fourth_of_three_a_week_comes_a_week_after_the_first(shop: Shop) -> None:
    """Mautic: the fourth mail of "3 a week" was put three weeks later (pull request 4761)."""
    shop.limit(weekly_budget=3, least_gap="1d")
    for number in range(4):
        shop.launch(f"mail-{number}", days=20)
    shop.work()
    evening = MORNING.replace(hour=20)
    assert set(map(tuple, shop.got.values())) == {
        (evening, evening + DAY, evening + 2 * DAY, evening + 7 * DAY)
    }


def test_a_cap_of_zero_is_refused(shop: Shop) -> None:
    """Mautic: a default of 0 blocked all mail for ever (issue 10416)."""
    with pytest.raises(InvalidInput) as refusal:
        shop.limit(caps=[{"at_most": 0, "within": "7d"}], weekly_budget=0)
    assert {(each.code, each.field) for each in refusal.value.faults} == {
        ("limit_of_zero", "/caps/0/at_most"),
        ("limit_of_zero", "/weekly_budget"),
    }


def test_no_midnight_lets_two_days_of_messages_through_within_an_hour(shop: Shop) -> None:
    """Braze: caps count calendar days, so that 23:00 and midnight both pass."""
    shop.limit(caps=[{"at_most": 1, "within": "24h"}])
    late, midnight = MORNING.replace(hour=23), MORNING.replace(hour=0) + DAY
    for name, earliest_at, lasts in (("late", late, HOUR / 2), ("early", midnight, 25 * HOUR)):
        window = {
            "earliest_at": earliest_at.isoformat(),
            "latest_at": (earliest_at + lasts).isoformat(),
        }
        shop.launch(name, send_window=window, quiet_hours=None, fallback_local_time="00:00")
    shop.work()
    for times in shop.got.values():
        assert len(times) == 2
        assert times[1] - times[0] >= DAY


def test_a_gap_moves_the_second_message(shop: Shop) -> None:
    """MoEngage: within the minimum delay between campaigns the second is not received."""
    shop.limit(least_gap="4h")
    for name in ("sale", "news"):
        shop.launch(name)
    shop.work()
    for times in shop.got.values():
        assert [at.time() for at in times] == [NOON, EVENING]


def test_who_has_no_history_is_not_dropped_nor_put_last(shop: Shop) -> None:
    """Airship drops users without a predicted time; CleverTap sends to them a day later."""
    shop.owner.devices.register(
        {"user_id": "new", "channel": "webhook", "address": ADDRESS, "timezone": "UTC"}
    )
    shop.launch(audience=[*USERS, "new"])
    assert shop.planned()["new"] == MORNING.replace(hour=20)


def at_once(*each: Callable[[], object]) -> None:
    """Let threads do each of these at one moment."""
    barrier = Barrier(len(each))

    def run(do: Callable[[], object]) -> None:
        barrier.wait()
        do()

    threads = [Thread(target=run, args=(do,)) for do in each]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def most_within(times: Sequence[datetime], length: timedelta) -> int:
    return max(sum(begin <= at < begin + length for at in times) for begin in times)
