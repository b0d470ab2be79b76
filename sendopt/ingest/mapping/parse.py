"""Reads a mapping, and says all at once what is wrong in it.

What a template gets wrong shows in no row: every user would have one id, or nobody a campaign.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator

from pydantic import ValidationError

from sendopt.errors import InvalidInput
from sendopt.ingest.mapping.grammar import FILE, EventRule, Mapping, parts, split
from sendopt.model_faults import wording
from sendopt.text import quoted

#: Where it stands, and what is wrong there.
Fault = tuple[str, str]

#: The same text in every row would make one of all users, events or sends.
_IDS = ("event_id", "user_id", "send_id")
_NEEDED = ("event_id", "user_id")


def parse(text: str, *, called: str) -> Mapping:
    """Read a mapping.

    Raises:
        InvalidInput: `mapping_invalid`, naming everything that is wrong in it.
    """
    try:
        mapping = Mapping.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise _invalid(called, [("", str(error))]) from error
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        faults = [(_place(each["loc"]), wording(each["msg"])) for each in found]
        raise _invalid(called, faults) from error
    if faults := list(dict.fromkeys(_faults(mapping))):
        raise _invalid(called, faults)
    return mapping


def _place(steps: tuple[int | str, ...]) -> str:
    return ".".join(str(step) for step in steps)


def _invalid(called: str, faults: list[Fault]) -> InvalidInput:
    told = "; ".join(f"{place}: {what}" if place else what for place, what in faults)
    return InvalidInput(
        f"{called} is no mapping: {told}",
        code="mapping_invalid",
        field=faults[0][0] or None,
        hint="docs/importing.md has the grammar",
    )


def _faults(mapping: Mapping) -> Iterator[Fault]:
    groups = frozenset[str]()
    try:
        groups = frozenset(re.compile(mapping.file_name or "").groupindex)
    except re.error as error:
        yield "file_name", f"is no regular expression: {error}"
    for rule in mapping.event:
        yield from _of_rule(mapping, rule)
    for name in sorted(mapping.named()):
        if name.startswith(FILE) and name.removeprefix(FILE) not in groups:
            known = ", ".join(f"{FILE}{group}" for group in sorted(groups)) or "none"
            yield name, f"is no group of file_name, which has {known}"


def _of_rule(mapping: Mapping, rule: EventRule) -> Iterator[Fault]:
    templates = mapping.templates(rule)
    kind = rule.event_type.value
    for name in _NEEDED:
        if name not in templates:
            yield name, f"the events {kind} get none: give a template, there or in [columns]"
    for name, alternatives in templates.items():
        for template in alternatives:
            if what := _of_template(name, template):
                yield name, f"{quoted(template)} {what}"


def _of_template(name: str, template: str) -> str | None:
    literal = "".join(piece for piece, is_column in split(template) if not is_column)
    if "{" in literal or "}" in literal:
        return "has a brace without its other, or nothing in it"
    if name in _IDS and not parts(template):
        return "would be the same in every row: a column stands in braces"
    return None
