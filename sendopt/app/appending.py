"""Copies events from the outbox of the state to the log, each exactly once.

    state: position given ─► log: events and high-water mark, one transaction
                 └── a conflict is noted in the state before that transaction commits

Each arrow is durable before the next begins, and each can be repeated: wherever either side is
killed, the next call goes on behind the mark.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from threading import Event as Stop

import structlog

from sendopt.clock import Clock
from sendopt.errors import InvalidInput, InvariantBroken, LeaseHeld
from sendopt.log import Appender, Log
from sendopt.records import Event, TenantId
from sendopt.state import State, outbox

_log = structlog.get_logger()

#: Why an event of the outbox is not in the log: a file brought this id first, with other content;
REFUSED = "event_conflict"
#: or what the state holds of it is no event.
DAMAGED = "event_damaged"


#: Events of one transaction of the log.
OUTBOX_BATCH = 5_000
#: How long an import waits for a copy or a compaction that is going on.
PATIENCE = timedelta(seconds=60)


@contextmanager
def right_to_append(log: Log, clock: Clock) -> Iterator[Appender]:
    """Wait for the right to append: a running service takes it for moments only.

    Raises:
        LeaseHeld: if another process keeps appending for longer than `PATIENCE`.
    """
    with ExitStack() as held:
        gives_up_at = clock.monotonic() + PATIENCE.total_seconds()
        while True:
            try:
                appender = held.enter_context(log.appender())
                break
            except LeaseHeld:
                if clock.monotonic() >= gives_up_at:
                    raise
                clock.wait(Stop(), clock.now() + timedelta(milliseconds=100))
        yield appender


def copy_outbox(
    state: State,
    appender: Appender,
    *,
    batch: int = OUTBOX_BATCH,
    progress: Callable[[], None] = lambda: None,
) -> int:
    """Copy all events that wait, `batch` at a time, and return how many were handed over.

    `progress` is called after every batch.

    Raises:
        InvariantBroken: `log_ahead`, if the log has seen positions that the state never gave.
    """
    mark = appender.high_water_mark()
    with state.read_fleet() as tx:
        outbox.require_given(tx, mark)
    copied = 0
    while rows := _next(state, mark, batch):
        try:
            report = appender.append_outbox(
                rows, note_conflicts=lambda positions: _refuse(state, positions)
            )
        except InvalidInput:
            if not _leave_out_damaged(state, mark, batch):
                raise
            continue
        mark = report.high_water_mark
        copied += len(rows)
        progress()
    return copied


def _next(state: State, mark: int, batch: int) -> list[tuple[int, TenantId, Event]]:
    with state.write_fleet() as tx:
        outbox.assign_positions(tx, limit=batch)
    while True:
        try:
            with state.read_fleet() as tx:
                return outbox.after(tx, mark, limit=batch)
        except InvariantBroken:
            if not _leave_out_damaged(state, mark, batch):
                raise


def _leave_out_damaged(state: State, mark: int, batch: int) -> bool:
    """Note which of the next events nobody can read, so that the others go on; tell if any is."""
    with state.read_fleet() as tx:
        damaged = outbox.damaged(tx, mark, limit=batch)
    for each in damaged:
        _log.error(
            "event_damaged",
            tenant_id=each.tenant_id,
            event_id=each.event_id,
            position=each.position,
            damage=each.damage,
        )
    _refuse(state, [each.position for each in damaged], DAMAGED)
    return bool(damaged)


def _refuse(state: State, positions: Sequence[int], reason: str = REFUSED) -> None:
    with state.write_fleet() as tx:
        for position in positions:
            outbox.refuse(tx, position, reason)
