"""Every setting: its name, type, unit, default and reason. The only reader of the environment.

Each field is set by `SENDOPT_<SECTION>__<FIELD>`, for instance
`SENDOPT_STATE__URL=postgresql+psycopg://...`. Defaults run on a laptop with nothing beside it;
`sendopt settings` prints what is in force, with secrets masked.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote

from pydantic import BeforeValidator, Field, SecretStr, ValidationError

from sendopt.errors import InvalidInput, together
from sendopt.json_forms import Place
from sendopt.masking import masked, remember, secrets_in
from sendopt.model_faults import faults_of
from sendopt.oidc_settings import OidcSettings
from sendopt.origins import PageOrigin
from sendopt.section import Names, Section, names
from sendopt.text import nearest

DEFAULT_HOME = Path("sendopt-home")

_PREFIX, _BETWEEN = "SENDOPT_", "__"

Count = Annotated[int, Field(gt=0)]
Seconds = Annotated[float, Field(gt=0)]


class LogSettings(Section):
    """Where the log lives; a DuckLake."""

    catalog: str = ""  # SQLite file or postgresql:// URI; empty = HOME/log/catalog.sqlite
    data: str = ""  # folder or s3://bucket/prefix; empty = HOME/log/data
    memory_limit: str = "2GB"  # of one DuckDB connection; an import of any size stays below it
    threads: Count = 2  # at most; fewer where a process has fewer cores, by affinity or quota
    s3_endpoint: str = ""  # host:port; empty = AWS
    s3_region: str = "us-east-1"
    s3_key_id: str = ""
    s3_secret: SecretStr = SecretStr("")
    s3_use_ssl: bool = True


class StateSettings(Section):
    """Where the state lives."""

    url: str = ""  # SQLAlchemy URL; empty = SQLite at HOME/state.sqlite


class RegistrySettings(Section):
    """Where models live; MLflow."""

    tracking_uri: str = ""  # empty = SQLite at HOME/registry/mlflow.sqlite
    artifacts: str = ""  # empty = HOME/registry/artifacts


class LearnSettings(Section):
    """How models are trained, and what they must keep to serve; else the last good one is asked."""

    open_window_minutes: Annotated[int, Field(gt=0, le=24 * 60)] = 30  # delays are known for a day
    # An answer stamped so long before its send came at once: phones and servers have two clocks,
    # and those of phones that set themselves differ by seconds, rarely by minutes.
    clock_tolerance_seconds: Annotated[int, Field(ge=0, le=3600)] = 300
    seed: int = 1
    threads: Count = 2  # at most; fewer where a process has fewer cores, by affinity or quota
    # What a model knows of users is read from the log when it is asked; its weights and its
    # calibration age with the seasons, and nobody has judged them on days so long after training.
    model_max_age_days: Count = 90
    model_patience_seconds: Seconds = 20  # for any answer, and for each row of it beyond that:
    model_rows_per_second: Annotated[float, Field(gt=0)] = 5_000


class ScheduleSettings(Section):
    """How times are chosen where a campaign does not say."""

    policy: Literal["greedy", "epsilon_greedy", "thompson"] = "greedy"  # greedy explores nothing
    epsilon: Annotated[float, Field(ge=0, le=0.5)] = 0.1  # spread evenly over the allowed slots
    explored_share: Annotated[float, Field(ge=0, le=0.5)] = (
        0.2  # most chance of one send to explore
    )
    explored_per_user_30_days: Annotated[int, Field(ge=0)] = 4
    urgent_message_types: Names = ()  # nothing is explored with these
    least_confidence: Annotated[float, Field(ge=0.5, lt=1)] = 0.6  # in a gain over a time given
    holdout_share: Annotated[float, Field(ge=0, le=0.5)] = 0  # of users, kept out of optimisation
    holdout_time: Literal["configured", "random"] = "configured"
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 1  # of every chance; another one moves every arm


class ScoresSettings(Section):
    """Where `sendopt score` keeps every user's week for the API to answer from."""

    folder: str = ""  # empty = HOME/scores
    max_age_hours: Annotated[float, Field(gt=0)] = 36  # a missed night is bridged; then live again


