"""Lives through days on a virtual clock: sends go out when due, people answer as they did."""

from __future__ import annotations

import heapq
from datetime import datetime, timedelta
from itertools import count

from sendopt.app import App
from sendopt.clock import VirtualClock
from sendopt.demo.studies import HeldDay
from sendopt.records import Message, ResponseKind, TenantId
from sendopt.track import ClickRequest

#: What a phone's browser says of itself when a push is tapped.
_PHONE = {"user-agent": "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/131.0 Mobile"}


class People:
    """Everybody who receives the demo's pushes, and who answers like in the study.

    An answer is a tap on the message's link, an open and a response, all at the moment at which
    the person really answered the push of that time; silence is nothing at all.
    """

    def __init__(self, app: App, clock: VirtualClock) -> None:
        self._app = app
        self._clock = clock
        self._days: dict[TenantId, HeldDay] = {}
        self._answers: list[tuple[datetime, int, str]] = []  # a heap: when, tie-break, token
        self._order = count()

    def begin(self, tenant_id: TenantId, day: HeldDay) -> None:
        """From now on the tenant's people live `day`."""
        self._days[tenant_id] = day

    def receive(self, message: Message) -> None:
        """Take a push; called by the simulator channel at the moment of hand-over."""
        delay = self._days[message.tenant_id].answers[message.user_id][message.due_at]
        if delay is not None and message.click_url is not None:
            token = message.click_url.rsplit("/", 1)[-1]
            # Nobody answers within a second: the study's shortest times are rounding.
            answer_at = message.due_at + max(delay, timedelta(seconds=1))
            heapq.heappush(self._answers, (answer_at, next(self._order), token))

    def next_answer_at(self) -> datetime | None:
        return self._answers[0][0] if self._answers else None

    def answer_due(self) -> None:
        """Let everybody answer whose moment has come."""
        while self._answers and self._answers[0][0] <= self._clock.now():
            _, _, token = heapq.heappop(self._answers)
            self._app.links.follow(token, ClickRequest("GET", _PHONE))
            for kind in (ResponseKind.OPEN, ResponseKind.RESPONSE):
                self._app.links.report(token, kind)


def live_until(app: App, clock: VirtualClock, people: People, end: datetime) -> None:
    """Let time pass until `end`, stopping at every moment at which something happens."""
    dispatcher = app.rounds.dispatcher(on_simulated=people.receive)
    while True:
        moments = [dispatcher.next_ready_at(), people.next_answer_at()]
        upcoming = min((moment for moment in moments if moment is not None), default=end)
        if upcoming >= end:
            clock.advance_to(end)
            return
        clock.advance_to(upcoming)
        dispatcher.dispatch_due()
        people.answer_due()
