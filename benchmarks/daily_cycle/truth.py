"""What the commands say of a planted tenant, beside what was planted."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from lattice import figures
from page import table

from daily_cycle import planted

_HOURS_A_DAY = 24
Figures = dict[str, Any]


@dataclass(frozen=True)
class BesideTruth:
    """Figures of the card and of the scores, each with its true value."""

    trained: Figures  # what `train --json` printed
    sends: Figures  # mean and entropy of what was planted, over all sends
    users: int  # whose planted weeks were compared
    in_the_large: float  # mean prediction minus mean planted probability
    calibration_error: float
    value: figures.Value  # of the best-scored hour of each day


def compare(folder: Path, *, trained: Figures, scores: Path) -> BesideTruth:
    """Compare `scores`, of every user and hour of the week, with the weeks that were planted."""
    truth = pq.read_table(folder / planted.WEEKS)
    keys = ["user_id", "day_of_week", "hour"]
    known = [("user_id", "in", truth["user_id"].unique().to_pylist())]
    both = truth.join(pq.read_table(scores, filters=known), keys, join_type="inner").sort_by(
        [(key, "ascending") for key in keys]
    )
    if len(both) != len(truth):
        raise RuntimeError(f"{len(truth) - len(both)} of {len(truth)} planted hours have no score")
    days = (-1, _HOURS_A_DAY)
    true = both["planted"].to_numpy().reshape(days)
    said = both["open_probability"].to_numpy().reshape(days)
    user = np.repeat(np.arange(len(true) // 7), 7)
    return BesideTruth(
        trained=trained,
        sends=json.loads((folder / planted.SENDS).read_text("utf-8")),
        users=len(true) // 7,
        in_the_large=float(said.mean() - true.mean()),
        calibration_error=figures.calibration_error(said, true),
        value=figures.value(said, true, user),
    )


def section(found: BesideTruth) -> str:
    """Return the figures as text."""
    verdict = found.trained["verdict"]
    ours, population = (verdict["quality"][name] for name in ("ours", "population"))
    noise = 2.0 * np.sqrt(verdict["answered"] * (1 - verdict["answered"]) / verdict["moments"])
    rows = [
        (
            f"card: share answered, {verdict['moments']:,} judged moments (chance: +-{noise:.4f})",
            f"{verdict['answered']:.4f}",
            f"{found.sends['answered']:.4f}",
        ),
        (
            f"card: log loss (the population's: {population['log_loss']:.4f})",
            f"{ours['log_loss']:.4f}",
            f"{found.sends['log_loss']:.4f}, of who knows what was planted",
        ),
        (
            "card: calibration error, of which chance makes a part",
            f"{ours['calibration_error']:.4f}",
            f"{found.calibration_error:.4f}, against what was planted",
        ),
        ("scores: mean minus mean planted probability", f"{found.in_the_large:+.4f}", "0"),
        (
            "scores: best hour of a day, of the way from a random hour to the oracle",
            f"{found.value.share:.3f} +- {found.value.error:.3f}",
            "1",
        ),
    ]
    return (
        f"Beside what was planted, whole weeks of {found.users:,} users:\n\n"
        f"{table(('figure', 'sendopt says', 'the truth'), rows)}"
    )
