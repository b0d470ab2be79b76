"""What MLflow keeps of a training run: what went in, what was measured, what the gate said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from math import isfinite
from typing import Any

from sendopt.features import MOMENT_FEATURES, USER_FEATURES
from sendopt.learn.fitting.fit import Fitted
from sendopt.learn.gate import GateReport
from sendopt.learn.judging.judge import Judgement
from sendopt.learn.judging.predictions import OURS
from sendopt.learn.model.model import ServableModel


def params_of(model: ServableModel) -> Mapping[str, Any]:
    """Return what a model was made of."""
    return {
        "family": model.family,
        "outcome": model.target.outcome.value,
        "open_window_seconds": model.target.open_window.total_seconds(),
        "seed": model.provenance.seed,
        "fingerprint": model.provenance.definition,
        "definition": model.provenance.defined,
        "learned": model.scorer.params(),
    }


def metrics_of(verdict: Judgement, gate: GateReport) -> dict[str, float]:
    """Return the figures of judging and of the gate.

    The limits of intervals that nothing bounds are left out: a metric is a number.
    """
    metrics = {**_measured(verdict), **gate.figures}
    return {name: value for name, value in metrics.items() if isfinite(value)}


def tags_of(fitted: Fitted) -> dict[str, str]:
    """Return searchable facts of a training."""
    provenance = fitted.model.provenance
    return {
        "log_snapshot": str(provenance.log_snapshot),
        "code_version": provenance.code_version,
        "trained_until": provenance.trained_until.isoformat(),
        "learned_until": provenance.learned_until.isoformat(),
        "definition": provenance.definition,
        "family": fitted.model.family,
        "label_source": provenance.label_source,
        "features": ",".join(USER_FEATURES + MOMENT_FEATURES),
    }


def gate_tags(gate: GateReport, *, serves: bool) -> dict[str, str]:
    """Return what the gate said, a tag a check."""
    checks = {f"gate.{check.name}": f"{check.outcome.value}: {check.said}" for check in gate.checks}
    return {"promoted": str(serves).lower(), "reason": gate.reason, **checks}


def _measured(verdict: Judgement) -> dict[str, float]:
    metrics = {
        "moments": float(verdict.moments),
        "users": float(verdict.users),
        "choices": float(verdict.choices),
    }
    for name, quality in verdict.quality.items():
        for metric, value in asdict(quality).items():
            if value is not None:
                metrics[f"{name}.{metric}"] = value
    for name, reward in verdict.reward.items():
        metrics[f"{name}.reward"] = reward.estimate
    for name, gain in verdict.auc_gain.items():
        metrics[f"{OURS}_minus_{name}.within_day_auc"] = gain.estimate
    if verdict.across_days is not None:
        for name, auc in verdict.across_days.auc.items():
            metrics[f"{name}.auc_across_days"] = auc
        for name, gain in verdict.across_days.gain.items():
            metrics[f"{OURS}_minus_{name}.auc_across_days"] = gain.estimate
    for name, gain in verdict.gain.items():
        metrics[f"{OURS}_minus_{name}.reward"] = gain.estimate
        metrics[f"{OURS}_minus_{name}.reward_low"] = gain.low
        metrics[f"{OURS}_minus_{name}.reward_high"] = gain.high
    return metrics
