"""Hold every solver to its own gradient on hostile inputs, and write docs/solvers.md.

python benchmarks/solvers.py
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import numpy as np
from hostile import (
    BINOMIAL,
    KINDS,
    MULTINOMIAL,
    POISSON,
    Array,
    Problem,
    counts,
    offsets,
    precisions,
    regression,
)
from scipy.optimize import minimize
from scipy.special import fdtrc, logsumexp, ndtr, stdtr

from sendopt.errors import SolverFailed
from sendopt.evaluate import chance, sequential
from sendopt.learn.level_shape import activity_prior
from sendopt.learn.level_shape.delays import STAGES, Delays, of_individuals
from sendopt.learn.level_shape.hazard import waves_of_the_day
from sendopt.learn.numerics import clock_modes, hazard_modes, logistic

PAGE = Path(__file__).parents[1] / "docs" / "solvers.md"
SEED, INPUTS = 20261129, 400
#: Nats that another Newton step would gain, beyond which a point is no solution; an answer of a
#: user is worth about one.
NO_SOLUTION = 1e-6
#: Of a sum of logarithms rounding leaves so much; where the sum is 1e20, nothing can do better.
_ROUNDING = 1e-24

HEAD = f"""# Solvers, held to their own gradient

Printed by `python benchmarks/solvers.py`; the seed is fixed, and so is every figure.

Every fit in sendopt is the maximum of a concave log posterior, a root, or a quantile. Roots and
quantiles come from libraries. The maxima are found by Newton's method with a line search (Boyd and
Vandenberghe 2004, section 9.5): each step is halved until the posterior rises, and the search ends
by the gradient where it stands. What does not end so raises `SolverFailed` and is never served.
A user's own curves begin with conjugate gradients in the metric of the prior. The curvature of the
posterior is nowhere less than the prior's, so their gradient alone bounds what is left to gain.
Where that is nothing, and nobody asks how sure the mode is, they end there; else Newton's method
goes on from them.

Each routine gets {INPUTS} hostile inputs, drawn alike from: {", ".join(KINDS[:4])},
{", ".join(KINDS[4:])}; with weights of 1e-9 to 1e6
(of a regression to 1e12), offsets as far as 40 logits from nothing, and priors from next to none to
next to nothing else. *Gain left* is what one more Newton step would add to the log posterior, in
nats, worked out anew with NumPy and SciPy from the definition; a point at which it is above
{NO_SOLUTION:.0e} is no solution. The last two columns count the points that are none, errors
included: *without damping* is Newton's method with at most 25 steps, each clipped to 2, as the
regression had it before; *SciPy* is `scipy.optimize.minimize(method="trust-exact")` in the scale of
the prior, which needs a call for each user.

