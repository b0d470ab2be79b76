"""Real logs whose outcomes are known, beside the scores of other estimators that came with them.

A case is a folder with `log.parquet`, `decisions.parquet` and `truth.parquet`: of each candidate
whether it was answered (`opened`), and what each other estimator says (`a_*`). Its users fall into
the two halves by a checksum of their id.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from lattice import figures
from lattice.arrays import Flags, Numbers, Vector
from lattice.judge import OURS, Line
from lattice.program import Program, Refused
from lattice.worlds import Half

_RESAMPLES, _SEED = 1000, 1
_TIES = "a_pop"  # everybody's hours decide among equals


@dataclass(frozen=True)
class Case:
    folder: Path
    window: timedelta  # within which `opened` counts

    @property
    def name(self) -> str:
        return self.folder.name


@dataclass(frozen=True)
class Days:
    """Decisions in rows, their candidate times in columns; NaN = no such time."""

    user: Numbers
    opened: Vector
    scores: dict[str, Vector]

    def of(self, rows: Flags) -> Days:
        return Days(
            self.user[rows], self.opened[rows], {n: score[rows] for n, score in self.scores.items()}
        )


def judge(case: Case, programs: list[Program], half: Half) -> list[Line]:
    """Return a line of the users of one half for each program."""
    lines = []
    for program in programs:
        line: Line = {"case": case.name, "half": half.value, "program": program.name}
        files = case.folder / "log.parquet", case.folder / "decisions.parquet"
        try:
            with TemporaryDirectory(prefix="lattice-") as folder:
                scores = program.scores(*files, case.window, Path(folder))
        except Refused as refusal:
            lines.append(line | {"refused": str(refusal)})
            continue
        days, odd = _days(case, scores)
        lines.append(line | _figures(days.of(odd == (half is Half.CONFIRMED))))
    return lines


def _days(case: Case, scores: Vector) -> tuple[Days, Flags]:
    """Return the case's decisions, and whether the user's checksum is odd."""
    keys = ["decision_id", "candidate_at"]
    decisions = pd.read_parquet(case.folder / "decisions.parquet")[[*keys, "user_id"]]
    decisions[OURS] = scores
    truth = pd.read_parquet(case.folder / "truth.parquet").drop_duplicates(keys)
    rows = truth.merge(decisions.drop_duplicates(keys), on=keys, how="inner")
    if len(rows) < len(truth):
        raise ValueError(f"{case.name}: {len(truth) - len(rows)} of its times are no decisions")
    rows["column"] = rows.groupby("decision_id").cumcount()
    names = [OURS, *(name for name in truth.columns if name.startswith("a_"))]
    wide = rows.pivot(index="decision_id", columns="column", values=["opened", *names])
    owner = rows.groupby("decision_id")["user_id"].first().reindex(wide.index)
    user, ids = pd.factorize(owner)
    odd = np.array([zlib.crc32(str(each).encode()) % 2 == 1 for each in ids])[user]
    ties = wide[_TIES].to_numpy(np.float64)
    table = {name: wide[name].to_numpy(np.float64) + 1e-9 * ties for name in names}
    return Days(user.astype(np.int64), wide["opened"].to_numpy(np.float64), table), odd


def _figures(days: Days) -> Line:
    """Return hits and AUC within days of every estimator, and ours minus each of the others."""
    sums = {name: _sums_of_users(days, score) for name, score in days.scores.items()}
    rng = np.random.default_rng(_SEED)
    users = len(next(iter(sums.values())))
    drawn = rng.multinomial(users, np.full(users, 1.0 / users), _RESAMPLES).astype(np.float64)
    line: Line = {"users": users, "decisions": len(days.user)}
    for figure, (top, below) in {"hits": (0, 1), "auc": (2, 3)}.items():
        line[figure] = {
            name.removeprefix("a_"): round(float(s[:, top].sum() / s[:, below].sum()), 4)
            for name, s in sums.items()
        }
        resampled = {name: (drawn @ s[:, top]) / (drawn @ s[:, below]) for name, s in sums.items()}
        line[f"{figure}_minus"] = {
            name.removeprefix("a_"): [
                round(line[figure][OURS] - line[figure][name.removeprefix("a_")], 4),
                *np.round(np.quantile(resampled[OURS] - resampled[name], [0.025, 0.975]), 4),
            ]
            for name in sums
            if name != OURS
        }
    return line


def _sums_of_users(days: Days, score: Vector) -> Vector:
    """Return per user: hits, decisions, pairs in the right order, pairs."""
    known = np.where(np.isnan(days.opened), -np.inf, score)
    hit = figures.chosen(known, np.nan_to_num(days.opened))
    right, pairs = figures.pair_counts(score, days.opened)
    columns = hit, np.ones(len(hit)), right, pairs
    return np.column_stack([figures.by_user(each, days.user) for each in columns])
