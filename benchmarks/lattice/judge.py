"""One world: what ours and the simple rules choose, and what that is worth."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np

from lattice import figures, rules, stack, tenant
from lattice.arrays import HOURS, Numbers, Vector
from lattice.program import Program, Refused
from lattice.tenant import Tenant
from lattice.worlds import Planted

OURS, STACK = "ours", "stack"
Line = dict[str, Any]  # of the record: one world, one program


def judge(
    planted: Planted, programs: list[Program], judged: int, *, stacked: bool = False
) -> list[Line]:
    """Draw the world once and return a line for each program."""
    with TemporaryDirectory(prefix="lattice-") as folder:
        drawn = tenant.write(planted.world, Path(folder), seed=planted.seed, judged=judged)
        return [
            _line(planted, program, drawn, Path(folder), stacked=stacked) for program in programs
        ]


def simple_scores(drawn: Tenant) -> dict[str, Vector]:
    """Return what each simple rule says of every hour that is asked about."""
    by_hour = rules.by_hour(drawn.counts, drawn.questions.user[:, 0])
    return {
        name: np.take_along_axis(score, drawn.questions.clock_hour, axis=1)
        for name, score in by_hour.items()
    }


def _line(
    planted: Planted, program: Program, drawn: Tenant, folder: Path, *, stacked: bool
) -> Line:
    begun = perf_counter()
    line: Line = {"world": planted.name, "half": planted.half.value, "program": program.name}
    truth, user, others = (
        drawn.questions.probability,
        drawn.questions.user[:, 0],
        simple_scores(drawn),
    )
    try:
        scores = program.scores(drawn.log, drawn.decisions, planted.world.window, folder)
        ours = scores.reshape(-1, HOURS)
        stack_score = (
            stack.score(planted, program, drawn, folder, ours=ours, simple=others)
            if stacked
            else None
        )
    except Refused as refusal:
        return line | {"refused": str(refusal)} | _choices(others, truth, user)
    if stack_score is not None:
        others = {**others, STACK: stack_score}
    line |= _choices({OURS: ours, **others}, truth, user)
    line["z"] = {
        name: round(figures.z_of_difference(ours, score, truth, user), 1)
        for name, score in others.items()
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
