"""Measure the shape of the code and write docs/shape.md.

python benchmarks/shape.py             before and now
python benchmarks/shape.py --limits    only name what breaks a limit; exit status 1 if anything does
python benchmarks/shape.py PACKAGE...  only print the table, of other packages' folders

Imports are read by grimp, everything else from the syntax tree: nothing that is measured is run.
"""

from __future__ import annotations

import argparse
import ast
import math
import subprocess
import sys
import tarfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import grimp
import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "sendopt"
PAGE = ROOT / "docs" / "shape.md"
BEFORE = "171be55"

MOST_LINES = 400
MOST_ARGUMENTS = 8
_FROZEN = "migrations"  # of the database: once released, none is ever changed
_COMMANDS = "cli/"  # typer makes their arguments options; nobody calls them
_KERNELS = {"compiled", "njit", "jit", "vectorize", "guvectorize", "entry", "called", "inlined"}
_BARE = {"ValueError", "RuntimeError", "TypeError"}

_Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
_Documented = ast.Module | _Definition

HEAD = f"""# The shape of the code

Printed by `python benchmarks/shape.py`; before is the package as it stood at commit {BEFORE}.

Files are all but migrations of the database, which never change. Lines are all lines of a file, or
of a function with its docstring. Arguments are those that a caller can give, without `self`; a
compiled kernel is a function that numba compiles, which takes arrays one by one; a command is a
function of `cli`, whose arguments are the options that people type. A cycle of modules is a set of
modules that import each other, round about; a cycle of folders the same of what one package holds,
each with everything inside. A bare error is a `ValueError`, `RuntimeError` or `TypeError` that is
raised as such. Typed is a function with every argument and its result annotated. Documented is a
module, public class or public function with a docstring.

`make check` holds to 0 cycles, {MOST_LINES} lines a file, {MOST_ARGUMENTS} arguments a function
and 0 bare errors.

"""


@dataclass(frozen=True)
class Function:
    """One function of a module."""

    file: str  # below the package
    line: int
    name: str
    lines: int
    arguments: int
    typed: bool
    kernel: bool

    @property
    def is_wide(self) -> bool:
        apart = self.kernel or self.file.startswith(_COMMANDS)
        return self.arguments > MOST_ARGUMENTS and not apart

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.name}"


