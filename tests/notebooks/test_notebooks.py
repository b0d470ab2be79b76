"""The shipped notebooks run as they are, against the public API, and carry nobody's output."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request: pytest.FixtureRequest) -> Any:
    return nbformat.read(request.param, as_version=4)


def code_of(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KernelManager]:
    """One process for all notebooks: to import everything takes longer than some of them."""
    folder = tmp_path_factory.mktemp("kernel")
    with pytest.MonkeyPatch.context() as environment:
        for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "MPLCONFIGDIR"):
            environment.setenv(name, str(folder / name.lower()))
        kernel = KernelManager(kernel_name="python3")
        kernel.start_kernel(cwd=folder)
    yield kernel
    kernel.shutdown_kernel(now=True)


@pytest.mark.slow
def test_it_runs_and_shows_what_it_announces(notebook: Any, kernel: KernelManager) -> None:
    # No notebook knows what another one named.
    notebook.cells.insert(0, nbformat.v4.new_code_cell("%reset -f"))
    client = NotebookClient(notebook, km=kernel, timeout=240)
    try:
        client.execute()
    finally:
        client.kc.stop_channels()
    shown = [
        kind for cell in code_of(notebook) for out in cell.outputs for kind in out.get("data", ())
    ]
    figures = sum("plt.show()" in cell.source for cell in code_of(notebook))
    assert figures > 0
    assert shown.count("image/png") == figures
    assert shown.count("text/markdown") == sum("Markdown(" in c.source for c in code_of(notebook))


def test_what_it_imports_is_there(notebook: Any) -> None:
    for cell in code_of(notebook):
        for statement in ast.parse(cell.source).body:
            if isinstance(statement, ast.Import | ast.ImportFrom):
                exec(ast.unparse(statement), {})


def test_it_carries_no_output(notebook: Any) -> None:
    assert all(cell.outputs == [] for cell in code_of(notebook))
    assert all(cell.execution_count is None for cell in code_of(notebook))


def test_it_needs_no_store_of_its_own(notebook: Any) -> None:
    source = "\n".join(cell.source for cell in code_of(notebook))
    for library in ("duckdb", "sqlalchemy", "mlflow", "lightgbm", "sendopt.state", "sendopt.learn"):
        assert f"import {library}" not in source
        assert f"from {library}" not in source
