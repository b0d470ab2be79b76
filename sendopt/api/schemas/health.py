"""What is said of the service itself."""

from __future__ import annotations

from sendopt.api.schemas.answer import Answer, shown_as


class Health(Answer):
    """The process answers."""

    model_config = shown_as({"status": "ok"})

    status: str


class Readiness(Answer):
    """Whether requests can be served, and how each part is."""

    model_config = shown_as(
        {
            "ready": True,
            "parts": {"state": None, "log": None, "registry": "registry_unavailable"},
            "zone_database": "2026f",
        }
    )

    ready: bool
    parts: dict[str, str | None]
    """null is well, a code says what is wrong."""
    zone_database: str
    """The release of the IANA time zone database by which this process reads clocks."""
