"""Replays a log: what the models would have said, judged by what happened afterwards."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sendopt.clock import CLOCK_TOLERANCE, as_utc
from sendopt.errors import InvalidInput
from sendopt.evaluate.metrics import FEWEST_FOR_INTERVAL
from sendopt.evaluate.off_policy import Value
from sendopt.features import (
    AsOfView,
    Body,
    Target,
    body_of,
    events_by_kind,
    instant,
    microseconds,
    recognised,
    statement,
    summarise,
)
from sendopt.learn.families import RIVALS
from sendopt.learn.families.definition import shipped
from sendopt.learn.fitting.fit import Fitted, fit, fit_each
from sendopt.learn.judging.experiments import NaturalExperiments, natural_experiments
from sendopt.learn.judging.judge import Judgement
from sendopt.learn.judging.judge_models import judge_models
from sendopt.learn.judging.off_policy import OffPolicyEvaluation, evaluate_off_policy
from sendopt.learn.judging.predictions import OURS, predictions
from sendopt.learn.model import predict
from sendopt.learn.model.model import ServableModel
from sendopt.learn.past.notes import note_on_sample, notes_on_log, too_little_history
from sendopt.learn.past.outcomes import require_both_outcomes, require_outcome
from sendopt.learn.past.past import Progress
from sendopt.learn.past.split import ACTIVITY, SENDS, label_source, labelled_moments
from sendopt.log import Reader
from sendopt.records import EventType, columns

_EVER = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class BacktestReport:
    """How scores came about, and what they were worth where the log can tell."""

    log_snapshot: int
    trained_until: datetime  # nothing at or after it was learned from
    label_source: str  # "activity": being active stood in for an answer
    ordered_by: str  # which part of the model orders a user's hours
    verdict: Judgement | None  # None = the outcomes of the given decisions are not in the log
    experiments: NaturalExperiments | None = None  # None = no sends were judged
    off_policy: OffPolicyEvaluation | None = None  # None = no sends were judged
    log_notes: tuple[str, ...] = ()  # what of the log is not taken as it stands
    kind: str = "predictive"  # of the verdict: it does not come from randomised sends

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the numbers has to know."""
        randomised = self.off_policy
        if randomised is not None and any(isinstance(v, Value) for v in randomised.value.values()):
            notes = [
                "predictive, except where a table says causal: that rests on randomised sends alone"
            ]
        else:
            notes = ["predictive: no part of this comes from randomised sends"]
        if self.experiments is not None and not self.experiments.varied:
            notes.append(
                "no user was sent to twice on a day, an hour or more apart: "
                "choosing among a day's sends cannot be judged"
            )
        if self.verdict is not None and self.verdict.users < FEWEST_FOR_INTERVAL:
            notes.append(
                f"with fewer than {FEWEST_FOR_INTERVAL} users ({self.verdict.users} here) there "
                "are no intervals: how far users differ is not known"
            )
        if self.label_source == ACTIVITY:
            notes.append(
                "the log has no or few answered sends: "
                "being active within the open window stands in for an answer"
            )
        return (*notes, *self.log_notes)


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
    until = None if decisions is None else _first_as_of(decisions)
    with body_of(reader, until=until or _EVER) as (inside, body):
        require_outcome(events_by_kind(inside, until=until or _EVER), target)
        learned = until or _half_of(inside, target, body)
        view = AsOfView(inside, recognised(inside, target, until=learned))
        run = _Run(view, body, learned, seed, threads, progress)
        return _replay(run) if decisions is None else _score(run, reader, decisions)


@dataclass(frozen=True)
class _Run:
    view: AsOfView  # of the body of the log
    body: Body | None
    until: datetime  # nothing at or after it is learned from
    seed: int
    threads: int
    progress: Progress

    def fit(self) -> Fitted:
        return fit(
            self.view,
            body=self.body,
            until=self.until,
            judged=False,
            seed=self.seed,
            threads=self.threads,
            progress=self.progress,
        )

    def rivals(self, fitted: Fitted) -> dict[str, ServableModel]:
        """Fit the simple rules to the same past."""
        return {
            each.model.family: each.model for each in fit_each(fitted.past, map(shipped, RIVALS))
        }


