"""`sendopt campaign replay`: whether a plan comes out again as it was committed."""

from __future__ import annotations

from typing import Any

import typer

from sendopt.cli.options import AsJson, CampaignName, Home, Tenant, open_known_work
from sendopt.cli.output import as_json as plain
from sendopt.cli.output import print_counts, print_json, print_table, progress, stdout
from sendopt.clock import zone_database
from sendopt.records import CampaignId

#: Why a send is not compared, a `Missing`, in words.
_MISSING = {
    "erased": "erased users",
    "unreachable": "nobody could be reached, so nothing was chosen",
    "asked_for": "asked for one by one",
    "other_revision": "of an earlier revision",
    "limits": "placed beside other messages, of which nothing is kept",
    "learned": "wording or hour learned from earlier answers",
}


def replay_campaign(
    campaign_id: CampaignName,
    home: Home = None,
    tenant: Tenant = "default",
    as_json: AsJson = False,
) -> None:
    """Plan the sends of a campaign again, out of their decision records, and compare to the bit.

    Exits with 1 if any send comes out otherwise: then a record was changed, or `schedule.seed`, or
    the release plans otherwise. What cannot be planned again is counted, by why.
    """
    work = open_known_work(home, tenant)
    with progress("planning again"):
        found = work.plans.replay(CampaignId(campaign_id))
    if as_json:
        print_json(found)
    else:
        same = found.compared - found.differing
        if found.compared:
            stdout.print(f"{same:,} of {found.compared:,} sends: the same")
        else:
            stdout.print("Nothing was compared: no send can be planned again from its record alone")
        if found.first:
            rows = [
                (each.send_id, each.field, _said(each.committed), _said(each.again))
                for each in found.first
            ]
            print_table("Differences", ("send", "field", "committed", "again"), rows)
        for release, count in found.by_other_zones.items():
            stdout.print(
                f"{count:,} of them were planned by the zone database {release}; this is "
                f"{zone_database()}, by which clocks may have been set otherwise"
            )
        if found.missing:
            counts = {_MISSING[each]: count for each, count in found.missing.items()}
            print_counts("Not comparable", ("why", "sends"), counts)
    if found.differing:
        raise typer.Exit(1)


def _said(value: Any) -> str | None:
    """Return all digits of a number: it may be the last one that differs."""
    return None if value is None else str(plain(value))
