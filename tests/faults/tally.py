"""What is counted of every fault, and the table of it."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field, fields


@dataclass
class Tally:
    """Counts of one or more histories. `ready` is in seconds from the end of a fault."""

    faults: int = 0
    attempts: int = 0  # requests of clients
    acknowledged: int = 0
    indeterminate: int = 0  # without an answer, or with one that promises nothing
    recovered: int = 0  # of those, acknowledged when they were repeated
    lost: int = 0  # acknowledged, and not there in the end
    unexpected: int = 0  # there, and nobody asked for it, or more often than anything explains
    doubled: int = 0  # deliveries that came again: in flight at a fault, and on record as such
    findings: int = 0  # of `sendopt verify`
    ready: list[float] = field(default_factory=list)
    health: list[float] = field(default_factory=list)  # milliseconds of each answer of /healthz
    late: list[float] = field(default_factory=list)  # milliseconds that the questions were late by
    failures: list[str] = field(default_factory=list)  # each lost, unexpected or found thing

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            **{
                each.name: getattr(self, each.name) + getattr(other, each.name)
                for each in fields(self)
            }
        )

    @property
    def is_clean(self) -> bool:
        return not self.failures


_HEAD = (
    "fault", "faults", "attempts", "acknowledged", "indeterminate", "recovered", "lost",
    "unexpected", "doubled", "verify findings", "ready p50 s", "ready max s",
    "healthz p99 ms",
)  # fmt: skip


def table(tallies: Mapping[str, Tally]) -> str:
    """Return a Markdown table, one row a scenario and one of all."""
    rows = [_row(title, tally) for title, tally in tallies.items()]
    total = sum(tallies.values(), Tally())
    lines = [_HEAD, ("---",) + ("---:",) * (len(_HEAD) - 1), *rows, _row("**all**", total)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _row(title: str, tally: Tally) -> tuple[str, ...]:
    counts = (
        tally.faults, tally.attempts, tally.acknowledged, tally.indeterminate, tally.recovered,
        tally.lost, tally.unexpected, tally.doubled, tally.findings,
    )  # fmt: skip
    measured = ("", "", "")
    if tally.ready:
        measured = (f"{statistics.median(tally.ready):.1f}", f"{max(tally.ready):.1f}", "")
    if len(tally.health) > 1:
        health, late = (_p99(each) for each in (tally.health, tally.late))
        measured = (*measured[:2], f"{health:.0f} ({late:.0f})")
    return (title, *(f"{count:,}" for count in counts), *measured)


def _p99(values: list[float]) -> float:
    return statistics.quantiles(values, n=100)[-1]
