"""The application: its open stores, and one method for each thing that a user can ask for."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa

from sendopt import bill, ingest, learn, schedule, score, track
from sendopt.app import accepting, planning
from sendopt.app.answers import (
    BestTimes,
    CampaignReport,
    CampaignStatus,
    EventVerdict,
    IssuedStatement,
)
from sendopt.app.appending import copy_outbox
from sendopt.app.backlog import Backlog, measure
from sendopt.app.channels import open_channels, public_web_push_key
from sendopt.app.secrets import Secrets, load_or_create_secrets
from sendopt.clock import Clock, SystemClock
from sendopt.deliver import Dispatcher, RetryPolicy
from sendopt.errors import InvalidInput, InvariantBroken, LeaseHeld, SendoptError
from sendopt.log import Log, LogLocation, Reader, S3Access
from sendopt.records import (
    Campaign,
    CampaignId,
    Device,
    EventType,
    Message,
    Plan,
    RateCard,
    SendId,
    TenantId,
    UserId,
)
from sendopt.settings import Settings, load_settings
from sendopt.state import State, check_version, devices, migrate, plans, tenants, users
from sendopt.verify import Report, verify

#: The one tenant that exists without being created: a laptop has one user.
DEFAULT_TENANT = TenantId("default")

OUTBOX_BATCH = 5_000


def open_app(
    settings: Settings | None = None,
    *,
    clock: Clock | None = None,
    random_bytes: Callable[[int], bytes] = os.urandom,
) -> App:
    """Open the application over `settings` (default: the environment's), creating its home."""
    settings = settings or load_settings()
    # Nobody else on the machine may read what is in it: webhook secrets, link keys, users.
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    return App(settings, clock or SystemClock(), random_bytes)


class App:
    """Every store, opened at first use, and the use cases over them.

    Args:
        settings: where everything is.
        clock: what time it is; a virtual one replays days in seconds.
        random_bytes: a cryptographic source, for keys, link ids and click ids.
    """

    def __init__(
        self, settings: Settings, clock: Clock, random_bytes: Callable[[int], bytes]
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.random_bytes = random_bytes

    # Stores.

    @cached_property
    def log(self) -> Log:
        log = Log(
            _log_location(self.settings),
            memory_limit=self.settings.log.memory_limit,
            threads=self.settings.log.threads,
        )
        log.migrate()
        return log

    @cached_property
    def state(self) -> State:
        state = State(self.settings.state_url)
        migrate(state)
        with state.write() as tx:
            tenants.create(tx, DEFAULT_TENANT, timezone="UTC", now=self.clock.now())
        return state

    @cached_property
    def registry(self) -> learn.Registry:
        return learn.Registry(self.settings.tracking_uri, self.settings.artifacts)

    @cached_property
    def secrets(self) -> Secrets:
        return load_or_create_secrets(self.settings.home, self.random_bytes)

    @cached_property
    def link_signer(self) -> track.LinkSigner:
        return track.LinkSigner(
            self.secrets.link_keys, self.secrets.current_link_key, self.settings.http.base_url
        )

    def close(self) -> None:
        """Let go of every open store."""
        for name in ("log", "state"):
            if name in self.__dict__:
                self.__dict__.pop(name).close()

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

        Without a registry everything goes on: sends go out at their fallback times. Nobody waits
        for one longer than two seconds.
        """
        return {
            "state": _wrong(lambda: check_version(self.state)),
            "log": _wrong(self.log.high_water_mark),
            "registry": _wrong(self.registry.check),
        }

    # Tenants and keys.

    def create_tenant(self, tenant_id: TenantId, *, timezone: str) -> bool:
        """Create a tenant; False if it was there already."""
        with self.state.write() as tx:
            return tenants.create(tx, tenant_id, timezone=timezone, now=self.clock.now())

    def issue_key(self, tenant_id: TenantId, name: str) -> str:
        """Make an API key and return it; only its hash is kept.

        Raises:
            NotFound: `tenant_unknown`.
        """
        with self.state.write() as tx:
            return tenants.issue_key(
                tx, tenant_id, name=name, now=self.clock.now(), random_bytes=self.random_bytes
            )

    def revoke_key(self, tenant_id: TenantId, key_id: str) -> None:
        """Make a key useless from now on.

        Raises:
            NotFound: `key_unknown`.
        """
        with self.state.write() as tx:
            tenants.revoke_key(tx, tenant_id, key_id, now=self.clock.now())

    def authenticate(self, key: str) -> TenantId:
        """Return whose key this is.

        Raises:
            NotAuthorized: whatever is wrong with it.
        """
        with self.state.read() as tx:
            return tenants.authenticate(tx, key)

    def keys(self, tenant_id: TenantId) -> list[tenants.ApiKey]:
        """Return the tenant's keys without their secrets, the oldest first.

        Raises:
            NotFound: `tenant_unknown`.
        """
        with self.state.read() as tx:
            tenants.get(tx, tenant_id)
            return tenants.keys(tx, tenant_id)

    # Events.

    def import_files(
        self,
        tenant_id: TenantId,
        paths: Sequence[Path],
        *,
        progress: Callable[[Path, int], None],
    ) -> list[ingest.ImportReport]:
        """Bring files of events into the log; `progress` gets the file and its rows so far.

        Raises:
            LeaseHeld: if another process appends right now.
            NotFound: `tenant_unknown`.
        """
        self._require_tenant(tenant_id)
        with self.log.appender() as appender:
            reports = [
                ingest.import_file(
                    path,
                    appender,
                    tenant_id,
                    now=self.clock.now(),
                    progress=lambda rows, path=path: progress(path, rows),  # type: ignore[misc]
                )
                for path in paths
            ]
        planning.honour_opt_outs(tenant_id, log=self.log, state=self.state, now=self.clock.now())
        return reports

    def accept_events(self, tenant_id: TenantId, items: Any) -> list[EventVerdict]:
        """Record events that came by REST; durable when it returns.

        Raises:
            InvalidInput: if `items` is no list of 1 to 500 items.
        """
        return accepting.accept(
            items, tenant_id, state=self.state, log=self.log, now=self.clock.now()
        )

    def copy_to_log(self) -> int:
        """Copy events from the outbox of the state to the log; return how many.

        Raises:
            LeaseHeld: if another process appends right now.
        """
        with self.log.appender() as appender:
            return copy_outbox(self.state, appender, batch=OUTBOX_BATCH)

    def backlog(self) -> Backlog:
        """Count what waits in every tenant's name, for the operator.

        Raises:
            StoreFailure: if the state does not answer.
        """
        return measure(self.state, self.log, now=self.clock.now())

    def compact_log(self) -> None:
        """Merge the small files that small copies have left."""
        with self.log.appender() as appender:
            appender.compact()

    def reader(
        self, tenant_id: TenantId, *, snapshot: int | None = None
    ) -> AbstractContextManager[Reader]:
        """Open the tenant's log for reading; any number of readers, while others write."""
        return self.log.reader(tenant_id, snapshot=snapshot)

    # Models.

    def train(
        self,
        tenant_id: TenantId,
        *,
        outcome: EventType = EventType.OPEN,
        snapshot: str | None = None,
        as_of: datetime | None = None,
        progress: Callable[[str], None],
    ) -> learn.TrainingReport:
        """Train a model, judge it, and let it serve if it is better.

        The snapshot of the log that it saw is named `model <version>` and kept for ever. Given
        that name and the same `as_of`, training comes to the same model, to the bit.

        Args:
            tenant_id: whose log it learns from.
            outcome: what counts as an answer.
            snapshot: the name of the snapshot to learn from; None = the log as it is now.
            as_of: only events before it are learned from; None = now.
            progress: told what is going on.

        Raises:
            InvalidInput: `too_little_history`.
            NotFound: if no snapshot has that name.
        """
        self._require_tenant(tenant_id)
        settings = self.settings.learn
        seen = None if snapshot is None else self.log.named_snapshot(snapshot)
        with self.reader(tenant_id, snapshot=seen) as reader:
            report = learn.train(
                reader,
                self.registry,
                tenant_id,
                as_of=as_of or self.clock.now(),
                open_window=self.settings.open_window,
                outcome=outcome,
                seed=settings.seed,
                threads=settings.threads,
                progress=progress,
            )
        self.log.name_snapshot(f"model {report.model_version}", report.log_snapshot)
        return report

    def backtest(
        self,
        tenant_id: TenantId,
        *,
        decisions: pa.Table | None,
        open_window: timedelta,
        outcome: EventType,
        progress: Callable[[str], None],
    ) -> learn.Backtest:
        """Tell what the model would have said of the past, and what that was worth.

        Raises:
            InvalidInput: if `decisions` break their contract, or there is nothing to judge.
        """
        self._require_tenant(tenant_id)
        with self.reader(tenant_id) as reader:
            return learn.backtest(
                reader,
                decisions,
                open_window=open_window,
                outcome=outcome,
                seed=self.settings.learn.seed,
                threads=self.settings.learn.threads,
                progress=progress,
            )

    def score_slots(self, tenant_id: TenantId, user_ids: list[str] | None = None) -> pa.Table:
        """Return every user's open probability by hour of the local week.

        Raises:
            ModelNotServable: `no_champion`, or a champion that does not load.
        """
        model = self.registry.champion(tenant_id)
        with self.reader(tenant_id) as reader:
            return score.score_slots(model, reader, as_of=self.clock.now(), user_ids=user_ids)

    def best_times(self, tenant_id: TenantId, user_id: UserId, *, top: int) -> BestTimes:
        """Return the user's best hours of the week, in the user's own zone.

        Raises:
            NotFound: `user_unknown`.
        """
        return planning.best_times(
            tenant_id,
            user_id,
            top=top,
            log=self.log,
            state=self.state,
            registry=self.registry,
            now=self.clock.now(),
        )

    # Campaigns.

    def preview_campaign(self, tenant_id: TenantId, definition: Any) -> schedule.Preview:
        """Tell what committing `definition` now would do; stores nothing."""
        now = self.clock.now()
        return schedule.preview(self._plan(tenant_id, definition, now=now))

    def put_campaign(self, tenant_id: TenantId, definition: Any, *, commit: bool) -> CampaignReport:
        """Store a campaign; with `commit`, plan it and let its sends go out.

        Committing again plans for those who joined the audience since, and for nobody else.

        Raises:
            InvalidInput: for a definition that cannot be meant.
            Conflict: `campaign_conflict`, if the id stands for another definition;
                `campaign_cancelled`.
        """
        self._require_tenant(tenant_id)
        now = self.clock.now()
        campaign = self._read_campaign(tenant_id, definition, now=now)
        with self.state.write() as tx:
            created = plans.put_campaign(tx, tenant_id, campaign, definition, now=now)
        preview = None
        if commit:
            plan = self._plan(tenant_id, definition, now=now)
            preview = schedule.preview(plan)
            with self.state.write() as tx:
                plans.commit(tx, tenant_id, plan, now=now)
        status = self.campaign(tenant_id, campaign.campaign_id)
        return CampaignReport(
            campaign_id=campaign.campaign_id,
            repeated=not created,
            committed=status.committed_at is not None,
            counts=status.counts,
            preview=preview,
        )

    def campaign(self, tenant_id: TenantId, campaign_id: CampaignId) -> CampaignStatus:
        """Return a campaign and where its sends stand.

        Raises:
            NotFound: `campaign_unknown`.
        """
        with self.state.read() as tx:
            stored = plans.get_campaign(tx, tenant_id, campaign_id)
            counts = plans.campaign_counts(tx, tenant_id, campaign_id)
        return CampaignStatus(
            campaign_id=stored.campaign_id,
            definition=stored.definition,
            created_at=stored.created_at,
            committed_at=stored.committed_at,
            cancelled_at=stored.cancelled_at,
            counts={str(state): count for state, count in counts.items()},
        )

    def preview_stored_campaign(
        self, tenant_id: TenantId, campaign_id: CampaignId
    ) -> schedule.Preview:
        """Tell what committing the stored campaign now would do.

        Raises:
            NotFound: `campaign_unknown`.
        """
        return self.preview_campaign(tenant_id, self.campaign(tenant_id, campaign_id).definition)

    def cancel_campaign(self, tenant_id: TenantId, campaign_id: CampaignId) -> CampaignStatus:
        """Call off every send that no dispatcher has claimed yet; what went out stays out."""
        with self.state.write() as tx:
            plans.cancel_campaign(
                tx, tenant_id, campaign_id, reason="campaign_cancelled", now=self.clock.now()
            )
        return self.campaign(tenant_id, campaign_id)

    def send(self, tenant_id: TenantId, send_id: SendId) -> dict[str, Any]:
        """Return a send with its decision record.

        Raises:
            NotFound: `send_unknown`.
        """
        with self.state.read() as tx:
            stored = plans.get_send(tx, tenant_id, send_id)
        return {
            **asdict(stored.send),
            "planned_at": stored.planned_at,
            "attempt_count": stored.attempt_count,
            "handed_over_at": stored.handed_over_at,
            "decision": stored.decision,
        }

    def _read_campaign(self, tenant_id: TenantId, definition: Any, *, now: datetime) -> Campaign:
        """Read a definition; one that was accepted before stays readable when its time is over."""
        try:
            return schedule.parse_campaign(definition, now=now)
        except InvalidInput:
            with self.state.read() as tx:
                accepted_at = plans.accepted_at(tx, tenant_id, definition)
            if accepted_at is None:
                raise
            return schedule.parse_campaign(definition, now=accepted_at)

    def _plan(self, tenant_id: TenantId, definition: Any, *, now: datetime) -> Plan:
        return planning.plan_campaign(
            self._read_campaign(tenant_id, definition, now=now),
            tenant_id,
            log=self.log,
            state=self.state,
            registry=self.registry,
            now=now,
        )

    # Users, devices and delivery.

    def put_user(self, tenant_id: TenantId, user_id: str, body: Any) -> users.User:
        """Store what the tenant knows of a user; an opt-out stays.

        Raises:
            InvalidInput: `zone_invalid`, `text_invalid`, and as `strict_json.validate`.
        """
        profile = ingest.parse_profile(user_id, body)
        with self.state.write() as tx:
            users.put(
                tx, tenant_id, profile.user_id, timezone=profile.timezone, now=self.clock.now()
            )
            return users.get(tx, tenant_id, profile.user_id)

    def user(self, tenant_id: TenantId, user_id: UserId) -> users.User:
        """Return a user's profile.

        Raises:
            NotFound: `user_unknown`.
        """
        with self.state.read() as tx:
            return users.get(tx, tenant_id, user_id)

    def register_device(self, tenant_id: TenantId, body: Any) -> Device:
        """Register a device, or bring it up to date.

        Raises:
            InvalidInput: `token_invalid`, `zone_invalid`, `url_not_allowed`.
            Conflict: `token_conflict`.
        """
        device = ingest.parse_device(
            body, allow_private_addresses=self.settings.deliver.allow_private_addresses
        )
        with self.state.write() as tx:
            return devices.register(tx, tenant_id, device, now=self.clock.now())

    def web_push_key(self) -> str:
        """Return the public key that browsers must be given to subscribe, base64url."""
        return public_web_push_key(self.secrets)

    def dispatcher(
        self, *, on_simulated: Callable[[Message], None] = lambda _message: None
    ) -> Dispatcher:
        """Return a dispatcher over every channel that sendopt speaks.

        Args:
            on_simulated: receives what goes out over the simulator channel.
        """
        settings = self.settings.deliver
        return Dispatcher(
            self.state,
            open_channels(
                settings, self.secrets, self.clock, self.random_bytes, on_simulated=on_simulated
            ),
            self.clock,
            owner=f"{socket.gethostname()}:{os.getpid()}:{self.random_bytes(4).hex()}",
            sign_link=self.link_signer.url,
            random_bytes=self.random_bytes,
            retry=RetryPolicy(
                first=timedelta(seconds=settings.retry_first_seconds),
                longest=timedelta(seconds=settings.retry_longest_seconds),
                max_attempts=settings.max_attempts,
            ),
            lease=timedelta(seconds=settings.lease_seconds),
            batch=settings.batch,
        )

    # What comes back.

    def follow_link(self, token: str, request: track.ClickRequest) -> track.Redirect:
        """Record a click and return where it leads.

        Raises:
            NotFound: `link_unknown`.
        """
        return track.follow_link(
            self.state,
            self.link_signer,
            token,
            request,
            now=self.clock.now(),
            random_bytes=self.random_bytes,
        )

    def record_by_token(self, token: str, kind: str) -> track.ResponseVerdict:
        """Record what a device reports with the token of its message.

        Raises:
            NotFound: `link_unknown`.
            Conflict: `not_handed_over`.
        """
        return track.record_by_token(
            self.state, self.link_signer, token, kind, now=self.clock.now()
        )

    def record_report(
        self, tenant_id: TenantId, send_id: SendId, body: Any
    ) -> track.ResponseVerdict:
        """Record what the tenant's own servers learned of a send.

        Raises:
            NotFound: `send_unknown`.
            Conflict: `not_handed_over`, `before_hand_over`, `event_conflict`.
            InvalidInput: `kind_unknown`, `time_in_future`, and as `strict_json.validate`.
        """
        return track.record_report(self.state, tenant_id, send_id, body, now=self.clock.now())

    # Money.

    def put_rate_card(self, tenant_id: TenantId, body: Any) -> RateCard:
        """Set prices from a date on.

        Raises:
            InvalidInput: `money_invalid`, `time_invalid`, `window_invalid`.
            Conflict: `period_closed`, `rate_card_order`, `already_counted`.
        """
        return bill.put_rate_card(self.state, tenant_id, body)

    def meter(self) -> None:
        """Charge for every tenant what was measured since the last time."""
        with self.state.read() as tx:
            everyone = tenants.everyone(tx)
        for tenant_id in everyone:
            bill.charge_billable(self.state, tenant_id)

    def statement(self, tenant_id: TenantId, period: str) -> IssuedStatement:
        """Return the statement of a period: as it was closed, or up to this moment.

        Raises:
            InvalidInput: `period_invalid`.
            NotFound: `tenant_unknown`.
            InvariantBroken: `charges_differ`.
        """
        closing = bill.find_closing(self.state, tenant_id, period)
        if closing is not None:
            return IssuedStatement(closing.statement, closing.closed_at)
        bill.charge_billable(self.state, tenant_id)
        return IssuedStatement(bill.statement(self.state, tenant_id, period), None)

    def close_period(self, tenant_id: TenantId, period: str) -> bill.Closing:
        """Freeze a period for ever.

        Raises:
            Conflict: `period_open`, until the grace after its end is over.
        """
        return bill.close_period(self.state, tenant_id, period, now=self.clock.now())

    # Trust.

    def settle(self) -> None:
        """Bring the log and the ledger up to what the state holds, as the service always does."""
        self.meter()
        self.copy_to_log()

    def verify(self, *, progress: Callable[[str], None]) -> Report:
        """Check every invariant over every store and tenant."""
        with suppress(LeaseHeld, InvariantBroken):  # a service is at work; or it is found below
            self.settle()
        return verify(self.state, self.log, self.registry, progress=progress)

    def _require_tenant(self, tenant_id: TenantId) -> None:
        """Refuse a tenant that nobody created: a typing error must not open a second home.

        Raises:
            NotFound: `tenant_unknown`.
        """
        with self.state.read() as tx:
            tenants.get(tx, tenant_id)


def _log_location(settings: Settings) -> LogLocation:
    data = settings.log_data
    s3 = S3Access(
        endpoint=settings.log.s3_endpoint,
        region=settings.log.s3_region,
        key_id=settings.log.s3_key_id,
        secret=settings.log.s3_secret.get_secret_value(),
        use_ssl=settings.log.s3_use_ssl,
    )
    return LogLocation(
        catalog=settings.log_catalog, data=data, s3=s3 if data.startswith("s3://") else None
    )


def _wrong(ask: Callable[[], object]) -> str | None:
    """Return None if `ask` gets an answer, else the code of what went wrong."""
    try:
        ask()
    except SendoptError as error:
        return error.code
    return None
