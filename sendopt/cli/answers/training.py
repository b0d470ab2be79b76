"""What training came to, and how a model did on later days."""

from __future__ import annotations

from sendopt.cli.output import print_table, stdout
from sendopt.learn import Judgement, TrainingReport
from sendopt.learn.past.split import ACTIVITY


def show(report: TrainingReport) -> None:
    """Print what training came to."""
    became = "promoted to champion" if report.promoted else "not promoted"
    stdout.print(f"Model {report.model_version}: {became}; {report.reason}")
    if report.stand_in is not None:
        rule = report.stand_in
        serves = "serves" if rule.promoted else "does not serve either"
        stdout.print(f"Rule {rule.family} ({rule.model_version}) {serves}: {rule.reason}")
    for check in report.gate.not_judged:
        stdout.print(f"Not judged: {check.name}, {check.said}")
    if report.label_source == ACTIVITY:
        stdout.print(
            "There are no or few answered sends: being active within the open window stands in for "
            "an open"
        )
    for note in report.notes:
        stdout.print(note)
    show_verdict(report.verdict)


def show_verdict(verdict: Judgement) -> None:
    """Print how a model did on later days."""
    stdout.print(
        f"Judged on {verdict.moments:,} later moments of {verdict.users:,} users, "
        f"{verdict.answered:.1%} of them answered",
    )
    if verdict.choices:
        print_table(
            f"Choosing one time of a day, {verdict.choices:,} user-days (predictive)",
            ["rule", "answered", "ours minus this, 95 % interval"],
            [
                (name, reward.estimate, str(verdict.gain.get(name, "")))
                for name, reward in verdict.reward.items()
            ],
        )
    if verdict.across_days is not None:
        across = verdict.across_days
        print_table(
            f"Order of hours across the days of {across.users:,} users (predictive)",
            ["rule", "AUC", "ours minus this, 95 % interval"],
            [(name, auc, str(across.gain.get(name, ""))) for name, auc in across.auc.items()],
        )
    print_table(
        "Probabilities",
        ["predictor", "log loss", "Brier", "calibration error", "within-day AUC"],
        [
            (
                name,
                quality.log_loss,
                quality.brier,
                quality.calibration_error,
                quality.within_day_auc,
            )
            for name, quality in verdict.quality.items()
        ],
    )
