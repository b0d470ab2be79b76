"""Which wording: a bandit over a campaign's variants that learns from the sends so far.

Symbols, on the logit scale of an answer: m the rate of all wordings together, theta_v what variant
v adds to it, gamma_vd what it adds in one part of the day beyond that. Both are shrunken to none:

    theta_v  ~ N(0, TAU^2)         by a Beta prior of 1 / (m (1 - m) TAU^2) - 1 sends at rate m
    gamma_vd ~ N(0, TAU^2)         kept only if the Bayes factor for it is above KEEP_FACTOR

A variant is drawn by Thompson sampling, with the exact chance of each known, over a floor that
fades as sends come in. Answers are weighted by 1 / chance of their variant, so that a wording that
was preferred at good times does not look better for it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sendopt.clock import zone_of
from sendopt.records import VariantAnswers, VariantEvidence, VariantId
from sendopt.schedule.policy import chance_of_being_best, chances_of_being_best, spread

#: Prior standard deviation of what a wording does: odds a third higher or lower.
TAU = 0.3
#: How much likelier the answers must be with wordings that suit parts of the day than without.
KEEP_FACTOR = 20.0
#: Sends of each variant after which the floor has fallen to half.
FLOOR_SENDS = 50.0
#: From here on one variant is said to be better.
PREFERRED_FROM = 0.95

PARTS_OF_DAY = 4
_LEAST_RATE = 0.001


@dataclass(frozen=True, slots=True)
class Tally:
    """Sends whose answers are in, weighed by w = 1 / chance of their variant."""

    weight: float = 0.0
    squared_weight: float = 0.0
    answered_weight: float = 0.0

    @property
    def sends(self) -> float:
        """How many sends of weight 1 would say as much."""
        return self.weight**2 / self.squared_weight if self.weight else 0.0

    @property
    def rate(self) -> float:
        """The share that was answered, kept away from 0 and 1."""
        return min(max(self.answered_weight / self.weight, _LEAST_RATE), 1.0 - _LEAST_RATE)

    @property
    def answers(self) -> float:
        """How many of `sends` were answered."""
        return self.sends * self.answered_weight / self.weight if self.weight else 0.0


@dataclass(frozen=True, slots=True)
class VariantBelief:
    """How to draw a variant in each part of the day, and what is known about them."""

    distributions: tuple[tuple[float, ...], ...]  # by part of the day, in the campaign's order
    bonus: tuple[float, ...]  # by part of the day: what the drawn variant adds there, logit scale
    confidence: float  # P(the most promising variant is the best)

    @property
    def evidence(self) -> VariantEvidence:
        if self.confidence >= PREFERRED_FROM:
            return VariantEvidence.PREFERRED
        return VariantEvidence.TOO_LITTLE_DATA

    @property
    def suits_parts_of_day(self) -> bool:
        """Whether wordings were found to suit different parts of the day."""
        return len(set(self.bonus)) > 1


def part_of_day(hour: int) -> int:
    """Return 0 for night, 1 morning, 2 afternoon, 3 evening; six hours each.

    >>> [part_of_day(hour) for hour in (0, 5, 6, 12, 23)]
    [0, 0, 1, 2, 3]
    """
    return hour * PARTS_OF_DAY // 24


def even_split(count: int) -> VariantBelief:
    """Return the belief of who has learned nothing, and will not."""
    return VariantBelief(((1.0 / count,) * count,) * PARTS_OF_DAY, (0.0,) * PARTS_OF_DAY, 1 / count)


def learn(variants: Sequence[VariantId], answers: Sequence[VariantAnswers]) -> VariantBelief:
    """Return what the sends so far say of `variants`, the campaign's in its order; at least one."""
    tallies = _tallied(answers)
    if not tallies:
        return even_split(len(variants))
    rate = _sum(tallies.values()).rate
    prior_sends = 1.0 / (rate * (1.0 - rate) * TAU**2) - 1.0
    theta, sd, sends = [], [], []
    for variant in variants:
        mine = _sum(tallies.get((variant, part), Tally()) for part in range(PARTS_OF_DAY))
        posterior = (mine.answers + prior_sends * rate) / (mine.sends + prior_sends)
        theta.append(_logit(posterior) - _logit(rate))
        sd.append(1.0 / math.sqrt((mine.sends + prior_sends + 1.0) * posterior * (1.0 - posterior)))
        sends.append(mine.sends)
    gamma, gamma_variance = _suiting(variants, tallies, theta)
    epsilon = FLOOR_SENDS / (FLOOR_SENDS + min(sends))
    distributions, bonus = [], []
    for part in range(PARTS_OF_DAY):
        means = [t + g[part] for t, g in zip(theta, gamma, strict=True)]
        sds = [math.hypot(s, math.sqrt(g[part])) for s, g in zip(sd, gamma_variance, strict=True)]
        best = chances_of_being_best(np.array([means]), np.array([sds]))
        drawn = tuple(spread(best, epsilon)[0].tolist())
        distributions.append(drawn)
        bonus.append(sum(p * mean for p, mean in zip(drawn, means, strict=True)))
    if not any(any(row) for row in gamma):
        bonus = [0.0] * PARTS_OF_DAY
    return VariantBelief(tuple(distributions), tuple(bonus), max(chance_of_being_best(theta, sd)))