class DeliverSettings(Section):
    """How sends are handed over."""

    batch: Count = 500  # sends claimed at once
    lease_seconds: Seconds = 60  # a claim older than this is taken over by another dispatcher
    max_attempts: Count = 8
    retry_first_seconds: Seconds = 10  # doubles with every try, with jitter
    retry_longest_seconds: Seconds = 3600
    timeout_seconds: Seconds = 20  # of one request to a provider
    allow_private_addresses: bool = False  # webhooks into one's own network: only if it is yours
    vapid_subject: str = ""  # mailto: or https: contact that push services may write to (RFC 8292)


class BackupSettings(Section):
    """How `sendopt backup s3://bucket/prefix` and `restore` reach the store."""

    s3_endpoint: str = ""  # host:port; empty = AWS
    s3_region: str = "us-east-1"
    s3_key_id: str = ""  # empty = the role or the configuration of the machine
    s3_secret: SecretStr = SecretStr("")
    s3_use_ssl: bool = True


class HttpSettings(Section):
    """Where the API listens, and how the world reaches it."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, lt=65536)] = 8420
    base_url: str = "http://127.0.0.1:8420"  # what click links begin with
    # Of pages that may use /v1/me/, such as ["https://www.shop.example"]; docs/devices.md.
    browser_origins: Annotated[tuple[PageOrigin, ...], BeforeValidator(names)] = ()
    metrics_key: SecretStr = SecretStr("")  # opens /metrics; empty = it stays closed
    # Fewer where the process may not open so many files (ulimit -n), of which stores need some.
    connections: Count = 1000
    head_seconds: Seconds = 10  # from a request's first byte to the end of its head
    body_seconds: Seconds = 20  # for all of a body
    answer_seconds: Seconds = 30  # until a client takes more of its answer
    idle_seconds: Seconds = (
        30  # between two requests; more than a proxy keeps them, if there is one
    )


class ServiceSettings(Section):
    """How long the parts of a service may take; docs/runbooks/dispatcher-late.md."""

    # Well above the longest turn: a batch that meets slow providers takes up to a lease.
    late_seconds: Seconds = 90  # a part that says nothing for longer shows as late in /readyz
    hung_seconds: Seconds = 300  # and then the process ends with status 1, to be started anew
    stop_seconds: Seconds = 60  # that parts have, told to stop, to finish what they have begun


class Settings(Section):
    """Everything that can be set, built once and frozen."""

    home: Path = DEFAULT_HOME
    log: LogSettings = LogSettings()
    state: StateSettings = StateSettings()
    registry: RegistrySettings = RegistrySettings()
    learn: LearnSettings = LearnSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    scores: ScoresSettings = ScoresSettings()
    deliver: DeliverSettings = DeliverSettings()
    backup: BackupSettings = BackupSettings()
    http: HttpSettings = HttpSettings()
    oidc: OidcSettings = OidcSettings()
    service: ServiceSettings = ServiceSettings()

    @property
    def open_window(self) -> timedelta:
        return timedelta(minutes=self.learn.open_window_minutes)

    @property
    def clock_tolerance(self) -> timedelta:
        return timedelta(seconds=self.learn.clock_tolerance_seconds)

    @property
    def _place(self) -> Path:
        """The home from the root on: stores read some beginnings of relative paths as schemes."""
        return self.home.absolute()

    @property
    def log_catalog(self) -> str:
        return self.log.catalog or str(self._place / "log" / "catalog.sqlite")

    @property
    def log_data(self) -> str:
        return self.log.data or str(self._place / "log" / "data")

    @property
    def state_url(self) -> str:
        return self.state.url or _sqlite_url(self._place / "state.sqlite")

    @property
    def registry_folder(self) -> Path:
        return self._place / "registry"

    @property
    def tracking_uri(self) -> str:
        return self.registry.tracking_uri or _sqlite_url(self.registry_folder / "mlflow.sqlite")

    @property
    def scores_folder(self) -> Path:
        return Path(self.scores.folder) if self.scores.folder else self.home / "scores"

    @property
    def scores_max_age(self) -> timedelta:
        return timedelta(hours=self.scores.max_age_hours)

    @property
    def artifacts(self) -> str:
        return self.registry.artifacts or str(self.registry_folder / "artifacts")

    def effective(self) -> dict[str, object]:
        """Return every setting as it is in force, secrets masked."""
        return {name: _shown(value) for name, value in json.loads(self.model_dump_json()).items()}

    def model_post_init(self, _context: Any) -> None:
        """Let no message show what is secret in any setting."""
        for section in self.__dict__.values():
            for value in section.__dict__.values() if isinstance(section, Section) else ():
                if isinstance(value, SecretStr):
                    remember(value.get_secret_value())
                elif isinstance(value, str):
                    remember(*secrets_in(value))


def _shown(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _shown(each) for name, each in value.items()}
    return masked(value) if isinstance(value, str) else value


def _sqlite_url(path: Path) -> str:
    """Return SQLAlchemy's URL of a file, in whose path any character may stand.

    It names the driver, because MLflow takes what follows a bare `sqlite:///` for a path as it
    stands, and would make that folder.
    """
    return f"sqlite+pysqlite:///{quote(str(path))}"


#: NAME=value as Kubernetes sets them by itself in a pod beside a Service whose name begins with
#: "sendopt" (kubernetes.io, Service, environment variables).
_OF_KUBERNETES = re.compile(
    r"\w+_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_\w+)?)=.*|\w+_PORT=\w+://.*"
)


def load_settings(home: Path | None = None) -> Settings:
    """Read the environment; `home` given on the command line wins over `SENDOPT_HOME`.

    Raises:
        InvalidInput: naming the variable whose value cannot be used, or that sets nothing: a
            mistyped limit would otherwise leave the default in force, and nobody would know.
    """
    given = {name.upper(): value for name, value in os.environ.items()}  # noqa: TID251 - the one door
    _refuse_unknown_names(given)
    set_here = {name: given[name] for name in setting_names() if name in given}
    _refuse_what_is_no_text(set_here | ({} if home is None else {"--home": str(home)}))
    try:
        return Settings.model_validate(_as_fields(given) | ({} if home is None else {"home": home}))
    except ValidationError as error:
        faults = faults_of(error.errors(include_url=False), called=_variable, model=Settings)
        raise together(
            InvalidInput(
                each.message,
                code="setting_invalid",
                field=each.field,
                expected=each.expected,
                hint=each.hint,
            )
            for each in faults
        ) from error


def _variable(place: Place) -> str:
    return _PREFIX + _BETWEEN.join(map(str, place)).upper()


def _refuse_what_is_no_text(values: Mapping[str, str]) -> None:
    """Refuse bytes that were not read as UTF-8, such as a folder's name: URLs take nothing else."""
    for name, value in values.items():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise InvalidInput(
                "its bytes are no text",  # and may be a secret, which is not repeated
                code="setting_invalid",
                field=name,
                expected="text in UTF-8, in a locale that reads it so, or with PYTHONUTF8=1",
            ) from error


