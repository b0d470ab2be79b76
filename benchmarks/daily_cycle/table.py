"""The figures of one cycle as a section of the page."""

from __future__ import annotations

import json
from dataclasses import dataclass

from page import machine, table

from daily_cycle import truth
from daily_cycle.commands import Cost


@dataclass(frozen=True)
class Cycle:
    """What each command of one cycle took, in the order in which they ran."""

    users: int
    events: int
    commands: dict[str, Cost]
    create_table: Cost  # DuckDB, of the file that `ingest` read
    obvious: Cost  # on a sample; what it printed counts
    beside: truth.BesideTruth


def section(cycle: Cycle) -> str:
    """Return the section's text."""
    costs = [(f"`{name}`", cost) for name, cost in cycle.commands.items()]
    costs.append(("DuckDB: `create table as` of the same file", cycle.create_table))
    rows = [
        (name, f"{cost.wall:.1f} s", f"{cost.cpu:.1f} s", f"{cost.peak:.2f} GB")
        for name, cost in costs
    ]
    return "\n\n".join(
        [
            (
                f"Printed by `python benchmarks/cycle.py --users {cycle.users}` on {machine()}: "
                f"{cycle.events / cycle.users:.0f} events a user over 60 days. Each command is a "
                "process of its own, and its start is counted."
            ),
            table(("what", "wall", "CPU", "peak memory"), rows),
            table(("ratio", "", "by the clock", "by CPU"), list(_ratios(cycle))),
            truth.section(cycle.beside),
        ]
    )


def _ratios(cycle: Cycle) -> list[tuple[str, ...]]:
    full, again = cycle.commands["score"], cycle.commands["score, after the next day"]
    ingest, plain = cycle.commands["ingest"], cycle.create_table
    obvious = json.loads(cycle.obvious.last_line)
    wall, cpu = (obvious[kind] / obvious["users"] * cycle.users for kind in ("wall", "cpu"))
    return [
        (
            "`ingest` against `create table as`",
            "speed",
            f"{plain.wall / ingest.wall:.2f}",
            f"{plain.cpu / ingest.cpu:.2f}",
        ),
        (
            (
                "`score` against pandas and `predict`, whose work on "
                f"{obvious['users']:,} users ({wall * 1e3 / cycle.users:.1f} ms a user) is "
                "extrapolated"
            ),
            "speed",
            f"{wall / full.wall:.0f}",
            f"{cpu / full.cpu:.0f}",
        ),
        (
            "`score` after the next day against `score`",
            "time",
            f"{again.wall / full.wall:.1%}",
            f"{again.cpu / full.cpu:.1%}",
        ),
    ]
