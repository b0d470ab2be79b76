"""Show what waits, what has drifted and what is at work, as it is at the moment of a scrape."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import structlog
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from sendopt.app import App
from sendopt.app.supervision import Part
from sendopt.errors import StoreFailure
from sendopt.records import TenantId

_log = structlog.get_logger(__name__)


class BacklogGauges(Collector):
    """Asks the application at every scrape; a gauge whose store does not answer is left out."""

    def __init__(self, app: App) -> None:
        self._app = app

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges; the process's own counters are told even without a state."""
        try:
            backlog = self._app.operator.backlog()
        except StoreFailure as failure:
            _log.warning("backlog_unknown", code=failure.code, statement=failure.statement)
            return
        sends = GaugeMetricFamily(
            "sendopt_sends", "Sends, by where they stand.", labels=["tenant_id", "state"]
        )
        for tenant_id, counts in backlog.sends.items():
            for state, count in counts.items():
                sends.add_metric([tenant_id, state], count)
        yield sends
        yield GaugeMetricFamily(
            "sendopt_oldest_due_seconds",
            "Age of the oldest send that is due and not handed over; 0 if there is none.",
            value=backlog.oldest_due.total_seconds(),
        )
        refused = GaugeMetricFamily(
            "sendopt_outbox_refused",
            "Events that were recorded and are left out of the log, by the reason.",
            labels=["tenant_id", "reason"],
        )
        for (tenant_id, reason), count in backlog.outbox_refused.items():
            refused.add_metric([tenant_id, reason], count)
        yield refused
        yield _by_tenant(
            "sendopt_sends_held",
            "Sends that wait after a restore until somebody decides: `sendopt resume`.",
            backlog.held,
        )
        yield _by_tenant(
            "sendopt_metering_waiting",
            "Clicks and responses that no statement counts yet.",
            backlog.unmetered,
        )
        if backlog.outbox_waiting is not None:
            yield _by_tenant(
                "sendopt_outbox_waiting",
                "Events that are not in the log yet.",
                backlog.outbox_waiting,
            )


def _by_tenant(name: str, description: str, counts: Mapping[TenantId, int]) -> GaugeMetricFamily:
    gauge = GaugeMetricFamily(name, description, labels=["tenant_id"])
    for tenant_id, count in counts.items():
        gauge.add_metric([tenant_id], count)
    return gauge


class DriftGauges(Collector):
    """Tells at every scrape what the last look for drift found, for every tenant that had one.

    A threshold is left out where there were too few users to tell.
    """

    def __init__(self, app: App) -> None:
        self._app = app

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges of every alarm, and how far the look at a tenant reached."""
        try:
            alarms = self._app.operator.drift_alarms()
        except StoreFailure as failure:
            _log.warning("drift_unknown", code=failure.code, statement=failure.statement)
            return
        each = ["tenant_id", "alarm"]
        value = GaugeMetricFamily("sendopt_drift", "How far something moved.", labels=each)
        threshold = GaugeMetricFamily(
            "sendopt_drift_threshold", "Beyond it, either way, the alarm rings.", labels=each
        )
        ringing = GaugeMetricFamily(
            "sendopt_drift_ringing", "1 while the alarm rings, else 0.", labels=each
        )
        until = GaugeMetricFamily(
            "sendopt_drift_until_timestamp_seconds",
            "End of the week that was looked at last.",
            labels=["tenant_id"],
        )
        for alarm in alarms:
            labels = [alarm.tenant_id, alarm.name]
            value.add_metric(labels, alarm.value)
            if alarm.threshold is not None:
                threshold.add_metric(labels, alarm.threshold)
            ringing.add_metric(labels, float(alarm.ringing))
        for tenant_id, end in {alarm.tenant_id: alarm.until for alarm in alarms}.items():
            until.add_metric([tenant_id], end.timestamp())
        yield from (value, threshold, ringing, until)


class PartGauges(Collector):
    """Tells at every scrape how the parts of this process are."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = parts

    def collect(self) -> Iterator[Metric]:
        """Yield since when each part has not worked, and how often it had to try anew."""
        since = GaugeMetricFamily(
            "sendopt_part_seconds_since_work",
            "Time since a part of this process did its work, or saw that there was none.",
            labels=["part"],
        )
        restarts = CounterMetricFamily(
            "sendopt_part_restarts", "Tries of a part after a failure that passes.", labels=["part"]
        )
        for part in self._parts:
            since.add_metric([part.name], part.seconds_since_work)
            restarts.add_metric([part.name], part.restarts)
        yield from (since, restarts)
