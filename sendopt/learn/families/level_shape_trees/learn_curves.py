"""Decides how the level-shape model reads a log: each step is taken if outcomes say so."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sendopt.learn.families.level_shape_trees.describe import Describe, Described
from sendopt.learn.families.level_shape_trees.learn_latency import latency_tells
from sendopt.learn.families.level_shape_trees.learn_weights import activity_tells, weigh
from sendopt.learn.level_shape.level_shape_model import LevelShapeModel

#: Of everybody, n p (1 - p) of decayed sends. By so much, the logit of each two hours is known to
#: .035 from answers alone; with less, more probable outcomes did not mean better hours.
_ENOUGH_TO_KNOW_HOURS = 10_000.0
_TELLS_LITTLE = "being active tells little of answering: learning from answers alone"
_TELLS_AGAINST = "users answer when they are less active: learning their hours from that as well"
_EVERYBODYS_TELLS_LITTLE = (
    "everybody's activity tells little of when they answer: learning that from answers alone"
)
_PROMPTNESS_TELLS = "good hours are answered sooner: learning from how soon as well"
_MEMORY_GROWS, _MOST_MEMORY_STEPS = 2.0, 3
_DEVIATION_GROWS, _MOST_DEVIATION_STEPS = 4.0 / 3.0, 4


def as_far_as_activity_tells(
    describe: Describe, described: Described, *, memory_of_answers: float
) -> Described:
    """Leave out of activity what tells less than answers do: everybody's hours, then all of it.

    Where many sessions are known, hours are taken from them and hardly from answers. If sessions
    come at hours that have little to do with answering, `activity_tells` may see nothing: they are
    alike at all hours, or right for each user and wrong for all together. A sender who prefers some
    hours on days on which people are ready makes everybody's answers tell more than they should.
    So users' own activity is left out only if that is better with everybody's hours from answers
    on both sides. Where active hours are answered less, how a user differs from everybody may count
    against them: who is in the app all evening needs no push then.

    Args:
        describe: describes the moments.
        described: by all of activity.
        memory_of_answers: half-life in days that counts begin with where sessions choose none.
    """
    past = describe.past
    without = _reshaped(described.model, activity_weight=0.0)
    answers = describe.by(without)
    if activity_tells(described.rows, past.labelled, past.learn):
        own = describe.by(_reshaped(described.model, everybodys_activity=0.0))
        known = describe.information_on_everybody() >= _ENOUGH_TO_KNOW_HOURS
        if known and describe.better(own, than=described):
            past.progress(_EVERYBODYS_TELLS_LITTLE)
            described = own
        if not all(describe.better(answers, than=each) for each in (described, own)):
            return described
    else:
        against = describe.by(
            _reshaped(described.model, activity_weight=-1.0, everybodys_activity=0.0)
        )
        if describe.better(against, than=answers):
            past.progress(_TELLS_AGAINST)
            return against
    past.progress(_TELLS_LITTLE)
    return describe.by(_reshaped(without, half_life_days=memory_of_answers))


def as_latency_tells(describe: Describe, described: Described) -> Described:
    """Read how soon sends were answered only where that tells of the hour."""
    past = describe.past
    whether = describe.by(_reshaped(described.model, by_promptness=False))
    weights = weigh(whether.rows, past.labelled, past.learn)
    if latency_tells(whether.rows, weights, past.labelled, past.learn):
        past.progress(_PROMPTNESS_TELLS)
        return described
    return whether


def as_long_as_answers_tell(describe: Describe, described: Described) -> Described:
    """Double the memory while outcomes say so; where no sessions chose it, or none are read.

    Only towards a longer one: people keep their hours for months (`docs/decisions`, 31).
    """
    return _while_better(
        describe, described, "half_life_days", factor=_MEMORY_GROWS, most=_MOST_MEMORY_STEPS
    )


def as_users_deviate(describe: Describe, described: Described) -> Described:
    """Believe in habits further from everybody's while outcomes say so, where no sessions are read.

    With sessions, more probable outcomes did not mean better hours: they are those of activity.
    What is believed to begin with errs on the careful side: to believe too much in a user's own few
    answers costs more than to believe too little, and outcomes tell little of it.
    """
    return _while_better(
        describe, described, "deviation_sd", factor=_DEVIATION_GROWS, most=_MOST_DEVIATION_STEPS
    )


def _while_better(
    describe: Describe, described: Described, name: str, *, factor: float, most: int
) -> Described:
    """Raise a value of the shape by `factor`, up to `most` times, as long as it tells hours better.

    Of the hours alone: a memory moves levels as well, which dominate outcomes.
    """
    for _ in range(most):
        raised = factor * getattr(described.model.shape, name)
        tried = describe.by(_reshaped(described.model, **{name: raised}))
        if not describe.better_hours(tried, than=described):
            break
        described = tried
    return described


def with_late_answers(model: LevelShapeModel, weight: float) -> LevelShapeModel:
    """Return the model with late answers weighed; those without weight are no longer read."""
    return replace(
        _reshaped(model, late_weight=weight), late_hazard=model.late_hazard if weight else None
    )


def _reshaped(model: LevelShapeModel, **shape: Any) -> LevelShapeModel:
    return replace(model, shape=replace(model.shape, **shape))
