"""Keeps the versions of models, with their runs and files, in MLflow.

One registered model and one experiment a tenant. What MLflow fails at becomes `ModelNotServable`.
"""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from sendopt.errors import ModelNotServable, NotFound, SendoptError
from sendopt.learn.registry.artifact_place import ArtifactPlace, RunFiles
from sendopt.learn.registry.metric_name import metric_name
from sendopt.learn.registry.mlflow_file import MlflowFile, NotAsExpected
from sendopt.learn.registry.promotions import sha256_of
from sendopt.masking import hide_in
from sendopt.records import TenantId

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

_ARTIFACT = "model"
#: Tags of a version: the names of those that it was added with, and a hash of what they say.
_FACTS, _FACTS_SHA256 = "sendopt.facts", "sendopt.facts_sha256"
_REFUSED = "INVALID_PARAMETER_VALUE"
_ABSENT = ("RESOURCE_DOES_NOT_EXIST", _REFUSED)  # no model; no such alias


@dataclass(frozen=True)
class Version:
    """One version of a tenant's model, as MLflow keeps it."""

    number: str
    run_id: str
    tags: Mapping[str, str]

    @property
    def is_whole(self) -> bool:
        """Whether its facts are those that it was added with; earlier releases did not say."""
        sha256 = self.tags.get(_FACTS_SHA256)
        names = self.tags.get(_FACTS, "").split()
        facts = {name: self.tags.get(name) for name in names}
        return sha256 is None or sha256 == sha256_of(self.run_id, facts)


@dataclass(frozen=True)
class ModelEntry:
    """What MLflow keeps of a tenant's model as a whole."""

    tags: Mapping[str, str]
    aliases: Mapping[str, str]  # numbers by alias


@contextmanager
def _answers() -> Iterator[None]:
    """Turn MLflow's failures into ours, and whatever else its stores break at."""
    try:
        yield
    except SendoptError:
        raise
    except Exception as error:  # a registry that breaks in whatever way must not stop a send
        hide_in(error)
        code = getattr(error, "error_code", None)  # of an MlflowException
        if code == _REFUSED:
            raise _refused(str(error)) from error
        raise unavailable(code or type(error).__name__) from error


