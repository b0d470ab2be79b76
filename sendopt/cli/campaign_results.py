"""`sendopt campaign results`: what came of a campaign, as counts."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from sendopt.cli import answers
from sendopt.cli.options import AsJson, CampaignName, Home, Tenant, open_known_work
from sendopt.cli.output import print_json
from sendopt.records import CampaignId

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sendopt.evaluate.campaign_results import CampaignResults, Counts


class Division(StrEnum):
    """By what the same sends can be divided."""

    REVISION = "revision"
    VARIANT = "variant"
    ARM = "arm"
    HOUR = "hour"
    CHANNEL = "channel"

    def of(self, results: CampaignResults) -> Mapping[str, Counts]:
        """Return the counts of each part, which add up to the total."""
        name = "by_local_hour" if self is Division.HOUR else f"by_{self}"
        divided: Mapping[str, Counts] = getattr(results, name)
        return divided


def show_results(
    campaign_id: CampaignName,
    by: Annotated[
        list[Division] | None,
        typer.Option(
            "--by",
            metavar="DIVISION",
            help="Divided by revision, variant, arm, hour (on the user's clock) or channel; may "
            "be repeated. [default: by each that tells parts apart]",
            show_default=False,
        ),
    ] = None,
    home: Home = None,
    tenant: Tenant = "default",
    as_json: AsJson = False,
) -> None:
    """Count what came of a campaign so far.

    Counts, and no claim: whether choosing the time was worth it says `sendopt lift`. --json tells
    all of it, as GET /v1/campaigns/CAMPAIGN_ID/results does; `sendopt export results` writes CSV
    or Parquet.
    """
    found = open_known_work(home, tenant).results.of_campaign(CampaignId(campaign_id))
    if as_json:
        print_json(found)
        return
    divisions = {each: each.of(found) for each in by or Division}
    answers.results.show(
        campaign_id,
        found.total,
        {each: parts for each, parts in divisions.items() if by or len(parts) > 1},
    )