| routine | how | silent non-solutions | refused | most gain left | without damping | SciPy |
|---|---|---|---|---|---|---|
"""

ROOTS = """
| root or quantile | library | inputs | largest error |
|---|---|---|---|
"""

TAIL = """
The error of a root is what its equation misses, relative; of a quantile, what the tail beyond it
misses. Two routines end after a fixed number of rounds by design, and are estimates rather than
maxima: the Laplace EM of `activity_prior.learn`, each of whose users is a mode as above, and the EM
of `inferred_zone.learn_rhythms`.
"""

Solve = Callable[[Problem], Array]


@dataclass(frozen=True)
class Routine:
    name: str
    how: str
    draw: Callable[[np.random.Generator, str], Problem]
    solve: Solve


@dataclass
class Count:
    """What became of the inputs."""

    wrong: int = 0
    refused: int = 0
    left: list[float] = field(default_factory=list)

    def add(self, problem: Problem, solve: Solve) -> None:
        try:
            found = solve(problem)
        except (SolverFailed, ValueError, np.linalg.LinAlgError):
            self.refused += 1
            return
        left = problem.gain_left(found)
        allowed = NO_SOLUTION + _ROUNDING * abs(problem.height(found))
        self.left.append(left / max(allowed / NO_SOLUTION, 1.0))
        self.wrong += not left <= allowed


def main() -> None:
    page = [HEAD, *maxima(), ROOTS, *roots(), TAIL]
    PAGE.write_text("".join(page))
    print("".join(page))


def maxima() -> Iterator[str]:
    for routine in ROUTINES:
        rng = np.random.default_rng(SEED)
        ours, undamped, library = Count(), Count(), Count()
        for number in range(INPUTS):
            problem = routine.draw(rng, KINDS[number % len(KINDS)])
            ours.add(problem, routine.solve)
            with np.errstate(all="ignore"):
                undamped.add(problem, without_damping)
                library.add(problem, by_scipy)
        yield (
            f"| {routine.name} | {routine.how} | **{ours.wrong}** of {INPUTS} | {ours.refused} "
            f"| {max(ours.left):.0e} | {undamped.wrong + undamped.refused} "
            f"| {library.wrong + library.refused} |\n"
        )


def without_damping(problem: Problem) -> Array:
    b = problem.prior.copy()
    for _ in range(25):
        step = np.linalg.solve(problem.curvature(b), problem.gradient(b))
        b = b + np.clip(step, -2.0, 2.0)
        if np.abs(step).max() < 1e-9:
            break
    return b


def by_scipy(problem: Problem) -> Array:
    scale = 1.0 / np.sqrt(np.diag(problem.precision))
    found = minimize(
        lambda z: -problem.height(problem.prior + scale * z),
        np.zeros(len(scale)),
        jac=lambda z: -scale * problem.gradient(problem.prior + scale * z),
        hess=lambda z: np.outer(scale, scale) * problem.curvature(problem.prior + scale * z),
        method="trust-exact",
        options={"gtol": 1e-8, "maxiter": 500, "max_trust_radius": 1e9},
    )
    return np.asarray(problem.prior + scale * found.x)


# --- The routines, and their problems as dense generalised linear models. ---


def _regression(problem: Problem) -> Array:
    """The rows of `regression` hold their weight as trials, and a label of 0 or 1."""
    return logistic.fit(
        problem.design,
        problem.count / problem.trials,
        problem.trials,
        offset=problem.offset,
        prior=problem.prior,
        precision=np.diag(problem.precision),
    )


def _curve(family: str, rng: np.random.Generator, kind: str) -> Problem:
    """Three stages' constants and the waves of a day, over the half hours of two day types."""
    waves, variance = waves_of_the_day(0.6, 1.0)
    cells = 3 * 2 * len(waves)
    constants = np.repeat(np.eye(3), cells // 3, axis=0)
    trials, count = counts(rng, kind, cells)
    sizes = np.concatenate([np.full(3, 0.8**2), variance])
    return Problem(
        family,
        np.hstack([constants, np.tile(waves, (6, 1))]),
        count,
        trials,
        offsets(rng, cells),
        np.zeros(len(sizes)),
        np.diag(10.0 ** rng.uniform(-3, 3) / sizes),
    )


def _level(rng: np.random.Generator, kind: str) -> Problem:
    trials, count = counts(rng, kind, 96)
    return Problem(
        BINOMIAL,
        np.ones((96, 1)),
        count,
        trials,
        offsets(rng, 96),
        np.zeros(1),
        np.diag(precisions(rng, 1)),
    )


def _modes(problem: Problem, *, with_variance: bool = True) -> Array:
    constants = 1 if problem.design.shape[1] == 1 else 3
    points = len(problem.design) // constants
    waves = np.ascontiguousarray(problem.design[:points, constants:])
    by_stage = [each.reshape(1, constants, -1) for each in (problem.trials, problem.count)]
    own = np.zeros((1, problem.design.shape[1]))
    failed = hazard_modes.modes(
        *by_stage,
        problem.offset.reshape(1, constants, -1),
        waves,
        np.diag(problem.precision).copy(),
        hazard_modes.POISSON if problem.family == POISSON else hazard_modes.BINOMIAL,
        own,
        np.empty((1 if with_variance else 0, points)),
    )
    return _told(failed, own)


def _modes_alone(problem: Problem) -> Array:
    return _modes(problem, with_variance=False)


def _clock(rng: np.random.Generator, kind: str) -> Problem:
    prior = activity_prior.unlearned()
    cells = len(prior.mean)
    seen, share = counts(rng, kind, cells)
    return Problem(
        MULTINOMIAL,
        np.eye(cells),
        share if kind != "no answer" else seen,
        np.zeros(cells),
        rng.choice([0.0, 3.0]) * rng.normal(size=cells),
        np.zeros(cells),
        np.linalg.inv(prior.covariance) * 10.0 ** rng.uniform(-3, 3),
        groups=2,
    )


def _posteriors(problem: Problem) -> Array:
    cells = len(problem.count)
    own, spare = np.zeros((1, cells)), np.empty((2, 1, cells))
    failed = clock_modes.posteriors(
        problem.count.reshape(1, problem.groups, -1),
        problem.offset,
        np.linalg.inv(problem.precision),
        problem.precision,
        own,
        spare[0],
        spare[1],
        np.empty((cells, cells)),
        False,  # noqa: FBT003 - compiled code takes no keywords
        False,  # noqa: FBT003
    )
    return _told(failed, own)


def _told(failed: int, own: Array) -> Array:
    if failed:
        raise SolverFailed("the kernel says that it found no mode")
    mode: Array = own[0]
    return mode


ROUTINES = (
    Routine("`logistic.fit`", "own, damped", regression, _regression),
    Routine(
        "`hazard_modes.modes`, answers",
        "own, damped, compiled",
        lambda rng, kind: _curve(BINOMIAL, rng, kind),
        _modes,
    ),
    Routine(
        "`hazard_modes.modes`, events",
        "own, damped, compiled",
        lambda rng, kind: _curve(POISSON, rng, kind),
        _modes,
    ),
    Routine(
        "`hazard_modes.modes`, answers, without variances",
        "own, conjugate gradients, compiled",
        lambda rng, kind: _curve(BINOMIAL, rng, kind),
        _modes_alone,
    ),
    Routine("`hazard.levels`", "the same, without waves", _level, _modes_alone),
    Routine(
        "`clock_modes.posteriors`",
        "own, conjugate gradients, then damped, compiled",
        _clock,
        _posteriors,
    ),
)


# --- Roots and quantiles. ---


def roots() -> Iterator[str]:
    rng = np.random.default_rng(SEED)
    for name, library, error in (
        ("delays.of_individuals", "`scipy.optimize.brentq`", _delays),
        ("sequential.resolving_variance", "`scipy.optimize.brentq`", _resolving),
        ("chance.t_beyond", "`scipy.special.stdtrit`", _student),
        ("chance.z_beyond", "`statistics.NormalDist`", _normal),
        ("chance.f_beyond", "`scipy.special.fdtri`", _f),
    ):
        worst = max(error(rng) for _ in range(INPUTS))
        yield f"| `{name}` | {library} | {INPUTS} | {worst:.0e} |\n"


def _delays(rng: np.random.Generator) -> float:
    probability = 10.0 ** rng.uniform(-6, -1e-6, int(rng.integers(1, 200)))
    everybody = Delays(tuple(np.cumsum(10.0 ** rng.uniform(-9, 0.5, len(STAGES))).tolist()))
    learned = timedelta(minutes=30)
    own = of_individuals(everybody, probability, learned=learned)
    errors = []
    for stage in STAGES:
        ratio = everybody.within(stage) / everybody.within(learned)
        wanted = ratio * float(np.log1p(-probability.mean()))
        found = float(logsumexp(np.log1p(-probability) * own.within(stage)))
        errors.append(abs((found - np.log(len(probability))) / wanted - 1.0))
    return float(max(errors))


def _resolving(rng: np.random.Generator) -> float:
    effect, power = 10.0 ** rng.uniform(-6, 0), rng.uniform(0.5, 0.99)
    variance = sequential.resolving_variance(effect, power=power)
    reached = sequential.radius(variance) + chance.z_beyond(1.0 - power) * variance**0.5
    return float(abs(reached / effect - 1.0))


def _level_of(rng: np.random.Generator) -> float:
    return float(10.0 ** rng.uniform(-6, -0.31))


def _student(rng: np.random.Generator) -> float:
    level, freedom = _level_of(rng), float(10.0 ** rng.uniform(0, 6))
    return float(abs(stdtr(freedom, -chance.t_beyond(level, freedom)) / level - 1.0))


def _normal(rng: np.random.Generator) -> float:
    level = _level_of(rng)
    return float(abs(ndtr(-chance.z_beyond(level)) / level - 1.0))


def _f(rng: np.random.Generator) -> float:
    level = _level_of(rng)
    above, below = (float(10.0 ** rng.uniform(-0.5, 4)) for _ in range(2))
    return float(abs(fdtrc(above, below, chance.f_beyond(level, above, below)) / level - 1.0))


if __name__ == "__main__":
    main()
