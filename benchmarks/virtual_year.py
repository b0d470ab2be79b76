"""A year of daily campaigns in 40 zones: who is skipped, doubled, or sent to in forbidden time.

    python benchmarks/virtual_year.py

Three campaigns a day, each in local dates, are planned for every date of 2026: an evening outside
quiet hours, the small hours in which clocks are changed, and the whole day but for quiet hours.
What came out is judged by `pytz`, which reads zone files of its own with code of its own. Around
clock changes the campaigns are committed as well, and carried out by the dispatcher on a virtual
clock, with the times at which messages were handed over judged the same way.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import pytz
import sqlalchemy as sa

from sendopt import schedule
from sendopt.app import App, open_app
from sendopt.app.stores import DEFAULT_TENANT
from sendopt.clock import VirtualClock, zone_database
from sendopt.records import Channel, Device, DeviceId, QuietHours, UserId, ZoneSource
from sendopt.schedule import AudienceMember, Forecast, Scored
from sendopt.settings import Settings
from sendopt.state.tables import attempt, planned_send

ZONES = (
    *("Pacific/Kiritimati", "Pacific/Apia", "Pacific/Tongatapu", "Pacific/Chatham"),
    *("Pacific/Auckland", "Pacific/Norfolk", "Australia/Lord_Howe", "Australia/Sydney"),
    *("Australia/Adelaide", "Australia/Eucla", "Asia/Tokyo", "Asia/Shanghai"),
    *("Asia/Kathmandu", "Asia/Kolkata", "Asia/Kabul", "Asia/Tehran"),
    *("Asia/Gaza", "Asia/Beirut", "Asia/Jerusalem", "Africa/Cairo"),
    *("Africa/Casablanca", "Africa/Johannesburg", "Europe/Chisinau", "Europe/Berlin"),
    *("Europe/London", "Europe/Dublin", "Antarctica/Troll", "Atlantic/Azores"),
    *("America/Nuuk", "America/St_Johns", "America/Asuncion", "America/Santiago"),
    *("America/Havana", "America/New_York", "America/Vancouver", "America/Los_Angeles"),
    *("Pacific/Easter", "Pacific/Marquesas", "Pacific/Pago_Pago", "Etc/GMT+12"),
)
FIRST, DAYS = date(2026, 1, 1), 365
#: Clocks are changed somewhere on each of these dates.
CARRIED_OUT = (
    *(date(2026, 3, 8), date(2026, 3, 29), date(2026, 4, 5)),
    *(date(2026, 9, 20), date(2026, 10, 25), date(2026, 11, 1)),
)
NIGHT = QuietHours(time(22), time(8))
_MICROSECOND = timedelta(microseconds=1)
_USERS_A_ZONE = 5


@dataclass(frozen=True)
class Daily:
    """A campaign that each user is to get once on each of their own dates."""

    name: str
    start: time
    end: time  # 00:00 = the end of the day
    quiet: QuietHours | None
    slot_minutes: int

    def definition(self, day: date) -> dict[str, Any]:
        times = {"start": f"{self.start:%H:%M}", "end": f"{self.end:%H:%M}"}
        quiet = self.quiet and {"start": f"{NIGHT.start:%H:%M}", "end": f"{NIGHT.end:%H:%M}"}
        return {
            "campaign_id": f"{self.name}-{day}",
            "channel": "simulator",
            "variants": [{"variant_id": "a", "title": "Good day", "body": "Once a day"}],
            "send_window": {"local_dates": [str(day)]}
            | ({} if self.start == self.end else {"local_times": times}),
            "audience": "everyone",
            "quiet_hours": quiet,
            "slot_minutes": self.slot_minutes,
            "exploration": {"policy": "epsilon_greedy", "epsilon": 0.5},
        }

    def allows(self, shown: datetime, day: date) -> bool:
        """Whether a clock that shows this may be sent to on behalf of `day`."""
        if shown.date() != day:
            return False
        now = shown.time()
        if self.quiet is not None and (now >= self.quiet.start or now < self.quiet.end):
            return False
        return now >= self.start and (self.end == time(0) or now < self.end)


DAILY = (
    Daily("evening", time(17), time(21), NIGHT, 60),
    Daily("small-hours", time(0), time(4), None, 15),
    Daily("all-day", time(0), time(0), NIGHT, 60),
)


@dataclass
class Found:
    """What came of sends to users, by the other library's clocks."""

    zones: dict[str, str]  # of the users
    sends: int = 0
    late: int = 0  # could be tried when it is no more allowed
    forbidden: int = 0
    got: Counter[tuple[str, str, date]] = field(default_factory=Counter)  # campaign, user, date

    def see(self, daily: Daily, day: date, user: str, at: datetime) -> None:
        shown = self._shown(user, at)
        self.sends += 1
        self.forbidden += not daily.allows(shown, day)
        self.got[daily.name, user, shown.date()] += 1

    def see_end(self, daily: Daily, day: date, user: str, expires_at: datetime) -> None:
        """The end of a send's life must not be behind the end of the window; quiet hours may be."""
        shown = self._shown(user, expires_at - _MICROSECOND)
        in_window = daily.start <= shown.time() and (
            daily.end == time(0) or shown.time() < daily.end
        )
        self.late += not (shown.date() == day and in_window)

    def _shown(self, user: str, at: datetime) -> datetime:
        return at.astimezone(pytz.timezone(self.zones[user]))

    def skipped(self, days: Sequence[date]) -> int:
        return sum(
            self.got[daily.name, user, day] == 0
            for daily in DAILY
            for user in self.zones
            for day in days
        )

    @property
    def doubled(self) -> int:
        return sum(times - 1 for times in self.got.values())


