"""Many devices or users at once, by file or by request: each read, stored, and told its verdict."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from sendopt import ingest
from sendopt.app.answers import FieldNote, Verdict
from sendopt.errors import InvalidInput, SendoptError
from sendopt.ingest.body_files import BodyKind, import_bodies
from sendopt.ingest.raw import Options
from sendopt.ingest.reading import Reading, unreadable
from sendopt.records import Consent, UserId
from sendopt.state import erased

#: Bodies of one request.
MAX_BODIES = 500

Noun = TypeVar("Noun")


@dataclass(frozen=True, slots=True)
class Stored:
    """What is stored of a body that was read: under which id, and whether that is news."""

    subject_id: str
    is_news: bool


@dataclass(frozen=True, slots=True)
class BodyVerdict:
    """The verdict on one of many bodies, in their order."""

    verdict: Verdict
    subject_id: str | None = None  # of the device or the user, of what was not rejected
    errors: list[FieldNote] = field(default_factory=list)  # all that is wrong with what was
    dropped_fields: list[FieldNote] = field(default_factory=list)


#: Stores what was read, with all that users say in it; returns of each what is stored, or why not.
Store = Callable[[Sequence[Reading[Noun]]], Sequence[Stored | InvalidInput]]


def import_files(
    paths: Sequence[Path],
    fields: frozenset[str],
    read: Callable[[Any], Reading[Noun]],
    store: Store[Noun],
    *,
    progress: Callable[[Path, int], None],
    options: Options,
    stored: Callable[[ingest.ImportReport], None],
) -> list[ingest.ImportReport]:
    """Import files, or all files of folders; nothing of any if one of them is none that is read.

    Each file's report is given to `stored` before the next one is begun.

    Raises:
        InvalidInput: as `ingest.import_bodies`.
    """

    def news_of(readings: Sequence[Reading[Noun]]) -> list[bool | InvalidInput]:
        return [each.is_news if isinstance(each, Stored) else each for each in store(readings)]

    kind = BodyKind(fields, read, news_of)
    files = [file for path in paths for file in ingest.files_of(path)]
    reports = []
    for path in files:
        report = import_bodies(
            path,
            kind,
            progress=partial(progress, path),
            options=options,
        )
        stored(report)
        reports.append(report)
    return reports


def accept(
    bodies: Any, read: Callable[[Any], Reading[Noun]], store: Store[Noun]
) -> list[BodyVerdict]:
    """Store the good ones of `bodies` in one transaction, and return a verdict on each, in order.

    Raises:
        InvalidInput: `wrong_type`, `empty_batch`, `too_many_items`, if there is no list to judge.
    """
    readings = [
        unreadable(body) if isinstance(body, InvalidInput) else read(body)
        for body in listed(bodies)
    ]
    return [
        _verdict(reading, stored) for reading, stored in zip(readings, store(readings), strict=True)
    ]


def listed(bodies: Any) -> list[Any]:
    """Return the bodies of a request that has a list of them.

    Raises:
        InvalidInput: `wrong_type`, `empty_batch`, `too_many_items`, if there is no list to judge.
    """
    if not isinstance(bodies, list):
        raise InvalidInput(
            "the body is no list",
            code="wrong_type",
            expected="a JSON array of objects, or with application/x-ndjson an object a line",
        )
    if not 1 <= len(bodies) <= MAX_BODIES:
        raise InvalidInput(
            f"there are {len(bodies):,} items in it",
            code="too_many_items" if bodies else "empty_batch",
            expected=f"1 to {MAX_BODIES} items",
            hint="send several requests, or import a file" if bodies else None,
        )
    return bodies


def said_in(readings: Sequence[Reading[Any]]) -> list[Consent]:
    """Return what users say in bodies, also beside what is refused."""
    return [each.consent for each in readings if each.consent is not None]


def settled(
    readings: Sequence[Reading[Noun]],
    gone: Collection[UserId],
    fresh: Collection[Consent],
    *,
    user_of: Callable[[Noun], UserId],
    store: Callable[[Sequence[Noun]], Sequence[Stored]],
) -> list[Stored | InvalidInput]:
    """Store what was read, and return of each what is stored, or why it is refused.

    Args:
        readings: what was read.
        gone: users who were erased: of them nothing is stored.
        fresh: statements that were not kept before.
        user_of: tells whose something is.
        store: stores everything that is left.
    """
    kept = [each.noun for each in readings if each.noun and user_of(each.noun) not in gone]
    stored = iter(store(kept))
    return [
        (each.refused or InvalidInput("nothing was read"))
        if each.noun is None
        else erased.one_of_an_erased_user("/user_id")
        if user_of(each.noun) in gone
        else _with(next(stored), is_said_first=each.consent in fresh)
        for each in readings
    ]


def _with(stored: Stored, *, is_said_first: bool) -> Stored:
    return replace(stored, is_news=stored.is_news or is_said_first)


def _verdict(reading: Reading[Any], stored: Stored | InvalidInput) -> BodyVerdict:
    dropped = list(map(note_of, reading.dropped_fields))
    if isinstance(stored, InvalidInput):
        errors = list(map(note_of, stored.faults))
        return BodyVerdict(Verdict.REJECTED, errors=errors, dropped_fields=dropped)
    verdict = Verdict.ACCEPTED if stored.is_news else Verdict.REPEATED
    return BodyVerdict(verdict, stored.subject_id, dropped_fields=dropped)


def note_of(fault: SendoptError) -> FieldNote:
    """Return what is told of one thing that is wrong."""
    return FieldNote(
        field=fault.field or "",
        code=fault.code,
        detail=fault.message,
        expected=fault.expected,
        hint=fault.hint,
    )
