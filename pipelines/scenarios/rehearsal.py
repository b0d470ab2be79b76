"""What the worked scenarios share: a home of their own, a clock that they move, and a judge.

Nothing is sent anywhere: messages go to the simulator, which notes what came, to whom and when.
What a scenario promises is counted from these notes, past everything that planned them.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from sendopt.app import App, open_app
from sendopt.app.stores import DEFAULT_TENANT
from sendopt.app.work import Work
from sendopt.clock import VirtualClock, zone_of
from sendopt.records import CampaignId, Message, SendState
from sendopt.settings import Settings

SHOWN = 3  # of what breaks a promise
_FINAL = {state for state in SendState if state not in {SendState.PLANNED, SendState.CLAIMED}}
_MARKER = "made-by-a-scenario"


class Received(NamedTuple):
    """One message, as it arrived."""

    at: datetime  # UTC
    campaign_id: str
    user_id: str
    timezone: str  # of the device
    link: str  # "" = there is nothing to tap

    @property
    def local(self) -> datetime:
        """What the user's clock showed."""
        return self.at.astimezone(zone_of(self.timezone))


class Rehearsal:
    """A service at work, on a clock that only its scenario moves.

    Attributes:
        app: the application.
        clock: that it reads.
        owner: what the tenant's owner can do.
        received: every message that arrived, in that order.
    """

    def __init__(self, app: App, clock: VirtualClock) -> None:
        self.app, self.clock = app, clock
        self.owner: Work = app.as_owner_of(DEFAULT_TENANT)
        self.received: list[Received] = []
        self._dispatcher = app.rounds.dispatcher(on_simulated=self._receive)
        self._steps = 0
        self._broken = 0

    def step(self, text: str) -> None:
        """Begin a step of the story."""
        self._steps += 1
        print(f"\n{self._steps}. {self.clock.now():%a %d %b %H:%M} UTC - {text}", flush=True)

    def register(self, users: Sequence[str], zones: Sequence[str]) -> None:
        """Give each user a phone in its zone, by a file, as `sendopt devices import` does."""
        devices = {"user_id": users, "timezone": zones, "channel": ["simulator"] * len(users)}
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "devices.parquet"
            pq.write_table(pa.table(devices), file)
            self.owner.devices.import_files([file], progress=lambda _path, _rows: None)

    def import_events(self, events: pa.Table) -> None:
        """Bring in what happened before, by a file, as `sendopt ingest` does."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "events.parquet"
            pq.write_table(events, file)
            self.owner.events.import_files([file], progress=lambda _path, _rows: None)

    def live_until(self, end: datetime, *, beside: Callable[[], None] = lambda: None) -> None:
        """Let time pass, and hand over what falls due; `beside` happens after each hand-over."""
        while (ready_at := self._dispatcher.next_ready_at()) is not None and ready_at < end:
            self.clock.advance_to(ready_at)
            self._dispatcher.dispatch_due()
            beside()
        self.clock.advance_to(end)

    def promise(self, text: str, broken: Iterable[Any]) -> None:
        """Say that a promise was kept, or what breaks it."""
        found = list(broken)
        print(f"   {'BROKEN' if found else 'kept'}: {text}")
        for each in found[:SHOWN]:
            print(f"      {each}")
        self._broken += bool(found)

    def promise_one_end_each(self, audiences: dict[str, int]) -> None:
        """Promise that everybody in the audience ended once, each with one reason.

        Args:
            audiences: how many sends each campaign must have.
        """
        wrong = []
        for campaign_id, size in audiences.items():
            total = self.owner.results.of_campaign(CampaignId(campaign_id)).total
            ended = sum(count for state, count in total.states.items() if state in _FINAL)
            explained = total.delivered + sum(total.reasons.values())
            if not size == total.sends == ended == explained:
                wrong.append(f"{campaign_id}: {size} people, {total.sends} sends, {ended} ended")
        delivered = sum(
            self.owner.results.of_campaign(CampaignId(each)).total.delivered for each in audiences
        )
        if delivered != len(self.received):
            wrong.append(f"{delivered} delivered, and {len(self.received)} arrived")
        people = sum(audiences.values())
        self.promise(f"each of {people:,} sends has ended, with one reason", wrong)

    def promise_nothing_at(
        self, start: time, end: time, *, of: Collection[str], besides: Collection[str] = ()
    ) -> None:
        """Promise that no user's clock showed a time from `start` to `end`, over midnight."""
        of_these = [each for each in self.received if each.campaign_id in of]
        night = [
            each
            for each in of_these
            if each.user_id not in besides
            and (each.local.time() >= start or each.local.time() < end)
        ]
        self.promise(
            f"none of {len(of_these):,} messages came between {start:%H:%M} and {end:%H:%M} on its "
            "user's clock",
            night,
        )

    def promise_at_most(self, count: int, within: timedelta, *, of: Collection[str]) -> None:
        """Promise that no user got more than `count` messages in any window of this length."""
        times: dict[str, list[datetime]] = {}
        for each in self.received:
            if each.campaign_id in of:
                times.setdefault(each.user_id, []).append(each.at)
        broken = [
            f"{user}: {first} to {last}"
            for user, got in times.items()
            for first, last in zip(sorted(got), sorted(got)[count:], strict=False)
            if last - first < within
        ]
        hours = f"{within / timedelta(hours=1):g}"
        self.promise(f"nobody got more than {count} of them within any {hours} hours", broken)

    def promise_per_minute(self, most: int, *, besides: Collection[str]) -> None:
        """Promise that no minute had more than `most` messages, those of `besides` apart."""
        minutes = Counter(
            each.at.replace(second=0, microsecond=0)
            for each in self.received
            if each.campaign_id not in besides
        )
        full = [f"{minute}: {count}" for minute, count in minutes.items() if count > most]
        self.promise(
            f"no minute had more than {most:,} messages, {' and '.join(besides)} apart", full
        )

    def verify(self) -> None:
        """Promise what `sendopt verify` checks, over every store."""
        self.app.rounds.settle()
        report = self.app.operator.verify(progress=lambda _about: None)
        self.promise("`sendopt verify` finds nothing in any store", report.findings)

    @property
    def status(self) -> int:
        """The exit status: 1 if a promise was broken."""
        return 1 if self._broken else 0

    def _receive(self, message: Message) -> None:
        self.received.append(
            Received(
                self.clock.now(),
                message.campaign_id,
                message.user_id,
                message.device.timezone or "UTC",
                message.click_url or "",
            )
        )