@dataclass(frozen=True)
class Module:
    """One file."""

    path: str  # below the package
    tree: ast.Module
    lines: int

    @cached_property
    def functions(self) -> tuple[Function, ...]:
        return tuple(
            self._function(node)
            for node in ast.walk(self.tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        )

    @cached_property
    def bare_errors(self) -> tuple[str, ...]:
        """Where one is raised."""
        raised = (node for node in ast.walk(self.tree) if isinstance(node, ast.Raise))
        return tuple(f"{self.path}:{node.lineno}" for node in raised if _raised(node) in _BARE)

    @cached_property
    def documented(self) -> tuple[bool, ...]:
        """Whether this module, and each of its public classes and functions, has a docstring."""
        return tuple(ast.get_docstring(node) is not None for node in _public(self.tree))

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Function:
        arguments = list(_arguments(node.args))
        annotated = [argument.annotation is not None for argument in arguments]
        return Function(
            file=self.path,
            line=node.lineno,
            name=node.name,
            lines=(node.end_lineno or node.lineno) - node.lineno + 1,
            arguments=len(arguments),
            typed=all(annotated) and node.returns is not None,
            kernel=any(_named(made) in _KERNELS for made in node.decorator_list),
        )


@dataclass(frozen=True)
class Shape:
    """What is measured of a package."""

    modules: tuple[Module, ...]
    module_cycles: tuple[frozenset[str], ...]
    folder_cycles: tuple[frozenset[str], ...]

    @property
    def functions(self) -> list[Function]:
        return [function for module in self.modules for function in module.functions]

    @property
    def wide(self) -> list[Function]:
        """Functions of too many arguments, compiled kernels and commands apart."""
        return [function for function in self.functions if function.is_wide]

    @property
    def bare_errors(self) -> list[str]:
        return [place for module in self.modules for place in module.bare_errors]

    def faults(self) -> Iterator[str]:
        """Yield whatever breaks a limit, a line each."""
        for cycle in (*self.module_cycles, *self.folder_cycles):
            yield f"these import each other: {', '.join(sorted(cycle))}"
        for module in self.modules:
            if module.lines > MOST_LINES:
                yield f"{module.path} has {module.lines} lines; at most {MOST_LINES}: divide it"
        for function in self.wide:
            yield (
                f"{function} takes {function.arguments} arguments; at most {MOST_ARGUMENTS}: "
                "what belongs together is a noun of its own"
            )
        for place in self.bare_errors:
            yield f"{place} raises a bare error; sendopt/errors.py has those that say what to do"


def measure(package: Path) -> Shape:
    """Measure the package in a folder of its name."""
    modules = tuple(_modules(package))
    edges = _imports(package)
    children: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for importer, imported in edges:
        one, other = importer.split("."), imported.split(".")
        shared = next(at for at in range(len(one), -1, -1) if one[:at] == other[:at])
        if shared < min(len(one), len(other)):  # else a package and what is inside it
            inside, beside = ".".join(one[:shared]), shared + 1
            children[inside].add((".".join(one[:beside]), ".".join(other[:beside])))
    return Shape(
        modules,
        tuple(_cycles(edges)),
        tuple(cycle for among in children.values() for cycle in _cycles(among)),
    )


def _modules(package: Path) -> Iterator[Module]:
    for path in sorted(package.rglob("*.py")):
        below = path.relative_to(package)
        if _FROZEN not in below.parts:
            text = path.read_text("utf-8")
            yield Module(below.as_posix(), ast.parse(text), len(text.splitlines()))


def _imports(package: Path) -> set[tuple[str, str]]:
    """Return who imports whom inside the package, also for types alone."""
    sys.path.insert(0, str(package.resolve().parent))
    try:
        graph = grimp.build_graph(package.resolve().name, cache_dir=None)
    finally:
        sys.path.pop(0)
    return {
        (importer, imported)
        for importer in graph.modules
        for imported in graph.find_modules_directly_imported_by(importer)
    }


def _cycles(edges: Iterable[tuple[str, str]]) -> Iterator[frozenset[str]]:
    """Yield every set of names that reach each other."""
    arrows = list(edges)
    names = sorted({name for arrow in arrows for name in arrow})
    number = {name: at for at, name in enumerate(names)}
    begin, end = ([number[arrow[side]] for arrow in arrows] for side in (0, 1))
    reach = coo_array((np.ones(len(arrows)), (begin, end)), shape=(len(names),) * 2)
    _, component = connected_components(reach, directed=True, connection="strong")
    together = defaultdict(list)
    for name, of in zip(names, component, strict=True):
        together[of].append(name)
    yield from (frozenset(cycle) for cycle in together.values() if len(cycle) > 1)


def _arguments(given: ast.arguments) -> Iterator[ast.arg]:
    listed = [*given.posonlyargs, *given.args]
    yield from listed[1:] if listed and listed[0].arg in {"self", "cls"} else listed
    yield from given.kwonlyargs
    yield from (rest for rest in (given.vararg, given.kwarg) if rest is not None)


def _public(holder: ast.Module | ast.ClassDef) -> Iterator[_Documented]:
    yield holder
    for node in holder.body:
        if isinstance(node, _Definition) and not node.name.startswith("_"):
            yield from _public(node) if isinstance(node, ast.ClassDef) else (node,)


def _raised(node: ast.Raise) -> str | None:
    return None if node.exc is None else _named(node.exc)


def _named(node: ast.expr) -> str | None:
    """Return the last name of `a.b` or of `a.b(...)`."""
    if isinstance(node, ast.Call):
        node = node.func
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else None


def _spread(values: Sequence[int]) -> tuple[int, int, int]:
    """Return the median, the 95th of a hundred and the largest."""
    half, most = np.percentile(values, [50, 95], method="inverted_cdf")
    return int(half), int(most), max(values)


def _share(told: Iterable[bool]) -> str:
    """Return a share in percent, rounded down: 100 % is all."""
    every = list(told)
    return f"{math.floor(1000 * sum(every) / len(every)) / 10:g} %"


def _files(shape: Shape) -> str:
    lines = sum(module.lines for module in shape.modules)
    return f"{len(shape.modules)} / {lines:,}"


def _file_lines(shape: Shape) -> str:
    return " / ".join(map(str, _spread([module.lines for module in shape.modules])))


def _function_lines(shape: Shape) -> str:
    return " / ".join(map(str, _spread([each.lines for each in shape.functions])[1:]))


def _argument_counts(shape: Shape) -> str:
    return " / ".join(map(str, _spread([each.arguments for each in shape.functions])[1:]))


def _wide(shape: Shape) -> str:
    names = ", ".join(f"`{each.file}` `{each.name}` {each.arguments}" for each in shape.wide)
    return f"{len(shape.wide)}: {names}" if names else "0"


#: What stands in each row of the table, in this order.
_ROWS: dict[str, Callable[[Shape], str]] = {
    "files / lines": _files,
    "lines of a file: median / p95 / max": _file_lines,
    "lines of a function: p95 / max": _function_lines,
    "arguments of a function: p95 / max": _argument_counts,
    f"functions of more than {MOST_ARGUMENTS} arguments, kernels and commands apart": _wide,
    "cycles of imports: modules / folders": lambda shape: (
        f"{len(shape.module_cycles)} / {len(shape.folder_cycles)}"
    ),
    "bare errors raised": lambda shape: str(len(shape.bare_errors)),
    "typed, compiled kernels apart": lambda shape: _share(
        each.typed for each in shape.functions if not each.kernel
    ),
    "documented": lambda shape: _share(
        told for module in shape.modules for told in module.documented
    ),
}


def table(shapes: dict[str, Shape]) -> str:
    """Return a Markdown table with a column for each shape."""
    lines = [f"| | {' | '.join(shapes)} |", "|---" * (len(shapes) + 1) + "|"]
    for name, said in _ROWS.items():
        lines.append(f"| {name} | {' | '.join(said(shape) for shape in shapes.values())} |")
    return "\n".join(lines) + "\n"


def _before(commit: str) -> Shape:
    """Measure sendopt as it stood at a commit."""
    archive = ["git", "-C", str(ROOT), "archive", commit, "sendopt"]
    with TemporaryDirectory(prefix="sendopt-shape-") as folder:
        packed = subprocess.run(archive, check=True, stdout=subprocess.PIPE).stdout
        with tarfile.open(fileobj=BytesIO(packed)) as files:
            files.extractall(folder, filter="data")
        return measure(Path(folder) / "sendopt")


def main() -> int:
    """Do what the command line asks, and return the exit status."""
    described = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    described.add_argument("packages", nargs="*", type=Path, metavar="PACKAGE", help="its folder")
    described.add_argument("--limits", action="store_true", help="only name what breaks a limit")
    asked = described.parse_args()
    if asked.limits:
        faults = [fault for at in asked.packages or [PACKAGE] for fault in measure(at).faults()]
        print(*faults, sep="\n", end="\n" * bool(faults))
        return 1 if faults else 0
    if asked.packages:
        print(table({str(at): measure(at) for at in asked.packages}), end="")
        return 0
    compared = table({"before": _before(BEFORE), "now": measure(PACKAGE)})
    print(compared, end="")
    PAGE.write_text(HEAD + compared, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
