"""Lives one day: a script, the service, its clients, and somebody who watches."""

from __future__ import annotations

import hashlib
import shutil
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from sendopt.deliver.provider import Provider
from sendopt.records import Channel, Message, Retry, TenantId
from simulation import oracle
from simulation.aftermath import WINDOW, at_the_end, held_out
from simulation.facts import Facts, HandOver, Promise, Request
from simulation.memory_log import MemoryLog
from simulation.oracle import Violation
from simulation.providers import SimulatedProvider
from simulation.requests import Requests, device_body
from simulation.restore import Backup, restored
from simulation.scheduler import CALM, Scheduler, SimulatedClock
from simulation.script import HORIZON, Script, Town
from simulation.service import LEASE, Service
from simulation.store_app import StoreApp
from simulation.stores import SimulatedState, SteppedLog

_SETTLED = datetime(2026, 1, 1, tzinfo=UTC)  # when towns are registered, before all days
_BEFORE_AN_ANSWER, _BEFORE_A_RETRY = timedelta(seconds=10), timedelta(seconds=20)
_TABLES = ("planned_send", "attempt", "click", "response", "charge", "period", "ledger_entry")


@dataclass(frozen=True, slots=True)
class Result:
    """A day that was lived."""

    script: Script
    violations: tuple[Violation, ...]  # found by the oracle
    findings: tuple[str, ...]  # rules that `sendopt verify` found broken
    story: tuple[str, ...]  # a line an event
    counts: Counter[str]  # what happened how often
    digest: str  # of the story and of every row that is left: equal days have equal digests

    @property
    def failed(self) -> bool:
        return bool(self.violations or self.findings)


class World:
    """The stores of one simulating process, made once and used for one day after the other."""

    def __init__(self, folder: Path, empty: Path, log: SteppedLog | None = None) -> None:
        self.folder, self._empty = folder, empty
        self.state = SimulatedState(folder / "state.sqlite")
        self.log = log or MemoryLog(folder)
        self._towns: dict[int, Path] = {}

    def town(self, town: Town) -> Path:
        """Return a state in which the town's tenants, prices and phones are registered."""
        if town.number not in self._towns:
            scheduler = Scheduler(_SETTLED, Random(0), CALM, longest_pause=LEASE)
            self.state.begin_day(self._empty, scheduler)
            app = StoreApp(self.folder, SimulatedClock(scheduler), Random(0), self.state, self.log)
            _register(app, town)
            self.state.engine.dispose()  # the last connection moves everything into the file
            file = self.folder / f"town-{town.number}.sqlite"
            self._towns[town.number] = Path(shutil.copyfile(self.state.file, file))
        return self._towns[town.number]

    def live(self, script: Script, *, verified: bool = True) -> Result:
        """Live the day of `script`; `verified` says whether `sendopt verify` judges it as well."""
        return Day(self, script).live(verified=verified)

    def close(self) -> None:
        self.state.close()
        self.log.close()


