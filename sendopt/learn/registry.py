"""Keeps runs, models and the aliases of every tenant, in MLflow.

    champion     serves
    challenger   was trained last; serves only once the gate has let it through
    last_good    served before the champion, and serves whenever the champion cannot

Every move of the champion is written down beside the model: when, by whom, why. `last_good`
follows from these moves alone.
"""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from sendopt.errors import Conflict, ModelNotServable
from sendopt.learn import artifact
from sendopt.learn.liveness import Liveness
from sendopt.learn.model import ServableModel
from sendopt.learn.moves import (
    LAST_GOOD_ALIAS,
    PROMOTED,
    ROLLED_BACK,
    Move,
    RegisteredModel,
    choose,
    last_good,
    read_moves,
    tag,
)
from sendopt.records import TenantId

if TYPE_CHECKING:
    from mlflow import MlflowClient

CHAMPION_ALIAS = "champion"
CHALLENGER_ALIAS = "challenger"

PASSED = "passed"  # the gate's verdict on a version; else the names of the checks that failed

_ARTIFACT = "model"
_CARD = "card.md"
_VERSION_TAG = "sendopt.version"
_UNTIL_TAG, _LEARNED_TAG = "sendopt.trained_until", "sendopt.learned_until"
_GATE_TAG = "sendopt.gate"
_ABSENT = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")  # no model; no such alias


@dataclass(frozen=True)
class Recorded:
    """A model as it was registered."""

    model: ServableModel  # with its version
    number: str  # MLflow's of that version
    run_id: str


