"""The application: all use cases over the same open stores."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress

from sendopt.app.campaigns import Campaigns
from sendopt.app.delivery import Delivery
from sendopt.app.events import Events
from sendopt.app.explain import Explanations
from sendopt.app.lift import Lifts
from sendopt.app.models import Models
from sendopt.app.money import Money
from sendopt.app.scores import Scores
from sendopt.app.state_store import make_home
from sendopt.app.tenancy import Tenancy
from sendopt.clock import Clock, SystemClock
from sendopt.errors import InvariantBroken, LeaseHeld
from sendopt.settings import Settings, load_settings
from sendopt.verify import Report, verify


def open_app(
    settings: Settings | None = None,
    *,
    clock: Clock | None = None,
    random_bytes: Callable[[int], bytes] = os.urandom,
) -> App:
    """Open the application over `settings` (default: the environment's), creating its home.

    Raises:
        InvalidInput: `home_unusable`.
    """
    settings = settings or load_settings()
    make_home(settings.home)
    return App(settings, clock or SystemClock(), random_bytes)


class App(Tenancy, Events, Models, Scores, Explanations, Lifts, Campaigns, Delivery, Money):
    """One method for each thing that a user can ask for; each subject has a file of its own."""

    def settle(self) -> None:
        """Bring the log and the ledger up to what the state holds, as the service always does."""
        self.meter()
        self.copy_to_log()

    def verify(self, *, progress: Callable[[str], None]) -> Report:
        """Check every invariant over every store and tenant."""
        with suppress(LeaseHeld, InvariantBroken):  # a service is at work; or it is found below
            self.settle()
        return verify(self.state, self.log, self.registry, progress=progress)
