"""Where the files of a run are: below a folder that is known today, whatever was known then.

MLflow notes with every experiment and run the URI of its files. In a home that would be the place
where the home lay when the model was trained: moved or restored elsewhere, the home would read
from and write to its old place. So the note names no place (`mlflow-artifacts:`, MLflow's scheme
for files that a server knows where to find), and a run's files are found below today's folder. In
an object store, or wherever a server keeps files, MLflow's own note counts.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Protocol
from urllib.parse import quote, urlsplit

_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/", re.ASCII)
_PROXIED = "mlflow-artifacts"  # MLflow's word for it
_BELOW = 3  # of the parts of a run's URI: tenant, run, "artifacts"


class RunFiles(Protocol):
    """What is asked of MLflow's door to the files of a run, which has no types of its own."""

    def log_artifact(self, local_file: str) -> None: ...

    def log_artifacts(self, local_dir: str, artifact_path: str) -> None: ...

    def download_artifacts(self, artifact_path: str, dst_path: str) -> str: ...


class ArtifactPlace:
    """The files of all runs.

    Args:
        artifacts: a folder, or a URI that the store can reach.
        tracking_uri: MLflow's store, of which some URIs make sense only to its server.
    """

    def __init__(self, artifacts: str, tracking_uri: str) -> None:
        self._uri = artifacts.rstrip("/")
        self._tracking_uri = tracking_uri
        self._folder = None if _URI.match(artifacts) else Path(artifacts).absolute()

    def of_tenant(self, tenant_id: str) -> str:
        """Return what MLflow notes as the place of a tenant's files."""
        above = self._uri if self._folder is None else f"{_PROXIED}:"
        return f"{above}/{quote(tenant_id, safe='')}"

    def folder_of_run(self, noted: str) -> Path | None:
        """Return the folder of a run's files, of which MLflow has `noted` a URI; None = no folder.

        Homes that were made before the note named no place have a folder in it.
        """
        if self._folder is None or not _is_of_a_home(noted):
            return None
        return self._folder.joinpath(*PurePosixPath(noted).parts[-_BELOW:])

    def of_run(self, noted: str) -> RunFiles:
        """Return the door to the files of a run, of which MLflow has `noted` a URI."""
        # MLflow takes a second to import, which only those who open a registry should pay.
        from mlflow.store.artifact.artifact_repository_registry import (  # noqa: PLC0415
            get_artifact_repository,
        )

        here = self.folder_of_run(noted)
        uri = noted if here is None else here.as_uri()
        repository: RunFiles = get_artifact_repository(uri, tracking_uri=self._tracking_uri)
        return repository


def _is_of_a_home(noted: str) -> bool:
    return not _URI.match(noted) or urlsplit(noted).scheme in {"file", _PROXIED}
