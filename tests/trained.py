"""A model as the library trains it, on a log of the test's own."""

from __future__ import annotations

from datetime import datetime, timedelta

from sendopt.features import AsOfView, Target
from sendopt.learn import ServableModel
from sendopt.learn.families import DEFAULT, Family
from sendopt.learn.families.definition import shipped
from sendopt.learn.families.level_shape_trees import Settings
from sendopt.learn.fitting.fit import Fitted, fit
from sendopt.log import Reader

SETTINGS = shipped(DEFAULT).settings
assert isinstance(SETTINGS, Settings)
#: What the default family comes with.
PRIOR, TREES = SETTINGS.shape.before_learning(), SETTINGS.offset_trees()

HALF_AN_HOUR = Target(timedelta(minutes=30))


def trained(
    reader: Reader,
    *,
    until: datetime,
    judged: bool = False,
    target: Target = HALF_AN_HOUR,
    seed: int = 7,
) -> Fitted:
    """Fit a model on one thread, without a word of what is going on."""
    return fit(
        AsOfView(reader, target),
        until=until,
        judged=judged,
        seed=seed,
        threads=1,
        progress=lambda _: None,
    )


def trained_as(family: Family, reader: Reader, *, until: datetime) -> ServableModel:
    """Fit a model of a family to all that was known."""
    view = AsOfView(reader, HALF_AN_HOUR)
    return fit(
        view,
        until=until,
        judged=False,
        seed=7,
        threads=1,
        progress=lambda _: None,
        definition=shipped(family),
    ).model
