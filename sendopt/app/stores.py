"""Opens every store at its first use, and knows where each is.

What a store needs is imported with it: whoever only asks for keys waits for no model.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from sendopt.app.state_store import DEFAULT_TENANT, StateStore

if TYPE_CHECKING:
    from sendopt.app.everybody import Everybody
    from sendopt.app.readiness import Readiness
    from sendopt.app.secrets import Secrets
    from sendopt.app.stored_scores import StoredScores
    from sendopt.app.triggering import Triggering
    from sendopt.identity.device_token import DeviceTokenSigner
    from sendopt.learn import Registry
    from sendopt.learn.registry.serving import Limits
    from sendopt.log import Log, LogLocation, Reader
    from sendopt.records import TenantId
    from sendopt.settings import Settings
    from sendopt.track import LinkSigner

__all__ = ["DEFAULT_TENANT", "Stores"]


class Stores(StateStore):
    """State, log, registry, scores and secrets, and what is remembered of them."""

    @cached_property
    def log(self) -> Log:
        from sendopt.log import Log

        log = Log(
            log_location(self.settings),
            memory_limit=self.settings.log.memory_limit,
            threads=self.settings.log.threads,
        )
        log.migrate()
        return log

    @cached_property
    def registry(self) -> Registry:
        from sendopt.learn import Registry

        return Registry(*self.registry_place, moving=lambda: self.log.exclusively("promote"))

    @property
    def registry_place(self) -> tuple[str, str]:
        """MLflow's store, and where models and cards are kept."""
        return self.settings.tracking_uri, self.settings.artifacts

    @property
    def model_limits(self) -> Limits:
        """What a model must keep to serve."""
        from sendopt.learn.registry.serving import Limits

        learning = self.settings.learn
        return Limits(
            longest_age=timedelta(days=learning.model_max_age_days),
            patience=timedelta(seconds=learning.model_patience_seconds),
            rows_per_second=learning.model_rows_per_second,
        )

    @cached_property
    def stored_scores(self) -> StoredScores:
        from sendopt.app.stored_scores import StoredScores

        return StoredScores(
            self.settings.scores_folder, max_age=self.settings.scores_max_age, clock=self.clock
        )

    @cached_property
    def triggering(self) -> Triggering:
        from sendopt.app.stored_week import StoredWeeks
        from sendopt.app.triggering import Triggering

        weeks = StoredWeeks(self.registry, self.stored_scores, self.model_limits, self.clock)
        return Triggering(self.state, self.log, weeks, self.settings.schedule.seed)

    @cached_property
    def everybody(self) -> Everybody:
        from sendopt.app.everybody import Everybody

        return Everybody()

    @cached_property
    def secrets(self) -> Secrets:
        """The keys of the home; made at first use, and never again once anything depends on them.

        Raises:
            InvalidInput: `secrets_unusable`.
        """
        from sendopt.app.secrets import load_or_create_secrets, lost_secrets, secrets_file
        from sendopt.state.secrets_in_use import are_secrets_in_use

        if not secrets_file(self.settings.home).exists():
            with self.state.read_fleet() as tx:
                lost = are_secrets_in_use(tx)
            if lost:
                raise lost_secrets(self.settings.home)
        return load_or_create_secrets(self.settings.home, self.random_bytes)

    @cached_property
    def link_signer(self) -> LinkSigner:
        from sendopt.track import LinkSigner

        return LinkSigner(
            self.secrets.link_keys, self.secrets.current_link_key, self.settings.http.base_url
        )

    @cached_property
    def device_token_signer(self) -> DeviceTokenSigner:
        from sendopt.identity.device_token import DeviceTokenSigner

        return DeviceTokenSigner(self.secrets.link_keys, self.secrets.current_link_key)

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
        self.check_state()
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
        from sendopt.app.disk import Disk, written_folders
        from sendopt.app.readiness import Readiness

        written = written_folders(self.settings)
        questions = {
            "state": self.check_state,
            "sends": self.check_sends,
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
    from sendopt.app.s3 import s3_access
    from sendopt.log import LogLocation

    data = settings.log_data
    s3 = s3_access(settings.log)
    return LogLocation(
        catalog=settings.log_catalog, data=data, s3=s3 if data.startswith("s3://") else None
    )
