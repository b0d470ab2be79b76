"""Opens the state at its first use, without what log and models need."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import structlog

from sendopt.clock import Clock
from sendopt.errors import Conflict, InvalidInput, NotFound
from sendopt.records import TenantId
from sendopt.settings import Settings
from sendopt.state import State, check_version, migrate, row_security, tenants
from sendopt.state.hold import is_anything_held
from sendopt.state.home import begin, home_id

#: The one tenant that exists without being created: a laptop has one user.
DEFAULT_TENANT = TenantId("default")

HOME_ID_BYTES = 16

_log = structlog.get_logger()
_NOT_BOUND = (
    "this role of PostgreSQL sees the rows of every tenant whatever a query asks for; connect with "
    "one that is no superuser and has no BYPASSRLS: docs/operations.md"
)


class StateStore:
    """The state, and what every use case needs beside it.

    Args:
        settings: where everything is.
        clock: what time it is; a virtual one replays days in seconds.
        random_bytes: a cryptographic source, for keys and ids.
    """

    def __init__(
        self, settings: Settings, clock: Clock, random_bytes: Callable[[int], bytes]
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.random_bytes = random_bytes

    @cached_property
    def state(self) -> State:
        state = State(self.settings.state_url)
        migrate(state)
        with state.read_fleet() as tx:
            known = tenants.exists(tx.of(DEFAULT_TENANT)) and home_id(tx) is not None
            if row_security.is_bypassed(tx):
                _log.warning("row_security_bypassed", hint=_NOT_BOUND)
        if not known:  # else opening would wait for whoever is writing
            with state.write_fleet() as tx:
                begin(tx, self.random_bytes(HOME_ID_BYTES).hex())
                tenants.create(tx, DEFAULT_TENANT, timezone="UTC", now=self.clock.now())
        return state

    def close(self) -> None:
        """Let go of the state."""
        if "state" in self.__dict__:
            self.__dict__.pop("state").close()

    def check_state(self) -> None:
        """Ask the state whether it answers.

        Raises:
            StoreFailure: if it does not.
            Conflict: `schema_newer`, if a newer release has upgraded it.
        """
        check_version(self.state)

    def check_sends(self) -> None:
        """Ask whether sends go out.

        Raises:
            Conflict: `held`.
        """
        with self.state.read_fleet() as tx:
            held = is_anything_held(tx, now=self.clock.now())
        if held:
            raise Conflict("sends are held until somebody decides: `sendopt resume`", code="held")


#: One of these is in every home that was begun.
_BEGUN = ("state.sqlite", "log/catalog.sqlite")
#: What may stand in a folder that was made to become a home: where logs go, and what a file system
#: puts into the root of every volume.
_FRESH = frozenset({"log", "lost+found"})


def require_home(settings: Settings, *, fresh_will_do: bool = False) -> None:
    """Refuse a folder that was never a home: a typing error must not open a second one.

    A fleet keeps its stores elsewhere, and each of its machines may have a new home of its own.

    Args:
        settings: which name the home.
        fresh_will_do: a folder that somebody made and that holds nothing yet becomes a home, as a
            new volume does when a service starts over it.

    Raises:
        NotFound: `home_unknown`.
    """
    home = settings.home
    elsewhere = settings.state.url or settings.log.catalog or settings.log.data
    if elsewhere or any((home / kept).exists() for kept in _BEGUN):
        return
    if fresh_will_do and _is_fresh(home):
        return
    raise NotFound(
        f"{home} holds no sendopt home",
        code="home_unknown",
        field="--home",
        expected="the folder in which `sendopt ingest` or another command began one"
        + (", or an empty folder" if fresh_will_do else ""),
        hint="name it by --home or SENDOPT_HOME; `sendopt ingest` begins a new one",
    )


def _is_fresh(home: Path) -> bool:
    """Tell whether a folder is there and empty, but for an empty folder of logs."""
    if not home.is_dir():
        return False
    held, log = {path.name for path in home.iterdir()}, home / "log"
    return held <= _FRESH and not (log.is_dir() and any(log.iterdir())) and not log.is_file()


def make_home(home: Path) -> None:
    """Create the folder that holds everything, unless it is there.

    Raises:
        InvalidInput: `home_unusable`.
    """
    if "\\" in str(home.absolute()):
        raise InvalidInput(
            f"{home} has a backslash in its path, which DuckDB takes for a separator",
            code="home_unusable",
            field="--home",
            expected="a folder whose path has no backslash; every other character will do",
        )
    try:
        # Nobody else on the machine may read what is in it: webhook secrets, link keys, users.
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInput(
            f"{home} cannot be the home: {error.strerror}",
            code="home_unusable",
            field="--home",
            expected="a folder, or the name of one that can be made",
        ) from error
