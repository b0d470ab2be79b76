"""Count what the API does, for Prometheus.

Own registry per API: two in one process never mix. A label is a tenant, a route's template or
one of a few fixed words, never a user, a send or a path.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.registry import Collector

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Metrics:
    """The counters of one API, and what `gauges` tell at every scrape."""

    def __init__(self, *gauges: Collector) -> None:
        self.registry = CollectorRegistry()
        self._series: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        for each in gauges:
            self.registry.register(each)
        self.requests = Counter(
            "sendopt_http_requests",
            "Requests answered.",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self.request_seconds = Histogram(
            "sendopt_http_request_seconds",
            "Time from a request's head to the end of its answer.",
            ["route"],
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
            registry=self.registry,
        )
        self.refused = Counter(
            "sendopt_http_refused",
            "Requests refused unread, by kind of request and code: too many, too large, too slow.",
            ["kind", "code"],
            registry=self.registry,
        )
        self.events = Counter(
            "sendopt_events",
            "Events received, by verdict.",
            ["tenant_id", "verdict"],
            registry=self.registry,
        )
        self.clicks = Counter(
            "sendopt_clicks",
            "Requests for signed links, by the rule that refused to count them (none = counted).",
            ["tenant_id", "filtered_reason"],
            registry=self.registry,
        )
        self.responses = Counter(
            "sendopt_responses",
            "Reports of what users did with a send, by kind, first ones and repeats.",
            ["tenant_id", "kind", "repeated"],
            registry=self.registry,
        )

    def observe_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answered request; `route` is the template, never the path."""
        known = method if method in _METHODS else "other"
        series = self._series.get((known, route, status))
        if series is None:
            # Kept at hand: to look the labels up each time takes longer than to count.
            series = (
                self.requests.labels(known, route, str(status)),
                self.request_seconds.labels(route),
            )
            self._series[known, route, status] = series
        requests, request_seconds = series
        requests.inc()
        request_seconds.observe(seconds)

    def count_response(self, tenant_id: str, kind: str, *, repeated: bool) -> None:
        """Count one report about a send."""
        self.responses.labels(tenant_id, kind, "true" if repeated else "false").inc()

    def exposition(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self.registry)
