"""Describes the moments that teach by one level-shape model after the other."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from sendopt.features import LabelledMoments
from sendopt.learn.families.level_shape_trees.learn_weights import better_described
from sendopt.learn.level_shape.hazard import total
from sendopt.learn.level_shape.knowledge import Knowledge
from sendopt.learn.level_shape.level_shape_model import DescribedMoments, LevelShapeModel
from sendopt.learn.past.past import Mask, Past

_DAY_US = 86_400_000_000
_FEWEST_KNOWN = 100  # moments that tell of everybody: their share is then known to some 5 points


@dataclass(frozen=True)
class Described:
    """A level-shape model, and the labelled moments as it describes them."""

    model: LevelShapeModel
    rows: DescribedMoments


class Describe:
    """Describes the labelled moments of a past."""

    def __init__(self, past: Past) -> None:
        self.past = past
        self._counted: tuple[float, Knowledge] | None = None  # and the half-life of its counts

    def by(self, model: LevelShapeModel) -> Described:
        """Describe the moments by `model`.

        What the log tells of them is counted once for all models of one half-life in a row, of
        which the first reads late answers if any does.
        """
        half_life = model.shape.half_life_days
        if self._counted is None or self._counted[0] != half_life:
            self._counted = None  # two of them would take twice the memory
            self._counted = half_life, model.knowledge(self.past.view, self.past.viewpoints)
        rows = model.rows(self._counted[1], self.past.moments)
        taught = self.past.learn | self.past.tune
        return Described(model, as_if_everybody_were_known(rows, self.past.labelled, taught))

    def information_on_everybody(self) -> float:
        """Return how much sends tell of everybody's logits in the last description, n p (1 - p).

        Of n sends, decayed, of which the share p was answered: as much as there are answers where
        these are rare, and as there are silences where those are.
        """
        if self._counted is None:
            return 0.0
        everybody = self._counted[1].everybody
        sends, answers = total(everybody.sends), total(everybody.opens)
        silent = np.divide(sends - answers, sends, out=np.zeros_like(sends), where=sends > 0)
        return float((answers * silent).max(initial=0.0))

    def better(self, one: Described, *, than: Described) -> bool:
        """Return whether outcomes are more probable as `one` describes them, beyond chance."""
        return better_described(than.rows, one.rows, self.past.labelled, self.past.learn)

    def better_hours(self, one: Described, *, than: Described) -> bool:
        """Return whether the hours of `one` alone make outcomes more probable, beyond chance.

        How much users answer is described by `than` on both sides.
        """
        level = {name: getattr(than.rows, name) for name in ("base", "level", "activity_rate")}
        return self.better(replace(one, rows=replace(one.rows, **level)), than=than)


def as_if_everybody_were_known(
    rows: DescribedMoments, past: LabelledMoments, taught: Mask
) -> DescribedMoments:
    """Give the first rows of a log, when nothing was known of everybody, the next days' base.

    All users are new in these rows. With a base that knows nothing they would teach that who is
    new differs from everybody by as much as everybody differs from one in two. Where a log holds
    more than is learned from, it changes a hundred rows by next to nothing. Only rows that teach
    are changed, and by each other: those that judge are described as a send would be.
    """
    known = np.searchsorted(np.sort(past.at_us), past.as_of_us) >= _FEWEST_KNOWN
    if not (known & taught).any():
        return rows
    day = past.as_of_us // _DAY_US  # everybody's past is counted by UTC days
    first = known & taught & (day == day[known & taught].min())
    return replace(rows, base=np.where(known | ~taught, rows.base, rows.base[first].mean()))
