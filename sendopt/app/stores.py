"""Opens every store at its first use, and knows where each is."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import timedelta
from functools import cached_property

from sendopt.app.disk import Disk, written_folders
from sendopt.app.readiness import Readiness
from sendopt.app.s3 import s3_access
from sendopt.app.state_store import DEFAULT_TENANT, StateStore
from sendopt.errors import Conflict
from sendopt.learn import Registry
from sendopt.learn.registry import serving
from sendopt.log import Log, LogLocation, Reader
from sendopt.records import TenantId
from sendopt.settings import Settings
from sendopt.state import check_version
from sendopt.state.hold import is_anything_held

__all__ = ["DEFAULT_TENANT", "Stores"]


class Stores(StateStore):
    """Log and registry beside the state."""

    @cached_property
    def log(self) -> Log:
        log = Log(
            log_location(self.settings),
            memory_limit=self.settings.log.memory_limit,
            threads=self.settings.log.threads,
        )
        log.migrate()
        return log

    @cached_property
    def registry(self) -> Registry:
        return Registry(*self.registry_place, moving=lambda: self.log.exclusively("promote"))

    @property
    def registry_place(self) -> tuple[str, str]:
        """MLflow's store, and where models and cards are kept."""
        return self.settings.tracking_uri, self.settings.artifacts

    @property
    def model_limits(self) -> serving.Limits:
        """What a model must keep to serve."""
        learning = self.settings.learn
        return serving.Limits(
            longest_age=timedelta(days=learning.model_max_age_days),
            patience=timedelta(seconds=learning.model_patience_seconds),
            rows_per_second=learning.model_rows_per_second,
        )

    def close(self) -> None:
        """Let go of every open store."""
        if "log" in self.__dict__:
            self.__dict__.pop("log").close()
        super().close()

    def open_stores(self) -> None:
        """Open state and log now: without them nothing can be served.

        Raises:
            StoreFailure: if one cannot be reached.
            Conflict: `schema_newer`, if a newer release has upgraded the state.
        """
        check_version(self.state)
        self.log.high_water_mark()

    def ready(self) -> dict[str, str | None]:
        """Tell of every store whether it answers: None, or the code of what is wrong.

        Without a registry everything goes on: sends go out at their fallback times. Without the
        object store of the log's data events are taken and sends go out. Also says whether sends
        are `held`. Nobody waits for an answer longer than two seconds.
        """
        return self._readiness.ask()

    @cached_property
    def _readiness(self) -> Readiness:
        written = written_folders(self.settings)
        questions = {
            "state": self._check_state,
            "sends": self._check_sends,
            "log": self._check_log,
            "registry": self._check_registry,
        }
        renewals = {"state": self._renew_state, "sends": self._renew_state}
        if "://" in self.settings.log_catalog:  # a file that is slow is no faster opened anew
            renewals["log"] = self._renew_log
        if self.log.location.on_s3:
            questions["log_data"] = self.log.look_for_data
            renewals["log_data"] = lambda: None  # every question has a connection of its own
        return Readiness(questions | ({"disk": Disk(written).check} if written else {}), renewals)

    def _check_state(self) -> None:
        check_version(self.state)

    def _check_sends(self) -> None:
        with self.state.read_fleet() as tx:
            held = is_anything_held(tx, now=self.clock.now())
        if held:
            raise Conflict("sends are held until somebody decides: `sendopt resume`", code="held")

    def _renew_state(self) -> None:
        self.state.renew()

    def _check_log(self) -> None:
        self.log.high_water_mark()

    def _renew_log(self) -> None:
        self.log.renew()

    def _check_registry(self) -> None:
        self.registry.check()

    def reader(
        self, tenant_id: TenantId, *, snapshot: int | None = None
    ) -> AbstractContextManager[Reader]:
        """Open the tenant's log for reading; any number of readers, while others write."""
        return self.log.reader(tenant_id, snapshot=snapshot)


def log_location(settings: Settings) -> LogLocation:
    """Return where the log is, and how to reach it."""
    data = settings.log_data
    s3 = s3_access(settings.log)
    return LogLocation(
        catalog=settings.log_catalog, data=data, s3=s3 if data.startswith("s3://") else None
    )
