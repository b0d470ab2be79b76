"""What a version of a model says of itself, in tags that anybody could change on MLflow's pages."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from sendopt.learn.model.model import ServableModel
from sendopt.learn.registry.mlflow_store import ModelEntry, Version, damaged
from sendopt.learn.registry.promotions import CHAMPION_ALIAS, RegisteredModel, read_promotions
from sendopt.records import EventType

VERSION_TAG = "sendopt.version"
GATE_TAG, GATE_SHA256_TAG = "sendopt.gate", "sendopt.gate_sha256"
CARD_TAG = "sendopt.card_sha256"
_UNTIL_TAG, _LEARNED_TAG = "sendopt.trained_until", "sendopt.learned_until"
_OUTCOME_TAG, _WINDOW_TAG = "sendopt.outcome", "sendopt.open_window_seconds"


def facts_of(model: ServableModel) -> dict[str, str]:
    """Return the tags of a model that is being registered, with its version."""
    return {
        VERSION_TAG: model.version,
        _UNTIL_TAG: model.provenance.trained_until.isoformat(),
        _LEARNED_TAG: model.provenance.learned_until.isoformat(),
        _OUTCOME_TAG: model.target.outcome.value,
        _WINDOW_TAG: str(model.target.open_window.total_seconds()),
    }


def registered(entry: ModelEntry, versions: Iterable[Version]) -> tuple[RegisteredModel, ...]:
    """Return each version with what became of it, in their order.

    Raises:
        ModelNotServable: `model_damaged`, if a promotion is not what was written.
    """
    promotions = read_promotions(entry.tags)
    aliases: dict[str, list[str]] = {}
    for alias, number in entry.aliases.items():
        aliases.setdefault(number, []).append(alias)
    ever = {each.number for each in promotions} | {each.before for each in promotions}
    return tuple(
        RegisteredModel(
            number=version.number,
            **_facts(version),
            aliases=tuple(sorted(aliases.get(version.number, ()))),
            gate=gate_of(version.tags),
            served=version.number in ever or CHAMPION_ALIAS in aliases.get(version.number, ()),
            promotions=tuple(made for made in promotions if made.number == version.number),
        )
        for version in versions
    )


def require_whole(version: Version) -> None:
    """Return if the tags of `version` are what was written.

    Raises:
        ModelNotServable: `model_damaged`.
    """
    if not version.is_whole:
        raise damaged(f"what the registry says of model {version.number} was changed")


def changed_facts(version: Version) -> Iterator[str]:
    """Yield what a version does not say as it was written, a sentence each."""
    if not version.is_whole:
        yield f"what it says of model {version.number} was changed"
    if gate_of(version.tags) != version.tags.get(GATE_TAG, ""):
        yield f"what the gate said of model {version.number} was changed"


def outcome_of(version: Version) -> EventType | None:
    """Return what a version predicts; None = its release did not say, or its tags were changed."""
    tags = version.tags if version.is_whole else {}
    return EventType(tags[_OUTCOME_TAG]) if _OUTCOME_TAG in tags else None


def gate_of(tags: Mapping[str, str]) -> str:
    """Return what the gate said in short, if nobody has changed it since."""
    gate = tags.get(GATE_TAG, "")
    return (
        gate
        if tags.get(GATE_SHA256_TAG) in {sha256_of_text(gate), None}
        else "changed in the registry"
    )


def sha256_of_text(text: str) -> str:
    """Return the hash of a text, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def _facts(version: Version) -> dict[str, Any]:
    """Return what a version says of itself; of one that was changed, only which it may be."""
    tags = version.tags if version.is_whole else {}
    return {
        "version": tags.get(VERSION_TAG, "?"),
        "trained_until": _instant(tags.get(_UNTIL_TAG)),
        "learned_until": _instant(tags.get(_LEARNED_TAG)),
        "outcome": outcome_of(version),
        "open_window_seconds": _number(tags.get(_WINDOW_TAG)),
    }


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _number(text: str | None) -> float | None:
    return None if text is None else float(text)
