"""What is asked and said of a browser that speaks for its user."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from pydantic import Field

from sendopt.api.schemas.answer import Answer, shown_as
from sendopt.ingest.consent import OwnConsentBody
from sendopt.ingest.fields import Text, Timezone
from sendopt.strict_json import StrictModel


class DeviceTokenBody(StrictModel):
    """How long a token is to live, as JSON."""

    expires_in_seconds: int = Field(default=3_600, ge=60, le=86_400)

    @property
    def lifetime(self) -> timedelta:
        """The same as a duration."""
        return timedelta(seconds=self.expires_in_seconds)


class DeviceToken(Answer):
    """A token for the browser of one user, which is shown this once."""

    shows_secret = True

    model_config = shown_as(
        {"token": "so_dev_k1.WyJhY21lIiwiYW5uIl0." + "0" * 32, "expires_at": "2026-10-01T10:30:00Z"}
    )

    token: str
    expires_at: datetime


class OwnDeviceBody(StrictModel):
    """A browser's own registration as JSON; whose it is, its token says."""

    device_id: Text | None = None
    address: dict[str, Any]
    platform: Text | None = None
    timezone: Timezone | None = None
    consent: OwnConsentBody | None = None  # what the user says on being sent to at all
