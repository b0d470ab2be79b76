"""`sendopt plan` and `sendopt campaign`: what is sent, and how far it has come."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import sendopt.app
from sendopt.cli import answers
from sendopt.cli.campaign_replay import replay_campaign
from sendopt.cli.campaign_results import show_results
from sendopt.cli.campaigns_together import commit_campaigns, preview_campaigns
from sendopt.cli.options import (
    AsJson,
    CampaignName,
    Home,
    Tenant,
    open_known_work,
)
from sendopt.cli.output import (
    minute,
    print_counts,
    print_json,
    print_rest,
    print_table,
    progress,
    stderr,
    stdout,
)
from sendopt.clock import SystemClock
from sendopt.errors import InvalidInput
from sendopt.records import CampaignId, CampaignPhase

if TYPE_CHECKING:
    from sendopt.app.answers import CampaignReport, CampaignStatus

_NO_SENDS = "none; `sendopt campaign preview` says who would get one, and who not and why"


def register(commands: typer.Typer) -> None:
    """Add these commands."""
    commands.command()(plan)
    campaign = typer.Typer(
        help="Campaigns: how far each has come, what came of it; pause, edit, go on or stop.",
        no_args_is_help=True,
    )
    campaign.command("list")(list_campaigns)
    campaign.command("show")(show_campaign)
    campaign.command("results")(show_results)
    campaign.command("preview")(preview_campaigns)
    campaign.command("commit")(commit_campaigns)
    campaign.command("replay")(replay_campaign)
    campaign.command("pause")(pause_campaign)
    campaign.command("resume")(resume_campaign)
    campaign.command("revise")(revise_campaign)
    campaign.command("cancel")(cancel_campaign)
    commands.add_typer(campaign, name="campaign")


def plan(
    campaign: Annotated[
        Path | None,
        typer.Argument(
            metavar="CAMPAIGN.json",
            help="The campaign as JSON; docs/campaigns.md tells of every field.",
            show_default=False,
        ),
    ] = None,
    example: Annotated[
        bool,
        typer.Option(
            "--example",
            help="Print a small campaign to begin with, and no more. On the channel `simulator`, "
            "in place of the one in it, it can be tried: nothing is sent anywhere.",
        ),
    ] = False,
    draft: Annotated[
        bool,
        typer.Option(
            "--draft",
            help="Keep it as a draft, in place of the draft before: nothing goes out until "
            "`sendopt campaign commit CAMPAIGN_ID`.",
        ),
    ] = False,
    commit: Annotated[bool, typer.Option("--commit", help="Let the sends go out.")] = False,
    home: Home = None,
    tenant: Tenant = "default",
    as_json: AsJson = False,
) -> None:
    """Choose every user's best allowed time.

    A preview, which stores nothing, unless --draft or --commit is given. Committing twice sends
    once.
    """
    if example:
        small = sendopt.app.small_example(SystemClock().now())
        print_json(small)
        stderr.print(
            f"Nobody can be reached without a device on the channel {small['channel']}: register "
            "devices first (docs/devices.md), then `sendopt plan campaign.json` says who gets "
            "which hour, and who nothing and why. To try it all without sending anything, give "
            "devices and campaign the channel simulator"
        )
        return
    if campaign is None:
        raise InvalidInput(
            "is missing",
            code="option_missing",
            field="CAMPAIGN.json",
            hint="`sendopt plan --example > campaign.json` writes one to begin with",
        )
    if draft and commit:
        raise InvalidInput(
            "a draft is not committed",
            code="option_conflict",
            field="--draft",
            expected="--draft or --commit",
        )
    work = open_known_work(home, tenant)
    definition = sendopt.app.read_json(campaign, field="CAMPAIGN.json")
    report = None
    with progress("planning"):
        if commit:
            report = work.campaigns.put(definition, commit=True)
            preview = report.preview
        else:
            preview = work.campaigns.preview(definition)
            if draft:
                report = work.campaigns.put(definition, commit=False)
    if as_json:
        print_json(
            {
                "stored": report is not None,
                "committed": report is not None and report.committed,
                "preview": preview,
                "counts": {} if report is None else report.counts,
            }
        )
        return
    if preview is not None:
        answers.preview.show(preview)
    if report is None:
        stdout.print(
            "A preview: nothing was stored. Add --draft to keep it as a draft, --commit to let the "
            "sends go out."
        )
    elif commit:
        print_counts("Committed", ("state", "sends"), report.counts, empty=_NO_SENDS)
    else:
        stdout.print(_kept(report))


def _kept(report: CampaignReport) -> str:
    """Say what keeping a draft did."""
    name = report.campaign_id
    if report.committed:
        return f"{name} was committed before, with this very definition: nothing has changed."
    done = (
        "is stored already" if report.repeated else "has changed" if report.changed else "is kept"
    )
    return (
        f"The draft {name} {done}: nothing goes out until `sendopt campaign commit {name}`, and "
        "until then it can be put again with another definition."
    )


def list_campaigns(
    phase: Annotated[
        CampaignPhase | None,
        typer.Option(
            "--phase",
            metavar="PHASE",
            help="Only draft, committed, paused, cancelled or ended ones.",
            show_default=False,
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, max=1_000, help="At most so many.")
    ] = 50,
    home: Home = None,
    tenant: Tenant = "default",
    as_json: AsJson = False,
) -> None:
    """Show campaigns, the newest first."""
    page = open_known_work(home, tenant).campaigns.page(phase=phase, limit=limit)
    if as_json:
        more = page.behind is not None
        print_json({"campaigns": page.items, "damaged": page.damaged, "more": more})
        return
    print_table(
        f"Campaigns of {tenant}",
        ["campaign", "phase", "revision", "created", "committed"],
        [
            (
                each.campaign_id,
                each.phase,
                each.revision,
                minute(each.created_at),
                minute(each.committed_at),
            )
            for each in page.items
        ],
        empty="none; `sendopt plan --example` prints one to begin with, and "
        "`sendopt plan CAMPAIGN.json --draft` keeps it"
        if phase is None
        else f"none is {phase}; without --phase all are listed",
    )
    print_rest(page.damaged, more_than=None if page.behind is None else limit)


def show_campaign(
    campaign_id: CampaignName,
    home: Home = None,
    tenant: Tenant = "default",
    as_json: AsJson = False,
) -> None:
    """Show how far a campaign has come, what was settled for it, and where its sends stand."""
    _show(open_known_work(home, tenant).campaigns.get(CampaignId(campaign_id)), as_json=as_json)


def pause_campaign(
    campaign_id: CampaignName,
    home: Home = None,
    tenant: Tenant = "default",
    as_json: AsJson = False,
) -> None:
    """Let nothing of a campaign go out until it is resumed; what is planned stays planned."""
    _show(open_known_work(home, tenant).campaigns.pause(CampaignId(campaign_id)), as_json=as_json)


def resume_campaign(
    campaign_id: CampaignName,
    home: Home = None,
    tenant: Tenant = "default",
    as_json: AsJson = False,
) -> None:
    """Let a paused campaign go on: at the planned times, or now where these have come.

    What expired meanwhile has ended as `campaign_paused`.
    """
    _show(open_known_work(home, tenant).campaigns.resume(CampaignId(campaign_id)), as_json=as_json)


def revise_campaign(
    campaign: Annotated[
        Path,
        typer.Argument(
            metavar="CAMPAIGN.json", help="The campaign with its id, as it shall be from now on."
        ),
    ],
    home: Home = None,
    tenant: Tenant = "default",
    as_json: AsJson = False,
) -> None:
    """Edit a campaign that was committed, for all who have not been sent to.

    Who has a message, or is being handed one, gets no other. To be sure that nothing more of the
    old one goes out meanwhile, pause the campaign first, and resume it afterwards.
    """
    work = open_known_work(home, tenant)
    definition = sendopt.app.read_json(campaign, field="CAMPAIGN.json")
    with progress("planning"):
        report = work.campaigns.revise(definition)
    if as_json:
        print_json(report)
        return
    if report.repeated:
        stdout.print(f"{report.campaign_id}: revision {report.revision} is this definition already")
        return
    print_table(
        f"{report.campaign_id}: revision {report.revision}",
        ["users", "of them"],
        [
            (report.planned_count, "get this revision"),
            (report.suppressed_count, "may not be reached"),
            (report.kept_count, "keep what an earlier revision sent, is sending or may have sent"),
            (report.ended_count, "stay without one: called off, or refused by a provider"),
            (report.withdrawn_count, "are not in its audience: their sends were cancelled"),
        ],
    )


def cancel_campaign(
    campaign_id: CampaignName,
    home: Home = None,
    tenant: Tenant = "default",
    as_json: AsJson = False,
) -> None:
    """Stop a campaign for good; what went out stays out."""
    _show(open_known_work(home, tenant).campaigns.cancel(CampaignId(campaign_id)), as_json=as_json)


def _show(status: CampaignStatus, *, as_json: bool) -> None:
    if as_json:
        print_json(status)
        return
    print_table(
        f"{status.campaign_id}: {status.phase}",
        ["what", "is"],
        [
            ("revision", status.revision),
            ("created", minute(status.created_at)),
            ("changed", minute(status.changed_at)),
            ("committed", minute(status.committed_at)),
            ("paused", minute(status.paused_at)),
            ("cancelled", minute(status.cancelled_at)),
        ],
    )
    rules = ({} if status.rules is None else status.rules).items()
    print_table("Settled", ["rule", "is"], [(name, json.dumps(rule)) for name, rule in rules])
    print_counts("Sends", ("state", "sends"), status.counts, empty=_NO_SENDS)
