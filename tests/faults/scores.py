"""Let the disk fail while everybody is scored."""

from __future__ import annotations

from datetime import UTC, datetime

from faults import commands
from faults.deployment import TENANT
from faults.history import Bench, History, history
from faults.io_errors import failing
from faults.tally import Tally
from untrained import untrained


def fail_scores(bench: Bench, seed: int, faults: int) -> Tally:
    """Let calls of `sendopt score` fail; repeated, it stores what the API then answers from."""
    with history(bench, seed) as now:
        _make_champion(now)
        commands.ingest(now)
        for _fault in failing(now.shim, lambda: _score(now), seed=seed, faults=faults):
            scored = _score(now)
            now.note_fault()
            if not scored:
                now.tally.indeterminate += 1
                now.tally.recovered += _score(now)
        now.deployment.keep_up("run")
        now.recover()
        return now.conclude()


def _make_champion(now: History) -> None:
    """Let a model serve that has learned nothing: what it says does not matter here."""
    at = datetime.now(UTC)
    with now.deployment.opened() as app:
        recorded = app.registry.record(TENANT, untrained(until=at), params={}, tags={})
        app.registry.set_card(TENANT, recorded, "It knows nothing.\n")
        app.registry.finish(TENANT, recorded, metrics={}, tags={}, gate="passed")
        app.registry.promote(TENANT, recorded.number, by="faults", reason="to score", now=at)


def _score(now: History) -> bool:
    return now.deployment.run("score", "--full") == 0