def _suiting(
    variants: Sequence[VariantId],
    tallies: Mapping[tuple[VariantId, int], Tally],
    theta: Sequence[float],
) -> tuple[list[list[float]], list[list[float]]]:
    """Return gamma and its variance by variant and part of the day; zeros unless it is kept.

    Each cell's answers are held against those expected of its part and its variant alone. With
    I = n p (1 - p) the surplus over I is about N(gamma, 1 / I), which gives both the posterior and
    the Bayes factor of gamma against none in closed form.
    """
    nothing = [[0.0] * PARTS_OF_DAY for _ in variants]
    gamma, variance = [row[:] for row in nothing], [row[:] for row in nothing]
    log_factor = 0.0
    for part in range(PARTS_OF_DAY):
        cells = [tallies.get((variant, part), Tally()) for variant in variants]
        everyone = _sum(cells)
        if not everyone.weight:
            continue
        usual = everyone.rate
        mean_theta = sum(t * c.weight for t, c in zip(theta, cells, strict=True)) / everyone.weight
        for index, cell in enumerate(cells):
            expected = 1.0 / (1.0 + math.exp(-(_logit(usual) + theta[index] - mean_theta)))
            information = cell.sends * expected * (1.0 - expected)
            if information == 0.0:
                continue
            surplus = (cell.answers - cell.sends * expected) / information
            total = TAU**2 + 1.0 / information
            kept = TAU**2 / total
            gamma[index][part] = kept * surplus
            variance[index][part] = kept / information
            log_factor += 0.5 * (
                surplus**2 * (information - 1.0 / total) - math.log(total * information)
            )
    return (gamma, variance) if log_factor > math.log(KEEP_FACTOR) else (nothing, nothing)


def _tallied(answers: Sequence[VariantAnswers]) -> dict[tuple[VariantId, int], Tally]:
    """Add up the answers by variant and part of the day on each user's own clock."""
    tallies: dict[tuple[VariantId, int], Tally] = {}
    for each in answers:
        part = part_of_day(each.due_at.astimezone(zone_of(each.timezone)).hour)
        more = Tally(each.weight, each.squared_weight, each.answered_weight)
        tallies[each.variant_id, part] = _sum((tallies.get((each.variant_id, part), Tally()), more))
    return tallies


def _sum(tallies: Iterable[Tally]) -> Tally:
    found = list(tallies)
    return Tally(
        sum(tally.weight for tally in found),
        sum(tally.squared_weight for tally in found),
        sum(tally.answered_weight for tally in found),
    )


def _logit(probability: float) -> float:
    return math.log(probability / (1.0 - probability))
