"""The dispatcher: claim what is due, hand it over, write down what came of it."""

from __future__ import annotations

import base64
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta

import structlog

from sendopt.clock import Clock
from sendopt.deliver.claim import ClaimPolicy
from sendopt.deliver.events import event_of
from sendopt.deliver.hand_over import HandOver
from sendopt.deliver.judging import judge
from sendopt.deliver.leases import Claim, ClaimsOfTheFuture, StepsForward
from sendopt.deliver.other_devices import with_another_device
from sendopt.deliver.provider import Provider
from sendopt.deliver.retry import RetryPolicy
from sendopt.deliver.transitions import after_attempt
from sendopt.errors import RowRefused, StoreFailure
from sendopt.records import (
    Attempt,
    Channel,
    DamagedSend,
    DeadAddress,
    DueSend,
    Ended,
    Event,
    Moved,
    Receipt,
    SendId,
    SendTransition,
    TenantId,
)
from sendopt.state import FleetWrite, State, TenantWrite, devices, moves, outbox
from sendopt.state.dispatch import Claimant, claim, end_attempts, end_damaged, end_leases, settle
from sendopt.state.due import claims_beyond, lock_due, next_ready_at

_log = structlog.get_logger()

#: Failures of the store that pass: everything here can be repeated and then converges.
_PASSING = frozenset({"store_busy", "store_unavailable", "disk_full", "disk_read_only"})

_LINK_ID_BYTES = 16


@dataclass(frozen=True, slots=True)
class DispatchReport:
    """How many sends ended in which way; a send that is tried again counts once each time."""

    delivered: int = 0
    failed: int = 0
    expired: int = 0
    suppressed: int = 0
    cancelled: int = 0
    postponed: int = 0  # to a retry, or to the end of quiet hours or of a pause
    taken_over: int = 0  # another dispatcher, or a cancellation, was faster

    @property
    def total(self) -> int:
        return sum(asdict(self).values())

    def __add__(self, other: DispatchReport) -> DispatchReport:
        return DispatchReport(
            *(getattr(self, field.name) + getattr(other, field.name) for field in fields(self))
        )


class Dispatcher:
    """Carries out the planned sends of all tenants, as one of any number of dispatchers.

    Args:
        state: where the sends are.
        providers: the channels that this dispatcher serves; others' sends wait for theirs.
        clock: when it is.
        owner: a name for this dispatcher in the rows that it has claimed.
        sign_link: makes the URL that a user clicks from a link id.
        random_bytes: a cryptographic source, for link ids.
        retry: the back-off.
        claims: how sends are claimed.
    """

    def __init__(
        self,
        state: State,
        providers: Mapping[Channel, Provider],
        clock: Clock,
        *,
        owner: str,
        sign_link: Callable[[str], str],
        random_bytes: Callable[[int], bytes],
        retry: RetryPolicy,
        claims: ClaimPolicy,
    ) -> None:
        self._state = state
        self._providers = dict(providers)
        self._clock = clock
        self._hand_over = HandOver(self._providers, clock, sign_link=sign_link)
        self._random_bytes = random_bytes
        self._claimant = Claimant(
            owner, {channel: its.name for channel, its in providers.items()}, self._new_link_id
        )
        self._retry = retry
        self._lease, self._batch, self._poll = claims.lease, claims.batch, claims.poll
        self._future = ClaimsOfTheFuture(claims.lease, clock)
        self._steps = StepsForward(claims.lease, clock)

    def dispatch_due(self) -> DispatchReport:
        """Deal with every send that is due, and return when none is left."""
        report = DispatchReport()
        while (batch := self.dispatch_batch()).total:
            report += batch
        return report

    def dispatch_batch(self) -> DispatchReport:
        """Deal with at most `batch` due sends."""
        over = self._claims_that_are_over()
        with self._state.write_fleet() as tx:
            now = self._clock.now()  # not before: the store may have been busy for a while
            lease_ends_at = now + self._lease
            lease_over = self._clock.monotonic() + self._lease.total_seconds()
            set_forward = self._steps.total()
            end_leases(tx, over, now=now)
            due = lock_due(
                tx,
                channels=self._providers,
                now=now,
                claims_over_at=now - set_forward,
                limit=self._batch,
            )
            readable = [send for send in due if isinstance(send, DueSend)]
            verdicts = judge(tx, readable, now=now, retry=self._retry)
            whole = [verdict for verdict in verdicts if isinstance(verdict[0], DueSend)]
            settled = _settle(
                tx,
                [(send, transition) for send, transition in whole if transition is not None],
                now=now,
            )
            begun = claim(
                tx,
                [send for send, transition in whole if transition is None],
                self._claimant,
                now=now,
                lease_ends_at=lease_ends_at,
            )
            found = (*due, *(send for send, _ in verdicts), *begun)
            damaged = [send for send in found if isinstance(send, DamagedSend)]
            end_damaged(tx, damaged)
        report = _report(settled) + DispatchReport(failed=len(damaged))
        for send in damaged:
            _log.error(
                "send_damaged",
                tenant_id=send.tenant_id,
                send_id=send.send_id,
                damage=send.damage,
            )
        if attempts := [attempt for attempt in begun if isinstance(attempt, Attempt)]:
            receipts = self._hand_over(attempts, lease_over=lease_over)
            report += self._record(receipts, lease_over=lease_over)
        return report

    def next_ready_at(self) -> datetime | None:
        """Return when the next send is due, possibly in the past; None = nothing is planned."""
        with self._state.read_fleet() as tx:
            return next_ready_at(
                tx, channels=self._providers, claims_last_longer=self._steps.total()
            )

    def turn(self) -> timedelta:
        """Deal with one batch of what is due, and return how long to wait before the next turn."""
        report = self.dispatch_batch()
        if report.total:
            _log.info("dispatched", **asdict(report))
            return timedelta(0)
        ready_at = self.next_ready_at()
        if ready_at is None:
            return self._poll
        # What is due already is in another dispatcher's hands at this moment.
        return min(self._poll, max(ready_at - self._clock.now(), self._poll / 100))

    def _claims_that_are_over(self) -> list[Claim]:
        """Look for claims of the future, now and then, and not while others wait to write."""
        if not self._future.wants_to_look:
            return []
        with self._state.read_fleet() as tx:
            claims = claims_beyond(tx, self._clock.now() + self._lease)
        return self._future.over(claims)

    def _record(self, receipts: Sequence[Receipt], *, lease_over: float) -> DispatchReport:
        """Write the receipts; those that the state takes, where it does not take all of them."""
        try:
            return self._write(receipts, lease_over=lease_over)
        except (RowRefused, ValueError) as error:
            if len(receipts) == 1:
                send = receipts[0].attempt.send
                _log.error(
                    "outcome_unwritable",
                    tenant_id=send.tenant_id,
                    send_id=send.send_id,
                    error=type(error).__name__,
                )
                return DispatchReport()
        alone = (self._record([receipt], lease_over=lease_over) for receipt in receipts)
        return sum(alone, DispatchReport())

    def _write(self, receipts: Sequence[Receipt], *, lease_over: float) -> DispatchReport:
        """Write all receipts; keep trying while the lease holds, for a loss means a double send.

        The lease is over at `lease_over` of the clock that nobody sets.
        """
        now = self._clock.now()
        while True:
            try:
                with self._state.write_fleet() as tx:
                    kept = _write(tx, receipts, now=now, retry=self._retry)
            except StoreFailure as failure:
                again = self._clock.monotonic() + self._poll.total_seconds()
                if failure.code not in _PASSING or again >= lease_over:
                    raise
                self._clock.wait(threading.Event(), self._clock.now() + self._poll)
            else:
                return _report(kept) + DispatchReport(taken_over=len(receipts) - len(kept))

    def _new_link_id(self) -> str:
        return base64.urlsafe_b64encode(self._random_bytes(_LINK_ID_BYTES)).decode().rstrip("=")


