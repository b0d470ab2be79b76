"""Runs all checks: each store against its own rules, then the stores against each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

from sendopt.errors import LeaseHeld
from sendopt.learn import Registry
from sendopt.log import Log, UnnamedFile
from sendopt.records import TenantId
from sendopt.state import FleetRead, State, audit, rows, schema, tables, tenants, unchanged
from sendopt.state.secrets_in_use import are_secrets_in_use
from sendopt.state.violation import Violation
from sendopt.verify import home
from sendopt.verify.checks import Checks
from sendopt.verify.ledger import bills
from sendopt.verify.log import LogCheck, ahead_of_state, damaged_files
from sendopt.verify.registry import champion, record, storage
from sendopt.verify.report import Finding, Report

Store = TypeVar("Store")


@dataclass(frozen=True)
class Subject:
    """What is verified. Stores are opened by the checks: one that does not open is a finding."""

    state: Callable[[], State]
    log: Callable[[], Log]
    registry: Callable[[], Registry]
    home: Path
    private_files: tuple[Path, ...]  # of which nobody else may read any
    secrets: Path
    load_secrets: Callable[[], object]  # raises InvalidInput
    scores: Path  # holds a folder a tenant


def verify(
    subject: Subject,
    *,
    settle: Callable[[], Iterable[Finding]],
    now: datetime,
    progress: Callable[[str], None],
) -> Report:
    """Check everything, whatever is damaged. It only reads, and may run beside a working service.

    Args:
        subject: what is verified.
        settle: brings log and ledger up to what the state holds, and yields what hinders it.
        now: when it is.
        progress: told what is looked at next.
    """
    checks = Checks(progress)
    state = _opened(checks, "state", subject.state)
    everyone, send_count, is_keyed = set[TenantId](), 0, False
    if state is not None:
        _state_alone(checks, state, now)
        checks.run("state", "log and ledger brought up to the state", settle)
        everyone, send_count, is_keyed = _counted(checks, state)
    log = _opened(checks, "log", subject.log)
    event_count, unsettled, unnamed = 0, tuple[TenantId, ...](), tuple[UnnamedFile, ...]()
    if log is not None:
        of_log = _Log(checks, log, state)
        event_count, unsettled = of_log.check(everyone)
        unnamed = of_log.unnamed_files
    registry = _opened(checks, "registry", subject.registry)
    if registry is not None:
        checks.run("registry", "file of the models", partial(storage, registry))
        for tenant_id in sorted(everyone):
            for about, look in (("champion", champion), ("record of models", record)):
                check = partial(look, registry, tenant_id)
                checks.run("registry", f"{about} of {tenant_id}", check, tenant_id=tenant_id)
    _home(checks, subject, is_keyed=is_keyed)
    found = tuple(checks.findings)
    return Report(found, len(everyone), send_count, event_count, unsettled, unnamed)


def _state_alone(checks: Checks, state: State, now: datetime) -> None:
    def each(check: Callable[[FleetRead], Iterable[Violation]], store: str) -> Iterator[Finding]:
        with state.read_fleet() as tx:
            for broken in check(tx):
                yield Finding(
                    store, broken.rule, broken.tenant_id, broken.subject, broken.explanation
                )

    for store, about, check in (
        ("state", "pages of the state", rows.storage),
        ("state", "schema of the state", schema.changed),
        ("state", "zones", rows.unknown_zones),
        ("state", "sends and decisions", audit.sends),
        ("state", "overdue sends", partial(audit.overdue, now=now)),
        ("state", "clicks and responses", audit.engagement),
        ("ledger", "charges and postings", audit.money),
        ("state", "outbox", audit.outbox),
        ("state", "reserved ids", audit.reserved_ids),
    ):
        checks.run(store, about, partial(each, check, store))
    for table in tables.metadata.sorted_tables:
        for about, look in (("rows", rows.unreadable), ("hashes", unchanged.changed)):
            check = partial(look, table=table)
            checks.run("state", f"{about} of {table.name}", partial(each, check, "state"))


def _counted(checks: Checks, state: State) -> tuple[set[TenantId], int, bool]:
    """Return all tenants, how many sends there are, and whether anything out needs the secrets."""
    everyone, found = set[TenantId](), [0, False]

    def count() -> Iterator[Finding]:
        with state.read_fleet() as tx:
            # Whoever's id is no text is named as a row that cannot be read.
            everyone.update(each for each in tenants.everyone(tx) if isinstance(each, str))
            found[:] = audit.send_count(tx), are_secrets_in_use(tx)
        yield from ()

    checks.run("state", "tenants", count)
    return everyone, found[0], bool(found[1])


class _Log:
    """The log by itself, and against the state where that can be read."""

    def __init__(self, checks: Checks, log: Log, state: State | None) -> None:
        self._checks, self._log, self._state = checks, log, state
        self._damaged = set[TenantId | None]()
        self._events: dict[TenantId, int] = {}
        self._settled = set[TenantId]()
        self.unnamed_files: tuple[UnnamedFile, ...] = ()

    def check(self, everyone: set[TenantId]) -> tuple[int, tuple[TenantId, ...]]:
        """Check everything; add whom only the log knows to `everyone`.

        Returns how many events there are, and whose bills could not be compared just now.
        """
        run = self._checks.run
        run("log", "data files", self._files)
        run("log", "files without a name", self._unnamed)
        run("log", "tenants of the log", partial(self._tenants, everyone))
        if self._state is not None:
            run("log", "how far the log is", partial(ahead_of_state, self._log, self._state))
        for tenant_id in sorted(everyone):
            if self._damaged & {tenant_id, None}:
                continue  # found above; a damaged file is not read
            alone, bills_too = partial(self._alone, tenant_id), partial(self._bills, tenant_id)
            run("log", f"log of {tenant_id}", alone, tenant_id=tenant_id)
            run("ledger", f"bills of {tenant_id}", bills_too, tenant_id=tenant_id)
        unsettled = tuple(sorted(everyone - self._settled))
        return sum(self._events.values()), unsettled

    def _files(self) -> Iterator[Finding]:
        report = self._log.look_at_files()
        self._damaged |= {damage.tenant_id for damage in report.damaged}
        yield from damaged_files(report)

    def _unnamed(self) -> Iterable[Finding]:
        if not self._damaged:  # else some of what the log holds cannot be read
            with suppress(LeaseHeld):  # whoever appends writes files before it names them
                self.unnamed_files = tuple(self._log.unnamed_files())
        return ()

    def _tenants(self, everyone: set[TenantId]) -> Iterable[Finding]:
        everyone.update(self._log.tenants())
        return ()

    def _alone(self, tenant_id: TenantId) -> Iterator[Finding]:
        # The order matters: what the mark says was copied is in any later log, and a state that
        # is read last knows every event of the log.
        copied_up_to = self._log.high_water_mark()
        with self._log.unchecked_reader(tenant_id) as reader:
            checked = LogCheck(reader, tenant_id)
            self._events[tenant_id] = checked.event_count
            yield from checked.completeness()
            yield from checked.repeated_ids()
            if self._state is not None:
                with self._state.read(tenant_id) as tx:
                    yield from checked.lost_events(tx, copied_up_to)

    def _bills(self, tenant_id: TenantId) -> Iterator[Finding]:
        if self._state is None:
            return
        copied_up_to = self._log.high_water_mark()
        with self._log.unchecked_reader(tenant_id) as reader, self._state.read(tenant_id) as tx:
            settled = audit.is_settled(tx, copied_up_to)
            yield from bills(tx, reader, settled=settled)
            if settled:
                self._settled.add(tenant_id)


def _home(checks: Checks, subject: Subject, *, is_keyed: bool) -> None:
    for about, check in (
        ("modes of files", partial(home.private, subject.home, subject.private_files)),
        ("secrets", partial(home.secrets, subject.secrets, subject.load_secrets, needed=is_keyed)),
        ("stored scores", partial(home.scores, subject.scores)),
    ):
        checks.run("home", about, check)


def _opened(checks: Checks, store: str, open_store: Callable[[], Store]) -> Store | None:
    """Return a store that could be opened; that one cannot be is a finding."""
    opened = list[Store]()

    def open_it() -> Iterable[Finding]:
        opened.append(open_store())
        return ()

    checks.run(store, f"the {store} itself", open_it)
    return opened[0] if opened else None
