"""What limits over all campaigns do to a plan."""

from __future__ import annotations

from sendopt.cli.output import minute, print_table, stdout
from sendopt.schedule import LimitsReport


def show(report: LimitsReport) -> None:
    """Print what each limit costs, which minutes are full, and which campaigns give way."""
    stdout.print(
        f"{report.expected:,.1f} responses expected under your limits (predictive); no plan within "
        f"them expects more than {report.best_possible:,.1f}"
    )
    if report.costs:
        print_table(
            "What each limit costs, in expected responses",
            ["limit", "at least", "at most", "messages", "each, median", "each, at most"],
            [
                (
                    cost.limit,
                    f"{cost.at_least:,.2f}",
                    f"{cost.at_most:,.2f}",
                    f"{cost.message_count:,}",
                    f"{cost.median_loss:.4f}",
                    f"{cost.greatest_loss:.4f}",
                )
                for cost in report.costs
            ],
        )
    full = [use for use in report.capacity if use.planned_count >= use.takes]
    if full:
        print_table(
            "Full",
            ["from", "minutes", "channel", "planned"],
            [
                (minute(use.begins_at), use.minutes, use.channel, f"{use.planned_count:,}")
                for use in full
            ],
        )
    if report.conflicts:
        print_table(
            "Campaigns for the same users",
            ["campaigns", "users in both", "moved or ended", "responses lost"],
            [
                (
                    " / ".join(each.campaign_ids),
                    f"{each.shared_count:,}",
                    " / ".join(f"{count:,}" for count in each.moved_counts),
                    " / ".join(f"{lost:,.1f}" for lost in each.lost),
                )
                for each in report.conflicts
            ],
        )
