"""Clients and users of a simulated day: what they ask for, until they are answered."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from typing import Any

from sendopt.errors import SendoptError, StoreFailure
from sendopt.records import CampaignId, SendId, TenantId
from sendopt.track import ClickRequest
from simulation.facts import Facts, HandOver, Request
from simulation.scheduler import Killed, Scheduler
from simulation.script import CLOCK_STEPS, RESERVED, Script
from simulation.service import NODES, PASSING, Service
from simulation.store_app import StoreApp

_NOBODYS = "s_" + "a" * 32  # a send id of the right form that no send has
_PATIENCE = 12  # times that a request is repeated
_PHONE = {"User-Agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X)"}
_BOT = {"User-Agent": "Googlebot/2.1 (+http://www.google.com/bot.html)"}


class Requests:
    """Performs the actions of a script; each runs as a request on one of the nodes."""

    def __init__(
        self,
        script: Script,
        scheduler: Scheduler,
        service: Service,
        facts: Facts,
        *,
        transactions: Callable[[], int],
        answered: Callable[[Request], None],
        back_up: Callable[[], None],
    ) -> None:
        self._script, self._scheduler, self._service = script, scheduler, service
        self._facts = facts
        self._transactions, self._answered = transactions, answered
        self.back_up = back_up

    def crash(self, node: str) -> None:
        self._scheduler.tell(f"node {node}", "crashes")
        self._service.crash(node)

    def put_campaign(self, tenant_id: str, definition: dict[str, Any]) -> None:
        self._ask(
            "put_campaign",
            tenant_id,
            {"definition": definition},
            lambda app: app.as_owner_of(TenantId(tenant_id)).campaigns.put(definition, commit=True),
        )

    def cancel_campaign(self, tenant_id: str, campaign_id: str) -> None:
        self._ask(
            "cancel_campaign",
            tenant_id,
            {"campaign_id": campaign_id},
            lambda app: app.as_owner_of(TenantId(tenant_id)).campaigns.cancel(
                CampaignId(campaign_id)
            ),
        )

    def cancel_send(self, tenant_id: str, campaign_id: str, user_id: str) -> None:
        for (owner, send_id), promise in list(self._facts.promises.items()):
            if (owner, promise.campaign_id, promise.user_id) != (tenant_id, campaign_id, user_id):
                continue
            send = SendId(send_id)
            self._ask(
                "cancel_send",
                tenant_id,
                {"send_id": send},
                lambda app, send=send: app.as_owner_of(TenantId(tenant_id)).sends.cancel(send),
            )

    def set_clock(self, seconds: int) -> None:
        self._scheduler.set_clock(timedelta(seconds=seconds))

    def import_events(self, tenant_id: str, name: str, items: list[dict[str, Any]]) -> None:
        items = self._with_our_ids(tenant_id, items)
        file = self._service.apps[NODES[0]].settings.home / name
        file.write_text("".join(f"{json.dumps(item)}\n" for item in items))
        self._ask(
            "import_events",
            tenant_id,
            {"items": items},
            lambda app: app.as_owner_of(TenantId(tenant_id)).events.import_files(
                [file], progress=lambda _file, _rows: None
            ),
        )

    def _with_our_ids(self, tenant_id: str, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Put an id that the service gives to an event of its own where one was to be reserved."""
        send_id = next(
            (send for owner, send in self._facts.promises if owner == tenant_id), _NOBODYS
        )
        return [
            {**item, "event_id": f"{send_id}:send"} if item["event_id"] == RESERVED else item
            for item in items
        ]

    def post_events(self, tenant_id: str, items: list[dict[str, Any]]) -> None:
        items = self._with_our_ids(tenant_id, items)
        self._ask(
            "post_events",
            tenant_id,
            {"items": items},
            lambda app: app.as_owner_of(TenantId(tenant_id)).events.accept(items),
        )

    def opt_out(self, tenant_id: str, user_id: str) -> None:
        self._consent(tenant_id, user_id, "opt_out")

    def opt_in(self, tenant_id: str, user_id: str) -> None:
        self._consent(tenant_id, user_id, "opt_in")

    def register(self, tenant_id: str, user_id: str) -> None:
        user = self._script.town.user(tenant_id, user_id)
        body = device_body(user)
        self._ask(
            "register",
            tenant_id,
            body,
            lambda app: app.as_owner_of(TenantId(tenant_id)).devices.register(body),
        )

    def close_period(self, tenant_id: str, period: str) -> None:
        self._ask(
            "close_period",
            tenant_id,
            {"period": period},
            lambda app: app.as_owner_of(TenantId(tenant_id)).statements.close(period),
        )

    def react(self, hand_over: HandOver) -> None:
        """Let a user who got a message do something with it: now, soon, or much too late."""
        message = hand_over.message
        random = Random(f"user {self._script.seed} {message.tenant_id} {message.send_id}")
        for number in range(random.randint(0, 3)):
            kind = random.choice(("click", "click", "bot", "report", "report", "late_report"))
            if kind in {"click", "bot"} and message.click_url is None:
                continue
            seconds = random.choice((0, 3, 40, 4000, 90_000, 90_000 * 3))
            at = self._scheduler.now + timedelta(seconds=seconds)
            told = random.choice(("delivery", "open", "response", "response", "opt_out"))
            if kind == "late_report":
                at += timedelta(days=random.choice((2, 35)))
                told = "response"
            self._scheduler.spawn(
                f"user {message.user_id}",
                random.choice(NODES),
                self._reaction(kind, told, hand_over, number),
                at=at,
            )

    def meanwhile(self, hand_over: HandOver, *, within: timedelta) -> None:
        """Let something happen `within` a time from now, on days that have it.

        Asked for while a send is claimed, and again between an attempt and its retry.
        """
        scheduler, message = self._scheduler, hand_over.message
        random = scheduler.random
        if random.random() >= scheduler.faults.meanwhile:
            return
        key = (message.tenant_id, message.send_id)
        campaign_id = self._facts.promises[key].campaign_id
        tenant_id, user_id = key[0], message.user_id
        work: dict[str, Callable[[], None]] = {
            "opt_out": lambda: self.opt_out(tenant_id, user_id),
            "cancel_send": lambda: self.cancel_send(tenant_id, campaign_id, user_id),
            "cancel_campaign": lambda: self.cancel_campaign(tenant_id, campaign_id),
            "outage": self._outage,
            "back_up": self.back_up,
        }
        if scheduler.faults.clock:
            work["outage"] = lambda: self.set_clock(random.choice(CLOCK_STEPS))
        kind = random.choice(
            ("opt_out", "opt_out", "cancel_send", "cancel_campaign", "outage", "outage", "back_up")
        )
        scheduler.spawn(kind, "clients", work[kind], at=scheduler.now + within * random.random())

    def _outage(self) -> None:
        """Both nodes are away for minutes or hours."""
        seconds = self._scheduler.random.choice((400, 4_000, 15_000))
        self._service.down_until = self._scheduler.now + timedelta(seconds=seconds)
        for node in NODES:
            self.crash(node)

    def _reaction(
        self, kind: str, told: str, hand_over: HandOver, number: int
    ) -> Callable[[], None]:
        message = hand_over.message
        tenant_id, send_id = message.tenant_id, message.send_id
        url = message.click_url
        token = "" if url is None else url.rpartition("/")[2]
        args = {"send_id": send_id, "told": told, "user_id": message.user_id, "number": number}
        if kind in {"click", "bot"}:
            request = ClickRequest("GET", _BOT if kind == "bot" else _PHONE)
            return lambda: self._ask(
                kind, tenant_id, args, lambda app: app.links.follow(token, request)
            )
        if kind == "report" and token:
            return lambda: self._ask(
                "report", tenant_id, args, lambda app: app.links.report(token, told)
            )
        body = {"kind": told}
        if kind == "late_report":  # it happened soon after the hand-over, and is told much later
            args["occurred_at"] = hand_over.claimed_at + timedelta(minutes=30)
            body["occurred_at"] = args["occurred_at"].isoformat()
        return lambda: self._ask(
            "report",
            tenant_id,
            args,
            lambda app: app.as_owner_of(tenant_id).sends.report(send_id, body),
        )

    def _consent(self, tenant_id: str, user_id: str, kind: str) -> None:
        item = {
            "event_id": f"{kind}-{user_id}-{self._scheduler.now:%d-%H%M%S}",
            "user_id": user_id,
            "event_type": kind,
            "occurred_at": self._scheduler.wall.isoformat(),
        }
        if kind == "opt_out":
            item["send_id"] = "theirs-0"
        self.post_events(tenant_id, [item])

    def _ask(
        self,
        kind: str,
        tenant_id: str,
        args: dict[str, Any],
        use_case: Callable[[StoreApp], Any],
    ) -> None:
        """Ask until there is an answer. A store that fails and a lost answer are no answers."""
        scheduler = self._scheduler
        request = Request(kind, str(tenant_id), self._transactions(), scheduler.wall, args)
        self._facts.requests.append(request)
        for _ in range(_PATIENCE):
            node = scheduler.random.choice(NODES)
            try:
                answer = use_case(self._service.apps[node])
            except Killed:
                scheduler.tell(kind, "its server dies")
            except StoreFailure as failure:
                if failure.code not in PASSING:
                    raise
            except SendoptError as refusal:
                self._end(request, refusal=refusal.code)
                return
            else:
                if scheduler.random.random() >= scheduler.faults.lost_answer:
                    self._end(request, answer=answer)
                    return
                scheduler.tell(kind, "its answer is lost")
            scheduler.restart_at(self._again_at())
        scheduler.tell(kind, "its client gives up")

    def _again_at(self) -> datetime:
        return self._scheduler.now + timedelta(seconds=self._scheduler.random.choice((1, 10, 300)))

    def _end(self, request: Request, *, answer: Any = None, refusal: str | None = None) -> None:
        request.answered_as = self._transactions()
        request.answer, request.refusal = answer, refusal
        self._answered(request)


def device_body(user: Any) -> dict[str, Any]:
    """Return the registration of a user's phone."""
    hook = {
        "url": "https://hooks.example/push",
        "secret": "whsec_" + "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3",
    }
    return {
        "device_id": user.device_id,
        "user_id": user.user_id,
        "channel": user.channel,
        "address": hook if user.channel == "webhook" else {},
        **({} if user.timezone is None else {"timezone": user.timezone}),
    }
