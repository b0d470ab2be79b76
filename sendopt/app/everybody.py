"""What everybody did, remembered: whoever asks about one user reads that user's events alone."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from sendopt.features import AsOfView, Population, events_before
from sendopt.features.as_of.population import day_of
from sendopt.learn import ServableModel
from sendopt.log import Reader
from sendopt.records import TenantId, UserId

#: Late events of earlier days reach everybody's part within so long; at once if they are more
#: than one in `_MANY`.
LATE_EVENTS_WAIT = timedelta(minutes=5)
_MANY = 100
_MOST_KNOWN = 1_000  # populations, of 6 kB each


@dataclass(frozen=True)
class _Known:
    population: Population
    day: datetime
    events: int  # before the day
    at: datetime  # when they were counted

    def holds(self, day: datetime, events: int, now: datetime) -> bool:
        """Tell whether it still speaks for everybody, of whom the log knows `events` by now."""
        late = abs(events - self.events)
        few = late * _MANY < self.events and now - self.at < LATE_EVENTS_WAIT
        return day == self.day and (late == 0 or few)


class Everybody:
    """Everybody's part of an answer about one user, worked out once a day for each model.

    It ends with the last UTC day, and the log only grows: as long as it holds as many events before
    that midnight it holds the same ones. For any number of threads.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[object, ...], _Known] = OrderedDict()
        self._turns: dict[TenantId, threading.Lock] = {}
        self._keeping = threading.Lock()

    def of(
        self, reader: Reader, tenant_id: TenantId, model: ServableModel, *, as_of: datetime
    ) -> Population:
        """Return what `model` has to know of everybody as of an instant.

        Args:
            reader: of the tenant's whole log.
            tenant_id: whose log it is.
            model: says what counts as an answer, and how fast evidence is forgotten.
            as_of: of which day.
        """
        key = (tenant_id, model.target, *model.scorer.memory)
        day, events = day_of(as_of), events_before(reader, as_of)
        with self._turns.setdefault(tenant_id, threading.Lock()):  # who comes meanwhile waits
            known = self._known.get(key)
            if known is None or not known.holds(day, events, as_of):
                view = AsOfView(reader, model.target)
                told = model.scorer.population(view, as_of=as_of)
                known = _Known(told, day, events, as_of)
            self._keep(key, known)
        return known.population

    @contextmanager
    def view_of_user(
        self,
        reader: Reader,
        tenant_id: TenantId,
        user_id: UserId,
        model: ServableModel,
        *,
        as_of: datetime,
    ) -> Iterator[AsOfView]:
        """Open the log of one user, beside what `model` has to know of everybody else.

        Args:
            reader: of the tenant's whole log.
            tenant_id: whose log it is.
            user_id: whose events are read.
            model: as of `of`.
            as_of: what happened since is not there.
        """
        everybody = self.of(reader, tenant_id, model, as_of=as_of)
        with reader.of_user(user_id) as own:
            yield AsOfView(own, model.target, everybody)

    def _keep(self, key: tuple[object, ...], known: _Known) -> None:
        with self._keeping:
            self._known[key] = known
            self._known.move_to_end(key)
            if len(self._known) > _MOST_KNOWN:
                self._known.popitem(last=False)