class Versions:
    """MLflow, with a tenant's model behind every question.

    All methods raise `registry_unavailable` where it does not answer, and `registry_refused` where
    it takes no such value.

    Args:
        tracking_uri: MLflow's store, such as `sqlite:///registry.db` or a server's URL.
        artifacts: where files are kept, a folder or a URI that the store can reach.
    """

    def __init__(self, tracking_uri: str, artifacts: str) -> None:
        self._tracking_uri = tracking_uri
        self._file = MlflowFile(tracking_uri)
        self._place = ArtifactPlace(artifacts, tracking_uri)

    @cached_property
    def _client(self) -> MlflowClient:
        # MLflow takes seconds to import and to open, which only those who need it should pay.
        self._file.make_ready()
        from mlflow import MlflowClient  # noqa: PLC0415

        return MlflowClient(self._tracking_uri, self._tracking_uri)

    @_answers()
    def add(
        self,
        tenant_id: TenantId,
        folder: Path,
        *,
        params: Mapping[str, Any],
        tags: Mapping[str, str],
        facts: Mapping[str, str],
    ) -> Version:
        """Add the model in `folder` as a new version, with a run of its own.

        Args:
            tenant_id: whose model it is.
            folder: its files.
            params: of the run, what went in.
            tags: of the run.
            facts: tags of the version.
        """
        run = self._client.create_run(self._experiment(tenant_id), tags=dict(tags))
        run_id = run.info.run_id
        noted = str(run.info.artifact_uri)
        self._place.of_run(noted).log_artifacts(str(folder), _ARTIFACT)
        self._log_batch(run_id, params=params)
        name = _model_name(tenant_id)
        if self.entry(tenant_id) is None:
            self._client.create_registered_model(name)
        source = f"{noted}/{_ARTIFACT}"
        return _version(
            self._client.create_model_version(
                name, source=source, run_id=run_id, tags=_sealed(run_id, facts)
            )
        )

    @_answers()
    def name_run(self, run_id: str, name: str) -> None:
        """Give a run the name by which MLflow's pages list it."""
        self._client.update_run(run_id, name=name)

    @_answers()
    def end_run(
        self, run_id: str, *, metrics: Mapping[str, float], tags: Mapping[str, str]
    ) -> None:
        """Write down what a run came to; NaN is left out, because MLflow cannot chart it."""
        self._log_batch(run_id, metrics=metrics, tags=tags)
        self._client.set_terminated(run_id, "FINISHED")

    @_answers()
    def keep_text(self, run_id: str, name: str, text: str) -> None:
        """Keep a text as a file of a run."""
        with tempfile.TemporaryDirectory(prefix="sendopt-model-") as folder:
            file = Path(folder, name)
            file.write_text(text, "utf-8")
            self._files(run_id).log_artifact(str(file))

    def text(self, run_id: str, name: str) -> str:
        """Return a text that was kept.

        Raises:
            ModelNotServable: `model_damaged`.
        """
        with self.fetched(run_id, name) as path:
            try:
                return path.read_bytes().decode()  # every byte of it
            except (OSError, UnicodeDecodeError) as error:
                raise damaged(f"{name} of run {run_id} cannot be read") from error

    @contextmanager
    def fetched(self, run_id: str, name: str = _ARTIFACT) -> Iterator[Path]:
        """Fetch a file of a run, or the folder of its model, for as long as the block lasts.

        Raises:
            ModelNotServable: `model_damaged`.
        """
        here = self._folder_of(run_id)
        if here is not None and (here / name).exists():
            yield here / name
            return
        with tempfile.TemporaryDirectory(prefix="sendopt-model-") as folder:
            yield self._download(run_id, name, folder)

    def check(self, tenant_id: TenantId, alias: str) -> None:
        """Return if MLflow answers, and the files are there of the version that it names.

        Raises:
            ModelNotServable: `registry_unavailable`, `model_damaged`.
        """
        version = self.with_alias(tenant_id, alias)
        here = None if version is None else self._folder_of(version.run_id)
        if version is not None and here is not None and not (here / _ARTIFACT).is_dir():
            raise damaged(f"the files of run {version.run_id} are not there")

    @_answers()
    def _folder_of(self, run_id: str) -> Path | None:
        noted = self._file.artifact_uri(run_id)
        return None if noted is None else self._place.folder_of_run(noted)

    def _download(self, run_id: str, name: str, folder: str) -> Path:
        from mlflow.exceptions import MlflowException  # noqa: PLC0415 - see _client

        try:
            return Path(self._files(run_id).download_artifacts(name, folder))
        except (MlflowException, OSError) as error:
            raise damaged(f"{name} of run {run_id} cannot be fetched: {error}") from error

    @_answers()
    def storage(self) -> list[str]:
        """Return what SQLite finds wrong with pages and indexes; nothing where there is no file."""
        return self._file.storage()

    @_answers()
    def entry(self, tenant_id: TenantId) -> ModelEntry | None:
        """Return what is kept of the tenant's model; None = nothing was ever trained."""
        name = _model_name(tenant_id)
        if not self._client.search_registered_models(f"name = '{name}'"):
            return None
        model = self._client.get_registered_model(name)
        aliases = {alias: str(number) for alias, number in model.aliases.items()}
        return ModelEntry(dict(model.tags), aliases)

    @_answers()
    def newest_first(self, tenant_id: TenantId) -> list[Version]:
        """Return every version."""
        versions = self._client.search_model_versions(f"name = '{_model_name(tenant_id)}'")
        return sorted(map(_version, versions), key=lambda each: -int(each.number))

    @_answers()
    def with_alias(self, tenant_id: TenantId, alias: str) -> Version | None:
        """Return the version that an alias points to; None = there is no such alias."""
        name = _model_name(tenant_id)
        try:
            version = self._file.with_alias(name, alias)
        except NotAsExpected:
            return self._with_alias_by_mlflow(name, alias)
        return None if version is None else Version(*version)

    def _with_alias_by_mlflow(self, name: str, alias: str) -> Version | None:
        from mlflow.exceptions import MlflowException  # noqa: PLC0415 - see _client

        try:
            return _version(self._client.get_model_version_by_alias(name, alias))
        except MlflowException as error:
            if error.error_code in _ABSENT:
                return None
            raise

    @_answers()
    def numbered(self, tenant_id: TenantId, number: str) -> Version:
        """Return the version of a number.

        Raises:
            NotFound: `model_unknown`.
        """
        from mlflow.exceptions import MlflowException  # noqa: PLC0415 - see _client

        try:
            return _version(self._client.get_model_version(_model_name(tenant_id), number))
        except MlflowException as error:
            if error.error_code in _ABSENT:
                raise NotFound(
                    f"there is no model {number} any more",
                    code="model_unknown",
                    hint="`sendopt models list` shows which there are",
                ) from error
            raise

    @_answers()
    def set_alias(self, tenant_id: TenantId, alias: str, number: str | None) -> None:
        """Let an alias point to a version, in one atomic move; None takes it away."""
        name = _model_name(tenant_id)
        if number is None:
            self._client.delete_registered_model_alias(name, alias)
        else:
            self._client.set_registered_model_alias(name, alias, number)

    @_answers()
    def tag(self, tenant_id: TenantId, name: str, text: str, *, number: str | None = None) -> None:
        """Tag a version, or the model as a whole."""
        model = _model_name(tenant_id)
        if number is None:
            self._client.set_registered_model_tag(model, name, text)
        else:
            self._client.set_model_version_tag(model, number, name, text)

    def _log_batch(
        self,
        run_id: str,
        *,
        params: Mapping[str, Any] | None = None,
        metrics: Mapping[str, float] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        from mlflow.entities import Metric, Param, RunTag  # noqa: PLC0415 - see _client

        self._client.log_batch(
            run_id,
            params=[Param(name, str(value)) for name, value in (params or {}).items()],
            metrics=[
                Metric(metric_name(name), value, timestamp=0, step=0)
                for name, value in (metrics or {}).items()
                if not math.isnan(value)
            ],
            tags=[RunTag(name, value) for name, value in (tags or {}).items()],
        )

    def _files(self, run_id: str) -> RunFiles:
        return self._place.of_run(str(self._client.get_run(run_id).info.artifact_uri))

    def _experiment(self, tenant_id: TenantId) -> str:
        name = _model_name(tenant_id)
        experiment = self._client.get_experiment_by_name(name)
        if experiment is not None:
            return str(experiment.experiment_id)
        location = self._place.of_tenant(tenant_id)
        return str(self._client.create_experiment(name, artifact_location=location))


def as_params(document: Mapping[str, Any]) -> dict[str, str]:
    """Flatten nested settings to MLflow's params: `shape.half_life_days`."""
    flat: dict[str, str] = {}
    for name, value in document.items():
        if isinstance(value, Mapping):
            flat |= {f"{name}.{inner}": text for inner, text in as_params(value).items()}
        else:
            flat[name] = value if isinstance(value, str) else json.dumps(value)
    return flat


def unavailable(reason: str) -> ModelNotServable:
    """Say that nobody can tell who serves."""
    return ModelNotServable(f"the registry does not answer ({reason})", code="registry_unavailable")


def _refused(reason: str) -> ModelNotServable:
    return ModelNotServable(
        f"the registry answers, and refuses a value: {reason}", code="registry_refused"
    )


def damaged(message: str, *, hint: str | None = None) -> ModelNotServable:
    """Say that the files of a model are not what was judged."""
    return ModelNotServable(message, code="model_damaged", hint=hint)


def _sealed(run_id: str, facts: Mapping[str, str]) -> dict[str, str]:
    """Return facts with their names, and the hash of them and the run that they are of."""
    digest = sha256_of(run_id, dict(facts))
    return {**facts, _FACTS: " ".join(facts), _FACTS_SHA256: digest}


def _version(version: ModelVersion) -> Version:
    return Version(str(version.version), str(version.run_id), dict(version.tags))


def _model_name(tenant_id: TenantId) -> str:
    """Return a name that MLflow accepts and that no two tenants share."""
    return f"sendopt-{quote(tenant_id, safe='')}"
