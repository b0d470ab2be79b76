"""`sendopt lift`."""

from __future__ import annotations

from typing import Annotated

import typer

from sendopt.app.lift import ANSWER_WINDOW, EFFECT, LiftReport
from sendopt.cli.options import AsJson, Home, Tenant, open_home, parse_duration, parse_outcome
from sendopt.cli.output import print_json, print_table, stdout
from sendopt.clock import parse_instant
from sendopt.evaluate.lift import Conclusion, Contrast, Lift
from sendopt.records import CampaignId, TenantId

_SAID = {
    Conclusion.BETTER: "Choosing the time is better than not choosing it.",
    Conclusion.WORSE: "Choosing the time is worse than not choosing it.",
    Conclusion.NOT_YET_KNOWN: "Not yet known whether choosing the time is better or worse.",
}
_HOURS = ANSWER_WINDOW.total_seconds() // 3600


def register(commands: typer.Typer) -> None:
    """Add this command."""
    commands.command()(lift)


def lift(
    campaign: Annotated[
        list[str] | None,
        typer.Option(
            "--campaign",
            metavar="ID",
            help="Only this campaign; may be given several times. [default: all with a holdout]",
            show_default=False,
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--since",
            metavar="INSTANT",
            help="Only sends planned from then on, such as 2026-10-01T00:00:00Z. [default: all]",
            show_default=False,
        ),
    ] = None,
    effect: Annotated[
        float,
        typer.Option(
            "--effect",
            metavar="SHARE",
            help="Difference of answered shares that would matter: how many more sends tell it?",
        ),
    ] = EFFECT,
    window: Annotated[
        str,
        typer.Option("--window", metavar="TIME", help="An answer counts within this time."),
    ] = f"{_HOURS:.0f}h",
    outcome: Annotated[
        str,
        typer.Option(
            "--outcome",
            metavar="KIND",
            help="What counts as an answer: open, click or response.",
        ),
    ] = "open",
    home: Home = None,
    tenant: Tenant = "default",
    as_json: AsJson = False,
) -> None:
    """Compare with the users held out: better, worse, or not yet known.

    It may be looked at every day: the intervals hold however often one looks. Choose campaigns and
    the time to begin before you look, not after.
    """
    report = open_home(home).lift(
        TenantId(tenant),
        campaign_ids=[CampaignId(each) for each in campaign or ()],
        since=None if since is None else parse_instant(since, field="--since"),
        outcome=parse_outcome(outcome),
        window=parse_duration(window, field="--window"),
        effect=effect,
    )
    if as_json:
        print_json(report)
    else:
        _show(report)


def _show(report: LiftReport) -> None:
    stdout.print(
        f"{len(report.campaigns)} campaigns counted, {len(report.waiting)} still waiting for "
        f"answers, {len(report.share_unknown)} left out, whose holdout's share is not known",
    )
    if report.refusal is not None:
        stdout.print(f"No lift: {report.refusal}")
    if report.lift is not None:
        stdout.print(
            f"Those held out were sent to at the {' or the '.join(report.compared_with)} time",
        )
        _show_lift(report.lift)


def _show_lift(found: Lift) -> None:
    stdout.print(_SAID[found.conclusion])
    print_table(
        "Everybody in the arm that was drawn for them (causal)",
        ["arm", "users", "sends", "answered", "dismissed", "opted out"],
        [
            (
                arm,
                found.users[arm],
                found.sends[arm],
                *(
                    getattr(each, arm)
                    for each in (found.answered, found.dismissed, found.opted_out)
                ),
            )
            for arm in found.users
        ],
    )
    print_table(
        "Optimised minus holdout, 95 % at all looks together",
        ["share", "difference", "relative"],
        [
            _row("answered" + (", adjusted" if found.adjusted else ""), found.answered),
            _row("dismissed", found.dismissed),
            _row("opted out", found.opted_out),
        ],
    )
    for outcome in found.harm:
        stdout.print(f"Harm: more is {outcome.replace('_', ' ')} where it is chosen.")
    if found.needed is None:
        stdout.print("Too few users or answers to say how many more are needed.")
        return
    more = found.needed.more_sends
    stdout.print(
        f"To tell {found.needed.effect:.1%} from nothing with 80 % probability: "
        f"{more['optimised']:,} more optimised sends and {more['holdout']:,} more held out"
        + (
            "."
            if found.needed.same_users_suffice
            else ", to further users: these differ too much, however often they are sent to."
        ),
    )


def _row(name: str, found: Contrast) -> tuple[str, str, str]:
    unknown = "too few"
    return (
        name,
        unknown if found.difference is None else str(found.difference),
        unknown if found.relative is None else str(found.relative),
    )
