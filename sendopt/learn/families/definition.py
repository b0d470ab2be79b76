"""What people set of a model, as TOML; everything else of it is learned from a log.

    family = "level_shape_trees"

    [shape]                # the family's own sections
    deviation_sd = 0.4

Each family comes with a definition: `definitions/NAME.toml`, or the defaults of its settings. A
definition of one's own need only say what differs from it.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from sendopt.errors import InvalidInput
from sendopt.learn.families import FAMILIES, Family
from sendopt.model_faults import wording
from sendopt.strict_json import StrictModel
from sendopt.text import did_you_mean

_LONGEST = 65_536  # bytes of a definition; the longest that is shipped has two thousand


@dataclass(frozen=True)
class Definition:
    """A family and its settings: two models that share it differ only in their data."""

    family: Family
    settings: StrictModel  # one of `family.Settings`

    def document(self) -> dict[str, Any]:
        """Return family and settings as TOML holds them, complete."""
        return {"family": self.family.NAME, **self.settings.model_dump()}

    @property
    def fingerprint(self) -> str:
        """Return 16 hex digits that change with the family and its settings.

        The seed and the number of threads are left out: they move a model as other data would. So
        is the release: most change nothing of the model, and after each the champion would grow old
        until a successor is proven to be better.
        """
        document = json.dumps(self.document(), sort_keys=True)
        return hashlib.sha256(document.encode()).hexdigest()[:16]


def shipped(family: Family) -> Definition:
    """Return the definition that comes with a family."""
    return Definition(family, family.Settings.model_validate(_shipped_values(family)))


def read_file(path: Path) -> Definition:
    """Read the definition in a file.

    Raises:
        InvalidInput: `file_missing`; `definition_invalid`, naming every fault.
    """
    if not path.is_file():
        raise InvalidInput(f"there is no file {path}", code="file_missing", field="definition")
    if path.stat().st_size > _LONGEST:
        raise _invalid(path.name, f"is longer than {_LONGEST:,} bytes")
    try:
        return parse(path.read_text("utf-8"), called=path.name)
    except UnicodeDecodeError as error:
        raise _invalid(path.name, f"byte {error.start} is not UTF-8") from error


def parse(text: str, *, called: str) -> Definition:
    """Read a definition; what it does not say is as in the one that comes with its family.

    Args:
        text: TOML.
        called: what errors call it.

    Raises:
        InvalidInput: `definition_invalid`, naming every fault.
    """
    try:
        given = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _invalid(called, f"is no TOML: {error}") from error
    name = given.pop("family", None)
    if not isinstance(name, str) or name not in FAMILIES:
        fault = "family is missing" if name is None else f"family is {name!r}"
        raise _invalid(
            called,
            f"{fault}: give one of {', '.join(FAMILIES)}, or install the package that brings it",
        )
    family = FAMILIES[name]
    values = _shipped_values(family)
    try:
        settings = family.Settings.model_validate(_merged(values, given))
    except ValidationError as error:
        raise _invalid(called, "; ".join(_faults(error, values))) from error
    return Definition(family, settings)


def differences(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a complete definition that are not the shipped ones, by dotted keys."""
    usual = flat(shipped(FAMILIES[document["family"]]).document())
    return {key: value for key, value in flat(document).items() if usual.get(key) != value}


def flat(document: Mapping[str, Any], *, below: str = "") -> dict[str, Any]:
    """Return the values of nested tables by their dotted keys, such as `shape.level_sd`."""
    values: dict[str, Any] = {}
    for key, value in document.items():
        if isinstance(value, Mapping):
            values |= flat(value, below=f"{below}{key}.")
        else:
            values[f"{below}{key}"] = value
    return values


def _shipped_values(family: Family) -> dict[str, Any]:
    file = files("sendopt.learn.families") / "definitions" / f"{family.NAME}.toml"
    if not file.is_file():
        return family.Settings().model_dump()
    values = tomllib.loads(file.read_text("utf-8"))
    del values["family"]
    return values


def _merged(usual: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**usual, **given}
    for key, value in given.items():
        if isinstance(value, Mapping) and isinstance(usual.get(key), Mapping):
            merged[key] = _merged(usual[key], value)
    return merged


def _faults(error: ValidationError, usual: Mapping[str, Any]) -> Iterator[str]:
    """Tell what is wrong with each key, the limit that it breaks, and what to write instead."""
    known = flat(usual)
    for fault in error.errors(include_url=False):
        key = ".".join(str(part) for part in fault["loc"])
        if fault["type"] == "extra_forbidden":
            yield f"{key} is not known: {did_you_mean(key, known) or 'take it out'}"
            continue
        fix = f"; the family comes with {json.dumps(known[key])}" if key in known else ""
        yield f"{key} is {_shortened(fault['input'])}, but {wording(fault['msg'])}{fix}"


def _shortened(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _invalid(called: str, fault: str) -> InvalidInput:
    return InvalidInput(
        f"{called}: {fault}",
        code="definition_invalid",
        field="definition",
        hint="docs/models.md says what a definition holds",
    )
