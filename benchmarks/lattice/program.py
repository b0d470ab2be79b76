"""A `sendopt` as a user runs it."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from lattice.arrays import Vector


class Refused(Exception):
    """The command ended without scores; says why."""


@dataclass(frozen=True)
class Program:
    """A `sendopt` to be judged, under the name it has on the page."""

    name: str
    path: Path

    def scores(self, log: Path, decisions: Path, window: timedelta, folder: Path) -> Vector:
        """Return the open probability of each decision's row.

        Raises:
            Refused: if the command fails, or its rows are not those that it was asked for.
        """
        out = folder / f"scores-{self.name}.parquet"
        minutes = int(window.total_seconds() // 60)
        ended = subprocess.run(
            [
                *(str(self.path), "backtest", "--home", str(folder / f"home-{self.name}")),
                *("--log", str(log), "--decisions", str(decisions), "--out", str(out)),
                *("--open-window", f"{minutes}m"),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        if ended.returncode:
            raise Refused(ended.stderr.strip().splitlines()[-1] if ended.stderr.strip() else "died")
        keys = ["decision_id", "candidate_at"]
        asked, scored = pq.read_table(decisions, columns=keys), pq.read_table(out)
        if not scored.select(keys).equals(asked):
            raise Refused("other rows were scored than were asked for")
        probability: Vector = scored["open_probability"].to_numpy()
        if not np.isfinite(probability).all():
            raise Refused("not every score is a number")
        return probability
