"""Replays a log: what the models would have said, judged by what happened afterwards."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sendopt.clock import CLOCK_TOLERANCE, as_utc
from sendopt.errors import InvalidInput
from sendopt.evaluate.metrics import FEWEST_USERS
from sendopt.evaluate.off_policy import Value
from sendopt.features import AsOfView, Target, instant, statement, summarise
from sendopt.learn.families import RIVALS
from sendopt.learn.fitting.fit import Fitted, fit, fit_to
from sendopt.learn.judging.experiments import NaturalExperiments, natural_experiments
from sendopt.learn.judging.judge import OURS, Verdict, judge
from sendopt.learn.judging.off_policy import Counterfactual, counterfactual
from sendopt.learn.judging.predictions import predictions
from sendopt.learn.model import predict
from sendopt.learn.model.model import ServableModel
from sendopt.learn.past.past import Progress
from sendopt.learn.past.split import ACTIVITY, SENDS, labelled_moments
from sendopt.log import Reader
from sendopt.records import EventType

_LEARNED_SHARE = 0.5  # of a log's time, before its own natural experiments begin


@dataclass(frozen=True)
class BacktestReport:
    """How scores came about, and what they were worth where the log can tell."""

    log_snapshot: int
    trained_until: datetime  # nothing at or after it was learned from
    label_source: str  # "activity": being active stood in for an answer
    ordered_by: str  # which part of the model orders a user's hours
    verdict: Verdict | None  # None = the outcomes of the given decisions are not in the log
    experiments: NaturalExperiments | None = None  # None = no sends were judged
    counterfactual: Counterfactual | None = None  # None = no sends were judged
    kind: str = "predictive"  # of the verdict: it does not come from randomised sends

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the numbers has to know."""
        drawn = self.counterfactual
        if drawn is not None and any(isinstance(v, Value) for v in drawn.value.values()):
            notes = [
                "predictive, except where a table says causal: that rests on drawn sends alone"
            ]
        else:
            notes = ["predictive: no part of this comes from randomised sends"]
        if self.experiments is not None and not self.experiments.varied:
            notes.append(
                "no user was sent to twice on a day, an hour or more apart: "
                "choosing among a day's sends cannot be judged"
            )
        if self.verdict is not None and self.verdict.users < FEWEST_USERS:
            notes.append(
                f"with fewer than {FEWEST_USERS} users ({self.verdict.users} here) there are no "
                "intervals: how far users differ is not known"
            )
        if self.label_source == ACTIVITY:
            notes.append(
                "the log has no or few answered sends: "
                "being active within the open window stands in for an answer"
            )
        return tuple(notes)


@dataclass(frozen=True)
class Backtest:
    """Scores of the given decisions, if any were given, and the report."""

    scores: pa.Table | None  # decision_id, candidate_at, open_probability
    report: BacktestReport


def backtest(
    reader: Reader,
    decisions: pa.Table | None,
    *,
    open_window: timedelta,
    outcome: EventType,
    clock_tolerance: timedelta = CLOCK_TOLERANCE,
    seed: int,
    threads: int,
    progress: Progress,
) -> Backtest:
    """Score `decisions`, or the natural experiments that the log itself holds.

    The model is fitted to events before the first `as_of` only; what is known of a user then
    grows with each `as_of`. Without decisions the first half of the log teaches, and the days of
    the second half are judged: on a day with several sends, whose would have been chosen?

    Raises:
        InvalidInput: if `decisions` break their contract, or there is nothing to judge.
    """
    target = Target(open_window, outcome, clock_tolerance)
    run = _Run(AsOfView(reader, target), seed, threads, progress)
    return _replay(run) if decisions is None else _score(run, decisions)


@dataclass(frozen=True)
class _Run:
    view: AsOfView
    seed: int
    threads: int
    progress: Progress

    def fit(self, until: datetime) -> Fitted:
        return fit(
            self.view,
            until=until,
            judged=False,
            seed=self.seed,
            threads=self.threads,
            progress=self.progress,
        )

    def rivals(self, fitted: Fitted) -> dict[str, ServableModel]:
        """Fit the simple rules to the same past."""
        return {rule.NAME: fit_to(fitted.past, rule).model for rule in RIVALS}


def _score(run: _Run, decisions: pa.Table) -> Backtest:
    predict.check_decisions(decisions)
    if len(decisions) == 0:
        raise InvalidInput("there is no decision to score", field="decisions")
    fitted = run.fit(as_utc(pc.min(predict.as_kept(decisions)["as_of"]).as_py()))
    run.progress(f"scoring {len(decisions)} candidates")
    probability = predict.score(fitted.model, run.view, decisions).probability
    scores = decisions.select(["decision_id", "candidate_at"]).append_column(
        "open_probability", pa.array(probability)
    )
    return Backtest(scores, _report(fitted, verdict=None))


def _replay(run: _Run) -> Backtest:
    view, reader, target = run.view, run.view.reader, run.view.target
    end = _end_of(reader)
    summary = summarise(reader, target, until=end)
    if summary.first_at is None:
        raise InvalidInput("the log is empty", code="too_little_history")
    half = summary.first_at + (end - summary.first_at) * _LEARNED_SHARE
    fitted = run.fit(half)
    model = fitted.model
    rng = np.random.default_rng(run.seed)
    later = labelled_moments(reader, target, fitted.summary, since=half, until=end, rng=rng)
    if len(later) == 0:
        raise InvalidInput(
            "nothing in the second half of the log has a known outcome",
            code="too_little_history",
            expected="sends whose open window has closed, or sessions",
        )
    run.progress(f"judging {len(later)} later moments")
    models = {OURS: model} | run.rivals(fitted)
    verdict = judge(later, predictions(models, view, *later.seen_by(view)))
    report = _report(fitted, verdict=verdict)
    if report.label_source != SENDS:
        return Backtest(None, report)
    run.progress("looking for sends whose times were drawn")
    return Backtest(
        None,
        replace(
            report,
            experiments=natural_experiments(later),
            counterfactual=counterfactual(view, models, since=half, until=end),
        ),
    )


def _report(fitted: Fitted, *, verdict: Verdict | None) -> BacktestReport:
    return BacktestReport(
        log_snapshot=fitted.model.provenance.log_snapshot,
        trained_until=fitted.model.provenance.trained_until,
        label_source=fitted.model.provenance.label_source,
        ordered_by=fitted.model.scorer.ordered_by,
        verdict=verdict,
    )


def _end_of(reader: Reader) -> datetime:
    """Return the instant just after the newest event; any instant will do for an empty log."""
    newest = reader.query("newest", statement("newest"))["newest_us"][0].as_py()
    return instant(0 if newest is None else newest + 1)
