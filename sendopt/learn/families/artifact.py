"""A model as files: data that explains itself, never code.

    model.json   what is the same in every family, and `learned`, the family's own document
    ...          what JSON does not hold, such as trees.txt in LightGBM's text format

The version is the SHA-256 of all files. Reading checks it, so a model is either exactly what was
judged, or refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sendopt.errors import ModelNotServable
from sendopt.features import InstantAnswers, Recording, Target
from sendopt.learn.families import FAMILIES
from sendopt.learn.level_shape.delays import Delays
from sendopt.learn.model.model import Provenance, ServableModel
from sendopt.records import EventType

FORMAT = 8

_MODEL = "model.json"
_INSTANTS = ("trained_until", "learned_until")


def write(model: ServableModel, folder: Path) -> ServableModel:
    """Write `model` into `folder` and return it with its version."""
    folder.mkdir(parents=True, exist_ok=True)
    content = {_MODEL: _document(model), **model.scorer.attachments()}
    for name, data in content.items():
        (folder / name).write_bytes(data)
    return replace(model, version=_version(content))


def read(folder: Path, *, version: str, threads: int) -> ServableModel:
    """Read what `write` wrote.

    Raises:
        ModelNotServable: if the files are not those of `version`, or were written in another
            format, by a family or for features that this release does not have.
    """
    try:
        content = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    except OSError as error:
        raise ModelNotServable(f"model {version} cannot be read: {error}") from error
    if _version(content) != version or _MODEL not in content:
        raise ModelNotServable(
            f"the files of model {version} were changed or are incomplete",
            hint="train again, or set the champion to an intact version",
        )
    document = json.loads(content.pop(_MODEL))
    if document["format"] != FORMAT:
        raise ModelNotServable(
            f"model {version} has format {document['format']}, this release reads {FORMAT}",
            hint="train again",
        )
    if document["family"] not in FAMILIES:
        raise _family_missing(document, version)
    return _model(document, content, version, threads=threads)


def _family_missing(document: Mapping[str, Any], version: str) -> ModelNotServable:
    package = document.get("brought_by")
    brings = "the package that brings it" if package is None else f"{package}, which brought it"
    return ModelNotServable(
        f"model {version} is of the family {document['family']!r}, which is not installed; there "
        f"are {', '.join(FAMILIES)}",
        code="family_missing",
        hint=f"install {brings}, where sendopt runs; or train a model of a family that is there",
    )


def _version(content: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name in sorted(content):
        digest.update(f"{name} {len(content[name])}\n".encode())
        digest.update(content[name])
    return digest.hexdigest()[:16]


def _document(model: ServableModel) -> bytes:
    document = {
        "format": FORMAT,
        "family": model.family,
        "target": {
            "outcome": model.target.outcome.value,
            "open_window_seconds": model.target.open_window.total_seconds(),
            "clock_tolerance_seconds": model.target.clock_tolerance.total_seconds(),
            "recording": _recording_document(model.target.recording),
        },
        "delays": asdict(model.delays),
        "calibration": list(model.calibration),
        "provenance": {
            **asdict(model.provenance),
            **{name: getattr(model.provenance, name).isoformat() for name in _INSTANTS},
        },
        "learned": model.scorer.document(),
    }
    package = FAMILIES.package(model.family)
    if package is not None:
        document["brought_by"] = package
    return json.dumps(document, indent=2, sort_keys=True).encode()


def _recording_document(recording: Recording) -> dict[str, Any]:
    step = recording.step
    return {
        "instant": recording.instant.name,
        "step_seconds": None if step is None else step.total_seconds(),
        "rounded_down": recording.rounded_down,
    }


def _recording(document: Mapping[str, Any]) -> Recording:
    step = document["step_seconds"]
    return Recording(
        instant=InstantAnswers[document["instant"]],
        step=None if step is None else timedelta(seconds=step),
        rounded_down=document["rounded_down"],
    )


def _model(
    document: dict[str, Any], attachments: Mapping[str, bytes], version: str, *, threads: int
) -> ServableModel:
    provenance = dict(document["provenance"])
    provenance |= {name: datetime.fromisoformat(provenance[name]) for name in _INSTANTS}
    intercept, slope = document["calibration"]
    target = Target(
        open_window=timedelta(seconds=document["target"]["open_window_seconds"]),
        outcome=EventType(document["target"]["outcome"]),
        clock_tolerance=timedelta(seconds=document["target"]["clock_tolerance_seconds"]),
        recording=_recording(document["target"]["recording"]),
    )
    family = FAMILIES[document["family"]]
    return ServableModel(
        scorer=family.read(target, document["learned"], attachments, threads=threads),
        delays=Delays(tuple(document["delays"]["hazard"])),
        calibration=(intercept, slope),
        provenance=Provenance(**provenance),
        version=version,
    )
