"""A section of the settings, and how lists and objects of it stand in the environment."""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict

from sendopt.errors import InvalidInput


class Section(BaseModel):
    """Settings of one subject."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def names(value: Any) -> Any:
    """Read a list of names from the environment, where it is JSON."""
    return _of_json(value, 'should be a JSON list of names, such as ["otp"]')


def json_object(value: Any) -> Any:
    """Read an object from the environment, where it is JSON."""
    return _of_json(value, "should be a JSON object")


def _of_json(value: Any, expected: str) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except json.JSONDecodeError as error:
        raise InvalidInput(expected, code="setting_invalid") from error


Names = Annotated[tuple[str, ...], BeforeValidator(names)]
