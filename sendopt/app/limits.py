"""The limits within which a tenant sends, over all its campaigns."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sendopt.app.subject import Subject, needs
from sendopt.records import NO_LIMITS, Permission
from sendopt.rules import legal
from sendopt.rules.rows import PastReview
from sendopt.schedule.limits import limits_document, parse_limits
from sendopt.schedule.redundant_limits import RedundantLimit, redundant_limits
from sendopt.state import sending_limits
from sendopt.state.sending_limits import StoredLimits


@dataclass(frozen=True, slots=True)
class LimitsStatus:
    """A version of the limits, and what of it is without effect."""

    version: int  # 0 = the tenant never said any
    since: datetime | None  # None = the tenant never said any
    limits: dict[str, Any]  # the document, as it can be put again
    redundant: tuple[RedundantLimit, ...]
    past_review: tuple[PastReview, ...]  # laws that hold, and that nobody has looked at for long


class Limits(Subject):
    """What a tenant asks of everything that it sends."""

    @needs(Permission.LIMITS_READ)
    def get(self, *, version: int | None = None) -> LimitsStatus:
        """Return the limits that hold, or that held as a version.

        Raises:
            NotFound: `limits_unknown`.
        """
        with self._read() as tx:
            if version is None:
                return self._status(sending_limits.latest(tx))
            return self._status(sending_limits.of_version(tx, version))

    @needs(Permission.LIMITS_WRITE)
    def put(self, document: Any) -> LimitsStatus:
        """Let these limits hold from now on, in place of all that held before.

        What says the same as the limits that hold changes nothing.

        Raises:
            InvalidInput: as `parse_limits`.
        """
        limits = parse_limits(document)
        with self._write() as tx:
            before, holds = sending_limits.put(tx, limits, now=self._now())
            if holds != before:
                self._audit(
                    tx,
                    "limits:put",
                    f"version {holds.limits.version}",
                    before=None if before is None else limits_document(before.limits),
                    after=limits_document(holds.limits),
                )
            return self._status(holds)

    def _status(self, stored: StoredLimits | None) -> LimitsStatus:
        limits = NO_LIMITS if stored is None else stored.limits
        return LimitsStatus(
            version=limits.version,
            since=None if stored is None else stored.since,
            limits=limits_document(limits),
            redundant=tuple(redundant_limits(limits)),
            past_review=tuple(legal.past_review(self._now().date())) if limits.legal_hours else (),
        )
