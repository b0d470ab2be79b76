"""How two models did on the same moments."""

from __future__ import annotations

from sendopt.cli.output import print_table, stdout
from sendopt.evaluate.metrics import Interval
from sendopt.learn import Comparison


def show(found: Comparison) -> None:
    """Print each figure of both, and B minus A with its interval."""
    for name, model in (("A", found.a), ("B", found.b)):
        stdout.print(
            f"{name}: {model.version}, {model.family}, learned until {model.learned_until:%Y-%m-%d}"
        )
    stdout.print(
        f"{found.moments:,} moments of {found.users:,} users since {found.since:%Y-%m-%d %H:%M} "
        f"UTC, by {found.label_source}; {found.choices:,} choices ({found.label})"
    )
    a, b = found.a.quality, found.b.quality
    print_table(
        "The same days, the same moments",
        ["", "A", "B", "B - A, 95 %"],
        [
            ("log loss", a.log_loss, b.log_loss, str(found.log_loss)),
            (
                "calibration error",
                a.calibration_error,
                b.calibration_error,
                f"{found.calibration_error:.4f}",
            ),
            ("within-day AUC", a.within_day_auc, b.within_day_auc, _told(found.within_day_auc)),
            *_across_days(found),
            (
                "chosen hour answered",
                None if found.a.reward is None else found.a.reward.estimate,
                None if found.b.reward is None else found.b.reward.estimate,
                _told(found.reward),
            ),
        ],
    )


def _across_days(found: Comparison) -> list[tuple[str, float | None, float | None, str]]:
    gain = found.auc_across_days
    if gain is None:
        return []
    return [("AUC across days", found.a.auc_across_days, found.b.auc_across_days, str(gain))]


def _told(difference: Interval | None) -> str:
    return "cannot be told" if difference is None else str(difference)
