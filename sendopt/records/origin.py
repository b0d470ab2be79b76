"""From where somebody asked."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Origin:
    """From where somebody asked, for whoever reads later what was done."""

    place: str  # the address of a client as this process saw it; or USER@HOST of a command line
    request_id: str | None = None  # as the answer said it, and the log; None = no request


#: Where nobody has said more.
UNKNOWN_ORIGIN = Origin("unknown")
