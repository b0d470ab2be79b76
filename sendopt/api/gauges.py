"""Show what waits, as the stores have it at the moment of a scrape."""

from __future__ import annotations

from collections.abc import Iterator

import structlog
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from sendopt.app import App
from sendopt.errors import StoreFailure

_log = structlog.get_logger(__name__)


class BacklogGauges(Collector):
    """Asks the application at every scrape; a gauge whose store does not answer is left out."""

    def __init__(self, app: App) -> None:
        self._app = app

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges; the process's own counters are told even without a state."""
        try:
            backlog = self._app.backlog()
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
        if backlog.outbox_waiting is not None:
            waiting = GaugeMetricFamily(
                "sendopt_outbox_waiting",
                "Events that are not in the log yet.",
                labels=["tenant_id"],
            )
            for tenant_id, count in backlog.outbox_waiting.items():
                waiting.add_metric([tenant_id], count)
            yield waiting
