"""`sendopt train`, `score` and `backtest`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pyarrow.parquet as pq
import typer

from sendopt.cli.options import AsJson, Home, Tenant, open_home, parse_duration
from sendopt.cli.output import print_json, print_table, progress, stdout
from sendopt.records import EventType, TenantId

Outcome = Annotated[
    str,
    typer.Option("--outcome", help="What counts as an answer: open, click or response."),
]


def register(commands: typer.Typer) -> None:
    """Add these commands."""
    commands.command()(train)
    commands.command()(score)
    commands.command()(backtest)


def train(
    outcome: Outcome = "open",
    home: Home = None,
    tenant: Tenant = "default",
    as_json: AsJson = False,
) -> None:
    """Train on the log, judge the model on later days, and let it serve only if it is better."""
    app = open_home(home)
    with progress("training") as show:
        report = app.train(TenantId(tenant), outcome=EventType(outcome), progress=show)
    if as_json:
        print_json(report)
    else:
        stdout.print(report.summary(), markup=False)


def score(
    out: Annotated[
        Path | None, typer.Option("--out", help="Parquet file to write; else a summary.")
    ] = None,
    home: Home = None,
    tenant: Tenant = "default",
    as_json: AsJson = False,
) -> None:
    """Write every user's open probability for each hour of the local week."""
    app = open_home(home)
    with progress("scoring"):
        scores = app.score_slots(TenantId(tenant))
    if out is not None:
        pq.write_table(scores, out, compression="zstd")
    answer = {
        "users": len(scores["user_id"].unique()),
        "rows": len(scores),
        "out": None if out is None else str(out),
    }
    if as_json:
        print_json(answer)
    else:
        stdout.print(f"{answer['users']:,} users, {answer['rows']:,} scores", markup=False)
