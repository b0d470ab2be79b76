"""`sendopt series`: campaigns that come again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import sendopt.app
from sendopt.cli import answers
from sendopt.cli.options import AsJson, Home, Tenant, open_known_work
from sendopt.cli.output import minute, print_json, print_rest, print_table, progress, stdout
from sendopt.clock import SystemClock
from sendopt.errors import InvalidInput
from sendopt.records import SeriesId

if TYPE_CHECKING:
    from sendopt.app.series import SeriesStatus
    from sendopt.schedule.series import SeriesDate

_Name = Annotated[
    str, typer.Argument(metavar="SERIES_ID", help="As `sendopt series list` shows it.")
]
_File = Annotated[
    Path | None,
    typer.Argument(
        metavar="SERIES.json",
        help="The series as JSON; docs/campaigns.md tells of every field.",
        show_default=False,
    ),
]
_Limit = Annotated[
    int, typer.Option("--limit", metavar="N", min=1, max=1_000, help="At most so many.")
]


def register(commands: typer.Typer) -> None:
    """Add these commands."""
    series = typer.Typer(
        help="Campaigns that come again: each date is planned and committed when it comes due.",
        no_args_is_help=True,
    )
    series.command("put")(put_series)
    series.command("list")(list_series)
    series.command("show")(show_series)
    series.command("dates")(list_dates)
    series.command("pause")(pause_series)
    series.command("resume")(resume_series)
    series.command("revise")(revise_series)
    series.command("cancel")(cancel_series)
    commands.add_typer(series, name="series")


def put_series(
    series: _File = None,
    example: Annotated[
        bool, typer.Option("--example", help="Print a small series to begin with, and no more.")
    ] = False,
    commit: Annotated[
        bool, typer.Option("--commit", help="Let its dates become campaigns, one by one.")
    ] = False,
    home: Home = None,
    tenant: Tenant = "default",
    as_json: AsJson = False,
) -> None:
    """Define a campaign that comes again.

    A preview, which stores nothing, unless --commit is given.
    """
    if example:
        print_json(sendopt.app.small_series(SystemClock().now()))
        return
    if series is None:
        raise InvalidInput(
            "is missing",
            code="option_missing",
            field="SERIES.json",
            hint="`sendopt series put --example > series.json` writes one to begin with",
        )
    work = open_known_work(home, tenant)
    definition = sendopt.app.read_json(series, field="SERIES.json")
    if commit:
        put = work.series.put(definition)
        if as_json:
            print_json(put)
            return
        _show(put.status, as_json=False)
        return
    with progress("planning"):
        seen = work.series.preview(definition)
    if as_json:
        print_json(seen)
        return
    answers.preview.show(seen.preview)
    _print_dates(seen.dates)
    stdout.print(
        "A preview of the first date, as if it were committed now: nothing was stored. Add "
        "--commit to let each date become a campaign when it comes due."
    )


def list_series(
    limit: _Limit = 50, home: Home = None, tenant: Tenant = "default", as_json: AsJson = False
) -> None:
    """Show series, the newest first."""
    page = open_known_work(home, tenant).series.page(limit=limit)
    if as_json:
        more = page.behind is not None
        print_json({"series": page.items, "damaged": page.damaged, "more": more})
        return
    print_table(
        f"Series of {tenant}",
        ["series", "phase", "revision", "created", "next date", "comes due"],
        [
            (
                each.series_id,
                each.phase,
                each.revision,
                minute(each.created_at),
                None if each.next is None else each.next.local_date,
                minute(None if each.next is None else each.next.commit_at),
            )
            for each in page.items
        ],
        empty="none; `sendopt series put --example` prints one to begin with",
    )
    print_rest(page.damaged, more_than=None if page.behind is None else limit)


def show_series(
    series_id: _Name, home: Home = None, tenant: Tenant = "default", as_json: AsJson = False
) -> None:
    """Show how far a series has come, and what comes next."""
    _show(open_known_work(home, tenant).series.get(SeriesId(series_id)), as_json=as_json)


def list_dates(
    series_id: _Name,
    limit: _Limit = 50,
    home: Home = None,
    tenant: Tenant = "default",
    as_json: AsJson = False,
) -> None:
    """Show the dates that have come due, the latest first, and what became of each."""
    page = open_known_work(home, tenant).series.dates(SeriesId(series_id), limit=limit)
    if as_json:
        more = page.behind is not None
        print_json({"dates": page.items, "damaged": page.damaged, "more": more})
        return
    print_table(
        f"Dates of {series_id}",
        ["date", "state", "campaign", "came due", "why not"],
        [
            (each.local_date, each.state, each.campaign_id, minute(each.commit_at), each.message)
            for each in page.items
        ],
        empty="none has come due; `sendopt series show` says when the next one does",
    )
    print_rest(page.damaged, more_than=None if page.behind is None else limit)


def pause_series(
    series_id: _Name, home: Home = None, tenant: Tenant = "default", as_json: AsJson = False
) -> None:
    """Let no date become a campaign, and nothing of its campaigns go out, until it is resumed."""
    _show(open_known_work(home, tenant).series.pause(SeriesId(series_id)), as_json=as_json)


def resume_series(
    series_id: _Name, home: Home = None, tenant: Tenant = "default", as_json: AsJson = False
) -> None:
    """Let a paused series go on; dates that are over were missed."""
    _show(open_known_work(home, tenant).series.resume(SeriesId(series_id)), as_json=as_json)


def revise_series(
    series: Annotated[
        Path,
        typer.Argument(
            metavar="SERIES.json", help="The series with its id, as it shall be from now on."
        ),
    ],
    home: Home = None,
    tenant: Tenant = "default",
    as_json: AsJson = False,
) -> None:
    """Edit a series: the dates to come, and whoever has not been sent to of those at work."""
    work = open_known_work(home, tenant)
    definition = sendopt.app.read_json(series, field="SERIES.json")
    with progress("planning"):
        revised = work.series.revise(definition)
    if as_json:
        print_json(revised)
        return
    _show(revised.status, as_json=False)
    print_table(
        "Campaigns at work",
        ["campaign", "is"],
        [
            (
                each.campaign_id,
                "revised" if each.refusal is None else f"as it was: {each.refusal.message}",
            )
            for each in revised.campaigns
        ],
        empty="none",
    )


def cancel_series(
    series_id: _Name, home: Home = None, tenant: Tenant = "default", as_json: AsJson = False
) -> None:
    """Stop a series for good, and call off what its campaigns have not handed over yet."""
    _show(open_known_work(home, tenant).series.cancel(SeriesId(series_id)), as_json=as_json)


def _show(status: SeriesStatus, *, as_json: bool) -> None:
    if as_json:
        print_json(status)
        return
    print_table(
        f"{status.series_id}: {status.phase}",
        ["what", "is"],
        [
            ("revision", status.revision),
            ("created", minute(status.created_at)),
            ("changed", minute(status.changed_at)),
            ("paused", minute(status.paused_at)),
            ("cancelled", minute(status.cancelled_at)),
        ],
    )
    for each in status.waiting:
        stdout.print(f"{each.local_date} waits: {each.message or 'it has just come due'}")
    _print_dates(status.upcoming)


def _print_dates(dates: tuple[SeriesDate, ...]) -> None:
    print_table(
        "Next dates",
        ["date", "comes due", "campaign"],
        [(each.local_date, minute(each.commit_at), each.campaign_id) for each in dates],
        empty="none: all have come due",
    )
