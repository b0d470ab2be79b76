"""Draws an explanation: the user's curve beside everybody's, and what it rests on beneath."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from sendopt.score.explain import Explanation, Standing

_OWN = "#0b6e4f"
_OTHERS = "#9aa5b1"
_HALF_HOUR = (np.arange(48) + 0.5) / 2.0  # its middle, in hours


def draw(explanation: Explanation, standing: Standing, figure: Figure) -> None:
    """Draw weekdays and weekends side by side on an empty figure, about 13 by 5 inches."""
    grid = figure.add_gridspec(2, 2, height_ratios=(4, 1), hspace=0.05)
    top = 0.0
    weekend = list(explanation.weekend)
    weekdays = [day for day in range(7) if day not in weekend]
    for column, (name, days) in enumerate((("Weekdays", weekdays), ("Weekends", weekend))):
        curves = figure.add_subplot(grid[0, column])
        ticks = figure.add_subplot(grid[1, column], sharex=curves)
        top = max(top, _curves(curves, explanation, days))
        _evidence(ticks, explanation, column)
        curves.set_title(name)
        curves.tick_params(labelbottom=False)
        ticks.set_xlabel(f"hour on the clock of {standing.timezone}")
        if column:
            curves.tick_params(labelleft=False)
            ticks.tick_params(labelleft=False)
    for curves in figure.axes[::2]:
        curves.set_ylim(0, min(1.1 * top, 1.0))
    figure.axes[0].set_ylabel("probability of an answer")
    figure.legend(
        *figure.axes[0].get_legend_handles_labels(),
        frameon=False,
        loc="outside lower center",
        ncols=4,
    )
    best = explanation.best
    unknown = ", of whom nothing is known yet" if explanation.known.first_at is None else ""
    figure.suptitle(
        f"{explanation.user_id}{unknown}: an answer is likeliest at {best.hour}:00, "
        f"{100 * best.open_probability:.0f} %",
        fontweight="bold",
    )


def _curves(axes: Axes, explanation: Explanation, days: list[int]) -> float:
    """Draw one line a day, one over the other where days are alike; return how high it goes."""
    own, low, high, everybody = (
        _by_day(explanation, name)[days]
        for name in ("open_probability", "low", "high", "everybody")
    )
    hours = np.arange(24)
    axes.fill_between(
        hours,
        low.min(axis=0),
        high.max(axis=0),
        color=_OWN,
        alpha=0.15,
        lw=0,
        label="95 %, for the hour",
    )
    axes.plot(hours, everybody.T, color=_OTHERS, lw=2)
    axes.plot(hours, own.T, color=_OWN, lw=2)
    axes.lines[0].set_label("everybody")
    axes.lines[-1].set_label(explanation.user_id)
    configured = explanation.over_configured.hour.hour
    axes.axvline(configured, color="black", lw=0.8, ls=":", label=f"configured, {configured}:00")
    if explanation.best.day_of_week in days:
        axes.plot(explanation.best.hour, explanation.best.open_probability, "o", color=_OWN, ms=8)
    axes.yaxis.set_major_formatter(lambda rate, _at: f"{100 * rate:.0f} %")
    axes.set_xlim(-0.5, 24)
    axes.set_xticks(range(0, 25, 3))
    axes.spines[["top", "right"]].set_visible(False)
    return float(max(high.max(), everybody.max()))


def _evidence(axes: Axes, explanation: Explanation, day_type: int) -> None:
    """Mark every visit and push at its half hour; the area of a mark is how many there were."""
    known = explanation.known
    rows = (
        ("visits", known.visits_at, _OWN, "|"),
        ("answered", known.answered_at, _OWN, "o"),
        ("unanswered", known.unanswered_at, _OTHERS, "o"),
    )
    for height, (_name, counts, colour, marker) in enumerate(reversed(rows)):
        count = np.array(counts[day_type])
        some = count > 0
        axes.scatter(
            _HALF_HOUR[some],
            np.full(int(some.sum()), height),
            s=14 * count[some],
            color=colour,
            marker=marker,
            alpha=0.8,
        )
    axes.set_yticks(range(3), [name for name, *_ in reversed(rows)])
    axes.set_ylim(-0.6, 2.6)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)


def _by_day(explanation: Explanation, name: str) -> NDArray[np.float64]:
    return np.array([getattr(hour, name) for hour in explanation.week]).reshape(7, 24)
