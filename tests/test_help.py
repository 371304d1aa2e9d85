"""`registry --help` answers at once: nothing is loaded that it does not need."""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys

import pytest

RUNS = 15
MOST = 6.0  # times a Python that does nothing
HEAVY = [
    "azure",
    "fastapi",
    "git",
    "jinja2",
    "langcodes",
    "packaging",
    "pydantic",
    "requests",
    "rich",
    "sqlalchemy",
    "yaml",
]
LOADED = """
import json, sys
from registry.cli import run
code = run({arguments!r})
print(json.dumps([code, sorted({{name.split(".")[0] for name in sys.modules}})]), file=sys.stderr)
"""


def seconds(*arguments: str) -> float:
    """How much of a processor this interpreter takes for a program, whatever else the machine does."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def loaded(*arguments: str) -> set[str]:
    """The top names of all modules that a command line has loaded at its end."""
    program = LOADED.format(arguments=list(arguments))
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    code, modules = json.loads(done.stderr.splitlines()[-1])
    assert code == 0
    return set(modules)


def test_help_costs_little_more_than_python_itself() -> None:
    pairs = [
        (
            seconds("-c", "from registry.cli import main; import sys; sys.argv[1:] = ['--help']; main()"),
            seconds("-c", "pass"),
        )
        for _ in range(RUNS)
    ]
    ours, bare = (statistics.median(times) for times in zip(*pairs, strict=True))
    assert ours / bare <= MOST


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["validate", "--help"],
        ["reconcile", "--help"],
        ["serve", "--help"],
        ["schema", "--help"],
        ["github", "--help"],
        ["github", "review", "--help"],
        ["github", "outcome", "--help"],
        ["github", "drift", "--help"],
    ],
)
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    assert loaded(*arguments).isdisjoint(HEAVY)


def test_judging_a_tree_loads_nothing_that_talks() -> None:
    assert loaded("validate").isdisjoint({"azure", "fastapi", "requests", "urllib3"})


@pytest.mark.parametrize("form", ["text", "json", "markdown"])
@pytest.mark.parametrize("rule", [[], ["tag"]])
def test_explaining_loads_nothing_heavy(rule: list[str], form: str) -> None:
    assert loaded("explain", *rule, "--format", form).isdisjoint(HEAVY)
