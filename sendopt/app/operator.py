"""Use cases of the operator, over all tenants: who there is, what waits, whether all is well."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from sendopt.app.operator_keys import OperatorKeys
from sendopt.app.state_store import HOME_ID_BYTES
from sendopt.app.subject import OperatorSubject, needs
from sendopt.errors import InvariantBroken, LeaseHeld
from sendopt.records import AuditFilter, AuditRecord, OperatorPermission, TenantId
from sendopt.state import audit_trail, drift, tenants
from sendopt.state.audit_trail import AuditKey
from sendopt.state.drift import KeptAlarm
from sendopt.state.hold import Held, held, hold, resume
from sendopt.state.home import part_from_twins, take_place
from sendopt.state.pages import Page
from sendopt.state.tenants import Tenant

if TYPE_CHECKING:
    from sendopt.app.backlog import Backlog
    from sendopt.app.scrub import ScrubReport
    from sendopt.verify import Finding, Report


#: The target of what is done to all tenants at once.
_ALL = "*"


@dataclass(frozen=True, slots=True)
class Decided:
    """What somebody decided about unfinished sends."""

    sends: int  # which that concerns: now held that were not, or let go
    held: Held  # from then on, all of them


class Operator(OperatorSubject):
    """Whoever runs the service: what is over tenants."""

    @cached_property
    def keys(self) -> OperatorKeys:
        """Who else may."""
        return OperatorKeys(self._stores, self._principal)

    @needs(OperatorPermission.TENANTS_WRITE)
    def create_tenant(self, tenant_id: TenantId, *, timezone: str) -> bool:
        """Create a tenant; False if it was there already."""
        return self.put_tenant(tenant_id, timezone=timezone)[0]

    @needs(OperatorPermission.TENANTS_WRITE)
    def put_tenant(self, tenant_id: TenantId, *, timezone: str) -> tuple[bool, Tenant]:
        """Create a tenant unless it is there; return whether it was created, and the tenant."""
        with self._stores.state.write_fleet() as tx:
            created = tenants.create(tx, tenant_id, timezone=timezone, now=self._now())
            if created:
                self._audit(tx, "tenant:create", tenant_id, after={"timezone": timezone})
            return created, tenants.get(tx.of(tenant_id))

    @needs(OperatorPermission.TENANTS_READ)
    def tenants(self) -> list[Tenant]:
        """Return every tenant, by name."""
        with self._stores.state.read_fleet() as tx:
            return [tenants.get(tx.of(each)) for each in tenants.everyone(tx)]

    @needs(OperatorPermission.TENANTS_READ)
    def page_of_tenants(self, *, behind: TenantId | None = None, limit: int) -> Page[Tenant]:
        """Return up to `limit` tenants by name."""
        with self._stores.state.read_fleet() as tx:
            return tenants.page(tx, behind=behind, limit=limit)

    @needs(OperatorPermission.OPERATOR_AUDIT_READ)
    def audit(
        self, chosen: AuditFilter, *, behind: AuditKey | None = None, limit: int
    ) -> Page[AuditRecord]:
        """Return what operators did, the newest first."""
        with self._stores.state.read_fleet() as tx:
            return audit_trail.page_of_operators(tx, chosen, behind=behind, limit=limit)

    @needs(OperatorPermission.FLEET_HOLD)
    def hold(self) -> Decided:
        """Hold every unfinished send of every tenant: this is a copy, its original may be at work.

        It is another home than the original until `resume`, so that neither prunes the other's
        backups.
        """
        with self._stores.state.write_fleet() as tx:
            now = self._now()
            before = held(tx, now=now)
            hold(tx)
            part_from_twins(tx, self._stores.random_bytes(HOME_ID_BYTES).hex())
            after = held(tx, now=now)
            decided = Decided(after.total - before.total, after)
            self._audit(tx, "fleet:hold", _ALL, after={"sends": decided.sends})
            return decided

    @needs(OperatorPermission.FLEET_HOLD)
    def resume(self, *, overdue: bool) -> Decided:
        """Let held sends go out that are due from now on.

        A home that was restored, or held as a copy, takes the place of its original, and at the
        same path its backups with it.

        Args:
            overdue: also those whose time has come, unless they have expired.
        """
        with self._stores.state.write_fleet() as tx:
            now = self._now()
            before = held(tx, now=now)
            resume(tx, now=now, overdue=overdue)
            take_place(tx)
            after = held(tx, now=now)
            decided = Decided(before.total - after.total, after)
            told = {"sends": decided.sends, "overdue": overdue}
            self._audit(tx, "fleet:resume", _ALL, after=told)
            return decided

    @needs(OperatorPermission.FLEET_READ)
    def backlog(self) -> Backlog:
        """Count what waits in every tenant's name.

        Raises:
            StoreFailure: if the state does not answer.
        """
        from sendopt.app.backlog import measure

        return measure(self._stores.state, self._stores.log, now=self._now())

    @needs(OperatorPermission.FLEET_READ)
    def drift_alarms(self) -> list[KeptAlarm]:
        """Return what the last look for drift found for every tenant.

        Raises:
            StoreFailure: if the state does not answer.
        """
        with self._stores.state.read_fleet() as tx:
            return drift.everyones(tx)

    @needs(OperatorPermission.FLEET_READ)
    def serve_model_pages(
        self, *, port: int, stop: threading.Event, opened: Callable[[str], None]
    ) -> None:
        """Serve MLflow's own pages of all tenants' models to this machine until `stop` is set.

        Args:
            port: where, 1 to 65535.
            stop: ends it.
            opened: told the address, once it answers.

        Raises:
            InvalidInput: `port_taken`.
            SendoptError: `pages_missing`, `pages_failed`.
        """
        from sendopt.learn.registry import pages

        folder = self._stores.settings.registry_folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        pages.serve(*self._stores.registry_place, port=port, stop=stop, opened=opened)

    @needs(OperatorPermission.FLEET_VERIFY)
    def scrub_log(self, *, progress: Callable[[str], None]) -> ScrubReport:
        """Compare everything in the log with what was written down when it was appended.

        Raises:
            LeaseHeld: if another process keeps appending for longer than `PATIENCE`, where files
                of an earlier release have to be given their hashes.
        """
        from sendopt.app.appending import right_to_append
        from sendopt.app.scrub import scrub

        log, clock = self._stores.log, self._stores.clock
        return scrub(log, lambda: right_to_append(log, clock), progress=progress)

    @needs(OperatorPermission.FLEET_VERIFY)
    def verify(self, *, progress: Callable[[str], None]) -> Report:
        """Check every invariant over every store and tenant, whatever is damaged."""
        from sendopt.app.home_files import HomeFiles
        from sendopt.app.secrets import secrets_file
        from sendopt.verify import Subject, verify

        settings = self._stores.settings
        subject = Subject(
            state=lambda: self._stores.state,
            log=lambda: self._stores.log,
            registry=lambda: self._stores.registry,
            home=settings.home.absolute(),
            private_files=HomeFiles(settings).secret(),
            secrets=secrets_file(settings.home),
            load_secrets=self._load_secrets,
            scores=settings.scores_folder,
        )
        return verify(
            subject,
            settle=self._settle_if_possible,
            now=self._now(),
            progress=progress,
        )

    def _load_secrets(self) -> None:
        """Read the secrets anew, and see that links can be signed with them."""
        from sendopt.app.secrets import load_secrets, secrets_file
        from sendopt.track import LinkSigner

        settings = self._stores.settings
        found = load_secrets(secrets_file(settings.home))
        LinkSigner(found.link_keys, found.current_link_key, settings.http.base_url)

    def _settle_if_possible(self) -> Iterable[Finding]:
        """Settle, unless a service is at work that does it; `log_ahead` has a rule of its own."""
        from sendopt.app.rounds import Rounds
        from sendopt.verify import Finding

        rounds = Rounds(self._stores)
        for tenant_id in rounds.meter():
            yield Finding(
                "ledger",
                "everything_is_metered",
                tenant_id,
                "clicks and responses",
                "a row that cannot be read keeps them from being charged",
            )
        try:
            rounds.copy_to_log()
        except LeaseHeld:
            pass
        except InvariantBroken as broken:
            if broken.code != "log_ahead":
                raise
