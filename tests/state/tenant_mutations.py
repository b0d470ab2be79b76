"""Makes the state forget its tenant, at one place after the other: does the scenario notice?

    python -m state.tenant_mutations [PART OF A NAME...]

A place is where a query says whose rows it means: `tx.owns(table)`, a comparison with `tenant_id`,
also of joins and of parameters, a key of which it is a part, a group. Each is made to hold for
every row, alone, in a process of its own that never writes to the tree. Then the twins are asked
everything: either an answer or a row is not what it should be, or nobody has noticed.
"""

from __future__ import annotations

import argparse
import ast
import importlib.abc
import importlib.util
import pickle
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

_FOLDER = Path(__file__).parents[2] / "sendopt" / "state"
_FOUND, _SURVIVED = 10, 20

#: Places that may forget the tenant without any effect, and why they name it all the same.
EQUIVALENT: dict[str, str] = {
    "api_keys.rotate: tx.owns(api_key) (3)": (
        "the transaction has found the key among the tenant's own before"
    ),
    "erased.among_so_far: tx.owns(erasure)": "users are hashed with a secret of the tenant",
    "erased.asked_since: tx.owns(erasure)": "users are hashed with a secret of the tenant",
    "erasures.begin: tx.owns(erasure)": "users are hashed with a secret of the tenant",
    "pseudonyms.kept_events: tx.owns(erased_send)": "ids of erasures are random",
    "lift.experiment_campaigns: planned_send.c.tenant_id == campaign.c.tenant_id": (
        "both sides are the tenant's by conditions of their own; it leads to the index"
    ),
    "lift.experiment_campaigns: tx.owns(campaign)": (
        "the sends are the tenant's, and the campaigns theirs; it leads to the index"
    ),
}


@dataclass(frozen=True)
class Place:
    """Where a query says whose rows it means.

    Attributes:
        module: of `sendopt.state`.
        number: of the place within the module.
        name: of the function, and the text that stands there.
    """

    module: str
    number: int
    name: str


@dataclass(frozen=True)
class Trial:
    """What became of a state that forgot its tenant at one place; None = nobody noticed."""

    place: Place
    noticed: str | None

    @property
    def is_as_it_should(self) -> bool:
        return (self.noticed is None) == (self.place.name in EQUIVALENT)


def places() -> list[Place]:
    """Return every place of the state, by module and line."""
    found = []
    for file in sorted(_FOLDER.glob("*.py")):
        forgetful = _Forgetful()
        forgetful.visit(ast.parse(file.read_text()))
        names = list[str]()
        for number, (function, text) in enumerate(forgetful.places):
            name = f"{file.stem}.{function}: {text}"
            names.append(name)
            again = names.count(name)
            found.append(Place(file.stem, number, name if again == 1 else f"{name} ({again})"))
    return found


class _Forgetful(ast.NodeTransformer):
    """Notes every place, and makes the one of a number hold for every row."""

    def __init__(self, number: int | None = None) -> None:
        self.places: list[tuple[str, str]] = []
        self._number = number
        self._inside: list[str] = []

    def visit(self, node: ast.AST) -> Any:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            self._inside.append(node.name)
            self.generic_visit(node)
            self._inside.pop()
            return node
        self.generic_visit(node)
        forgotten = _without_tenant(node)
        if forgotten is None:
            return node
        self.places.append((".".join(self._inside) or "(module)", _text(node)))
        return forgotten if len(self.places) - 1 == self._number else node


def _without_tenant(node: ast.AST) -> ast.AST | None:
    """Return what stands there once the tenant is forgotten; None = it is no place."""
    forgotten: ast.AST | None = None
    match node:
        case ast.Call(func=ast.Attribute(attr="owns") | ast.Name("owned")):
            forgotten = _call("always")
        case ast.Compare(left=left, ops=[ast.Eq() | ast.NotEq() as same], comparators=[right]):
            if _is_tenant(left) or _is_tenant(right):
                forgotten = _call("always" if isinstance(same, ast.Eq) else "never", left)
        case ast.Call(func=ast.Attribute(attr="tuple_"), args=[first, *others]):
            if _is_tenant(first):
                forgotten = _call("rest_of_key", *others)
        case ast.Call(func=ast.Attribute(attr="group_by") as of, args=args):
            if any(map(_is_tenant, args)):
                forgotten = ast.Call(of, [each for each in args if not _is_tenant(each)], [])
        case ast.Tuple(elts=[ast.Constant("tenant_id"), *others], ctx=ast.Load()):
            forgotten = ast.Tuple(others, ast.Load())
        case ast.DictComp(key=ast.Tuple(elts=[first, *others])):
            if _is_tenant(first):
                key = ast.Tuple(others, ast.Load())
                forgotten = ast.DictComp(key, node.value, node.generators)
    return forgotten


def _text(node: ast.AST) -> str:
    match node:
        case ast.Call(func=ast.Attribute(attr="group_by"), args=args):
            return f"group_by({', '.join(map(ast.unparse, args))})"
    return ast.unparse(node)


