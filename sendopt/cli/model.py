"""`sendopt train`, `score` and `backtest`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

import sendopt.app
from sendopt.cli import answers
from sendopt.cli.importing import report_as_json, show_refused
from sendopt.cli.options import (
    AsJson,
    Home,
    Tenant,
    open_home,
    open_known_work,
    out_file,
    parse_outcome,
    parse_window,
)
from sendopt.cli.output import as_json as as_json_object
from sendopt.cli.output import print_json, progress, stdout
from sendopt.clock import parse_instant
from sendopt.errors import InvalidInput
from sendopt.records import TenantId

if TYPE_CHECKING:
    from sendopt.app.work import Work
    from sendopt.ingest import ImportReport

_SHOWN_REJECTIONS = 3  # of a file; a backtest is about the rest

Outcome = Annotated[
    str,
    typer.Option(
        "--outcome", metavar="KIND", help="What counts as an answer: open, click or response."
    ),
]


def register(commands: typer.Typer) -> None:
    """Add these commands."""
    commands.command()(train)
    commands.command()(score)
    commands.command()(backtest)


def train(
    outcome: Annotated[
        str | None,
        typer.Option(
            "--outcome",
            metavar="KIND",
            help="What counts as an answer: open, click or response. "
            "[default: what the champion predicts, else open]",
            show_default=False,
        ),
    ] = None,
    snapshot: Annotated[
        str | None,
        typer.Option(
            "--snapshot",
            metavar="NAME",
            help='The log as a former training saw it, such as "model 98471643c7d4083f".',
        ),
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option(
            "--as-of",
            metavar="INSTANT",
            help="Learn only from events before it, such as 2026-10-01T00:00:00Z. [default: now]",
            show_default=False,
        ),
    ] = None,
    family: Annotated[
        str | None,
        typer.Option(
            "--family",
            metavar="NAME",
            help="Of the model; docs/models.md lists them. [default: level_shape_trees]",
            show_default=False,
        ),
    ] = None,
    definition: Annotated[
        Path | None,
        typer.Option(
            "--definition",
            metavar="FILE",
            help="TOML that says of which family the model is and what is set of it.",
        ),
    ] = None,
    challenger: Annotated[
        bool, typer.Option("--challenger", help="Register and judge it; let the champion serve.")
    ] = False,
    change_outcome: Annotated[
        bool,
        typer.Option(
            "--change-outcome",
            help="Let it serve although the champion predicts another outcome.",
        ),
    ] = False,
    home: Home = None,
    tenant: Tenant = "default",
    as_json: AsJson = False,
) -> None:
    """Train a model; it serves only if it is better.

    It is judged on later days than those it learned from. With --snapshot and --as-of of a former
    training, the same model comes out, to the bit.
    """
    may_serve = _may_serve(challenger=challenger, change_outcome=change_outcome)
    work = open_known_work(home, tenant)
    with progress("training") as show:
        report = work.models.train(
            outcome=None if outcome is None else parse_outcome(outcome),
            snapshot=snapshot,
            as_of=None if as_of is None else parse_instant(as_of, field="--as-of"),
            family=family,
            definition=definition,
            may_serve=may_serve,
            progress=show,
        )
    if as_json:
        print_json(report)
    else:
        answers.training.show(report)


def _may_serve(*, challenger: bool, change_outcome: bool) -> sendopt.app.MayServe:
    if challenger and change_outcome:
        raise InvalidInput(
            "a challenger does not serve, so it changes no outcome",
            code="option_conflict",
            field="--change-outcome",
            expected="--challenger or --change-outcome",
        )
    if challenger:
        return sendopt.app.MayServe.NO
    return (
        sendopt.app.MayServe.FOR_ANY_OUTCOME
        if change_outcome
        else sendopt.app.MayServe.FOR_THE_SAME_OUTCOME
    )


def score(
    out: Annotated[
        Path | None,
        out_file("Parquet file that gets the same scores."),
    ] = None,
    open_window: Annotated[
        str | None,
        typer.Option(
            "--open-window",
            metavar="TIME",
            help="Score another window than the model learned, such as 2h, into --out alone.",
        ),
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="Score everybody anew, not only users with news.")
    ] = False,
    home: Home = None,
    tenant: Tenant = "default",
    as_json: AsJson = False,
) -> None:
    """Score every user for every hour of the week.

    The local week has 168 hours. The API answers best times from the result, until the champion
    changes or the scores are too old (SENDOPT_SCORES__MAX_AGE_HOURS): run it daily. Users of whom
    nothing became known since keep their scores, for a week at most and while the model stays.
    """
    work = open_known_work(home, tenant)
    if open_window is not None:
        _score_window(work, out, open_window, as_json=as_json)
        return
    with progress("scoring"):
        report = work.scores.compute(out=out, full=full)
    if as_json:
        written = None if out is None else str(out)
        print_json(
            {**as_json_object(report), "rows": report.rows, "kept": report.kept, "out": written}
        )
        return
    stdout.print(
        f"{report.users:,} users, {report.rows:,} scores of model "
        f"{report.model_version} in {report.store}",
    )
    stdout.print(
        f"{report.computed:,} users computed"
        + (
            f", all because {report.in_full_because}"
            if report.in_full_because
            else f", those with news; {report.kept:,} kept their scores"
        )
    )


def _score_window(work: Work, out: Path | None, open_window: str, *, as_json: bool) -> None:
    """Write scores of another window; the store keeps those of the window that was learned."""
    if out is None:
        raise InvalidInput(
            "scores of another window need a file to go to",
            code="option_missing",
            field="--out",
            expected="--open-window and --out together",
        )
    with progress("scoring"):
        table = work.scores.slots(open_window=parse_window(open_window))
        sendopt.app.write_scores(table, out)
    users = len(table["user_id"].unique())
    if as_json:
        print_json({"users": users, "rows": len(table), "out": str(out)})
    else:
        stdout.print(f"{users:,} users, {len(table):,} scores in {out}")


def backtest(
    log: Annotated[
        list[Path] | None,
        typer.Option(
            "--log",
            metavar="FILE",
            help="Events to judge on, instead of the home's own log; may be given several times.",
        ),
    ] = None,
    decisions: Annotated[
        Path | None,
        typer.Option(
            "--decisions",
            metavar="FILE",
            help="Parquet with decision_id, user_id, as_of, candidate_at and, where known, "
            "timezone, platform, message_type: what to score. "
            "Without it, days with several sends in the log are judged.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        out_file("Parquet file for the scores of --decisions."),
    ] = None,
    open_window: Annotated[
        str,
        typer.Option("--open-window", metavar="TIME", help="An answer counts within this time."),
    ] = "30m",
    outcome: Outcome = "open",
    home: Home = None,
    tenant: Tenant = "default",
    as_json: AsJson = False,
) -> None:
    """Replay the past: what would it have gained?

    Only what was known before each decision is used. Figures are predictive, unless the log's
    own sends were randomised and say with which chance: those are labelled causal.
    """
    if (decisions is None) != (out is None):
        raise InvalidInput(
            "scores need decisions, and decisions somewhere to put their scores",
            code="option_missing",
            field="--out" if out is None else "--decisions",
            expected="--decisions and --out together, or neither",
        )
    window, counted = parse_window(open_window), parse_outcome(outcome)
    table = (
        None if decisions is None else sendopt.app.read_decisions(decisions, field="--decisions")
    )
    imported: list[ImportReport] = []
    with progress("backtest") as show, _opened(log, home, tenant) as work:
        if log:
            imported = work.events.import_files(
                log, progress=lambda path, rows: show(f"{path.name}: {rows:,}")
            )
        for report in imported:
            _require_events(report)
            show_refused(report, limit=_SHOWN_REJECTIONS)
        result = work.models.backtest(
            decisions=table, open_window=window, outcome=counted, progress=show
        )
    if result.scores is not None and out is not None:
        sendopt.app.write_scores(result.scores, out)
    if as_json:
        scored = 0 if result.scores is None else len(result.scores)
        files = [report_as_json(report) for report in imported]
        print_json({**answers.backtest.published(result.report), "scored": scored, "files": files})
        return
    for note in result.report.notes:
        stdout.print(note)
    if result.scores is not None:
        stdout.print(f"{len(result.scores):,} scores in {out}")
    answers.backtest.show(result.report)


@contextmanager
def _opened(log: list[Path] | None, home: Path | None, tenant: str) -> Iterator[Work]:
    """Open the user's home, or a folder that lives only as long as files are looked at."""
    if not log:
        yield open_known_work(home, tenant)
        return
    with (
        TemporaryDirectory(prefix="sendopt-backtest-") as folder,
        closing(open_home(Path(folder))) as app,
    ):
        yield app.as_owner_of(TenantId(tenant))


def _require_events(report: ImportReport) -> None:
    """Refuse a file of anything but events, rather than tell what nothing has taught."""
    if report.rows and report.rows == report.conflicts + report.rejected:
        (first,) = report.rejections(1)
        raise InvalidInput(
            f"all {report.rows:,} rows of {report.source} are refused; "
            f"row {first.row}, {first.column}: {first.reason}",
            code=first.code,
            field="--log",
            expected="rows in the event contract",
            hint="see docs/events.md",
        )
