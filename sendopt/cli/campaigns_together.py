"""`sendopt campaign preview` and `commit`: one stored campaign, or several planned together."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from sendopt.cli import answers
from sendopt.cli.options import AsJson, Home, Tenant, open_known_work
from sendopt.cli.output import print_counts, print_json, progress, stdout
from sendopt.errors import InvalidInput
from sendopt.records import CampaignId

CampaignNames = Annotated[
    list[str],
    typer.Argument(
        metavar="CAMPAIGN_ID...",
        help="Stored campaigns. Several are planned together: none takes the best times of users "
        "and minutes by being first.",
        show_default=False,
    ),
]


def preview_campaigns(
    campaign_ids: CampaignNames,
    home: Home = None,
    tenant: Tenant = "default",
    as_json: AsJson = False,
) -> None:
    """Say what committing stored campaigns would do, and what limits cost; nothing is stored."""
    work = open_known_work(home, tenant)
    if len(campaign_ids) == 1:
        with progress("planning"):
            preview = work.campaigns.preview_stored(CampaignId(campaign_ids[0]))
        if as_json:
            print_json(preview)
        else:
            answers.preview.show(preview)
        return
    with progress("planning"):
        together = work.plans.preview({"campaign_ids": campaign_ids})
    if as_json:
        print_json(together)
        return
    for preview in together.previews:
        stdout.print(f"[bold]{preview.campaign_id}[/bold]")
        answers.preview.show(preview)
    if together.limits is not None:
        answers.limits.show(together.limits)


def commit_campaigns(
    campaign_ids: CampaignNames,
    expect: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Commit only if so many sends are planned, as the preview counted them.",
            show_default=False,
        ),
    ] = None,
    may_differ_by: Annotated[
        int, typer.Option(min=0, help="With --expect: so many more or less will do.")
    ] = 0,
    home: Home = None,
    tenant: Tenant = "default",
    as_json: AsJson = False,
) -> None:
    """Let stored drafts go out; `sendopt plan FILE --commit` takes a file.

    Committing again adds those who joined the audience since, and sends nobody a second message.
    """
    work = open_known_work(home, tenant)
    if may_differ_by and expect is None:
        raise InvalidInput(
            "says nothing without a count",
            code="option_missing",
            field="--may-differ-by",
            expected="--expect beside it",
        )
    if len(campaign_ids) > 1 or expect is not None:
        body: dict[str, Any] = {"campaign_ids": campaign_ids}
        if expect is not None:
            body["expected_sends"] = {"count": expect, "may_differ_by": may_differ_by}
        with progress("planning"):
            together = work.plans.commit(body)
        if as_json:
            print_json({"committed": True, "previews": together.previews})
            return
        for preview in together.previews:
            stdout.print(f"[bold]{preview.campaign_id}[/bold] is committed")
            answers.preview.show(preview)
        return
    with progress("planning"):
        report = work.campaigns.commit(CampaignId(campaign_ids[0]))
    if as_json:
        print_json({"committed": True, "preview": report.preview, "counts": report.counts})
        return
    if report.preview is not None:
        answers.preview.show(report.preview)
    print_counts(
        "Committed", ("state", "sends"), report.counts, empty="none; nobody can be reached"
    )
