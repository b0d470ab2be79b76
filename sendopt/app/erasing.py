"""Takes users out of every store, step by step; a process that dies leaves the next one to go on.

    asked ─► state ─► log ─► scores ─► forgotten ─► done

Each step is written down when it was done, and can be repeated. The log is rewritten once for all
whose turn has come, and pages of SQLite are overwritten once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

import pyarrow as pa
import structlog

from sendopt.app.appending import right_to_append
from sendopt.app.home_files import HomeFiles
from sendopt.app.stores import Stores
from sendopt.errors import LeaseHeld, RowRefused, SendoptError, StoreFailure
from sendopt.log import KEPT_SCHEMA, ErasedEvents, event_table
from sendopt.records import Erasure, ErasureStep, TenantId
from sendopt.sqlite_overwriting import overwrite_free_pages
from sendopt.state import erasures, pseudonyms
from sendopt.state.damage import NOT_A_VALUE

#: Whose rows are rewritten in one transaction of the state: whoever else writes waits for it.
_AT_ONCE = 20
_EVENTS_OF = (
    "select user_id, count(*) as events from event "
    "where user_id in (select user_id from erased) group by user_id"
)

_log = structlog.get_logger()


class Eraser:
    """Carries erasures on, of all tenants.

    Args:
        stores: of the whole process.
        beat: called now and then.
    """

    def __init__(self, stores: Stores, *, beat: Callable[[], None] = lambda: None) -> None:
        self._stores = stores
        self._beat = beat

    def go_on(self) -> int:
        """Take every erasure as far as it can be taken; return how many were finished.

        One to whose user a message is being handed over at this moment waits for the next time.
        What a tenant's own rows do not let be done is logged and waits as well; the users of other
        tenants are erased.

        Raises:
            LeaseHeld: if another process appends to the log for long.
            StoreFailure: if a store fails; what was done stays, and a repetition goes on there.
        """
        for step, take in (
            (ErasureStep.ASKED, self._state),
            (ErasureStep.STATE, self._log_files),
            (ErasureStep.LOG, self._scores),
            (ErasureStep.SCORES, self._forget),
        ):
            for tenant_id, waiting in self._waiting(step).items():
                try:
                    take(tenant_id, waiting)
                except (SendoptError, *NOT_A_VALUE) as error:
                    concerns_all = isinstance(error, StoreFailure | LeaseHeld)
                    if concerns_all and not isinstance(error, RowRefused):
                        raise
                    _log.error(
                        "erasing_failed",
                        tenant_id=tenant_id,
                        step=step.value,
                        error=type(error).__name__,
                    )
                self._beat()
        return self._finish()

    def _waiting(self, step: ErasureStep) -> Mapping[TenantId, list[Erasure]]:
        by_tenant = defaultdict(list)
        with self._stores.state.read_fleet() as tx:
            for each in erasures.under_way(tx, step):
                by_tenant[each.tenant_id].append(each)
        return by_tenant

    def _state(self, tenant_id: TenantId, waiting: Sequence[Erasure]) -> None:
        for start in range(0, len(waiting), _AT_ONCE):
            some = waiting[start : start + _AT_ONCE]
            users = [each.user_id for each in some]
            with self._stores.state.write(tenant_id) as tx:
                erasures.call_off(tx, users, now=self._stores.clock.now())
                claimed = erasures.claimed_users(tx, users)
                ready = [each for each in some if each.user_id not in claimed]
                counts = pseudonyms.pseudonymise(tx, ready, random_bytes=self._stores.random_bytes)
                for each in ready:
                    erasures.add_counts(tx, each.erasure_id, counts[each.erasure_id])
                    erasures.note(tx, each.erasure_id, ErasureStep.STATE)
            self._beat()

    def _log_files(self, tenant_id: TenantId, waiting: Sequence[Erasure]) -> None:
        """Rewrite the log. Whoever copied or imported before has ended when the right is ours."""
        with right_to_append(self._stores.log, self._stores.clock) as appender:
            with self._stores.state.read(tenant_id) as tx:
                kept = [
                    {
                        "user_id_before": each.user_id_before,
                        "event_id_before": each.event_id_before,
                        **event_table([each.now]).to_pylist()[0],
                    }
                    for each in pseudonyms.kept_events(tx, waiting)
                ]
            users = pa.table({"user_id": pa.array([each.user_id for each in waiting], pa.string())})
            self._count_events(tenant_id, waiting, users)
            report = appender.erase_users(
                tenant_id,
                erased=users,
                kept=pa.Table.from_pylist(kept, KEPT_SCHEMA),
            )
        self._stores.log.renew()  # what this process has cached of the log is of before
        self._note(tenant_id, waiting, ErasureStep.LOG)
        _log.info("log_rewritten", tenant_id=tenant_id, users=len(waiting), **_told(report))

    def _count_events(
        self, tenant_id: TenantId, waiting: Sequence[Erasure], users: pa.Table
    ) -> None:
        """Note for the receipts what the log holds of each; whoever died here has noted it."""
        with self._stores.log.reader(tenant_id) as reader:
            found = reader.query("events_of_erased", _EVENTS_OF, inputs={"erased": users})
        events = {row["user_id"]: row["events"] for row in found.to_pylist()}
        with self._stores.state.write(tenant_id) as tx:
            for each in waiting:
                count = events.get(each.user_id, 0)
                erasures.note_most(tx, each.erasure_id, {"logged_events_erased": count})

    def _scores(self, tenant_id: TenantId, waiting: Sequence[Erasure]) -> None:
        users = pa.array([each.user_id for each in waiting], pa.string())
        self._stores.stored_scores.drop_users(tenant_id, users)
        self._note(tenant_id, waiting, ErasureStep.SCORES)

    def _forget(self, tenant_id: TenantId, waiting: Sequence[Erasure]) -> None:
        with self._stores.state.write(tenant_id) as tx:
            for each in waiting:
                erasures.forget(tx, each.erasure_id)

    def _note(self, tenant_id: TenantId, done: Sequence[Erasure], step: ErasureStep) -> None:
        with self._stores.state.write(tenant_id) as tx:
            for each in done:
                erasures.note(tx, each.erasure_id, step)

    def _finish(self) -> int:
        """Overwrite what databases that are files still hold in free pages, and give receipts."""
        waiting = self._waiting(ErasureStep.FORGOTTEN)
        if not waiting:
            return 0
        files = HomeFiles(self._stores.settings)
        for file in (files.state, files.catalog):
            if file is not None and file.exists():
                overwrite_free_pages(file)
                self._beat()
        for tenant_id, erased in waiting.items():
            with self._stores.state.write(tenant_id) as tx:
                now = self._stores.clock.now()
                for each in erased:
                    erasures.finish(tx, each.erasure_id, now=now)
        return sum(map(len, waiting.values()))


def _told(report: ErasedEvents) -> dict[str, int]:
    return {"removed": report.removed, "kept": report.kept, "files": report.files}
