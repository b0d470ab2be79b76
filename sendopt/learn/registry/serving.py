"""Finds the model that answers: the champion, else the last good one, and why not the champion.

A time is found in four steps: champion, last good, the tenant's histogram, the configured time. The
first two are walked here; a model that is missing, broken, stale, slow or talks nonsense costs a
send its best time, never the send. `FallbackReason` says why a step was passed over. Where nobody
can say who the champion is, the last good one is the champion that this process loaded last.

Planning asks like this, and goes on to the histogram if `answer.scores` is None:

    def score(model: ServableModel) -> pa.Table:
        with log.reader(tenant_id, snapshot=snapshot) as reader:  # its own: see `ask`
            return score_candidates(model, AsOfView(reader, model.target), decisions)

    answer = serving.ask(registry, tenant_id, score, rows=len(decisions), limits=limits, now=now)

`answer.step`, `answer.reasons` and `answer.model_version` belong in the decision record.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa

from sendopt.errors import InvalidInput, ModelNotServable, SendoptError, SolverFailed
from sendopt.learn.model.model import ServableModel
from sendopt.learn.registry.registry import Registry
from sendopt.liveness import LeftBehind, in_background
from sendopt.records import FallbackReason, ServedBy, TenantId, columns


@dataclass(frozen=True)
class Limits:
    """What a model must keep to serve."""

    longest_age: timedelta  # since the end of what it was trained on
    patience: timedelta  # for any answer at all
    rows_per_second: float  # for each row of it, beyond the patience

    def time_for(self, rows: int) -> timedelta:
        """Return how long an answer of `rows` rows may take."""
        return self.patience + timedelta(seconds=rows / self.rows_per_second)


@dataclass(frozen=True)
class Skipped:
    """A step that gave no answer."""

    step: ServedBy
    reason: FallbackReason
    detail: str  # one sentence for people


@dataclass(frozen=True)
class ModelAnswer:
    """What a model said, or that none could."""

    step: ServedBy | None  # CHAMPION or LAST_GOOD; None = no model answered
    model: ServableModel | None
    scores: pa.Table | None
    skipped: tuple[Skipped, ...]  # the steps before it, in order

    @property
    def model_version(self) -> str | None:
        """The version of the model that answered."""
        return None if self.model is None else self.model.version

    @property
    def reason(self) -> FallbackReason | None:
        """Why the champion did not answer; None = it did."""
        return self.skipped[0].reason if self.skipped else None

    @property
    def reasons(self) -> dict[str, str]:
        """Why each step was passed over, by step."""
        return {skipped.step.value: skipped.reason for skipped in self.skipped}


def ask(
    registry: Registry,
    tenant_id: TenantId,
    score: Callable[[ServableModel], pa.Table],
    *,
    rows: int,
    limits: Limits,
    now: datetime,
) -> ModelAnswer:
    """Return the first sound answer of the champion or the last good model.

    Args:
        registry: who the champion is.
        tenant_id: whose model is asked.
        score: asks a model; returns a table with `open_probability`, and perhaps `logit_sd`. It
            runs in a thread of its own and is left behind if it takes too long, so it must open
            its own reader.
        rows: how many scores are asked for.
        limits: what a model must keep.
        now: decides how old a model is.

    Raises:
        SendoptError: whatever `score` raises that is not the model's fault, such as a
            StoreFailure of the log.
    """
    skipped: list[Skipped] = []
    for step in (ServedBy.CHAMPION, ServedBy.LAST_GOOD):
        try:
            model = _load(registry, tenant_id, step, skipped)
            scores = _sound_answer(
                model, score, registry.left_behind, rows=rows, limits=limits, now=now
            )
        except ModelNotServable as refusal:
            skipped.append(Skipped(step, FallbackReason.of(refusal.code), refusal.message))
        else:
            return ModelAnswer(step, model, scores, tuple(skipped))
    return ModelAnswer(None, None, None, tuple(skipped))


def require_fresh(model: ServableModel, *, limits: Limits, now: datetime) -> None:
    """Refuse a model that is too old to speak, be it asked now or through scores that it left.

    Raises:
        ModelNotServable: `model_stale`.
    """
    trained_until = model.provenance.trained_until
    if now - trained_until > limits.longest_age:
        raise ModelNotServable(
            f"model {model.version} was trained until {trained_until.isoformat()}, longer ago than "
            f"{limits.longest_age.days} days",
            code="model_stale",
            hint="run `sendopt train`",
        )


def _load(
    registry: Registry, tenant_id: TenantId, step: ServedBy, skipped: list[Skipped]
) -> ServableModel:
    """Return the model of a step; a registry that was silent is not waited for a second time."""
    if step is ServedBy.CHAMPION:
        return registry.champion(tenant_id)
    if skipped[-1].reason is FallbackReason.REGISTRY_UNAVAILABLE:
        return registry.last_served(tenant_id)
    return registry.last_good(tenant_id)


def _sound_answer(
    model: ServableModel,
    score: Callable[[ServableModel], pa.Table],
    left_behind: LeftBehind,
    *,
    rows: int,
    limits: Limits,
    now: datetime,
) -> pa.Table:
    """Return what `model` says.

    Raises:
        ModelNotServable: with the code of what is wrong with the model or its answer.
    """
    require_fresh(model, limits=limits, now=now)
    if left_behind.too_many(model.version):
        raise ModelNotServable(
            f"model {model.version} still works at questions that were given up",
            code="model_too_slow",
        )
    time = limits.time_for(rows)
    question = in_background(lambda: score(model), name="scoring")
    try:
        scores = question.result(time.total_seconds())
    except TimeoutError as error:
        left_behind.add(model.version, question)
        raise ModelNotServable(
            f"model {model.version} had not answered after {time}", code="model_too_slow"
        ) from error
    except Exception as error:  # a model that breaks in whatever way must not stop a send
        if not _is_the_models_fault(error):
            raise
        raise ModelNotServable(
            f"model {model.version} failed: {type(error).__name__}: {error}", code="model_failed"
        ) from error
    _check_output(model, scores, rows)
    return scores


def _is_the_models_fault(error: Exception) -> bool:
    """Tell what a model broke at from what the log, or whoever asks, did wrong."""
    if isinstance(error, InvalidInput):
        return error.code == "wrong_target"
    return isinstance(error, SolverFailed) or not isinstance(error, SendoptError)


def _check_output(model: ServableModel, scores: pa.Table, rows: int) -> None:
    if len(scores) != rows:
        raise ModelNotServable(
            f"model {model.version} gave {len(scores)} answers where {rows} were asked for",
            code="model_output_invalid",
        )
    probability = scores[columns.OPEN_PROBABILITY].to_numpy()
    wrong = ~(np.isfinite(probability) & (probability > 0.0) & (probability < 1.0))
    if columns.LOGIT_SD in scores.column_names:
        wrong |= ~np.isfinite(scores[columns.LOGIT_SD].to_numpy())
    if wrong.any():
        raise ModelNotServable(
            f"{int(wrong.sum())} of {len(wrong)} answers of model {model.version} are no "
            "probabilities",
            code="model_output_invalid",
        )