class Registry:
    """One registered model a tenant; its versions are immutable, its aliases move.

    Args:
        tracking_uri: MLflow's store, such as `sqlite:///registry.db` or a server's URL.
        artifacts: where models and cards are kept, a folder or a URI that the store can reach.
        threads: how many a loaded model may use for its trees.
    """

    def __init__(self, tracking_uri: str, artifacts: str, *, threads: int = 1) -> None:
        # MLflow takes a second to import, which only those who open a registry should pay.
        from mlflow import MlflowClient  # noqa: PLC0415

        self._client: MlflowClient = MlflowClient(tracking_uri, tracking_uri)
        self._artifacts = artifacts.rstrip("/")
        self._threads = threads
        self._loaded: dict[tuple[TenantId, str], ServableModel] = {}
        self._served: dict[TenantId, ServableModel] = {}  # the last champion of each tenant
        self._liveness = Liveness(lambda: self._by_alias(TenantId("default"), CHAMPION_ALIAS))

    def champion(self, tenant_id: TenantId) -> ServableModel:
        """Return the tenant's champion; a move of the alias is seen by the next call.

        Raises:
            ModelNotServable: `no_champion`; `model_damaged`, if its files are not what was judged;
                `registry_unavailable`.
        """
        found = self._by_alias(tenant_id, CHAMPION_ALIAS)
        if found is None:
            raise _no_champion()
        self._served[tenant_id] = self._once(tenant_id, *found)
        return self._served[tenant_id]

    def last_good(self, tenant_id: TenantId) -> ServableModel:
        """Return the model that served before the champion.

        Raises:
            ModelNotServable: `no_last_good`, `model_damaged` or `registry_unavailable`.
        """
        found = self._by_alias(tenant_id, LAST_GOOD_ALIAS)
        if found is None:
            raise ModelNotServable("no model served before", code="no_last_good")
        return self._once(tenant_id, *found)

    def last_served(self, tenant_id: TenantId) -> ServableModel:
        """Return the champion that this process loaded last, without asking the registry.

        Raises:
            ModelNotServable: `registry_unavailable`, if it never loaded any.
        """
        if tenant_id not in self._served:
            raise _unavailable("and this process has loaded no model before")
        return self._served[tenant_id]

    def check(self, *, within: timedelta = timedelta(seconds=2)) -> None:
        """Return if the registry answers, with whatever it may hold.

        Raises:
            ModelNotServable: `registry_unavailable`, at the latest after `within`.
        """
        try:
            self._liveness.check(within)
        except TimeoutError as error:
            raise _unavailable(f"no word within {within}") from error

    def record(
        self,
        tenant_id: TenantId,
        model: ServableModel,
        *,
        params: Mapping[str, Any],
        tags: Mapping[str, str],
    ) -> Recorded:
        """Register `model` with the run that made it, as the challenger.

        Args:
            tenant_id: whose model it is.
            model: not registered yet.
            params: what went in.
            tags: searchable facts of the run.
        """
        run = self._client.create_run(self._experiment(tenant_id), tags=dict(tags))
        run_id = run.info.run_id
        with tempfile.TemporaryDirectory(prefix="sendopt-model-") as folder:
            written = artifact.write(model, Path(folder))
            self._client.log_artifacts(run_id, folder, _ARTIFACT)
        self._log_batch(run_id, params=params)
        name = _model_name(tenant_id)
        self._ensure_model(name)
        number = self._client.create_model_version(
            name,
            source=f"{run.info.artifact_uri}/{_ARTIFACT}",
            run_id=run_id,
            tags={
                _VERSION_TAG: written.version,
                _UNTIL_TAG: written.provenance.trained_until.isoformat(),
                _LEARNED_TAG: written.provenance.learned_until.isoformat(),
            },
        ).version
        self._client.set_registered_model_alias(name, CHALLENGER_ALIAS, number)
        return Recorded(written, str(number), str(run_id))

    def read_back(self, recorded: Recorded) -> ServableModel:
        """Read a model from its files, as a process would that serves it.

        Raises:
            ModelNotServable: `model_damaged`.
        """
        return self._load(recorded.run_id, recorded.model.version)

    def set_card(self, recorded: Recorded, card: str) -> None:
        """Keep the card (Markdown) of a model beside it."""
        self._client.log_text(recorded.run_id, card, _CARD)

    def finish(
        self,
        tenant_id: TenantId,
        recorded: Recorded,
        *,
        metrics: Mapping[str, float],
        tags: Mapping[str, str],
        gate: str,
    ) -> None:
        """Write down what judging came to, and end the run.

        Args:
            tenant_id: whose model it is.
            recorded: what was judged.
            metrics: figures; NaN is left out, because MLflow cannot chart it.
            tags: words.
            gate: PASSED, or the names of the checks that refused it.
        """
        self._log_batch(recorded.run_id, metrics=metrics, tags=tags)
        self._client.set_terminated(recorded.run_id, "FINISHED")
        self._client.set_model_version_tag(_model_name(tenant_id), recorded.number, _GATE_TAG, gate)

    def promote(
        self, tenant_id: TenantId, number: str, *, by: str, reason: str, now: datetime
    ) -> None:
        """Make version `number` the champion, and the present one the last good.

        One atomic move of the alias: whoever asks meanwhile gets the old or the new one.
        """
        self._move(tenant_id, PROMOTED, number, by=by, reason=reason, now=now)

    def roll_back(
        self, tenant_id: TenantId, *, to: str | None, by: str, reason: str, now: datetime
    ) -> RegisteredModel:
        """Let a former champion serve again: one move of an alias, seen by the next request.

        Args:
            tenant_id: whose model it is.
            to: its number or version; None = the last good one.
            by: who asks.
            reason: why, for whoever reads the record later.
            now: when.

        Raises:
            NotFound: `model_unknown`.
            Conflict: `no_champion`, `no_last_good`, `already_champion`, or `never_champion`: what
                the gate has not let through cannot be let in by this door.
            ModelNotServable: `model_damaged`, if it does not load; then nothing has changed.
        """
        known = self.models(tenant_id)
        present = next((model for model in known if CHAMPION_ALIAS in model.aliases), None)
        if present is None:
            raise Conflict("there is no champion to roll back", code="no_champion")
        target = choose(known, to)
        if target.number == present.number:
            raise Conflict(f"model {target.version} serves already", code="already_champion")
        if not target.served:
            raise Conflict(
                f"model {target.version} was never champion; the gate said: {target.gate}",
                code="never_champion",
                hint="`sendopt models list` shows which have served",
            )
        self._once(tenant_id, *self._by_number(tenant_id, target.number))
        self._move(tenant_id, ROLLED_BACK, target.number, by=by, reason=reason, now=now)
        return next(m for m in self.models(tenant_id) if m.number == target.number)

    def models(self, tenant_id: TenantId) -> tuple[RegisteredModel, ...]:
        """Return every version of the tenant's model, newest first.

        Raises:
            ModelNotServable: `registry_unavailable`.
        """
        name = _model_name(tenant_id)
        with _answers():
            registered = self._registered(name)
            if registered is None:
                return ()
            versions = self._client.search_model_versions(f"name = '{name}'")
        moves = read_moves(registered.tags)
        aliases: dict[str, list[str]] = {}
        for alias, number in registered.aliases.items():
            aliases.setdefault(str(number), []).append(alias)
        ever = {move.number for move in moves} | {move.before for move in moves}
        return tuple(
            RegisteredModel(
                number=number,
                version=each.tags[_VERSION_TAG],
                aliases=tuple(sorted(aliases.get(number, ()))),
                trained_until=_instant(each.tags.get(_UNTIL_TAG)),
                learned_until=_instant(each.tags.get(_LEARNED_TAG)),
                gate=each.tags.get(_GATE_TAG, ""),
                served=number in ever or CHAMPION_ALIAS in aliases.get(number, ()),
                moves=tuple(move for move in moves if move.number == number),
            )
            for number, each in sorted(
                ((str(each.version), each) for each in versions), key=lambda pair: -int(pair[0])
            )
        )

    def card(self, tenant_id: TenantId) -> str:
        """Return the champion's model card (Markdown).

        Raises:
            ModelNotServable: if there is no champion.
        """
        found = self._by_alias(tenant_id, CHAMPION_ALIAS)
        if found is None:
            raise _no_champion()
        return self._card(found[1])

    def card_of(self, recorded: Recorded) -> str | None:
        """Return the card that is kept beside a model; None = there is none."""
        try:
            return self._card(recorded.run_id)
        except ModelNotServable:
            return None

    def _card(self, run_id: str) -> str:
        from mlflow.exceptions import MlflowException  # noqa: PLC0415 - see __init__

        with tempfile.TemporaryDirectory(prefix="sendopt-card-") as folder:
            try:
                path = self._client.download_artifacts(run_id, _CARD, folder)
            except (MlflowException, OSError) as error:
                raise _damaged(f"the model's card cannot be fetched: {error}") from error
            return Path(path).read_text("utf-8")

    def _once(self, tenant_id: TenantId, number: str, run_id: str, version: str) -> ServableModel:
        """Return the model of a version, loading it if this process has not done so yet."""
        key = (tenant_id, number)
        if key not in self._loaded:
            self._loaded[key] = self._load(run_id, version)
        return self._loaded[key]

    def _move(
        self, tenant_id: TenantId, kind: str, number: str, *, by: str, reason: str, now: datetime
    ) -> None:
        name = _model_name(tenant_id)
        registered = self._client.get_registered_model(name)
        moves = read_moves(registered.tags)
        before = registered.aliases.get(CHAMPION_ALIAS)
        move = Move(kind, number, None if before is None else str(before), now, by, reason)
        good = last_good([*moves, move])
        # Written down first: a move that was announced and not made can be made again.
        self._client.set_registered_model_tag(name, *tag(move, len(moves)))
        self._client.set_registered_model_alias(name, CHAMPION_ALIAS, number)
        if good is not None:
            self._client.set_registered_model_alias(name, LAST_GOOD_ALIAS, good)
        elif LAST_GOOD_ALIAS in registered.aliases:
            self._client.delete_registered_model_alias(name, LAST_GOOD_ALIAS)

    def _load(self, run_id: str, version: str) -> ServableModel:
        from mlflow.exceptions import MlflowException  # noqa: PLC0415 - see __init__

        with tempfile.TemporaryDirectory(prefix="sendopt-model-") as folder:
            try:
                path = self._client.download_artifacts(run_id, _ARTIFACT, folder)
            except (MlflowException, OSError) as error:
                raise _damaged(f"model {version} cannot be fetched: {error}") from error
            try:
                return artifact.read(Path(path), version=version, threads=self._threads)
            except ModelNotServable as refusal:
                raise _damaged(refusal.message, hint=refusal.hint) from refusal

    def _by_alias(self, tenant_id: TenantId, alias: str) -> tuple[str, str, str] | None:
        """Return MLflow's version number, the run and our version; None = no such alias."""
        from mlflow.exceptions import MlflowException  # noqa: PLC0415 - see __init__

        try:
            found = self._client.get_model_version_by_alias(_model_name(tenant_id), alias)
        except MlflowException as error:
            if error.error_code in _ABSENT:
                return None
            raise _unavailable(error.error_code) from error
        return str(found.version), str(found.run_id), str(found.tags[_VERSION_TAG])

    def _by_number(self, tenant_id: TenantId, number: str) -> tuple[str, str, str]:
        with _answers():
            found = self._client.get_model_version(_model_name(tenant_id), number)
        return str(found.version), str(found.run_id), str(found.tags[_VERSION_TAG])

    def _log_batch(
        self,
        run_id: str,
        *,
        params: Mapping[str, Any] | None = None,
        metrics: Mapping[str, float] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        from mlflow.entities import Metric, Param, RunTag  # noqa: PLC0415 - see __init__

        self._client.log_batch(
            run_id,
            params=[Param(name, str(value)) for name, value in (params or {}).items()],
            metrics=[
                Metric(name, value, timestamp=0, step=0)
                for name, value in (metrics or {}).items()
                if not math.isnan(value)
            ],
            tags=[RunTag(name, value) for name, value in (tags or {}).items()],
        )

    def _experiment(self, tenant_id: TenantId) -> str:
        name = _model_name(tenant_id)
        found = self._client.get_experiment_by_name(name)
        if found is not None:
            return str(found.experiment_id)
        location = f"{self._artifacts}/{quote(tenant_id, safe='')}"
        return str(self._client.create_experiment(name, artifact_location=location))

    def _ensure_model(self, name: str) -> None:
        if self._registered(name) is None:
            self._client.create_registered_model(name)

    def _registered(self, name: str) -> Any:
        """Return MLflow's registered model; None = nothing was ever trained."""
        found = self._client.search_registered_models(f"name = '{name}'")
        return self._client.get_registered_model(name) if found else None


def as_params(document: Mapping[str, Any]) -> dict[str, str]:
    """Flatten nested settings to MLflow's params: `shape.half_life_days`."""
    flat: dict[str, str] = {}
    for name, value in document.items():
        if isinstance(value, Mapping):
            flat |= {f"{name}.{inner}": text for inner, text in as_params(value).items()}
        else:
            flat[name] = value if isinstance(value, str) else json.dumps(value)
    return flat


@contextmanager
def _answers() -> Iterator[None]:
    """Turn MLflow's failures into ours."""
    from mlflow.exceptions import MlflowException  # noqa: PLC0415 - see Registry.__init__

    try:
        yield
    except MlflowException as error:
        raise _unavailable(error.error_code) from error


def _unavailable(reason: str) -> ModelNotServable:
    return ModelNotServable(f"the registry does not answer ({reason})", code="registry_unavailable")


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _no_champion() -> ModelNotServable:
    return ModelNotServable(
        "there is no champion yet", code="no_champion", hint="run `sendopt train`"
    )


def _damaged(message: str, *, hint: str | None = None) -> ModelNotServable:
    return ModelNotServable(message, code="model_damaged", hint=hint)


def _model_name(tenant_id: TenantId) -> str:
    """Return a name that MLflow accepts and that no two tenants share."""
    return f"sendopt-{quote(tenant_id, safe='')}"
