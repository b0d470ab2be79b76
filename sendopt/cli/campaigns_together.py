"""`sendopt campaign preview` and `commit`: one stored campaign, or several planned together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from sendopt.cli import answers
from sendopt.cli.options import AsJson, Home, Tenant, open_known_work
from sendopt.cli.output import print_counts, print_json, progress, stdout
from sendopt.errors import InvalidInput
from sendopt.records import CampaignId

if TYPE_CHECKING:
    from sendopt.app.work import Work
    from sendopt.schedule import Preview

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
    expected = _expected(expect, may_differ_by)
    if len(campaign_ids) == 1:
        _commit_alone(work, CampaignId(campaign_ids[0]), expected, as_json=as_json)
        return
    with progress("planning"):
        together = work.plans.commit({"campaign_ids": campaign_ids, **expected})
    if as_json:
        print_json({"committed": True, "previews": together.previews})
        return
    for preview in together.previews:
        stdout.print(f"[bold]{preview.campaign_id}[/bold] is committed")
        answers.preview.show(preview)


def _commit_alone(
    work: Work, campaign_id: CampaignId, expected: dict[str, Any], *, as_json: bool
) -> None:
    """Commit one campaign and show it, in the same form with and without an expected count."""
    preview: Preview | None
    with progress("planning"):
        if expected:
            preview = work.plans.commit({"campaign_ids": [campaign_id], **expected}).previews[0]
        else:
            preview = work.campaigns.commit(campaign_id).preview
    counts = work.campaigns.get(campaign_id).counts
    if as_json:
        print_json({"committed": True, "preview": preview, "counts": counts})
        return
    if preview is not None:
        answers.preview.show(preview)
    print_counts("Committed", ("state", "sends"), counts, empty="none; nobody can be reached")


def _expected(count: int | None, may_differ_by: int) -> dict[str, Any]:
    """Return what a commit is held to, as a `CommitDefinition` says it."""
    if count is None:
        return {}
    return {"expected_sends": {"count": count, "may_differ_by": may_differ_by}}
