"""The best plan there is, by an integer program of one variable a message and slot."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from schedule.joint.checker import buckets, minutes, windows, worth
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

from sendopt.schedule.joint import JointProblem


@dataclass
class _Rows:
    row: list[int] = field(default_factory=list)
    column: list[int] = field(default_factory=list)
    most: list[float] = field(default_factory=list)

    def add(self, columns: list[int], most: float) -> None:
        self.row += [len(self.most)] * len(columns)
        self.column += columns
        self.most.append(most)


def exact_value(problem: JointProblem, *, gap: float = 0.0, relaxed: bool = False) -> float:
    """Return what the best plan brings; `relaxed` = what the linear program says."""
    first = problem.messages.first
    value: list[float] = []
    rows = _Rows()
    of_bucket: dict[int, list[int]] = {}
    for user in range(len(first) - 1):
        times: list[tuple[int, int, int]] = []  # minute, rules, column
        for m in range(first[user], first[user + 1]):
            own = []
            at = problem.grids.first[problem.messages.grid[m]]
            bits = int(problem.campaigns.rules[problem.messages.campaign[m]])
            brings = worth(problem, m)
            for s, minute in enumerate(minutes(problem, user, m)):
                if problem.grids.allowed[at + s] and brings[s] > 0:
                    own.append(len(value))
                    times.append((minute, bits, len(value)))
                    for b in buckets(problem, m, s):
                        of_bucket.setdefault(b, []).append(len(value))
                    value.append(brings[s])
            rows.add(own, 1)
        _add_rules(problem, user, times, rows)
    for b, columns in of_bucket.items():
        rows.add(columns, float(problem.capacity[b]))
    if not value:
        return 0.0
    shape = (len(rows.most), len(value))
    matrix = csr_array((np.ones(len(rows.row)), (rows.row, rows.column)), shape=shape)
    solved = milp(
        -np.array(value),
        constraints=LinearConstraint(matrix, ub=np.array(rows.most)),
        bounds=Bounds(0, 1),
        integrality=np.zeros(len(value)) if relaxed else np.ones(len(value)),
        options={"mip_rel_gap": gap},
    )
    assert solved.success, solved.message
    return -float(solved.fun)


def _add_rules(problem: JointProblem, user: int, times: list, rows: _Rows) -> None:
    history, rules = problem.history, problem.rules
    mine = range(history.first[user], history.first[user + 1])
    for r in range(len(rules)):
        old = [int(history.minute[i]) for i in mine if history.rules[i] >> r & 1]
        new = [(t, column) for t, bits, column in times if bits >> r & 1]
        for window in windows(problem, r, [t for t, _ in new] + old):
            inside = [column for t, column in new if t in window]
            if inside:
                left = rules.at_most[r] - sum(t in window for t in old)
                rows.add(inside, max(float(left), 0.0))