def _first_as_of(decisions: pa.Table) -> datetime:
    predict.check_decisions(decisions)
    if len(decisions) == 0:
        raise InvalidInput("there is no decision to score", field="decisions")
    return as_utc(pc.min(predict.as_kept(decisions)[columns.AS_OF]).as_py())


def _score(run: _Run, reader: Reader, decisions: pa.Table) -> Backtest:
    """Learn from the body of the log; what is known of users then grows beyond."""
    fitted = run.fit()
    run.progress(f"scoring {len(decisions)} candidates")
    whole = AsOfView(reader, run.view.target)
    probability = predict.score_decisions(fitted.model, whole, decisions).probability
    scores = decisions.select([columns.DECISION_ID, columns.CANDIDATE_AT]).append_column(
        columns.OPEN_PROBABILITY, pa.array(probability)
    )
    return Backtest(scores, _report(fitted, verdict=None))


def _replay(run: _Run) -> Backtest:
    view, body, half = run.view, run.body, run.until
    ends = half if body is None else body.end
    summary = summarise(view.reader, view.target, until=ends)
    fitted = run.fit()
    model = fitted.model
    if not len(fitted.moments):
        raise too_little_history(
            body, view.target, until=half, notes=fitted.past.notes, replayed=True
        )
    rng = np.random.default_rng(run.seed)
    later = labelled_moments(view, fitted.summary, since=half, until=ends, rng=rng)
    if len(later) == 0:
        raise InvalidInput(
            f"nothing in the second half of the log, from {half.isoformat()} until it ends at "
            f"{ends.isoformat()}, has a known outcome",
            code="too_little_history",
            expected="sends whose open window has closed, or sessions",
            hint="; ".join(fitted.past.notes),
        )
    require_both_outcomes(later.label, does="judge", notes=fitted.past.notes)
    run.progress(f"judging {len(later)} later moments")
    models = {OURS: model} | run.rivals(fitted)
    verdict = judge_models(
        later, view, models, predictions(models, view, *later.viewpoints_and_moments(view))
    )
    whole = notes_on_log(body, summary, view.target)
    report = replace(_report(fitted, verdict=verdict), log_notes=(*whole, *note_on_sample(later)))
    if report.label_source != SENDS:
        return Backtest(None, report)
    run.progress("looking for sends whose times were randomised")
    return Backtest(
        None,
        replace(
            report,
            experiments=natural_experiments(later),
            off_policy=evaluate_off_policy(view, models, since=half, until=ends),
        ),
    )


def _report(fitted: Fitted, *, verdict: Judgement | None) -> BacktestReport:
    return BacktestReport(
        log_snapshot=fitted.model.provenance.log_snapshot,
        trained_until=fitted.model.provenance.trained_until,
        label_source=fitted.model.provenance.label_source,
        ordered_by=fitted.model.scorer.ordered_by,
        verdict=verdict,
        log_notes=fitted.past.notes,
    )


def _half_of(reader: Reader, target: Target, body: Body | None) -> datetime:
    """Return the instant before which half of what can be learned from happened.

    Raises:
        InvalidInput: `too_little_history`, if the log is empty.
    """
    if body is None:
        raise InvalidInput("the log is empty", code="too_little_history")
    source = label_source(summarise(reader, target, until=body.end), target)
    kind = EventType.SEND if source == SENDS else EventType.SESSION
    params = {"event_type": kind.value, "until_us": microseconds(body.end)}
    middle = reader.query("middle", statement("middle"), params)["middle_us"][0].as_py()
    return body.end if middle is None else instant(middle)
