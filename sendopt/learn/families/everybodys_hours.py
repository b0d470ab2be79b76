"""Everybody's answer rate by local half hour, of each platform: where the simple rules begin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sendopt.features import HALF_HOURS, AsOfView, Moments, Viewpoints
from sendopt.learn.numerics import circular
from sendopt.learn.numerics.logistic import logit
from sendopt.learn.past.past import Past

Vector = NDArray[np.float64]

#: Answers this far away, in hours, count 0.6 of one at the very time.
KERNEL_HOURS = 1.0
#: Moments by which an hour is pulled to the rate over all hours.
PRIOR_MOMENTS = 20.0
_FEWEST_MOMENTS = 500  # of a platform that gets hours of its own
_KERNEL = circular.gaussian(KERNEL_HOURS)
_NEAR = _KERNEL / _KERNEL.max()


def near(counts: Vector) -> Vector:
    """Count what is near each half hour; what is at the very half hour counts 1."""
    nearby: Vector = counts @ _NEAR
    return nearby


def half_hour(moments: Moments) -> NDArray[np.intp]:
    """Return the local half hour of each moment, 0..47."""
    return (moments.minute_of_day // 30).astype(np.intp)


@dataclass(frozen=True, eq=False)
class EverybodysHours:
    """Beta counts under a circular kernel: everybody first, then one row a platform."""

    platforms: tuple[str, ...]
    base: float  # the logit of everybody's rate over all hours
    logits: Vector  # (1 + platforms, HALF_HOURS)
    sd: Vector  # of the logits

    def rows(self, view: AsOfView, viewpoints: Viewpoints) -> NDArray[np.intp]:
        """Return the row of each viewpoint's platform; everybody's where it has none of its own."""
        names = pa.array(self.platforms, pa.string())
        number = pc.index_in(view.last_platforms(viewpoints), value_set=names)
        return np.asarray(pc.fill_null(number, -1), np.intp) + 1

    def document(self) -> dict[str, Any]:
        """Return what `read` takes back."""
        return {
            "platforms": list(self.platforms),
            "base": self.base,
            "logits": self.logits.tolist(),
            "sd": self.sd.tolist(),
        }

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> EverybodysHours:
        """Read what `document` wrote."""
        return cls(
            tuple(document["platforms"]),
            document["base"],
            np.array(document["logits"]),
            np.array(document["sd"]),
        )


def learn_everybodys_hours(past: Past) -> EverybodysHours:
    """Count the moments of `past.learn`, weighed as everything that learns from them."""
    learn = past.learn
    cell = half_hour(past.moments)[learn]
    label, weight = past.labelled.label[learn], past.labelled.weight[learn]
    platform = past.view.last_platforms(past.viewpoints).take(pa.array(past.moments.viewpoint))
    names = platform.filter(pa.array(learn))
    rate = float((weight @ label + 1.0) / (weight.sum() + 2.0))
    everybody = _curve(cell, label, weight, np.full(HALF_HOURS, rate))
    curves, known = [everybody], []
    for each in sorted(pc.value_counts(names.drop_null()).to_pylist(), key=lambda e: e["values"]):
        if each["counts"] >= _FEWEST_MOMENTS:
            mine = np.asarray(pc.fill_null(pc.equal(names, each["values"]), False))  # noqa: FBT003
            known.append(each["values"])
            curves.append(_curve(cell[mine], label[mine], weight[mine], everybody[0]))
    rates, sent = (np.array(part) for part in zip(*curves, strict=True))
    return EverybodysHours(
        tuple(known),
        float(logit(np.array([rate]))[0]),
        logit(rates),
        1.0 / np.sqrt((sent + PRIOR_MOMENTS) * rates * (1.0 - rates)),
    )


def _curve(
    cell: NDArray[np.intp], label: Vector, weight: Vector, prior: Vector
) -> tuple[Vector, Vector]:
    """Return the rate near each half hour, pulled to `prior`, and how many moments are near it."""
    sent = near(_sums(cell, weight))
    answered = near(_sums(cell, weight * label))
    return (answered + PRIOR_MOMENTS * prior) / (sent + PRIOR_MOMENTS), sent


def _sums(cell: NDArray[np.intp], value: Vector) -> Vector:
    return np.bincount(cell, weights=value, minlength=HALF_HOURS).astype(np.float64)
