"""The layout of the package, read from its imports: floors, homes of libraries, sizes and names."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

import registry

ROOT = Path(registry.__file__).parent
MAX_LINES = 300

# From the ground up. A part is what stands under `registry` (a module or a package); it imports its own floor and those
# below, at any place in a file, also for types alone.
FLOORS: tuple[tuple[str, frozenset[str]], ...] = tuple(
    (floor, frozenset(parts.split()))
    for floor, parts in (
        ("words", "digests errors lines leaks hiding rules finding policy parallel addresses limiter tokens"),
        ("names and forms", "identity spelling languages nodes yaml12 tables tree wire descriptor schema history"),
        (
            "rules: pure functions",
            "snapshot diff plan outcome condition edits pins fixes facts weights counting pickles checks report",
        ),
        ("the web", "patience web"),
        ("adapters", "sources ranges objects repository storage endpoint writing"),
        (
            "stories",
            (
                "copying ledger job standing desired evidence planning preview drift status registration reconcile"
                " comparing pinning quoting"
            ),
        ),
        ("judging", "judging naming changing asking fixing"),
        ("doors", "settings cli server"),
    )
)

# The second door knows nothing of git, of the settings and of the stories beside copying.
SERVER_MAY_IMPORT = frozenset(
    {"errors", "finding", "policy", "rules", "identity", "wire", "descriptor", "nodes", "snapshot", "checks"}
    | {"web", "sources", "storage", "copying", "tokens"}
)

# Each outside library, and the one part of the package that knows it.
HOMES: dict[str, frozenset[str]] = {
    "alembic": frozenset({"server/records"}),
    "azure": frozenset({"storage/azure"}),
    "click": frozenset({"cli"}),
    "fastapi": frozenset({"server", "cli/context"}),  # the first door hands an application on, and names its type
    "filelock": frozenset({"storage"}),
    "git": frozenset({"repository", "blobs"}),
    "jinja2": frozenset({"server/catalog"}),
    "langcodes": frozenset({"languages"}),
    "markupsafe": frozenset({"server/catalog"}),
    "packaging": frozenset({"checks/licenses"}),
    "psycopg": frozenset({"server/instance", "server/records"}),
    # types of what strangers send: the descriptor, and what the endpoint takes; the others catch what they raise
    "pydantic": frozenset({"descriptor", "schema", "snapshot", "pinning", "server"}),
    "prometheus_client": frozenset({"server/metrics"}),
    "pydantic_core": frozenset({"descriptor", "schema"}),
    "requests": frozenset({"web"}),
    "rich": frozenset({"report", "cli/watching"}),
    "sqlalchemy": frozenset({"server/records"}),
    "starlette": frozenset({"server"}),
    "urllib3": frozenset({"web"}),
    "uvicorn": frozenset({"server"}),
    "yaml": frozenset({"yaml12"}),
}
NO_NAMES = frozenset({"utils", "util", "helpers", "helper", "common", "base", "manager", "handler", "misc"})


class Import(NamedTuple):
    """One import: who imports what, and whether that happens as soon as the module is loaded."""

    importer: str  # dotted
    imported: str  # dotted; a module where it names one, else the module that the name comes from
    is_at_once: bool
    line: int


def name_of(file: Path) -> str:
    """The dotted name of a module."""
    parts = ["registry", *file.relative_to(ROOT).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {name_of(file): file for file in sorted(ROOT.rglob("*.py"))}
TREES = {name: ast.parse(file.read_text("utf-8")) for name, file in FILES.items()}


def imports_in(importer: str, node: ast.AST, *, is_at_once: bool) -> Iterator[Import]:
    """All imports below a node."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (Import(importer, alias.name, is_at_once, child.lineno) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, f"{importer}:{child.lineno}: a relative import"
            for alias in child.names:
                whole = f"{child.module}.{alias.name}"
                yield Import(importer, whole if whole in FILES else str(child.module), is_at_once, child.lineno)
        else:
            is_later = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) or is_for_types(child)
            yield from imports_in(importer, child, is_at_once=is_at_once and not is_later)


