"""The application: all use cases over the same open stores."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

from sendopt.app.campaigns import Campaigns
from sendopt.app.delivery import Delivery
from sendopt.app.events import Events
from sendopt.app.explain import Explanations
from sendopt.app.granting import Granting
from sendopt.app.home_files import HomeFiles
from sendopt.app.lift import Lifts
from sendopt.app.lists import Lists
from sendopt.app.models import Models
from sendopt.app.money import Money
from sendopt.app.scores import Scores
from sendopt.app.secrets import load_secrets, secrets_file
from sendopt.app.state_store import make_home
from sendopt.clock import Clock, SystemClock
from sendopt.errors import InvariantBroken, LeaseHeld
from sendopt.settings import Settings, load_settings
from sendopt.track import LinkSigner
from sendopt.verify import Finding, Report, Subject, verify


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


class App(Granting, Events, Models, Scores, Explanations, Lifts, Campaigns, Lists, Delivery, Money):
    """One method for each thing that a user can ask for; each subject has a file of its own."""

    def settle(self) -> None:
        """Bring the log and the ledger up to what the state holds, as the service always does."""
        self.meter()
        self.copy_to_log()

    def verify(self, *, progress: Callable[[str], None]) -> Report:
        """Check every invariant over every store and tenant, whatever is damaged."""
        subject = Subject(
            state=lambda: self.state,
            log=lambda: self.log,
            registry=lambda: self.registry,
            home=self.settings.home.absolute(),
            private_files=HomeFiles(self.settings).secret(),
            secrets=secrets_file(self.settings.home),
            load_secrets=self._load_secrets,
            scores=self.settings.scores_folder,
        )
        return verify(
            subject, settle=self._settle_if_possible, now=self.clock.now(), progress=progress
        )

    def _load_secrets(self) -> None:
        """Read the secrets anew, and see that links can be signed with them."""
        found = load_secrets(secrets_file(self.settings.home))
        LinkSigner(found.link_keys, found.current_link_key, self.settings.http.base_url)

    def _settle_if_possible(self) -> Iterable[Finding]:
        """Settle, unless a service is at work that does it; `log_ahead` has a rule of its own."""
        for tenant_id in self.meter():
            yield Finding(
                "ledger",
                "everything_is_metered",
                tenant_id,
                "clicks and responses",
                "a row that cannot be read keeps them from being charged",
            )
        try:
            self.copy_to_log()
        except LeaseHeld:
            pass
        except InvariantBroken as broken:
            if broken.code != "log_ahead":
                raise
