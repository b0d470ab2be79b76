"""What a backtest found."""

from __future__ import annotations

from typing import Any

from sendopt.cli.answers.training import show_verdict
from sendopt.cli.output import as_json, print_table, stdout
from sendopt.evaluate.off_policy import DR, SNIPS, Value
from sendopt.evaluate.refusal import Refusal
from sendopt.learn import BacktestReport, NaturalExperiments, OffPolicyEvaluation


def published(report: BacktestReport) -> dict[str, Any]:
    """Return the report as JSON holds it, under the names that it has always had there."""
    found: dict[str, Any] = as_json(report)
    off_policy = found.pop("off_policy")
    if off_policy is not None:
        chances = off_policy["chances"]
        chances["drawn"] = chances.pop("randomised")
    return {**found, "counterfactual": off_policy}


def show(report: BacktestReport) -> None:
    """Print everything that the log could tell."""
    if report.experiments is not None:
        _show_experiments(report.experiments)
    if report.verdict is not None:
        show_verdict(report.verdict)
    if report.off_policy is not None:
        _show_off_policy(report.off_policy)


def _show_experiments(found: NaturalExperiments) -> None:
    stdout.print(
        f"{found.choices:,} of {found.user_days:,} later user-days hold several sends"
        + (
            f", {found.times_per_choice:.1f} each; {found.apart:,} of them an hour or more apart"
            if found.times_per_choice
            else ""
        )
        + f"; {found.users_at_one_hour:,} of {found.users:,} users are always sent to at one hour",
    )


def _show_off_policy(found: OffPolicyEvaluation) -> None:
    stdout.print(
        f"The times of {found.chances.randomised:,} of {found.chances.sends:,} later sends "
        "were randomised with a logged chance",
    )
    if found.refusal is not None:
        stdout.print(f"No causal figure: {found.refusal}")
        return
    stdout.print(
        f"Choosing one of the {len(found.hours)} hours that were drawn, on the days of "
        f"{found.evaluated:,} of them; as sent, {found.as_sent:.4f} were answered",
    )
    if found.rare_hours:
        rare = ", ".join(map(str, found.rare_hours))
        stdout.print(
            f"Hours {rare} are {found.rare_share:.2%} of these sends, too few to tell what they "
            "are worth: a rule that often takes them has no causal figure",
        )
    if found.impossible_share:
        stdout.print(
            f"{found.impossible_share:.2%} of the hours of these sends were never drawn for their "
            "zone, platform or message type, and no rule chooses them",
        )
    values = {name: each for name, each in found.value.items() if isinstance(each, Value)}
    print_table(
        "Share answered (causal), 95 % intervals",
        ["rule", "SNIPS", "DR", "weighs"],
        [
            (
                name,
                str(each.estimates[SNIPS]),
                str(each.estimates[DR]),
                round(each.support.effective_sends),
            )
            for name, each in values.items()
        ],
    )
    print_table(
        "Ours minus another rule (causal)",
        ["rule", "SNIPS", "DR"],
        [(name, str(each[SNIPS]), str(each[DR])) for name, each in found.gain.items()],
    )
    for name, each in found.value.items():
        if isinstance(each, Refusal):
            stdout.print(f"{name}: no causal figure: {each}")
