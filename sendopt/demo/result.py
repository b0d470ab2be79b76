"""What the demo found, as numbers that add up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from sendopt.demo.compare import Difference, difference
from sendopt.learn import TrainingReport
from sendopt.records import TenantId
from sendopt.verify import Finding


@dataclass(frozen=True, slots=True)
class TenantResult:
    """One study, played as one tenant; `sends` is the sum of the five ends."""

    users: int
    events: int  # in the log before the held days
    training: TrainingReport  # promoted or not, and the honest backtest on days before
    sends: int
    delivered: int
    failed: int
    expired: int
    suppressed: int
    cancelled: int
    opens: int  # answered within half an hour of the hand-over
    answers: int  # answered at any time within the attribution window
    billable: int  # clicks and responses charged
    currency: str
    statement_total_minor: int


@dataclass(frozen=True, slots=True)
class Result:
    """All studies together; `sends` is the sum of the five ends."""

    users: int
    events: int
    sends: int
    delivered: int
    failed: int
    expired: int
    suppressed: int
    cancelled: int
    opens: int
    open_rate: float  # opens / delivered
    open_rate_population_best: float
    open_rate_most_frequent: float
    open_rate_random: float
    minus_population_best: Difference
    minus_most_frequent: Difference
    minus_random: Difference
    evidence: str  # what kind of comparison this is
    answers: int
    billable: int
    currency: str
    statement_total_minor: int
    findings: tuple[Finding, ...]  # of `sendopt verify` at the end; none, or something is broken
    picture: str
    home: str
    tenants: Mapping[TenantId, TenantResult]


def summarise(
    tenants: Mapping[TenantId, TenantResult],
    choices: Mapping[TenantId, pd.DataFrame],
    findings: tuple[Finding, ...],
    *,
    home: Path,
) -> Result:
    """Add up the tenants; rates of the other rules are over the same user-days as ours."""
    together = pd.concat(choices.values())

    def total(name: str) -> int:
        return sum(getattr(tenant, name) for tenant in tenants.values())

    return Result(
        users=total("users"),
        events=total("events"),
        sends=total("sends"),
        delivered=total("delivered"),
        failed=total("failed"),
        expired=total("expired"),
        suppressed=total("suppressed"),
        cancelled=total("cancelled"),
        opens=total("opens"),
        open_rate=total("opens") / total("delivered"),
        open_rate_population_best=float(together["population_best"].mean()),
        open_rate_most_frequent=float(together["most_frequent"].mean()),
        open_rate_random=float(together["random"].mean()),
        minus_population_best=difference(choices, "population_best"),
        minus_most_frequent=difference(choices, "most_frequent"),
        minus_random=difference(choices, "random"),
        evidence="exact on these days: every time among which was chosen has its real outcome",
        answers=total("answers"),
        billable=total("billable"),
        currency=next(iter(tenants.values())).currency,
        statement_total_minor=total("statement_total_minor"),
        findings=findings,
        picture=str(home / "demo.png"),
        home=str(home / "home"),
        tenants=tenants,
    )