class Day:
    """One day in a world."""

    def __init__(self, world: World, script: Script) -> None:
        self.script, self.state, self.log = script, world.state, world.log
        self.facts = Facts()
        self.story: list[str] = []
        self.counts: Counter[str] = Counter()
        self.violations: list[Violation] = []
        self.transactions = 0
        self.scheduler = Scheduler(
            script.start,
            Random(f"chance {script.seed}"),
            script.faults,
            longest_pause=LEASE * 3,
        )
        self.scheduler.tell = self._tell
        self.scheduler.wake_idle_at = self._wake_idle_at
        self._bytes = Random(f"bytes {script.seed}")
        self.folder = world.folder
        self.backup: Backup | None = None
        self._wanted: dict[str, datetime | None] = {}
        self.state.begin_day(world.town(script.town), self.scheduler)
        self.state.on_commit = self._committed
        if isinstance(self.log, MemoryLog):
            self.log.begin_day(self.scheduler)
        self.log.scheduler = self.scheduler
        self.service = Service(
            self.scheduler,
            lambda: StoreApp(
                world.folder,
                SimulatedClock(self.scheduler),
                self._bytes,
                self.state,
                self.log,
                seed=script.seed,
            ),
            self._providers,
            self._forget_hand_overs,
            script.copy_after,
        )
        self.requests = Requests(
            script,
            self.scheduler,
            self.service,
            self.facts,
            transactions=lambda: self.transactions,
            answered=self._answered,
            back_up=self._back_up,
        )

    def live(self, *, verified: bool) -> Result:
        self.service.start(self.script.start)
        for action in self.script.actions:
            self.scheduler.spawn(
                action.kind,
                "clients",
                lambda action=action: getattr(self.requests, action.kind)(**action.args),
                at=self.script.start + action.after,
            )
        self.scheduler.run(self.script.start + HORIZON)
        self.scheduler.set_clock(timedelta(0))
        self.scheduler.run(self.script.start + timedelta(days=100))
        self.scheduler.faults = CALM
        self.scheduler.run(self.scheduler.now + timedelta(days=2))
        return self._judge(verified=verified)

    def _judge(self, *, verified: bool) -> Result:
        for task, error in self.scheduler.failures:
            self._violated("process_goes_on", f"{task.name} ended with {error!r}")
        self.state.scheduler = self.log.scheduler = None
        app = self.service.apps["north"]
        self.violations += at_the_end(self.facts, self.script.town, self.state, self.log)
        self.counts += held_out(self.state)
        found_broken = [
            found
            for found in (
                app.operator.verify(progress=lambda _about: None).findings
                if verified or self.violations
                else ()
            )
            if found.store != "home"  # whose files and secrets are not simulated
        ]
        findings = sorted({found.rule for found in found_broken})
        for found in found_broken:
            self._tell("verify", f"{found.rule}: {found.tenant_id} {found.subject}")
        rows = self._rows_left()
        if self.backup is not None and isinstance(self.log, MemoryLog):
            self.violations += restored(self.backup, self.folder, self.state, self.log)
        for violation in self.violations:
            self._tell("oracle", f"{violation.rule}: {violation.explanation}")
        return Result(
            script=self.script,
            violations=tuple(self.violations),
            findings=tuple(findings),
            story=tuple(self.story),
            counts=self.counts,
            digest=hashlib.sha256("\n".join([*self.story, *rows]).encode()).hexdigest(),
        )

    def _rows_left(self) -> list[str]:
        rows = []
        for table in _TABLES:
            rows += sorted(map(str, map(tuple, self.state.rows(f"select * from {table}"))))
        return rows + list(map(repr, self.log.everything()))

    def _back_up(self) -> None:
        """Copy what is owed and the log, once a day, as they are between two transactions."""
        if self.backup is None and isinstance(self.log, MemoryLog):
            self.backup = Backup.of(self.state, self.log, self.folder, at=self.scheduler.wall)

    def _tell(self, who: str, what: str) -> None:
        self.story.append(f"{self.scheduler.now:%m-%d %H:%M:%S.%f}"[:-3] + f"  {who}: {what}")

    def _violated(self, rule: str, explanation: str) -> None:
        self.violations.append(Violation(rule, explanation))

    def _providers(self) -> dict[Channel, Provider]:
        return {
            channel: SimulatedProvider(channel, self.scheduler, self._begin_hand_over, self._told)
            for channel in (Channel.SIMULATOR, Channel.WEBHOOK)
        }

    def _begin_hand_over(self, message: Message) -> HandOver:
        task = self.scheduler.current
        assert task is not None
        assert task.committed_at is not None
        assert task.committed_on_wall is not None
        hand_over = HandOver(
            message,
            claimed_at=task.committed_on_wall,
            held_from=task.committed_at,
            claimed_as=task.committed_as,
            at=self.scheduler.now,
            steps=task.committed_after_steps,
        )
        if (message.tenant_id, message.send_id) not in self.facts.promises:
            self._remember_promises()
        self.counts["hand-overs"] += 1
        self._tell(
            task.name,
            f"hands over {message.tenant_id} {message.send_id} for {message.user_id}, "
            f"claimed at {hand_over.claimed_at:%H:%M:%S}",
        )
        self.violations += oracle.at_hand_over(hand_over, self.facts, self.script.town)
        self.facts.hand_overs.append(hand_over)
        self.facts.by_send[hand_over.key].append(hand_over)
        task.handed_over.append(hand_over)
        self.requests.meanwhile(hand_over, within=_BEFORE_AN_ANSWER)
        return hand_over

    def _told(self, hand_over: HandOver) -> None:
        task = self.scheduler.current
        assert task is not None
        taken = "takes it" if hand_over.accepted else "does not take it"
        self._tell(task.name, f"the provider {taken} and says {hand_over.told}")
        self.counts[f"answers {type(hand_over.told).__name__}"] += 1
        if hand_over.accepted:
            self.requests.react(hand_over)
        if isinstance(hand_over.told, Retry):
            self.requests.meanwhile(hand_over, within=_BEFORE_A_RETRY)

    def _committed(self) -> None:
        self.transactions += 1
        self._wanted.clear()
        task = self.scheduler.current
        if task is None:
            return
        task.committed_at, task.committed_as = self.scheduler.now, self.transactions
        task.committed_on_wall = self.scheduler.wall
        task.committed_after_steps = self.scheduler.steps
        for hand_over in task.handed_over:
            if hand_over.told is not None:
                hand_over.recorded_as = self.transactions
                hand_over.recorded_at = self.scheduler.now
        task.handed_over.clear()

    def _forget_hand_overs(self) -> None:
        """A dispatcher did not write down what came of its hand-overs: nobody knows."""
        task = self.scheduler.current
        assert task is not None
        task.handed_over.clear()

    def _answered(self, request: Request) -> None:
        self.counts[request.kind] += 1
        what = request.refusal or "done"
        about = request.args.get("definition", request.args)
        shown = about.get("campaign_id") or about.get("send_id") or about.get("user_id") or ""
        if request.kind == "post_events" and request.done:
            shown = ", ".join(
                f"{item['event_id']} {answer.verdict}"
                for item, answer in zip(request.args["items"], request.answer, strict=True)
            )
        self._tell(f"{request.kind} {request.tenant_id}", f"{shown} {what}".strip())
        if request.kind == "put_campaign":
            self._remember_promises()
        self.violations += oracle.at_answer(request, self.facts)

    def _remember_promises(self) -> None:
        """Note each send as it was when it was first seen: what was planned then stays planned."""
        for row in self.state.rows("select * from planned_send"):
            key = (row["tenant_id"], row["send_id"])
            if key not in self.facts.promises:
                self.facts.promises[key] = Promise(
                    row["campaign_id"],
                    row["user_id"],
                    row["state"],
                    row["due_at"],
                    row["expires_at"],
                )

    def _wake_idle_at(self, reason: str) -> datetime | None:
        if reason not in self._wanted:
            self._wanted[reason] = self.state.wanted_at(reason)
        wanted = self._wanted[reason]
        return None if wanted is None else max(wanted - self.scheduler.ahead, self.scheduler.now)


def _register(app: StoreApp, town: Town) -> None:
    for tenant_id, zone in town.zones.items():
        app.operator.create_tenant(TenantId(tenant_id), timezone=zone)
        click, response = town.prices[tenant_id]
        app.as_owner_of(TenantId(tenant_id)).statements.put_rate_card(
            {
                "currency": "EUR",
                "click_price_minor": str(click),
                "response_price_minor": str(response),
                "attribution_window_seconds": WINDOW // timedelta(seconds=1),
                "effective_at": _SETTLED.isoformat(),
            },
        )
    for user in town.users:
        app.as_owner_of(TenantId(user.tenant_id)).devices.register(device_body(user))


def without(script: Script, numbers: frozenset[int]) -> Script:
    """Return the same day without some of its actions."""
    return replace(
        script, actions=tuple(each for each in script.actions if each.number not in numbers)
    )
