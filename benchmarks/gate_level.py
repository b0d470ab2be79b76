"""How often the gate's `choice` refuses a model whose times are no worse, and one whose are.

python benchmarks/gate_level.py
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from sendopt import libraries
from sendopt.evaluate.metrics import Gain
from sendopt.features import AsOfView, LabelledMoments, Target
from sendopt.features.labels.labelled import labelled_sends
from sendopt.learn import ServableModel
from sendopt.learn.families import RIVALS
from sendopt.learn.families.definition import shipped
from sendopt.learn.fitting.fit import Fitted, fit, fit_each
from sendopt.learn.gate.worth import below
from sendopt.learn.judging.across_days import as_of_the_first_day, order_across_days
from sendopt.learn.judging.judge import CHAMPION, judge
from sendopt.learn.judging.predictions import OURS, predictions
from sendopt.learn.past.groups import user_numbers
from sendopt.log import Log, LogLocation, event_table
from sendopt.records import Event, EventType, SendId, TenantId, UserId

TENANT, TARGET = TenantId("default"), Target(timedelta(minutes=30))
BEGIN, USERS, DAYS, JUDGED = datetime(2026, 6, 1, tzinfo=UTC), 300, 50, 12
LOGS, TILTS = 600, (0.0, 0.5, 1.0)


def events(a_day: int) -> Iterator[Event]:
    """Users are there around an hour of their own, and answer alike at every hour, or hardly."""
    rng = np.random.default_rng(5)
    for number in range(USERS):
        user, favourite = UserId(f"u{number:03}"), rng.uniform(7, 23)
        level = 1 / (1 + np.exp(1.5 - rng.normal(0.0, 0.8)))
        for day in range(DAYS):
            midnight = BEGIN + timedelta(days=day)
            there = midnight + timedelta(hours=favourite + float(rng.normal(0.0, 1.5)))
            yield Event(f"v-{user}-{day}", user, EventType.SESSION, there)
            for each in range(a_day):
                send = SendId(f"{user}-{day}-{each}")
                sent = midnight + timedelta(hours=float(rng.uniform(0, 23.9)))
                yield Event(f"s-{send}", user, EventType.SEND, sent, send_id=send)
                if rng.random() < level:
                    opened = sent + timedelta(minutes=float(rng.uniform(1, 20)))
                    yield Event(f"o-{send}", user, EventType.OPEN, opened, send_id=send)


@dataclass(frozen=True)
class Court:
    """The judged days of a log without preferred hours, and what the models say of them."""

    past: LabelledMoments
    said: dict[str, np.ndarray]
    first: dict[str, np.ndarray]  # the same as of the first day


def court(a_day: int) -> Court:
    until, later = BEGIN + timedelta(days=DAYS - JUDGED), BEGIN + timedelta(days=DAYS)
    with tempfile.TemporaryDirectory() as folder:
        place = LogLocation(str(Path(folder) / "log.sqlite"), str(Path(folder) / "data"))
        with closing(Log(place)) as log:
            log.migrate()
            with log.appender() as appender:
                appender.append(TENANT, event_table(list(events(a_day))))
            with log.reader(TENANT) as reader:
                view = AsOfView(reader, TARGET)
                models = _models(view, until)
                past = labelled_sends(view, since=until, until=later, limit=1_000_000)
                return Court(
                    past,
                    predictions(models, view, *past.viewpoints_and_moments(view)),
                    predictions(models, view, *as_of_the_first_day(past, view)),
                )


def _models(view: AsOfView, until: datetime) -> dict[str, ServableModel]:
    def fitted(until: datetime) -> Fitted:
        return fit(view, until=until, judged=False, seed=1, threads=2, progress=lambda _: None)

    ours = fitted(until)
    rules = {each.model.family: each.model for each in fit_each(ours.past, map(shipped, RIVALS))}
    return {OURS: ours.model, CHAMPION: fitted(until - timedelta(days=7)).model} | rules


def answered(court: Court, rng: np.random.Generator, tilt: float) -> LabelledMoments:
    """Draw answers anew, from each user's own level and, by `tilt`, from what only counting knows.

    That is how the logit of `empirical_bayes` differs from ours between a user's hours.
    """
    user = user_numbers(court.past)
    counting, ours = (
        np.log(p / (1 - p)) for p in (court.first["empirical_bayes"], court.first[OURS])
    )
    lean = counting - ours
    lean -= (np.bincount(user, lean) / np.bincount(user))[user]
    logit = rng.normal(-1.5, 0.8, USERS)[user] + tilt * lean
    label = rng.random(len(user)) < 1 / (1 + np.exp(-logit))
    return replace(court.past, label=label.astype(np.float64))


def compared(court: Court, past: LabelledMoments, *, across: bool) -> dict[tuple[str, str], Gain]:
    """Return what `choice` looks at: every rival, by the chosen moment and by the order."""
    verdict = judge(past, court.said)
    order = order_across_days(past, court.first).gain if across else verdict.auc_gain
    by_measure = {"chosen": verdict.gain, "order": order}
    return {
        (measure, rival): gain
        for measure, gains in by_measure.items()
        for rival, gain in gains.items()
        if rival in court.said
    }


def main() -> None:
    libraries.tame()
    print("| sends a day | tilt | AUC behind | comparisons | 2.5 % each | together |")
    print("|---" * 6 + "|")
    for a_day in (1, 3):
        judged = court(a_day)
        for tilt in TILTS:
            rng = np.random.default_rng(1)
            each = together = behind = 0.0
            for _ in range(LOGS):
                gains = compared(judged, answered(judged, rng, tilt), across=a_day == 1)
                each += any(below({name: gain}) for name, gain in gains.items())
                together += bool(below(gains))
                behind -= gains["order", "empirical_bayes"].estimate
            print(
                f"| {a_day} | {tilt:g} | {behind / LOGS:+.4f} | {len(gains)} "
                f"| {each / LOGS:.1%} | {together / LOGS:.1%} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