def _write(
    tx: FleetWrite,
    receipts: Sequence[Receipt],
    *,
    now: datetime,
    retry: RetryPolicy,
) -> list[tuple[DueSend, SendTransition]]:
    """Write transitions, attempts, dead devices and events; return the transitions that were kept.

    That an address is dead is a fact, whoever holds the claim of the send by now.
    """
    elsewhere = with_another_device(tx, receipts)
    kept = _settle(
        tx,
        [
            (
                receipt.attempt.send,
                after_attempt(
                    receipt,
                    now=now,
                    retry=retry,
                    has_another_device=_key(receipt.attempt.send) in elsewhere,
                ),
            )
            for receipt in receipts
        ],
        now=now,
    )
    held = {_key(send): transition for send, transition in kept}
    ours = [receipt for receipt in receipts if _key(receipt.attempt.send) in held]
    end_attempts(tx, ours, now=now)
    for receipt in receipts:
        send, outcome = receipt.attempt.send, receipt.outcome
        if send.device is not None and isinstance(outcome, DeadAddress):
            devices.mark_dead(
                tx.of(send.tenant_id),
                send.device.device_id,
                reason=outcome.reason,
                now=now,
                asked_at=receipt.attempt.started_at,
            )
    events: dict[TenantId, list[Event]] = defaultdict(list)
    for receipt in ours:
        # A message that is on its way to another device has not bounced.
        is_over = isinstance(held[_key(receipt.attempt.send)], Ended)
        if is_over and (event := event_of(receipt)):
            events[receipt.attempt.send.tenant_id].append(event)
    for tenant_id in sorted(events):
        _tell(tx.of(tenant_id), events[tenant_id], now)
    return kept


def _settle(
    tx: FleetWrite, transitions: Sequence[tuple[DueSend, SendTransition]], *, now: datetime
) -> list[tuple[DueSend, SendTransition]]:
    """Write transitions, and to which times sends were moved; return those that were kept."""
    kept = settle(tx, transitions)
    moved = [(send, each) for send, each in kept if isinstance(each, Moved)]
    moves.add(tx, moved, now=now)
    return kept


def _tell(tx: TenantWrite, events: Sequence[Event], now: datetime) -> None:
    told = outbox.record(tx, events, now=now)
    for event, recorded in zip(events, told, strict=True):
        if recorded.verdict is outbox.RecordVerdict.CONFLICT:
            # The tenant itself has sent us an event under this id: it stays, as promised.
            _log.warning("event_id_taken", tenant_id=tx.tenant_id, event_id=event.event_id)


def _key(send: DueSend) -> tuple[TenantId, SendId]:
    return send.tenant_id, send.send_id


def _report(transitions: Iterable[tuple[DueSend, SendTransition]]) -> DispatchReport:
    counts = Counter(
        transition.state.value if isinstance(transition, Ended) else "postponed"
        for _, transition in transitions
    )
    return DispatchReport(**counts)
