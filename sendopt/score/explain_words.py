"""Tells an explanation in words; every figure is a field of it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from sendopt.features import FEATURE_WORDS
from sendopt.score.explain import ExplainedHour, Explanation, Feature, Gain, Standing

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

_PARTS = {
    "everybodys_hours": "everybody's hours",
    "own_visits": "own visits and late answers",
    "own_answers": "own answers",
    "trees": "the trees",
}
_NO_FACTOR = 0.005  # of a logit: within half a percent of the odds nothing is worth a word
_MOSTLY = 0.5  # of the weight of what is said of a user's hours


def tell(explanation: Explanation, standing: Standing) -> tuple[str, ...]:
    """Return the explanation as sentences, the most important first."""
    return tuple(_sentences(explanation, standing))


def _sentences(explained: Explanation, standing: Standing) -> Iterator[str]:
    best, who = explained.best, _who(explained)
    does = "is there" if explained.label_source == "activity" else "answers"
    days = _days(explained.best_days, explained.weekend)
    window = _minutes(explained.window_seconds)
    yield (
        f"{who} most likely {does} {days} at {_clock(best)}: "
        f"{_percent(best.open_probability)} within {window} (doubt about "
        f"the hour alone leaves {_percent(best.low)} to {_percent(best.high)})."
    )
    yield _evidence(explained)
    yield _own_weights(explained)
    yield _configured(explained.over_configured, best, standing.least_confidence)
    yield _against_everybody(explained.over_everybodys, best)
    yield (
        f"{who} {does} over the hours of the week "
        f"{_compared(explained.mean, explained.mean_everybody)}: "
        f"{_percent(explained.mean)} against {_percent(explained.mean_everybody)}."
    )
    if explained.platform is not None:
        yield f"Everybody here means everybody on {explained.platform}."
    if explained.features:
        yield (
            "Beside the hour, most is made of "
            f"{_listed(_feature(feature) for feature in explained.features)}."
        )
    yield _source(explained, standing)


def _who(explained: Explanation) -> str:
    """Name the user, unless what is said would be said of everybody of whom nothing is known."""
    return (
        "Somebody of whom nothing is known"
        if explained.known.first_at is None
        else explained.user_id
    )


def _evidence(explained: Explanation) -> str:
    known, weights = explained.known, explained.own_weights
    if known.first_at is None or known.last_at is None:
        return f"Nothing is known of {explained.user_id} yet: the hours are everybody's."
    is_own = max(weights.visits, weights.answers) >= _MOSTLY
    on = "on" if is_own else f"more on everybody's hours than on {explained.user_id}'s own"
    return (
        f"This rests {on} {_many(known.visits, 'visit')} and {_many(known.sends, 'push')}, "
        f"{known.answers} answered in time and {known.late_answers} later, "
        f"from {known.first_at:%Y-%m-%d} to {known.last_at:%Y-%m-%d}; "
        f"today they count like {known.decayed_visits:.1f} and {known.decayed_sends:.1f}."
    )


def _own_weights(explained: Explanation) -> str:
    weights = explained.own_weights
    sentence = (
        "Against everybody's, own visits and late answers weigh "
        f"{_whole(weights.visits)} on being there and own pushes {_whole(weights.answers)} on "
        "answering then"
    )
    if explained.sends_there == 0:
        return f"{sentence}; nobody was ever sent to in that hour: how others answer is a guess."
    return (
        f"{sentence}; everybody together got {_many(explained.sends_there, 'push')} in that hour."
    )


def _configured(gain: Gain, best: ExplainedHour, least_confidence: float) -> str:
    other = gain.hour
    if other.hour == best.hour:
        return f"{_clock(best)} is the configured time as well: nothing would be gained."
    claim = (
        f"It beats the configured {_clock(other)} ({_percent(other.open_probability)}) with "
        f"{_whole(gain.probability)} probability"
    )
    least = _whole(least_confidence)
    if gain.probability >= least_confidence:
        return f"{claim}, enough for a campaign to leave that time ({least} are asked for)."
    return (
        f"{claim}: not proven ({least} are asked for), so a campaign that names that time keeps it."
    )


def _against_everybody(gain: Gain, best: ExplainedHour) -> str:
    other = gain.hour
    if other.hour == best.hour:
        return "It is everybody's best hour, too."
    factors = [
        f"{_factor(logit)} by {_PARTS[name]}"
        for name, logit in gain.parts.items()
        if name in _PARTS and abs(logit) >= _NO_FACTOR
    ]
    times = math.exp(sum(gain.parts.values()))
    sentence = f"Its odds are {times:.2f} times those at {_clock(other)}, everybody's best hour"
    return f"{sentence}: {_listed(factors)}." if factors else f"{sentence}."


def _source(explained: Explanation, standing: Standing) -> str:
    clock = (
        f"Hours are on the clock of {standing.timezone}, the last zone in the log"
        if standing.timezone_source == "log"
        else "The log names no zone: hours are in UTC"
    )
    if standing.planning_timezone != standing.timezone:
        clock += (
            f" (campaigns plan in {standing.planning_timezone}, "
            f"the {standing.planning_timezone_source}'s)"
        )
    why = f", because of {standing.fallback_reason}" if standing.fallback_reason else ""
    return (
        f"{clock}; model {explained.model_version}, {standing.served_by.replace('_', ' ')}{why}, "
        f"learned until {explained.learned_until:%Y-%m-%d}."
    )


def _feature(feature: Feature) -> str:
    value = "never" if feature.value is None else f"{feature.value:.3g}"
    return f"{FEATURE_WORDS[feature.name]}: {value} (odds {_factor(feature.logit)})"


def _days(days: tuple[int, ...], weekend: tuple[int, ...]) -> str:
    """Name days of the week.

    >>> _days((0, 1, 2, 3, 6), weekend=(4, 5)), _days((1, 3), weekend=(5, 6))
    ('on weekdays', 'on Tuesdays and Thursdays')
    """
    weekdays = tuple(day for day in range(7) if day not in weekend)
    named = {tuple(range(7)): "on any day", weekdays: "on weekdays", weekend: "at weekends"}
    return named.get(days) or "on " + _listed(f"{DAYS[day]}s" for day in days)


def _listed(items: Iterable[str]) -> str:
    *before, last = items
    return f"{', '.join(before)} and {last}" if before else last


def _clock(hour: ExplainedHour) -> str:
    return f"{hour.hour}:00"


def _minutes(seconds: float) -> str:
    return _many(round(seconds / 60), "minute")


def _many(count: int, noun: str) -> str:
    """Count.

    >>> _many(1, "visit"), _many(3, "push")
    ('1 visit', '3 pushes')
    """
    plural = f"{noun}es" if noun.endswith("sh") else f"{noun}s"
    return f"{count:,} {noun if count == 1 else plural}"


def _compared(mine: float, everybody: float) -> str:
    if _percent(mine) == _percent(everybody):
        return "as much as everybody"
    return f"{'more' if mine > everybody else 'less'} than everybody"


def _factor(logit: float) -> str:
    return f"x {math.exp(logit):.2f}"


def _percent(probability: float) -> str:
    """Write a probability with two digits that say something.

    >>> _percent(0.314), _percent(0.0314)
    ('31 %', '3.1 %')
    """
    return f"{100 * probability:.{0 if probability >= 0.0995 else 1}f} %"


def _whole(share: float) -> str:
    return f"{100 * share:.0f} %"
