"""Keeps runs, models and the alias `champion` of every tenant, in MLflow."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from sendopt.errors import ModelNotServable
from sendopt.learn import artifact
from sendopt.learn.liveness import Liveness
from sendopt.learn.model import ServableModel
from sendopt.records import TenantId

if TYPE_CHECKING:
    from mlflow import MlflowClient

CHAMPION_ALIAS = "champion"
CHALLENGER_ALIAS = "challenger"

_ARTIFACT = "model"
_VERSION_TAG = "sendopt.version"
_ABSENT = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")  # no model; no such alias


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
        self._liveness = Liveness(lambda: self._by_alias(TenantId("default"), CHAMPION_ALIAS))

    def champion(self, tenant_id: TenantId) -> ServableModel:
        """Return the tenant's champion.

        Raises:
            ModelNotServable: if there is none, or its files are not what was judged.
        """
        found = self._by_alias(tenant_id, CHAMPION_ALIAS)
        if found is None:
            raise ModelNotServable(
                "there is no champion yet", code="no_champion", hint="run `sendopt train`"
            )
        number, run_id, version = found
        key = (tenant_id, number)
        if key not in self._loaded:
            self._loaded[key] = self._load(run_id, version)
        return self._loaded[key]

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
        metrics: Mapping[str, float],
        tags: Mapping[str, str],
        documents: Mapping[str, str],
    ) -> tuple[ServableModel, str]:
        """Register `model` with the run that made it, as the challenger.

        Args:
            tenant_id: whose model it is.
            model: not registered yet.
            params: what went in.
            metrics: what came out; NaN is left out.
            tags: searchable facts of the run.
            documents: file names and texts kept beside the model, such as its card.

        Returns:
            The model with its version, and the number of that version in MLflow.
        """
        run = self._client.create_run(self._experiment(tenant_id), tags=dict(tags))
        run_id = run.info.run_id
        with tempfile.TemporaryDirectory(prefix="sendopt-model-") as folder:
            written = artifact.write(model, Path(folder))
            self._client.log_artifacts(run_id, folder, _ARTIFACT)
        for name, text in documents.items():
            self._client.log_text(run_id, text, name)
        for name, param in params.items():
            self._client.log_param(run_id, name, param)
        for name, value in metrics.items():
            if value == value:  # noqa: PLR0124 - false only for NaN, which MLflow cannot chart
                self._client.log_metric(run_id, name, value)
        self._client.set_terminated(run_id, "FINISHED")
        name = _model_name(tenant_id)
        self._ensure_model(name)
        number = self._client.create_model_version(
            name,
            source=f"{run.info.artifact_uri}/{_ARTIFACT}",
            run_id=run_id,
            tags={_VERSION_TAG: written.version},
        ).version
        self._client.set_registered_model_alias(name, CHALLENGER_ALIAS, number)
        return written, str(number)

    def promote(self, tenant_id: TenantId, number: str) -> None:
        """Make version `number` the champion: one atomic move of the alias."""
        self._client.set_registered_model_alias(_model_name(tenant_id), CHAMPION_ALIAS, number)

    def card(self, tenant_id: TenantId) -> str:
        """Return the champion's model card (Markdown).

        Raises:
            ModelNotServable: if there is no champion.
        """
        found = self._by_alias(tenant_id, CHAMPION_ALIAS)
        if found is None:
            raise ModelNotServable("there is no champion yet", code="no_champion")
        with tempfile.TemporaryDirectory(prefix="sendopt-card-") as folder:
            path = self._client.download_artifacts(found[1], "card.md", folder)
            return Path(path).read_text("utf-8")

    def _load(self, run_id: str, version: str) -> ServableModel:
        from mlflow.exceptions import MlflowException  # noqa: PLC0415 - see __init__

        with tempfile.TemporaryDirectory(prefix="sendopt-model-") as folder:
            try:
                path = self._client.download_artifacts(run_id, _ARTIFACT, folder)
            except (MlflowException, OSError) as error:
                raise ModelNotServable(f"model {version} cannot be fetched: {error}") from error
            return artifact.read(Path(path), version=version, threads=self._threads)

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

    def _experiment(self, tenant_id: TenantId) -> str:
        name = _model_name(tenant_id)
        found = self._client.get_experiment_by_name(name)
        if found is not None:
            return str(found.experiment_id)
        location = f"{self._artifacts}/{quote(tenant_id, safe='')}"
        return str(self._client.create_experiment(name, artifact_location=location))

    def _ensure_model(self, name: str) -> None:
        if not self._client.search_registered_models(f"name = '{name}'"):
            self._client.create_registered_model(name)


def as_params(document: Mapping[str, Any]) -> dict[str, str]:
    """Flatten nested settings to MLflow's params: `shape.half_life_days`."""
    flat: dict[str, str] = {}
    for name, value in document.items():
        if isinstance(value, Mapping):
            flat |= {f"{name}.{inner}": text for inner, text in as_params(value).items()}
        else:
            flat[name] = value if isinstance(value, str) else json.dumps(value)
    return flat


def _unavailable(reason: str) -> ModelNotServable:
    return ModelNotServable(f"the registry does not answer ({reason})", code="registry_unavailable")


def _model_name(tenant_id: TenantId) -> str:
    """Return a name that MLflow accepts and that no two tenants share."""
    return f"sendopt-{quote(tenant_id, safe='')}"
