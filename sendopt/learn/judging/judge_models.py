"""Judges models: what they say of later moments, and how they order users' hours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sendopt.features import AsOfView, LabelledMoments
from sendopt.learn.judging.across_days import judge_across_days
from sendopt.learn.judging.judge import Vector, Verdict, judge
from sendopt.learn.model.model import ServableModel


def judge_models(
    past: LabelledMoments,
    view: AsOfView,
    models: Mapping[str, ServableModel],
    probabilities: Mapping[str, Vector],
) -> Verdict:
    """Judge models on `past`; where its days tell too little of hours, across days as well.

    Args:
        past: the moments and what happened.
        view: of the log that `past` was read from.
        models: by name; must hold OURS.
        probabilities: of the moments, by the same names, as they would be served.
    """
    verdict = judge(past, probabilities)
    if verdict.choices >= verdict.users:
        return verdict
    return replace(verdict, across_days=judge_across_days(past, view, models))
