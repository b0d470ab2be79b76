"""What is asked and said of keys and roles."""

from __future__ import annotations

from datetime import datetime, timedelta

from pydantic import Field

from sendopt.api.schemas.answer import Answer, shown_as
from sendopt.ingest.fields import Text
from sendopt.strict_json import StrictModel

_KEY = {
    "key_id": "3f0c5a2b8e103f0c",
    "name": "campaign service",
    "role": "campaign_manager",
    "created_at": "2026-10-01T09:30:00Z",
    "expires_at": "2026-12-30T09:30:00Z",
    "revoked_at": None,
    "last_used_at": "2026-10-01T10:00:00Z",
}


class KeyBody(StrictModel):
    """A key to be issued, as JSON."""

    name: Text  # what its owner will recognise it by
    role: Text
    expires_in_days: int | None = Field(default=None, ge=1, le=3_660)  # null = never

    @property
    def lifetime(self) -> timedelta | None:
        """How long the key lives; None = for ever."""
        return None if self.expires_in_days is None else timedelta(days=self.expires_in_days)


class RotationBody(StrictModel):
    """How long a key goes on beside its successor, as JSON."""

    overlap_hours: int = Field(ge=0, le=8_784)

    @property
    def overlap(self) -> timedelta:
        """The same as a duration."""
        return timedelta(hours=self.overlap_hours)


class Key(Answer):
    """A key, without its secret."""

    model_config = shown_as(_KEY)

    key_id: str
    name: str
    role: str
    created_at: datetime
    expires_at: datetime | None
    """null = never."""
    revoked_at: datetime | None
    last_used_at: datetime | None
    """To the hour; null = never, or not yet noted."""


class Keys(Answer):
    """Every key of the tenant, the oldest first."""

    model_config = shown_as({"items": [_KEY]})

    items: list[Key]


class IssuedKey(Answer):
    """A key, which is shown this once."""

    shows_secret = True

    model_config = shown_as({"key": "so_3f0c5a2b8e103f0c_" + "0" * 64, "listed": _KEY})

    key: str
    listed: Key


class Role(Answer):
    """A name for what the holder of a key may do."""

    name: str
    permissions: list[str]
    built_in: bool


class Roles(Answer):
    """The roles that every tenant has, and behind them the tenant's own."""

    model_config = shown_as(
        {"items": [{"name": "desk", "permissions": ["sends:read"], "built_in": False}]}
    )

    items: list[Role]
