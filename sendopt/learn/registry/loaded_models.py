"""The models that this process holds: each is read from the registry once."""

from __future__ import annotations

from sendopt.errors import ModelNotServable
from sendopt.learn.families import FAMILY_FAULTS, artifact
from sendopt.learn.model.model import ServableModel
from sendopt.learn.registry.mlflow_store import Version, Versions, damaged
from sendopt.learn.registry.version_facts import VERSION_TAG, require_whole
from sendopt.records import TenantId

_MOST_LOADED = 3  # of a tenant: the champion, the last good one, and one that either was before


class LoadedModels:
    """Reads models, and keeps the last ones of every tenant.

    Args:
        versions: where they are.
        threads: how many a model may use for its trees.
    """

    def __init__(self, versions: Versions, *, threads: int) -> None:
        self._versions = versions
        self._threads = threads
        self._kept: dict[TenantId, dict[str, ServableModel]] = {}  # by number

    def of(self, tenant_id: TenantId, version: Version) -> ServableModel:
        """Return the model of a version, loading it if this process does not hold it.

        Raises:
            ModelNotServable: `model_damaged`.
        """
        require_whole(version)
        kept = self._kept.setdefault(tenant_id, {})
        model = kept.get(version.number)
        if model is None:
            model = self.read(version.run_id, version.tags[VERSION_TAG])
            kept[version.number] = model
            for oldest in list(kept)[:-_MOST_LOADED]:
                kept.pop(oldest, None)
        return model

    def read(self, run_id: str, version: str) -> ServableModel:
        """Read the model of a run from its files, which must be those of `version`.

        Raises:
            ModelNotServable: `model_damaged`, or what its family found.
        """
        with self._versions.fetched(run_id) as folder:
            try:
                return artifact.read(folder, version=version, threads=self._threads)
            except ModelNotServable as refusal:
                if refusal.code in FAMILY_FAULTS:
                    raise
                raise damaged(refusal.message, hint=refusal.hint) from refusal

    def require_servable(self, tenant_id: TenantId, number: str) -> None:
        """Refuse a version that was removed or damaged; what this process holds of it is no word.

        Raises:
            NotFound: `model_unknown`.
            ModelNotServable: `model_damaged`.
        """
        version = self._versions.numbered(tenant_id, number)
        require_whole(version)
        self.read(version.run_id, version.tags[VERSION_TAG])
