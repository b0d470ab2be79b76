"""What every answer has in common."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict


class Answer(BaseModel):
    """A body that we send. The text below a field tells readers of the reference what it means."""

    model_config = ConfigDict(from_attributes=True, use_attribute_docstrings=True)

    #: Whether it shows a secret: then it is kept nowhere, and told to nobody a second time.
    shows_secret: ClassVar[bool] = False

    @classmethod
    def of(cls, record: Any) -> Self:
        """Return what is told of one of the application's records, and nothing beyond it."""
        return cls.model_validate(record)

    @classmethod
    def examples(cls) -> list[Any]:
        """Return examples of this answer, as they are written."""
        extra = cls.model_config.get("json_schema_extra")
        examples = extra.get("examples") if isinstance(extra, dict) else None
        return examples if isinstance(examples, list) else []


class DroppedField(Answer):
    """A field that could not be read, and counts as not said."""

    field: str
    code: str
    message: str
    expected: str | None
    hint: str | None


def shown_as(example: Any) -> ConfigDict:
    """Return the part of a model's configuration that gives an example of it."""
    return ConfigDict(json_schema_extra={"examples": [example]})
