"""Clients of a service under attack: they write down what they are promised, and never give up."""

from __future__ import annotations

import json
import threading
import time
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import numpy as np
from beside import beside
from faults.ack_log import AckLog, Exchange, Kind
from receiver import Receiver
from service.processes import campaign

PHONE = {"user-agent": "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/131.0 Mobile"}
#: What a request may take before a client counts it as unanswered.
_TIMEOUT_SECONDS = 10
_PAUSE_SECONDS = 0.005
_ACKNOWLEDGES = {"events": {200}, "campaign": {200, 201}, "click": {302}}


class Clients:
    """Post events, commit campaigns whose sends are due at once, click on what the phones got.

    Args:
        url: of the service, or of what stands before it.
        key: of the API.
        users: who is in the log and in the campaigns.
        receiver: where the messages go; each holds the signed link to click.
        acks: takes what was asked for and promised.
        seed: of every choice here.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        users: list[str],
        receiver: Receiver,
        acks: AckLog,
        seed: int,
    ) -> None:
        self._http = httpx.Client(base_url=url, timeout=_TIMEOUT_SECONDS)
        self._key = {"authorization": f"Bearer {key}"}
        self._users = users
        self._receiver = receiver
        self._acks = acks
        self._rng = np.random.default_rng(seed)
        self._name = f"{seed:x}"
        self._number = 0
        self._looked_at = len(receiver.requests)  # what came before is clicked by others

    def at_work(self) -> AbstractContextManager[None]:
        """Keep asking, in a thread beside the block."""

        def work(stop: threading.Event) -> None:
            while not stop.is_set():
                self.step()
                stop.wait(_PAUSE_SECONDS)

        return beside(work, name="clients")

    def step(self) -> None:
        """Ask for one thing: mostly events; now and then a campaign, or a click on a new link."""
        self._number += 1
        clicked = self._click_newest()
        if self._number % 15 == 1:
            self.commit_campaign()
        elif not clicked:
            self.post_events(int(self._rng.integers(1, 4)))

    def post_events(self, count: int) -> None:
        events = [
            {
                "event_id": f"{self._name}-{self._number}-{place}",
                "user_id": str(self._rng.choice(self._users)),
                "event_type": "session",
                "occurred_at": datetime.now(UTC).isoformat(),
            }
            for place in range(count)
        ]
        self._ask("events", tuple(event["event_id"] for event in events), events)

    def commit_campaign(self) -> None:
        """Commit a campaign: one send for each user, due within the next second."""
        campaign_id = f"{self._name}-{self._number}"
        start = datetime.now(UTC) + timedelta(seconds=0.3)
        due = {
            user: start + timedelta(milliseconds=int(self._rng.integers(0, 700)))
            for user in self._users
        }
        definition = campaign(campaign_id, due) | {"channel": "webhook"}
        # No clock that jumps by a day finds the window over.
        definition["send_window"]["latest_at"] = (start + timedelta(days=3)).isoformat()
        self._ask("campaign", (campaign_id,), definition)

    def repeat_unanswered(self) -> tuple[int, int]:
        """Ask once more for what got no answer; return how many there were and how many did now.

        A click is not repeated: each request is a click of its own. Nor is a file, which the
        commands import.
        """
        repeatable = ("events", "campaign")
        unanswered = [each for each in self._acks.indeterminate() if each.kind in repeatable]
        recovered = sum(self._ask(each.kind, each.ids, each.body) for each in unanswered)
        return len(unanswered), recovered

    def click_all(self) -> None:
        while self._click_newest():
            pass

    def close(self) -> None:
        self._http.close()

    def _click_newest(self) -> bool:
        """Click on the link of the next message that the receiver got; False = none is new."""
        if self._looked_at >= len(self._receiver.requests):
            return False
        message = json.loads(self._receiver.requests[self._looked_at].body)["data"]
        self._looked_at += 1
        token = message["url"].rpartition("/")[2]
        self._ask("click", (message["send_id"], token), None)
        return True

    def _ask(self, kind: Kind, ids: tuple[str, ...], body: object) -> bool:
        exchange = Exchange(kind, ids, body, begun_at=self._acks.progress())
        try:
            answer = self._send(kind, ids, body)
        except httpx.ConnectError:
            time.sleep(_PAUSE_SECONDS)  # nothing was asked: nobody listens
            return False
        except httpx.TransportError:
            self._acks.add(exchange)
            return False
        if answer.status_code in _ACKNOWLEDGES[kind]:
            counted = answer.headers.get("sendopt-counted") == "?1"
            exchange = replace(exchange, answered_at=self._acks.progress(), counted=counted)
        elif answer.status_code < 500:
            self._acks.refused.append(f"{kind} {ids[0]}: {answer.status_code} {answer.text}")
        self._acks.add(exchange)
        return exchange.is_acknowledged

    def _send(self, kind: Kind, ids: tuple[str, ...], body: object) -> httpx.Response:
        if kind == "click":
            return self._http.get(f"/t/{ids[1]}", headers=PHONE, follow_redirects=False)
        path = "/v1/events" if kind == "events" else "/v1/campaigns?commit=true"
        return self._http.post(path, headers=self._key, json=body)