def the_days() -> list[date]:
    return [FIRST + timedelta(days=index) for index in range(DAYS)]


def planned_year(days: Sequence[date], *, users_a_zone: int = _USERS_A_ZONE) -> Found:
    """Plan all campaigns of `days`, each user with moods of their own, and judge the plans."""
    members = list(_members(users_a_zone))
    found = Found({member.user_id: member.timezone for member in members})
    random = np.random.default_rng(12)
    for day in days:
        now = datetime.combine(day, time(0), tzinfo=UTC) - timedelta(days=2)
        for daily in DAILY:
            campaign = schedule.parse_campaign(daily.definition(day), now=now)
            scored = [
                Scored(
                    shared.rows,
                    shared.grid,
                    random.uniform(0.01, 0.2, shape := (len(shared.rows), len(shared.grid.slots))),
                    np.full(shape, 0.3),
                )
                for shared in schedule.shared_grids(campaign, members, now=now)
            ]
            plan = schedule.plan(campaign, DEFAULT_TENANT, members, Forecast(scored, "1", 1, None))
            for send in plan.sends:
                if send.due_at is not None and send.expires_at is not None:
                    found.see(daily, day, send.user_id, send.due_at)
                    found.see_end(daily, day, send.user_id, send.expires_at)
    return found


def carried_out(days: Sequence[date]) -> Found:
    """Commit all campaigns of `days`, hand over what is due when it is, and judge when that was."""
    begins_at = datetime.combine(min(days), time(0), tzinfo=UTC) - timedelta(days=2)
    clock = VirtualClock(begins_at)
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(open_app(Settings(home=Path(folder)), clock=clock)) as app,
    ):
        for member in _members(1):
            app.as_owner_of(DEFAULT_TENANT).devices.register(
                {
                    "device_id": member.user_id,
                    "user_id": member.user_id,
                    "channel": "simulator",
                    "address": {},
                    "timezone": member.timezone,
                }
            )
        for day in days:
            clock.advance_to(datetime.combine(day, time(0), tzinfo=UTC) - timedelta(days=1))
            for daily in DAILY:
                app.as_owner_of(DEFAULT_TENANT).campaigns.put(daily.definition(day), commit=True)
            dispatcher = app.rounds.dispatcher()
            while ready_at := dispatcher.next_ready_at():
                clock.advance_to(ready_at)
                dispatcher.dispatch_due()
        return _judged(app)


def _judged(app: App) -> Found:
    found = Found({member.user_id: member.timezone for member in _members(1)})
    by_name = {daily.name: daily for daily in DAILY}
    attempts = (
        sa.select(planned_send.c.campaign_id, planned_send.c.user_id, attempt.c.started_at)
        .join(attempt, sa.and_(attempt.c.send_id == planned_send.c.send_id))
        .where(attempt.c.outcome == "accepted")
    )
    with app.state.read_fleet() as tx:
        for row in tx.execute(attempts):
            name, day = row.campaign_id[:-11], date.fromisoformat(row.campaign_id[-10:])
            found.see(by_name[name], day, row.user_id, row.started_at)
    return found


def _members(users_a_zone: int) -> Iterator[AudienceMember]:
    for zone in ZONES:
        for number in range(users_a_zone):
            user = UserId(f"{zone.replace('/', '-')}-{number}")
            device = Device(DeviceId(user), user, Channel.SIMULATOR, {})
            yield AudienceMember(user, device, zone, ZoneSource.DEVICE)


def main() -> None:
    if zone_database() != pytz.OLSON_VERSION:
        sys.exit(f"tzdata is of {zone_database()}, pytz of {pytz.OLSON_VERSION}: they must agree")
    print(f"{len(ZONES)} zones, {len(DAILY)} campaigns a day, time zones of {zone_database()}")
    print()
    print("| | days | sends | skipped | doubled | in forbidden time | too late | CPU s |")
    print("|---|---|---|---|---|---|---|---|")
    years: list[tuple[str, Callable[[], Found], Sequence[date]]] = [
        ("planned", partial(planned_year, the_days()), the_days()),
        ("carried out", partial(carried_out, CARRIED_OUT), CARRIED_OUT),
    ]
    for name, run, days in years:
        begun = process_time()
        found = run()
        print(
            f"| {name} | {len(days)} | {found.sends:,} | {found.skipped(days)} | {found.doubled} "
            f"| {found.forbidden} | {found.late} | {process_time() - begun:.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