def is_for_types(node: ast.AST) -> bool:
    """Whether a node is `if TYPE_CHECKING:`."""
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def root_of(found: Import) -> str:
    """The package that an import is from."""
    return found.imported.split(".")[0]


IMPORTS = [found for name, tree in TREES.items() for found in imports_in(name, tree, is_at_once=True)]
OURS = [found for found in IMPORTS if root_of(found) == "registry"]
OTHERS = [found for found in IMPORTS if root_of(found) not in {"registry", *sys.stdlib_module_names}]


def part_of(module: str) -> str:
    """The part that a module belongs to; the package itself, which holds the version, is below all floors."""
    return module.split(".")[1] if "." in module else ""


def floor_of(part: str) -> int:
    """The number of a part's floor, from 0; below them the package itself."""
    return next((number for number, (_, parts) in enumerate(FLOORS) if part in parts), -1)


def shown(found: Import) -> str:
    """An import as a reader finds it."""
    return f"{FILES[found.importer].relative_to(ROOT.parent)}:{found.line} imports {found.imported}"


def test_each_part_has_one_floor() -> None:
    named = [part for _, parts in FLOORS for part in parts]
    assert len(named) == len(set(named))
    assert {part_of(name) for name in FILES} - {""} - set(named) == set(), "give it a floor in FLOORS"


def test_imports_go_down_or_stay_on_their_floor() -> None:
    up = [found for found in OURS if floor_of(part_of(found.imported)) > floor_of(part_of(found.importer))]
    assert [shown(found) for found in up] == []


def test_words_import_words_alone() -> None:
    words = FLOORS[0][1]
    assert [shown(f) for f in IMPORTS if part_of(f.importer) in words and f in OTHERS] == []


def test_no_module_needs_itself_to_be_loaded() -> None:
    graph: dict[str, set[str]] = {name: set() for name in FILES}
    for found in OURS:
        if found.is_at_once:
            parents = found.imported.split(".")
            needed = {".".join(parents[:length]) for length in range(1, len(parents) + 1)}
            graph[found.importer] |= {
                name for name in needed if name != found.importer and not f"{found.importer}.".startswith(f"{name}.")
            }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"a circle of imports: {' → '.join(error.args[1])}")


def test_the_second_door_knows_little_and_the_first_alone_knows_it() -> None:
    from_server = [f for f in OURS if part_of(f.importer) == "server" and part_of(f.imported) not in ("", "server")]
    assert [shown(f) for f in from_server if part_of(f.imported) not in SERVER_MAY_IMPORT] == []
    to_server = [f for f in OURS if part_of(f.imported) == "server" and part_of(f.importer) != "server"]
    assert {part_of(f.importer) for f in to_server} == {"cli"}
    assert [shown(f) for f in to_server if f.is_at_once] == []  # it is an extra that may be missing


def test_the_settings_are_read_by_the_first_door_alone() -> None:
    assert {part_of(f.importer) for f in OURS if part_of(f.imported) == "settings"} == {"cli"}
    assert {part_of(f.importer) for f in OURS if part_of(f.imported) == "cli"} == {"cli"}


def test_each_outside_library_has_one_home() -> None:
    def is_at_home(found: Import) -> bool:
        path = "/".join(found.importer.split(".")[1:])
        homes = HOMES.get(root_of(found), frozenset())
        return any(f"{path}/".startswith(f"{home}/") for home in homes)

    assert [shown(found) for found in OTHERS if not is_at_home(found)] == []


def test_each_home_is_lived_in() -> None:
    assert set(HOMES) == set(map(root_of, OTHERS))


def test_the_environment_is_read_by_the_first_door_alone() -> None:
    read = {
        name
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if (isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv", "putenv"))
        or (isinstance(node, ast.ImportFrom) and node.module == "os")
    }
    assert {part_of(name) for name in read} <= {"cli", "settings"}


@pytest.mark.parametrize("name", FILES)
def test_a_module_is_short_and_says_what_it_is(name: str) -> None:
    lines = FILES[name].read_text("utf-8").splitlines()
    assert len(lines) <= MAX_LINES
    assert ast.get_docstring(TREES[name])
    assert NO_NAMES.isdisjoint(name.split("."))
