"""A model as files: data that explains itself, never code.

    model.json   everything but the trees
    trees.txt    LightGBM's text format; absent without trees

The version is the SHA-256 of both. Reading checks it, so a model is either exactly what was
judged, or refused.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from sendopt.errors import ModelNotServable
from sendopt.features import HALF_HOURS, MOMENT_FEATURES, USER_FEATURES, Target
from sendopt.learn.boosting import trees
from sendopt.learn.level_shape.activity_prior import ClockPrior
from sendopt.learn.level_shape.curves import LevelShape
from sendopt.learn.level_shape.delays import Delays
from sendopt.learn.level_shape.level_shape_model import LevelShapeModel
from sendopt.learn.level_shape.segments import Segments
from sendopt.learn.model.model import PopulationWeights, Provenance, ServableModel, Weights
from sendopt.records import EventType

FORMAT = 3

_MODEL, _TREES = "model.json", "trees.txt"
_INSTANTS = ("trained_until", "learned_until")


def write(model: ServableModel, folder: Path) -> ServableModel:
    """Write `model` into `folder` and return it with its version."""
    folder.mkdir(parents=True, exist_ok=True)
    content = {_MODEL: _document(model)}
    if model.booster is not None:
        content[_TREES] = trees.to_text(model.booster).encode()
    for name, data in content.items():
        (folder / name).write_bytes(data)
    return replace(model, version=_version(content))


def read(folder: Path, *, version: str, threads: int) -> ServableModel:
    """Read what `write` wrote.

    Raises:
        ModelNotServable: if the files are not those of `version`, or were written in another
            format or for features that this release does not have.
    """
    try:
        content = {
            name: (folder / name).read_bytes()
            for name in (_MODEL, _TREES)
            if (folder / name).exists()
        }
    except OSError as error:
        raise ModelNotServable(f"model {version} cannot be read: {error}") from error
    if _version(content) != version:
        raise ModelNotServable(
            f"the files of model {version} were changed or are incomplete",
            hint="train again, or set the champion to an intact version",
        )
    document = json.loads(content[_MODEL])
    expected = list(USER_FEATURES + MOMENT_FEATURES)
    if document["format"] != FORMAT:
        raise ModelNotServable(
            f"model {version} has format {document['format']}, this release reads {FORMAT}",
            hint="train again",
        )
    if document["features"] != expected:
        raise ModelNotServable(
            f"model {version} was trained on other features than this release computes",
            hint="train again",
        )
    booster = None
    if _TREES in content:
        booster = trees.from_text(content[_TREES].decode(), threads=threads)
    return _model(document, booster, version)


def _version(content: dict[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name in sorted(content):
        digest.update(f"{name} {len(content[name])}\n".encode())
        digest.update(content[name])
    return digest.hexdigest()[:16]


def _document(model: ServableModel) -> bytes:
    known = model.level_shape
    document = {
        "format": FORMAT,
        "features": list(USER_FEATURES + MOMENT_FEATURES),
        "target": {
            "outcome": model.target.outcome.value,
            "open_window_seconds": model.target.open_window.total_seconds(),
            "clock_tolerance_seconds": model.target.clock_tolerance.total_seconds(),
        },
        "reach_seconds": known.reach.total_seconds(),
        "shape": asdict(known.shape),
        "clocks": {
            "everybody": known.clocks.everybody.tolist(),
            "mean": known.clocks.mean.tolist(),
            "covariance": known.clocks.covariance.tolist(),
        },
        "platforms": _told(known.platforms),
        "message_types": _told(known.message_types),
        "delays": asdict(model.delays),
        "weights": asdict(model.weights),
        "baseline": asdict(model.baseline),
        "trees_rank": model.trees_rank,
        "calibration": list(model.calibration),
        "provenance": {
            **asdict(model.provenance),
            **{name: getattr(model.provenance, name).isoformat() for name in _INSTANTS},
        },
    }
    return json.dumps(document, indent=2, sort_keys=True).encode()


def _model(document: dict[str, Any], booster: Any, version: str) -> ServableModel:
    provenance = dict(document["provenance"])
    provenance |= {name: datetime.fromisoformat(provenance[name]) for name in _INSTANTS}
    intercept, slope = document["calibration"]
    return ServableModel(
        level_shape=_level_shape(document),
        delays=Delays(tuple(document["delays"]["hazard"])),
        weights=Weights(**document["weights"]),
        baseline=PopulationWeights(**document["baseline"]),
        booster=booster,
        trees_rank=document["trees_rank"],
        calibration=(intercept, slope),
        provenance=Provenance(**provenance),
        version=version,
    )


def _level_shape(document: dict[str, Any]) -> LevelShapeModel:
    clocks = document["clocks"]
    return LevelShapeModel(
        target=Target(
            open_window=timedelta(seconds=document["target"]["open_window_seconds"]),
            outcome=EventType(document["target"]["outcome"]),
            # Models from before there was a tolerance were taught without one.
            clock_tolerance=timedelta(seconds=document["target"].get("clock_tolerance_seconds", 0)),
        ),
        shape=LevelShape(**document["shape"]),
        clocks=ClockPrior(
            *(np.array(clocks[name]) for name in ("everybody", "mean", "covariance"))
        ),
        reach=timedelta(seconds=document["reach_seconds"]),
        platforms=_segments(document["platforms"]),
        message_types=_segments(document["message_types"]),
    )


def _told(segments: Segments) -> dict[str, list[float]]:
    return dict(zip(segments.names, segments.added.tolist(), strict=True))


def _segments(document: dict[str, list[float]]) -> Segments:
    added = np.array(list(document.values())).reshape(len(document), HALF_HOURS)
    return Segments(tuple(document), added)
