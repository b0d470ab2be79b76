"""What is asked of libraries by way of the environment, which they read when they are imported."""

from __future__ import annotations

import os

from sendopt.cores import cores

_ASKED = {
    # Waiting threads sleep rather than spin: on shared cores training was 3 to 4 times slower.
    "OMP_WAIT_POLICY": "PASSIVE",
    # Where nobody says otherwise, OpenMP takes every core that it sees, and sees no quota.
    "OMP_NUM_THREADS": str(cores()),
    # Rows are shared out among threads already. With threads of its own for each small product,
    # linear algebra fights them for the cores: scoring took a quarter longer.
    "OPENBLAS_NUM_THREADS": "1",
    # A self-hosted service calls nobody.
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    # Its log goes where ours goes, from warnings on, and not to handlers of its own.
    "MLFLOW_CONFIGURE_LOGGING": "false",
    # Of MLflow's default experiment, which nobody uses: else the folder in which we were started.
    "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
    # A registry that does not answer is a fallback, so it must be known in seconds; the defaults
    # are seven tries of two minutes.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
}


def tame() -> None:
    """Set what the environment leaves open; call it before NumPy and all that builds on it."""
    for name, value in _ASKED.items():
        os.environ.setdefault(name, value)  # noqa: TID251 - set for others, not read
