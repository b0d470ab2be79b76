"""What the service does by itself, for every tenant: hand over, copy to the log, meter."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from datetime import timedelta

import structlog

from sendopt import bill
from sendopt.app.appending import copy_outbox
from sendopt.app.channels import open_channels
from sendopt.app.erasing import Eraser
from sendopt.app.importing import end_abandoned
from sendopt.app.recurring import Recurring
from sendopt.app.stores import Stores
from sendopt.deliver import ClaimPolicy, Dispatcher, RetryPolicy
from sendopt.errors import RowRefused, SendoptError, StoreFailure
from sendopt.records import Message, TenantId
from sendopt.state import erasures, outbox, requests, tenants
from sendopt.state.damage import NOT_A_VALUE

#: So that no writer waits long.
_FORGOTTEN_AT_ONCE = 1_000

_log = structlog.get_logger()


class Rounds:
    """What has to be done again and again, by whichever process runs.

    Args:
        stores: of the whole process.
    """

    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    def dispatcher(
        self, *, on_simulated: Callable[[Message], None] = lambda _message: None
    ) -> Dispatcher:
        """Return a dispatcher over every channel that sendopt speaks.

        Args:
            on_simulated: receives what goes out over the simulator channel.
        """
        stores, settings = self._stores, self._stores.settings.deliver
        return Dispatcher(
            stores.state,
            open_channels(
                settings,
                stores.secrets,
                stores.clock,
                stores.random_bytes,
                on_simulated=on_simulated,
            ),
            stores.clock,
            owner=f"{socket.gethostname()}:{os.getpid()}:{stores.random_bytes(4).hex()}",
            sign_link=stores.link_signer.url,
            random_bytes=stores.random_bytes,
            retry=RetryPolicy(
                first=timedelta(seconds=settings.retry_first_seconds),
                longest=timedelta(seconds=settings.retry_longest_seconds),
                max_attempts=settings.max_attempts,
            ),
            claims=ClaimPolicy(timedelta(seconds=settings.lease_seconds), settings.batch),
        )

    def waits_for_log(self) -> bool:
        """Tell whether an event has been recorded that no copy has taken up yet."""
        with self._stores.state.read_fleet() as tx:
            return outbox.is_waiting(tx)

    def copy_to_log(self, *, progress: Callable[[], None] = lambda: None) -> int:
        """Copy events from the outbox of the state to the log; return how many.

        `progress` is called after every batch.

        Raises:
            LeaseHeld: if another process appends right now.
            InvariantBroken: `log_ahead`, if the state was restored from before the log's last copy.
            StoreFailure: if a store fails; what was copied stays, and a repetition goes on there.
        """
        with self._stores.log.appender() as appender:
            end_abandoned(self._stores.state)
            return copy_outbox(self._stores.state, appender, progress=progress)

    def compact_log(self) -> None:
        """Merge the small files that small copies have left."""
        with self._stores.log.appender() as appender:
            appender.compact()

    def meter(self, *, progress: Callable[[], None] = lambda: None) -> tuple[TenantId, ...]:
        """Charge for every tenant what was measured since the last time.

        What a tenant's own rows do not let be charged is logged and stays for the next time; the
        other tenants are charged. `progress` is called after every tenant.

        Returns whose rows did not let themselves be charged.

        Raises:
            StoreFailure: if the state fails.
        """
        with self._stores.state.read_fleet() as tx:
            everyone = tenants.everyone(tx)
        failed = []
        for tenant_id in everyone:
            try:
                bill.charge_billable(self._stores.state, tenant_id)
            except (SendoptError, *NOT_A_VALUE) as error:
                if isinstance(error, StoreFailure) and not isinstance(error, RowRefused):
                    raise
                _log.error("metering_failed", tenant_id=tenant_id, error=type(error).__name__)
                failed.append(tenant_id)
            progress()
        return tuple(failed)

    def forget_requests(self) -> None:
        """Forget requests with an Idempotency-Key that nobody repeats any more."""
        forgotten = _FORGOTTEN_AT_ONCE
        while forgotten == _FORGOTTEN_AT_ONCE:
            with self._stores.state.write_fleet() as tx:
                now = self._stores.clock.now()
                forgotten = requests.forget_expired(tx, now=now, limit=_FORGOTTEN_AT_ONCE)

    def erase(self, *, progress: Callable[[], None] = lambda: None) -> int:
        """Take every user out of the stores whose erasure was asked for; return how many are.

        `progress` is called after every step.

        Raises:
            LeaseHeld: if another process appends to the log for long.
            StoreFailure: if a store fails; a repetition goes on from there.
        """
        with self._stores.state.read_fleet() as tx:
            if not erasures.are_any_left(tx):
                return 0
        return Eraser(self._stores, beat=progress).go_on()

    def recur(self, *, progress: Callable[[], None] = lambda: None) -> int:
        """Commit the dates of series that have come due; return how many were.

        `progress` is called after every date.

        Raises:
            StoreFailure: if a store fails; a repetition goes on from there.
        """
        return Recurring(self._stores, beat=progress).turn()

    def settle(self) -> None:
        """Bring the log and the ledger up to what the state holds, as the service always does."""
        self.meter()
        self.copy_to_log()
