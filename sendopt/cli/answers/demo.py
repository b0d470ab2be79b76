"""What the demo showed."""

from __future__ import annotations

from sendopt.cli.answers import training
from sendopt.cli.output import print_table, stdout
from sendopt.demo import Result


def show(result: Result) -> None:
    """Print what was learned, how it compares, how every send ended, and the bill."""
    for tenant_id, tenant in result.tenants.items():
        stdout.print(f"\n{tenant_id}: {tenant.users} users, {tenant.events:,} events")
        training.show(tenant.training)
    stdout.print()
    print_table(
        f"{result.sends:,} sends, opened within half an hour ({result.evidence})",
        ["rule", "open rate", "sendopt minus this", "95 % interval"],
        [
            ("sendopt", result.open_rate, None, None),
            *(
                (name, rate, gain.mean, f"{gain.low:+.4f} to {gain.high:+.4f}")
                for name, rate, gain in (
                    (
                        "population-best hour",
                        result.open_rate_population_best,
                        result.minus_population_best,
                    ),
                    (
                        "most frequent hour",
                        result.open_rate_most_frequent,
                        result.minus_most_frequent,
                    ),
                    ("random time", result.open_rate_random, result.minus_random),
                )
            ),
        ],
    )
    ends = ("delivered", "failed", "expired", "suppressed", "cancelled")
    stdout.print(
        f"{result.sends:,} sends = "
        + " + ".join(f"{getattr(result, end):,} {end}" for end in ends)
        + f"; {result.answers:,} answered, {result.opens:,} of them within half an hour"
    )
    stdout.print(
        f"Bill: {result.billable:,} clicks and responses, "
        f"{result.statement_total_minor / 100:,.2f} {result.currency}; "
        f"sendopt verify found {len(result.findings) or 'nothing'} broken"
    )
    stdout.print(f"Picture: {result.picture}\nLook around: sendopt verify --home {result.home}")
