"""The real application over stores that outlive its process."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from random import Random

from sendopt.app import App
from sendopt.clock import Clock
from sendopt.errors import ModelNotServable
from sendopt.log import Log
from sendopt.records import TenantId
from sendopt.settings import Settings
from sendopt.state import State
from sendopt.track import LinkSigner


class NoModels:
    """MLflow, with nothing in it: every send goes out at its fallback time."""

    def champion(self, tenant_id: TenantId) -> None:
        raise ModelNotServable("there is none", code="no_champion")

    def card(self, tenant_id: TenantId) -> None:
        raise ModelNotServable("there is none", code="no_champion")

    def last_good(self, tenant_id: TenantId) -> None:
        raise ModelNotServable("there is none", code="no_last_good")

    def storage(self) -> tuple[str, ...]:
        return ()

    def changes(self, tenant_id: TenantId) -> tuple[str, ...]:
        return ()


@cache
def _settings(home: Path, seed: int) -> Settings:
    return Settings.model_validate({"home": home, "schedule": {"seed": seed}})


class StoreApp(App):
    """The real use cases over stores that are given, without models.

    Args:
        home: of its settings.
        clock: that it reads.
        random: where its chance comes from.
        state: that it works over.
        log: that it reads.
        seed: of its plans.
    """

    def __init__(
        self, home: Path, clock: Clock, random: Random, state: State, log: Log, *, seed: int = 1
    ) -> None:
        super().__init__(_settings(home, seed), clock, random.randbytes)
        self.__dict__["state"], self.__dict__["log"] = state, log
        self.__dict__["registry"] = NoModels()
        self.__dict__["link_signer"] = LinkSigner({"k1": b"k" * 32}, "k1", "https://l.example")

    def close(self) -> None:
        """The stores outlive it."""