@contextmanager
def rehearsal(home: Path | None, start: datetime) -> Iterator[Rehearsal]:
    """Open a rehearsal that begins at `start`.

    Args:
        home: a folder that is missing, empty or of a former rehearsal, which is forgotten; None =
            one that is gone afterwards.
        start: what the clock shows at first.
    """
    clock = VirtualClock(start)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "home" if home is None else _made_anew(home)
        with closing(open_app(Settings(home=place), clock=clock)) as app:
            app.open_stores()
            yield Rehearsal(app, clock)


def _made_anew(home: Path) -> Path:
    if home.exists() and any(home.iterdir()) and not (home / _MARKER).exists():
        sys.exit(f"{home} holds something that no scenario made: name an empty or missing folder")
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(mode=0o700, parents=True)
    (home / _MARKER).touch()
    return home


def options(about: str | None, *, users: int, least: int) -> argparse.ArgumentParser:
    """Return what every scenario can be told: how many users, and where to keep what it makes."""
    described = argparse.ArgumentParser(description=(about or "").splitlines()[0])
    add = described.add_argument
    add("--users", type=_at_least(least), default=users, metavar="N", help=f"[default: {users}]")
    add("--home", type=Path, metavar="DIR", help="keep the home, for `sendopt --home DIR` to read")
    add("--picture", type=Path, metavar="FILE.svg", help="draw what happened")
    return described


def _at_least(least: int) -> Callable[[str], int]:
    def users(text: str) -> int:
        if not text.isdigit() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text} is too few: at least {least} are needed")
        return int(text)

    return users


def counted(counts: dict[Any, int] | Counter[Any]) -> str:
    """Return counts in words, the largest first."""
    found = sorted(counts.items(), key=lambda each: -each[1])
    return ", ".join(f"{count:,} {name}" for name, count in found if count) or "none"


def in_turn(values: Sequence[str], number: int) -> str:
    """Deal `values` out to one user after the other."""
    return values[number % len(values)]
