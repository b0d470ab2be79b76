"""Fits a model of any family to a past that ends at one instant, and calibrates it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from importlib.metadata import version

from sendopt.features import AsOfView, Body, LabelledMoments, Summary
from sendopt.learn.families import DEFAULT
from sendopt.learn.families.definition import Definition, shipped
from sendopt.learn.fitting.calibrate import calibrate
from sendopt.learn.level_shape.delays import Delays, observed_delays, of_individuals, steady
from sendopt.learn.model.model import Provenance, ServableModel
from sendopt.learn.model.scorer import Inputs
from sendopt.learn.past.past import Past, Progress, gather
from sendopt.learn.past.split import ACTIVITY, Split


@dataclass(frozen=True)
class Fitted:
    """A model and the rows that it was fitted to and can be judged on."""

    past: Past
    model: ServableModel
    rows: Inputs  # of the labelled moments, as the model reads them

    @property
    def view(self) -> AsOfView:
        return self.past.view

    @property
    def summary(self) -> Summary:
        return self.past.summary

    @property
    def moments(self) -> LabelledMoments:
        return self.past.labelled

    @property
    def split(self) -> Split:
        return self.past.split


def fit(
    view: AsOfView,
    *,
    until: datetime,
    judged: bool,
    seed: int,
    threads: int,
    progress: Progress,
    definition: Definition | None = None,
    body: Body | None = None,
) -> Fitted:
    """Fit a model to what was known before `until`; if `judged`, keep the last part unseen.

    Without a definition it is the shipped one of the default family.
    """
    past = gather(
        view,
        until=until,
        judged=judged,
        seed=seed,
        threads=threads,
        progress=progress,
        body=body,
    )
    progress(f"learning from {len(past.labelled)} moments of {past.label_source}")
    return fit_to(past, definition or shipped(DEFAULT))


def fit_to(past: Past, definition: Definition) -> Fitted:
    """Fit a model of `definition` to rows that are gathered already."""
    return _fitted(past, definition, _delays_of(past))


def fit_each(past: Past, definitions: Iterable[Definition]) -> list[Fitted]:
    """Fit a model of each definition to the same rows: how long answers take is read once."""
    delays = _delays_of(past)
    return [_fitted(past, definition, delays) for definition in definitions]


def _fitted(past: Past, definition: Definition, delays: Delays) -> Fitted:
    scorer, inputs = definition.family.fit(past, definition.settings)
    model = ServableModel(
        scorer=scorer,
        delays=delays,
        calibration=(0.0, 1.0),
        provenance=Provenance(
            log_snapshot=past.view.reader.snapshot,
            trained_until=past.until,
            learned_until=past.split.judge_from,
            label_source=past.label_source,
            definition=definition.fingerprint,
            defined=definition.document(),
            code_version=version("sendopt"),
            seed=past.seed,
        ),
    )
    model = replace(model, calibration=calibrate(model, inputs, past.labelled, past.tune))
    if past.tune.any():
        probability = model.predict(inputs)[past.tune]
        own = of_individuals(model.delays, probability, learned=past.target.open_window)
        model = replace(model, delays=own)
    return Fitted(past, model, inputs)


def _delays_of(past: Past) -> Delays:
    """Return how long answers take; being active, which stands in for an answer, has no delay."""
    if past.label_source == ACTIVITY:
        return steady()
    return observed_delays(past.view.reader, past.target, until=past.split.judge_from)
