"""Are the simple rules that a model is compared with worth comparing with?"""

from __future__ import annotations

import numpy as np

from sendopt.evaluate.chance import clustered_mean, t_beyond
from sendopt.learn.fitting.fit import Fitted
from sendopt.learn.past.groups import user_numbers

_LEVEL = 0.005  # one-sided, of rules that are right and found to be off
_LEAST_GAP = 0.02  # of the answered share; less changes no comparison


def fault_of(rule: Fitted) -> str | None:
    """Say what is wrong with a rule as a rival; None = nothing.

    Whoever is not calibrated on the days it learned from was not fitted: any model gains over it.
    """
    past = rule.past
    rows = past.tune if past.tune.any() else past.learn
    said = rule.model.predict(rule.rows)[rows]
    if not np.isfinite(said).all():
        return "says no probabilities"
    known = past.labelled.rows(rows)
    gap = clustered_mean(known.weight * (known.label - said), user_numbers(known))
    by_chance = t_beyond(_LEVEL, gap.freedom) * gap.standard_error
    if abs(gap.estimate) <= max(by_chance, _LEAST_GAP):
        return None
    return (
        f"says {said.mean():.3f} on the days that it learned from, where "
        f"{np.average(known.label, weights=known.weight):.3f} were answered"
    )
