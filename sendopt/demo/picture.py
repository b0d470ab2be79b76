"""Draws what the demo found, for somebody who plans campaigns."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sendopt.demo.compare import Difference
from sendopt.demo.result import Result
from sendopt.records import TenantId

_OURS = "#0b6e4f"
_OTHERS = "#9aa5b1"


def draw(result: Result, choices: Mapping[TenantId, pd.DataFrame], path: Path) -> None:
    """Write a picture of three panels: open rates, what each study gained, when we sent."""
    figure = Figure(figsize=(15, 5))
    axes = figure.subplots(1, 3, width_ratios=(1.25, 1, 1.25))
    _rates(axes[0], result)
    _gains(axes[1], result)
    _hours(axes[2], pd.concat(choices.values()))
    figure.suptitle(
        f"{result.delivered:,} real pushes to {result.users} people, "
        f"each at the time that sendopt chose among the day's real ones",
        fontsize=13,
        fontweight="bold",
    )
    figure.text(
        0.5,
        0.01,
        "Experience-sampling studies by Fried (2022), Westhoff (2024), Dejonckheere (2019) and "
        "colleagues, CC BY 4.0. Intervals: 95 %, clustered by user.",
        ha="center",
        fontsize=8,
        color="#555555",
    )
    figure.tight_layout(rect=(0, 0.03, 1, 0.97))
    figure.savefig(path, dpi=120)


def _rates(axes: Axes, result: Result) -> None:
    bars = {
        "sendopt": result.open_rate,
        "everybody's\nbest hour": result.open_rate_population_best,
        "each user's\nusual hour": result.open_rate_most_frequent,
        "any time": result.open_rate_random,
    }
    shown = axes.bar(list(bars), list(bars.values()), color=[_OURS] + [_OTHERS] * 3)
    axes.bar_label(shown, [f"{rate:.1%}" for rate in bars.values()], padding=2)
    axes.set_ylim(0, max(bars.values()) * 1.15)
    axes.yaxis.set_major_formatter(lambda rate, _at: f"{rate:.0%}")
    axes.set_title("Opened within half an hour")
    axes.spines[["top", "right"]].set_visible(False)


def _gains(axes: Axes, result: Result) -> None:
    rows: list[tuple[str, Difference]] = [
        ("any time", result.minus_random),
        ("each user's usual hour", result.minus_most_frequent),
        ("everybody's best hour", result.minus_population_best),
    ]
    for height, (_name, gain) in enumerate(rows):
        certain = gain.low > 0 or gain.high < 0
        axes.plot(
            [gain.low, gain.high], [height, height], color=_OURS if certain else _OTHERS, lw=3
        )
        axes.plot(gain.mean, height, "o", color=_OURS if certain else _OTHERS, ms=9)
    axes.axvline(0, color="black", lw=0.8)
    axes.set_yticks(range(len(rows)), [f"against\n{name}" for name, _gain in rows])
    axes.set_ylim(-0.5, len(rows) - 0.5)
    axes.xaxis.set_major_formatter(lambda gain, _at: f"{100 * gain:+.0f} pp")
    axes.set_title("What the choice gained (grey: may be chance)")
    axes.text(
        0.5,
        -0.14,
        _verdict(result),
        transform=axes.transAxes,
        ha="center",
        fontsize=9,
    )
    axes.spines[["top", "right"]].set_visible(False)


def _verdict(result: Result) -> str:
    """Say in words what the first interval allows to be said."""
    gain = result.minus_population_best
    if gain.low > 0:
        return "Better than everybody's best hour on these days."
    if gain.high < 0:
        return "Worse than everybody's best hour on these days."
    return "These days cannot tell it from everybody's best hour."


def _hours(axes: Axes, choices: pd.DataFrame) -> None:
    ours = choices["ours_hour"].value_counts().sort_index()
    theirs = choices["population_best_hour"].value_counts().sort_index()
    hours = range(6, 24)  # the studies ask nobody at night
    axes.bar(
        hours, theirs.reindex(hours, fill_value=0), color=_OTHERS, label="everybody's best hour"
    )
    axes.bar(hours, ours.reindex(hours, fill_value=0), width=0.4, color=_OURS, label="sendopt")
    axes.set_xticks(range(6, 25, 3))
    axes.set_ylim(0, max(ours.max(), theirs.max()) * 1.25)
    axes.set_xlabel("hour on the user's clock")
    axes.set_title("When pushes went out")
    axes.legend(frameon=False, ncols=2, loc="upper center")
    axes.spines[["top", "right"]].set_visible(False)
