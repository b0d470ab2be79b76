"""Is anybody worse off? Five ways to cut the judged moments, each of which every log allows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sendopt.evaluate import metrics
from sendopt.evaluate.chance import FEWEST_FOR_TEST, Mean, clustered_mean, t_beyond
from sendopt.features import USER_FEATURES, statement
from sendopt.learn.gate.check import Check, failed, no_probabilities, not_judged, passed
from sendopt.learn.gate.trial import GateTrial, words
from sendopt.learn.judging.predictions import OURS
from sendopt.learn.past.groups import day_groups, user_numbers

SLICES = ("history", "engagement", "day_type", "hour", "platform_or_zone")

_LEVEL = 0.05  # of being wrong about any slice at all, where nobody is worse off
_HARM = 0.001  # of log loss, or of the share answered: nobody is worse off by less
_NEW, _HEAVY_QUANTILE = 4, 0.8
_FEWEST_MOMENTS = 200  # below, means are too far from normal for Student's t
_MOST_NAMED = 4  # platforms, or zones
#: Why a gain of a part is not measured.
TOO_SMALL = f"fewer than {_FEWEST_MOMENTS} moments or {FEWEST_FOR_TEST} users"
TOO_FEW_CHOICES = (
    f"fewer than {_FEWEST_MOMENTS} days with several moments or {FEWEST_FOR_TEST} users"
)

Vector = NDArray[np.float64]
Masks = Mapping[str, NDArray[np.bool_]]


@dataclass(frozen=True)
class Slice:
    """A part of the judged moments, and how ours does there beside whom nobody may lose to."""

    cut: str  # one of SLICES
    name: str
    moments: int
    users: int
    log_loss: Mean | None  # gain: the rival's log loss minus ours; None = too small to tell
    choice: Mean | None  # gain: answered share, ours minus the rival's; None also where no choice

    @property
    def gains(self) -> dict[str, Mean]:
        """What can be told, by measure."""
        gains = {"log loss": self.log_loss, "choice": self.choice}
        return {measure: gain for measure, gain in gains.items() if gain is not None}


def checks(trial: GateTrial) -> Iterator[Check]:
    """Yield a check for each of SLICES.

    In no part may the log loss, or the choice of time where a part holds whole user-days, be worse
    than the champion's (without one: the population's) beyond chance and by more than nothing.
    The level is shared by all tests together (Bonferroni).
    """
    if trial.verdict is None:
        for cut in SLICES:
            yield no_probabilities(f"slice_{cut}")
        return
    if trial.standard is None:
        for cut in SLICES:
            yield not_judged(f"slice_{cut}", "there is nobody to compare with")
        return
    slices = slices_of(trial, trial.standard)
    level = _LEVEL / max(sum(len(part.gains) for part in slices), 1)
    for cut in SLICES:
        mine = [part for part in slices if part.cut == cut]
        yield _check(cut, mine, words(trial.standard), level)


def slices_of(trial: GateTrial, rival: str) -> list[Slice]:
    """Compare ours with `rival` in every part."""
    past = trial.judged
    user, day, weight = user_numbers(past), day_groups(past), past.weight
    loss = metrics.log_losses(past.label, trial.probabilities[rival]) - metrics.log_losses(
        past.label, trial.ours
    )
    days, first, size = np.unique(day, return_index=True, return_counts=True)
    chosen = metrics.reward_of_choice(
        day, trial.probabilities[OURS], past.label
    ) - metrics.reward_of_choice(day, trial.probabilities[rival], past.label)
    slices = []
    for cut, masks in _cuts(trial).items():
        for name, rows in masks.items():
            choice = None
            if cut != "hour":  # a choice is among the hours of a day
                whole = rows[first] & (size >= 2)
                choice = _gain(chosen[days[whole]], user[first[whole]])
            gain = _gain(loss[rows], user[rows], weight[rows])
            users = len(np.unique(user[rows]))
            slices.append(Slice(cut, name, int(rows.sum()), users, gain, choice))
    return slices


def _check(cut: str, parts: list[Slice], rival: str, level: float) -> Check:
    name = f"slice_{cut}"
    measured = [(part, measure, gain) for part in parts for measure, gain in part.gains.items()]
    figures = {f"{part.name}.{measure}_gain": gain.estimate for part, measure, gain in measured}
    worse = [
        (part, measure, gain)
        for part, measure, gain in measured
        if gain.z < -t_beyond(level, gain.freedom) and gain.estimate < -_HARM
    ]
    if worse:
        part, measure, gain = min(worse, key=lambda case: case[2].z)
        return failed(
            name,
            f"for {part.name} its {measure} is worse than the {rival}'s by "
            f"{-gain.estimate:.4f}, {-gain.z:.1f} standard errors over {gain.users} users; "
            f"chance does {t_beyond(level, gain.freedom):.1f}",
            figures,
        )
    large = [part.name for part in parts if part.gains]
    too_small = f"too small to tell: {', '.join(p.name for p in parts if not p.gains)}"
    if not large:
        return not_judged(name, too_small)
    sound = f"not worse than the {rival} beyond chance for {', '.join(large)}"
    return passed(name, f"{sound}; {too_small}" if len(large) < len(parts) else sound, figures)


def _gain(value: Vector, user: NDArray[np.intp], weight: Vector | None = None) -> Mean | None:
    if len(value) < _FEWEST_MOMENTS or len(np.unique(user)) < FEWEST_FOR_TEST:
        return None
    return clustered_mean(value, user, weight)


def _cuts(trial: GateTrial) -> dict[str, Masks]:
    past = trial.judged
    viewpoints, local = past.viewpoints_and_moments(trial.view)
    features = np.nan_to_num(trial.view.user_features(viewpoints)[local.viewpoint])

    def feature(name: str) -> NDArray[np.float64]:
        value: NDArray[np.float64] = features[:, USER_FEATURES.index(name)]
        return value

    hour = local.minute_of_day // 60
    known = feature("sends_ever") + feature("sessions_28d")
    heavy = known > np.quantile(known, _HEAVY_QUANTILE)
    new = known <= _NEW
    alive = feature("opens_28d") + feature("sessions_28d") > 0
    return {
        "history": {
            "new users": new,
            "regular users": ~new & ~heavy,
            "heavy users": ~new & heavy,
        },
        "engagement": {"silent users": ~alive, "answering users": alive},
        "day_type": {
            "weekdays": local.day_type == 0,
            "weekends": local.day_type == 1,
        },
        "hour": {
            "night": hour < 6,
            "morning": (hour >= 6) & (hour < 12),
            "afternoon": (hour >= 12) & (hour < 18),
            "evening": hour >= 18,
        },
        "platform_or_zone": _platforms_or_zones(trial),
    }


def _platforms_or_zones(trial: GateTrial) -> Masks:
    """Part by platform where the judged users have several, else by time zone."""
    past = trial.judged
    context = trial.view.reader.query(
        "user_context",
        statement("user_context"),
        {"until_us": int(past.at_us.max()) + 1},
        inputs={"asked": pa.table({"user_id": past.user_id.unique()})},
    )
    several = pc.count_distinct(context["platform"]).as_py() > 1
    column, kind = ("platform", "platform") if several else ("timezone", "zone")
    of_user = pc.index_in(past.user_id, context["user_id"].combine_chunks())
    names_of_rows = context[column].combine_chunks().take(of_user)
    unknown = pc.is_null(names_of_rows).to_numpy(zero_copy_only=False)
    value = np.asarray(pc.fill_null(names_of_rows, ""))
    names, count = np.unique(value[~unknown], return_counts=True)
    largest = names[np.argsort(-count, kind="stable")][:_MOST_NAMED]
    masks = {f"{kind} {name}": ~unknown & (value == name) for name in largest}
    masks[f"other {kind}s"] = ~unknown & ~np.isin(value, largest)
    masks[f"{kind} unknown"] = unknown
    return {name: rows for name, rows in masks.items() if rows.any()}
