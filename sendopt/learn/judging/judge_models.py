"""Judges models: what they say of later moments, and how they order users' hours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from sendopt.evaluate import metrics
from sendopt.features import AsOfView, LabelledMoments
from sendopt.learn.judging.across_days import judge_across_days
from sendopt.learn.judging.judge import Judgement, Vector, judge
from sendopt.learn.model.model import ServableModel
from sendopt.learn.past.groups import user_numbers


def judge_models(
    past: LabelledMoments,
    view: AsOfView,
    models: Mapping[str, ServableModel],
    probabilities: Mapping[str, Vector],
) -> Judgement:
    """Judge models on `past`; where its days tell too little of hours, across days as well.

    They do where fewer user-days than users hold an answered and a silent moment.

    Args:
        past: the moments and what happened.
        view: of the log that `past` was read from.
        models: by name; must hold OURS.
        probabilities: of the moments, by the same names, as they would be served.
    """
    verdict = judge(past, probabilities)
    across = metrics.pair_counts(user_numbers(past), past.label, past.label)[1]
    if verdict.mixed_days >= np.count_nonzero(across):
        return verdict
    return replace(verdict, across_days=judge_across_days(past, view, models))
