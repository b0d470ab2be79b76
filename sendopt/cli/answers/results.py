"""What came of a campaign, as counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sendopt.cli.output import print_counts, print_table, stdout

if TYPE_CHECKING:
    from sendopt.evaluate.campaign_results import Counts

_ANSWERS = ("delivered", "opened", "clicked", "responded", "dismissed", "opted_out")


def show(campaign_id: str, total: Counts, divisions: Mapping[str, Mapping[str, Counts]]) -> None:
    """Print the total, why sends were not delivered, and the parts of each division."""
    if not total.sends:
        stdout.print(
            f"{campaign_id} has no sends: `sendopt campaign show {campaign_id}` says how far it "
            "has come"
        )
        return
    print_table(
        f"{campaign_id}: what came of {total.sends:,} sends",
        ["what", "sends"],
        [(name.replace("_", " "), getattr(total, name)) for name in _ANSWERS],
    )
    print_counts("By state", ("state", "sends"), total.states)
    if total.reasons:
        print_counts("Not delivered because", ("reason", "sends"), total.reasons)
    for name, parts in divisions.items():
        print_table(
            f"By {name}",
            [name, "sends", *(each.replace("_", " ") for each in _ANSWERS)],
            [
                (part, counts.sends, *(getattr(counts, each) for each in _ANSWERS))
                for part, counts in parts.items()
            ],
        )
