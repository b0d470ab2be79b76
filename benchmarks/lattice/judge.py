"""One world or one real log, through `sendopt backtest` as a user runs it."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from lattice import figures, rules, tenant
from lattice.arrays import HOURS, Numbers, Vector
from lattice.tenant import Tenant
from lattice.worlds import Planted

OURS = "ours"
Line = dict[str, Any]  # of the record: one world, one program


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


def judge(planted: Planted, programs: list[Program], judged: int) -> list[Line]:
    """Draw the world once and return a line for each program."""
    with TemporaryDirectory(prefix="lattice-") as folder:
        drawn = tenant.write(planted.world, Path(folder), seed=planted.seed, judged=judged)
        simple = simple_scores(drawn)
        return [_line(planted, program, drawn, simple, Path(folder)) for program in programs]


def simple_scores(drawn: Tenant) -> dict[str, Vector]:
    """Return what each simple rule says of every hour that is asked about."""
    user = drawn.asked.user[:, 0]
    by_hour = {
        "population": np.tile(rules.population(drawn.counts), (len(user), 1)),
        "frequent": rules.most_frequent(drawn.counts, user),
        "eb": rules.empirical_bayes(drawn.counts, user),
    }
    return {
        name: np.take_along_axis(score, drawn.asked.clock_hour, axis=1)
        for name, score in by_hour.items()
    }


def _line(
    planted: Planted, program: Program, drawn: Tenant, simple: Mapping[str, Vector], folder: Path
) -> Line:
    begun = perf_counter()
    line: Line = {"world": planted.name, "half": planted.half.value, "program": program.name}
    truth, user = drawn.asked.probability, drawn.asked.user[:, 0]
    try:
        scores = program.scores(drawn.log, drawn.decisions, planted.world.window, folder)
    except Refused as refusal:
        return line | {"refused": str(refusal)} | _choices(dict(simple), truth, user)
    ours = scores.reshape(-1, HOURS)
    line |= _choices({OURS: ours, **simple}, truth, user)
    line["z"] = {
        name: round(figures.z_of_difference(ours, score, truth, user), 1)
        for name, score in simple.items()
    }
    line["in_the_large"] = round(figures.in_the_large(ours, truth), 3)
    line["calibration_error"] = round(figures.calibration_error(ours, truth), 4)
    line["seconds"] = round(perf_counter() - begun, 1)
    return line


def _choices(scores: dict[str, Vector], truth: Vector, user: Numbers) -> Line:
    worth = {name: figures.value(score, truth, user) for name, score in scores.items()}
    return {
        "value": {name: round(each.share, 3) for name, each in worth.items()},
        "error": {name: round(each.error, 3) for name, each in worth.items()},
        "auc": {
            name: round(figures.within_day_auc(score, truth), 4)
            for name, score in {**scores, "oracle": truth}.items()
        },
    }
