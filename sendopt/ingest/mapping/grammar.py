r"""The grammar of a mapping, as TOML.

source = "where the vendor describes the columns"
read_on = 2026-11-29
required = ["id", "time"]           # columns without which a file is not of this kind
file_name = '-(?P<message>\w+)-'     # finds values in the path: {file.message}
file_name_column = "kind"           # of the rows, where it finds them too; it has the last word
example = "part-spring-1.csv"       # a path that fits, for whoever's does not

[columns]                           # of every event: templates, or lists of alternatives
user_id = ["{external_id}", "{device}"]
send_id = "{message}:{device}"
attributes.label = "{label}"

[time]                              # of every event
unit = "ms"                         # s, ms, us: numbers since 1970; text: as it stands
zone = "UTC"                        # of text that names none; only where the vendor says so

[[event]]                           # one row gives an event for each that fits
event_type = "send"
occurred_at = "sent"                # a column; a row without a value there gives no such event
when = { type = ["SEND"], push = true }   # its values; true = any value, false = none
columns = { event_id = "{id}:sent" }      # beside, and before, those of every event
"""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from sendopt.errors import InvalidInput
from sendopt.ingest.raw import CONTRACT_COLUMNS
from sendopt.records import EventType
from sendopt.strict_json import StrictModel

_PART = re.compile(r"\{([^{}]+)\}")
#: Begins the name of what stands in the path of a file.
FILE = "file."


def _as_alternatives(given: Any) -> Any:
    return [given] if isinstance(given, str) else given


#: Texts with {column} in them; the first counts of whose columns none is empty.
Template = Annotated[list[str], BeforeValidator(_as_alternatives), Field(min_length=1)]


class Columns(StrictModel):
    """Where the contract's columns come from."""

    event_id: Template | None = None
    user_id: Template | None = None
    send_id: Template | None = None
    campaign_id: Template | None = None
    variant_id: Template | None = None
    message_type: Template | None = None
    channel: Template | None = None
    platform: Template | None = None
    timezone: Template | None = None
    propensity: Template | None = None
    attributes: dict[str, Template] = Field(default_factory=dict)

    def templates(self) -> dict[str, list[str]]:
        """Return the templates by the name of the column, further ones by that of theirs."""
        own = {name: getattr(self, name) for name in CONTRACT_COLUMNS if hasattr(self, name)}
        given = {name: each for name, each in own.items() if isinstance(each, list)}
        return {**given, **self.attributes}


class Time(StrictModel):
    """How times are written."""

    unit: Literal["s", "ms", "us", "text"] = "text"
    zone: Literal["UTC"] | None = None


class EventRule(StrictModel):
    """Which rows give an event, and what is in it."""

    event_type: Annotated[EventType, Field(strict=False)]
    occurred_at: str
    when: dict[str, list[str] | bool] = Field(default_factory=dict)
    columns: Columns = Columns()


class Mapping(StrictModel):
    """How a vendor's rows become events."""

    source: str = ""
    read_on: date | None = None
    required: list[str] = Field(default_factory=list)
    file_name: str | None = None
    file_name_column: str | None = None
    example: str | None = None
    columns: Columns = Columns()
    time: Time = Time()
    event: Annotated[list[EventRule], Field(min_length=1)]

    def templates(self, rule: EventRule) -> dict[str, list[str]]:
        """Return all templates of the events of a rule."""
        return {**self.columns.templates(), **rule.columns.templates()}

    def named(self) -> frozenset[str]:
        """Return every column that is looked at, in the rows or in the file's name."""
        named = set(self.required)
        for rule in self.event:
            named |= {rule.occurred_at, *rule.when}
            for alternatives in self.templates(rule).values():
                named |= {part for each in alternatives for part in parts(each)}
        return frozenset(named)

    def read_columns(self) -> frozenset[str]:
        """Return every column of the vendor's that is looked at."""
        named = {name for name in self.named() if not name.startswith(FILE)}
        return frozenset(named | {self.file_name_column} if self.file_name_column else named)

    def from_name(self, path: str) -> dict[str, str] | None:
        """Return the values that stand in the path of a file; None = its rows have to say them.

        Raises:
            InvalidInput: `file_name_unfit`.
        """
        if self.file_name is None:
            return {}
        found = re.search(self.file_name, path)
        if found is None and self.file_name_column is None:
            raise self.unfit(path)
        if found is None:
            return None
        return {f"{FILE}{name}": text for name, text in found.groupdict().items() if text}

    def unfit(self, path: str) -> InvalidInput:
        """Return the refusal of a file of which neither its path nor its rows say what they are."""
        return InvalidInput(
            f"the name of {path.rpartition('/')[2]} does not say what the mapping reads in it",
            code="file_name_unfit",
            expected=f"a path such as {self.example}"
            if self.example
            else f"a path that matches {self.file_name}",
            hint="keep the names that the export gave the file and its folder",
        )


def parts(template: str) -> list[str]:
    """Return the columns that a template names.

    >>> parts("{dispatch_id}:{user_id}")
    ['dispatch_id', 'user_id']
    """
    return _PART.findall(template)


def split(template: str) -> list[tuple[str, bool]]:
    """Return the pieces of a template, each with whether it names a column.

    >>> split("{a}:b")
    [('a', True), (':b', False)]
    """
    pieces = _PART.split(template)
    return [(piece, index % 2 == 1) for index, piece in enumerate(pieces) if piece]
