"""Which version serves, which one did, and which may serve again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256

from sendopt.errors import Conflict, InvalidInput, ModelNotServable, NotFound
from sendopt.records import EventType

CHAMPION_ALIAS, CHALLENGER_ALIAS, LAST_GOOD_ALIAS = "champion", "challenger", "last_good"

#: So many characters of a version, all of them digits, are no number of a model.
_SURELY_A_HASH = 6

PROMOTED, ROLLED_BACK = "promoted", "rolled_back"

_PROMOTION_TAG = "sendopt.move."  # followed by its number: promotions are added, never changed
_HASH = "sha256"  # of the others, in the text of such a tag


@dataclass(frozen=True)
class Promotion:
    """A version became the champion: it was promoted, or rolled back to."""

    kind: str  # PROMOTED or ROLLED_BACK
    number: str  # of the version that serves from then on
    before: str | None  # of the version that served until then
    at: datetime
    by: str
    reason: str


@dataclass(frozen=True)
class RegisteredModel:
    """One version of a tenant's model, and what became of it."""

    number: str
    version: str
    aliases: tuple[str, ...]
    trained_until: datetime | None  # the end of its log; None = its release did not say
    learned_until: datetime | None  # the days after it only judged; None = its release did not say
    outcome: EventType | None  # that it predicts; None = its release did not say
    open_window_seconds: float | None  # within which; None = its release did not say
    gate: str  # what the gate said in short (`GateReport.summary`); "" if it was never asked
    served: bool  # it was champion at some time
    promotions: tuple[Promotion, ...]  # that made it the champion, oldest first


def last_good(promotions: Iterable[Promotion]) -> str | None:
    """Return the number of the version that served before the champion, for as long as it may.

    A version that was rolled back has lost that: going back twice goes back two versions.

    >>> at = datetime(2026, 1, 1)
    >>> def made(kind, number):
    ...     return Promotion(kind, number, None, at, "ops", "")
    >>> last_good([made(PROMOTED, "1"), made(PROMOTED, "2"), made(PROMOTED, "3")])
    '2'
    >>> last_good([made(PROMOTED, "1"), made(PROMOTED, "2"), made(ROLLED_BACK, "1")])
    """
    served: list[str] = []
    for promotion in promotions:
        if not served and promotion.before is not None:
            served.append(promotion.before)
        if promotion.kind == ROLLED_BACK:
            known = promotion.number in served
            served = served[: served.index(promotion.number)] if known else served[:-1]
        served = [number for number in served if number != promotion.number]
        served.append(promotion.number)
    return served[-2] if len(served) > 1 else None


def tag(promotion: Promotion, place: int) -> tuple[str, str]:
    """Return name and text of the tag that keeps `promotion`, the `place`-th from 0."""
    name = f"{_PROMOTION_TAG}{place:06}"
    content = {**asdict(promotion), "at": promotion.at.isoformat()}
    return name, json.dumps({**content, _HASH: sha256_of(name, content)})


def read_promotions(tags: Mapping[str, str]) -> tuple[Promotion, ...]:
    """Return the promotions that stand in the tags of a registered model, oldest first.

    Raises:
        ModelNotServable: `model_damaged`, if one of them is not what was written.
    """
    kept = {name: text for name, text in tags.items() if name.startswith(_PROMOTION_TAG)}
    if sorted(kept) != [f"{_PROMOTION_TAG}{place:06}" for place in range(len(kept))]:
        raise _changed("the promotions of the champion")
    return tuple(_read(name, kept[name]) for name in sorted(kept))


def misplaced(promotions: Sequence[Promotion], aliases: Mapping[str, str]) -> Iterator[str]:
    """Yield the aliases that point elsewhere than the promotions on record let them.

    Args:
        promotions: all of a model, oldest first.
        aliases: numbers of versions by alias.
    """
    if not promotions:
        return
    for alias, expected in (
        (CHAMPION_ALIAS, promotions[-1].number),
        (LAST_GOOD_ALIAS, last_good(promotions)),
    ):
        if aliases.get(alias) != expected:
            yield (
                f"{alias} is model {aliases.get(alias, 'none')}, by the promotions on record it is "
                f"{expected or 'none'}; a move on MLflow's pages leaves no record: promote or roll "
                "back to whichever is right"
            )


def _read(name: str, text: str) -> Promotion:
    try:
        content = json.loads(text)
        expected = content.pop(_HASH, None)  # earlier releases wrote none down
        if expected not in {sha256_of(name, content), None}:
            raise _changed(name)
        return Promotion(**{**content, "at": datetime.fromisoformat(content["at"])})
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise _changed(name) from error


def _changed(what: str) -> ModelNotServable:
    return ModelNotServable(
        f"the registry's record of {what} was changed since it was written",
        code="model_damaged",
        hint="docs/runbooks/corrupt-file.md says what to do",
    )


def sha256_of(*values: object) -> str:
    """Return the hash of values that JSON holds, in hexadecimal."""
    return sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def choose(known: Iterable[RegisteredModel], to: str | None) -> RegisteredModel:
    """Return the version that is meant by its number or its hash; None = the last good one.

    Raises:
        NotFound: `model_unknown`.
        Conflict: `no_last_good`.
    """
    if to is None:
        meant = [model for model in known if LAST_GOOD_ALIAS in model.aliases]
    else:
        meant = [model for model in known if to in (model.number, model.version)]
    if meant:  # the same bytes may have been registered twice; the one that served is meant
        return max(meant, key=lambda model: model.served)
    if to is None:
        raise Conflict(
            "no model served before the champion",
            code="no_last_good",
            hint="name one with --to, or train again",
        )
    raise NotFound(f"no model is called {to!r}", code="model_unknown")


def named(known: Iterable[RegisteredModel], name: str) -> RegisteredModel:
    """Return the version that is meant by an alias, a number, a hash or the beginning of a hash.

    A few digits are a number and nothing else: whoever asks for model 9 where there is none must
    not be shown another because its hash begins with a 9. From _SURELY_A_HASH characters on,
    digits may begin a hash. Of versions with the same bytes, any is.

    Raises:
        NotFound: `model_unknown`.
        InvalidInput: `model_ambiguous`.
    """
    models = tuple(known)
    begun = [model for model in models if name and model.version.startswith(name)]
    a_number = name.isdecimal() and len(name) < _SURELY_A_HASH
    for meant in (
        [model for model in models if name in (*model.aliases, model.number, model.version)],
        [] if a_number else begun,
    ):
        if len({model.version for model in meant}) > 1:
            raise InvalidInput(
                f"{name!r} may be {', '.join(sorted({model.version for model in meant}))}",
                code="model_ambiguous",
                expected="more of the version, or its number",
            )
        if meant:
            return meant[0]
    near = ", ".join(f"{model.number} ({model.version})" for model in begun)
    raise NotFound(
        f"no model has the number {name}" if a_number else f"no model is called {name!r}",
        code="model_unknown",
        expected=f"{_SURELY_A_HASH} characters or more of a version, or its number"
        if near
        else None,
        hint=(f"versions that begin so: {near}; " if near else "")
        + "`sendopt models list` shows all; champion and challenger are names too",
    )