def _as_fields(given: Mapping[str, str]) -> dict[str, Any]:
    """Return what is set, a section by its name: `SENDOPT_LOG__DATA` is `data` of `log`."""
    fields: dict[str, Any] = {}
    for name in setting_names():
        if name in given:
            section, _, field = name.removeprefix(_PREFIX).lower().partition(_BETWEEN)
            if field:
                fields.setdefault(section, {})[field] = given[name]
            else:
                fields[section] = given[name]
    return fields


def setting_names() -> list[str]:
    """Return the variable of every setting, in the order in which they are declared."""
    names = []
    for name, field in Settings.model_fields.items():
        section = field.default
        fields = type(section).model_fields if isinstance(section, Section) else ()
        names += [f"{_PREFIX}{name}{_BETWEEN}{each}".upper() for each in fields] or [
            f"{_PREFIX}{name}".upper()
        ]
    return names


def _refuse_unknown_names(environment: Mapping[str, str]) -> None:
    names = setting_names()
    unknown = [
        name
        for name, value in environment.items()
        if name.startswith(_PREFIX) and name not in names
        if not _OF_KUBERNETES.fullmatch(f"{name}={value}")
    ]
    if unknown:
        raise together(_unknown_setting(name, names) for name in unknown)


def _unknown_setting(name: str, names: list[str]) -> InvalidInput:
    near = nearest(name, names)
    return InvalidInput(
        "there is no such setting",
        code="setting_unknown",
        field=name,
        hint=(f"{near} is one; " if near else "") + "`sendopt settings` names all",
    )
