"""How clicks are counted: the reasons for which one is measured but not billed.

The first rule that matches is the reason. `docs/how-we-count.md` says the same in plain words;
a test of the same name stands behind each rule. A change of any rule, or of their order, is a
new `RULES_VERSION`; each click carries the version by which it was judged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from importlib.metadata import version

import crawleruseragents

RULES_VERSION = 1
CRAWLER_LIST = f"crawler-user-agents {version('crawler-user-agents')}"

#: Nobody reads a message and taps it sooner after it was handed over.
FASTEST_TAP = timedelta(seconds=1)

_MAX_USER_AGENT = 512  # characters read; what follows never helped anybody to tell a bot

_PREFETCH_HEADERS = ("sec-purpose", "purpose", "x-purpose", "x-moz")
_PREFETCH_WORDS = ("prefetch", "prerender", "preview")


@dataclass(frozen=True, slots=True)
class ClickRequest:
    """The HTTP request for a signed link. Header names in any case."""

    method: str
    headers: Mapping[str, str]

    def header(self, name: str) -> str:
        """Return the value of a header, empty where it is missing; `name` in lower case."""
        return next((text for key, text in self.headers.items() if key.lower() == name), "")

    @property
    def user_agent(self) -> str:
        """What program it says it is, as far as it can be kept and printed."""
        said = self.header("user-agent")[:_MAX_USER_AGENT]
        return "".join(character for character in said if character.isprintable()).strip()


@dataclass(frozen=True, slots=True)
class Hit:
    """A request for a link, with what was known of its send at that moment."""

    request: ClickRequest
    occurred_at: datetime
    handed_over_at: datetime | None
    attribution_window: timedelta  # handed_over_at <= t < handed_over_at + attribution_window
    counted_before: bool  # the send already has its billable click

    @property
    def elapsed(self) -> timedelta:
        """Time since the hand-over; without one no rule asks for it."""
        return self.occurred_at - (self.handed_over_at or self.occurred_at)


def filtered_reason(hit: Hit) -> str | None:
    """Return the name of the first rule that keeps `hit` from being billed; None = billable."""
    return next((name for name, matches in RULES if matches(hit)), None)


def _head_request(hit: Hit) -> bool:
    return hit.request.method.upper() == "HEAD"


def _prefetch(hit: Hit) -> bool:
    """Browsers mark what nobody tapped yet: Sec-Purpose, and the older Purpose and X-Moz."""
    return any(
        word in hit.request.header(name).lower()
        for name in _PREFETCH_HEADERS
        for word in _PREFETCH_WORDS
    )


def _no_user_agent(hit: Hit) -> bool:
    return not hit.request.user_agent


def _bot(hit: Hit) -> bool:
    return _is_crawler(hit.request.user_agent)


def _not_handed_over(hit: Hit) -> bool:
    return hit.handed_over_at is None


def _too_fast(hit: Hit) -> bool:
    return hit.elapsed < FASTEST_TAP


def _outside_window(hit: Hit) -> bool:
    return hit.elapsed >= hit.attribution_window


def _duplicate(hit: Hit) -> bool:
    return hit.counted_before


RULES: tuple[tuple[str, Callable[[Hit], bool]], ...] = (
    ("head_request", _head_request),
    ("prefetch", _prefetch),
    ("no_user_agent", _no_user_agent),
    ("bot", _bot),
    ("not_handed_over", _not_handed_over),
    ("too_fast", _too_fast),
    ("outside_window", _outside_window),
    ("duplicate", _duplicate),
)


@lru_cache(maxsize=4096)
def _is_crawler(user_agent: str) -> bool:
    return bool(crawleruseragents.is_crawler(user_agent))