def _is_tenant(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "tenant_id"


def _call(name: str, *args: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(f"_forgetful_{name}", ast.Load()), [*args], [])


def _always(left: Any = None) -> Any:
    import sqlalchemy as sa

    return sa.true() if left is None or isinstance(left, sa.ClauseElement) else True


def _never(left: Any) -> Any:
    import sqlalchemy as sa

    return sa.false() if isinstance(left, sa.ClauseElement) else False


class _RestOfKey:
    """A key that was made of a tenant and more, compared by the rest of it."""

    def __init__(self, *columns: Any) -> None:
        self._columns = columns

    def in_(self, keys: Sequence[tuple[Any, ...]]) -> Any:
        import sqlalchemy as sa

        return sa.tuple_(*self._columns).in_([each[1:] for each in keys])


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module of the state from a changed text, which stands in no file."""

    def __init__(self, module: str, number: int) -> None:
        self._name, self._number = f"sendopt.state.{module}", number
        self._file = _FOLDER / f"{module}.py"

    def find_spec(self, name: str, path: Any, target: Any = None) -> ModuleSpec | None:
        if name != self._name:
            return None
        return importlib.util.spec_from_file_location(name, self._file, loader=self)

    def exec_module(self, module: ModuleType) -> None:
        forgetful = _Forgetful(self._number)
        tree = ast.fix_missing_locations(forgetful.visit(ast.parse(self._file.read_text())))
        vars(module).update(
            _forgetful_always=_always, _forgetful_never=_never, _forgetful_rest_of_key=_RestOfKey
        )
        exec(compile(tree, self._file, "exec"), vars(module))


def prepare(folder: Path) -> None:
    """Store the twins in a state under `folder`, and what each should be answered."""
    from state import isolation
    from state.twins import ABSENT, TWINS, live, stored

    from sendopt.state import State, migrate

    empty = folder / "empty.db"
    with closing(State(f"sqlite:///{empty}")) as state:
        migrate(state)
    everybody = (*TWINS, ABSENT)
    expected = {}
    for us in everybody:
        with closing(_copy(empty, folder / f"{us}.db")) as state:
            live(state, [us])
            expected[us] = (isolation.answers(state, us), stored(state, us))
    with closing(_copy(empty, folder / "twins.db")) as state:
        live(state, everybody)
        before = {each: stored(state, each) for each in everybody}
    (folder / "expected.pickle").write_bytes(pickle.dumps((expected, before)))


def _copy(file: Path, to: Path) -> Any:
    from sendopt.state import State

    for old in to.parent.glob(f"{to.name}*"):  # a process that ended early may leave a journal
        old.unlink()
    shutil.copyfile(file, to)
    return State(f"sqlite:///{to}")


class _Noticed(Exception):
    """An answer is another one than it should be."""


def _question(folder: Path, expected: dict[Any, Any], before: dict[Any, Any]) -> None:
    """Ask the twins everything.

    Raises:
        _Noticed: as soon as an answer, or a row, is not what it should be.
    """
    from state import isolation
    from state.conversation import Answer
    from state.twins import stored

    for us, (answers, own) in expected.items():
        coming = iter(answers)

        def compare(answer: Answer) -> None:
            if answer != next(coming):  # noqa: B023 - called while the loop is there
                raise _Noticed(f"{us}: {answer.asked}")  # noqa: B023

        with closing(_copy(folder / "twins.db", folder / "asked.db")) as state:
            isolation.talk(state, us, compare)
            for each, rows in before.items():
                if stored(state, each) != (own if each == us else rows):
                    raise _Noticed(f"{us}: the rows of {each}")


def attempt(place: Place, folder: Path) -> Trial:
    """Forget the tenant at one place, and ask, in a process of its own."""
    forget = ["--forget", place.module, str(place.number), str(folder)]
    done = subprocess.run(
        [sys.executable, "-m", "state.tenant_mutations", *forget],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == _SURVIVED:
        return Trial(place, None)
    if done.returncode == _FOUND:
        return Trial(place, done.stdout.strip())
    raise RuntimeError(f"{place.name} could not be tried:\n{done.stderr}")


def _forget(module: str, number: int, folder: Path) -> int:
    sys.meta_path.insert(0, _Finder(module, number))
    importlib.import_module("state.isolation")
    expected, before = pickle.loads((folder / "expected.pickle").read_bytes())
    try:
        _question(folder, expected, before)
    except _Noticed as noticed:
        print(noticed)
        return _FOUND
    except Exception as error:  # noqa: BLE001 - whatever a query without its tenant comes to
        print(f"{type(error).__name__}: {str(error).splitlines()[0]}")
        return _FOUND
    return _SURVIVED


def trials(chosen: Sequence[Place]) -> Iterator[Trial]:
    """Forget the tenant at each of these places, one after the other."""
    with tempfile.TemporaryDirectory(prefix="sendopt-twins-") as folder:
        prepare(Path(folder))
        for place in chosen:
            yield attempt(place, Path(folder))


def row_of(trial: Trial) -> str:
    """Return a trial as a row of the table."""
    reason = EQUIVALENT.get(trial.place.name)
    if trial.noticed is not None:
        came_to = trial.noticed if len(trial.noticed) < 80 else f"{trial.noticed[:79]}…"
    else:
        came_to = f"no effect: {reason}" if reason is not None else "NOBODY NOTICED"
    return f"{trial.place.name:<100} {came_to}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m state.tenant_mutations")
    parser.add_argument("names", nargs="*", metavar="NAME", help="parts of names; default: all")
    parser.add_argument("--forget", nargs=3, metavar=("MODULE", "NUMBER", "FOLDER"))
    given = parser.parse_args()
    if given.forget:
        module, number, folder = given.forget
        return _forget(module, int(number), Path(folder))
    chosen = [
        each
        for each in places()
        if not given.names or any(name in each.name for name in given.names)
    ]
    known = {each.name for each in places()}
    amiss = [f"{name}: is no place any more" for name in EQUIVALENT if name not in known]
    for trial in trials(chosen):
        print(row_of(trial), flush=True)
        if not trial.is_as_it_should:
            amiss.append(f"{trial.place.name}: {trial.noticed or 'nobody noticed'}")
    print("\n".join([f"{len(chosen)} places, {len(amiss)} of them not as they should be", *amiss]))
    return 1 if amiss else 0


if __name__ == "__main__":
    sys.exit(main())
