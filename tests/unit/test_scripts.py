"""Scripts: what is read of them, and what a contributor reads."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.checks.scripts import parse_script
from registry.facts import Problem
from registry.finding import Finding
from tests.heads import judged

RUN = "def run(data):\n    return data\n"
PREPROCESSING = {"model_config__preprocessing_properties": {"entry_script": "pre.py", "docker_image": "python:3.11"}}
NEWER = f"dependencies:\n  - python=3.{sys.version_info.minor + 1}\n".encode()


def found(folder: Path, script: str | bytes, **files: bytes) -> list[Finding]:
    """What is wrong with an inference script."""
    data = script if isinstance(script, bytes) else script.encode()
    return judged(folder, {"inference.py": data, **{name.replace("__", "."): file for name, file in files.items()}})


def preprocessing(folder: Path, script: str) -> list[str]:
    """What is wrong with a pre-processing script: the messages."""
    return [finding.message for finding in judged(folder, {"pre.py": script.encode()}, **PREPROCESSING)]


@pytest.mark.parametrize(
    "init",
    [
        "def init(model_path): pass",
        "def init(model_path, /): pass",
        "def init(model_path='.'): pass",
        "def init(model_path, device='cpu', *, dtype=None): pass",
        "def init(*args, **more): pass",
        "async def init(model_path): pass",
        "try:\n    from fast import init\nexcept ImportError:\n    def init(model_path): pass",
        "from loading import load as init",
        "init = run = print",
        "init, other = make()",
        "class init: pass",
        "@wrapped\ndef init(): pass",
        "from everything import *",
    ],
)
def test_what_can_be_called_with_one_argument_is_an_init(tmp_path: Path, init: str) -> None:
    assert found(tmp_path, f"{init}\n{RUN}") == []


@pytest.mark.parametrize(
    "init", ["def init(): pass", "def init(a, b): pass", "def init(a, *, b): pass", "def init(*, a=1): pass"]
)
def test_what_cannot_be_called_with_one_argument_is_said_at_its_name(tmp_path: Path, init: str) -> None:
    (finding,) = found(tmp_path, f"if True:\n    {init}\n{RUN}")
    assert (finding.rule, finding.path) == ("inference-functions", "models/tiny/1.0/inference.py")
    assert (finding.line, finding.column) == (2, 9)


@pytest.mark.parametrize(
    "script", ["", "class A:\n    def init(self, a): pass\n    def run(self): pass\n", "'def init(a)'"]
)
def test_functions_that_are_not_of_the_module_are_none(tmp_path: Path, script: str) -> None:
    assert [finding.rule for finding in found(tmp_path, script)] == ["inference-functions"] * 2


@pytest.mark.parametrize(
    "script",
    [
        "def run(data_dir): pass",
        "def run(data_dir, *, jobs=2): pass",
        "def run(line, file=None): pass",
        "def init(): pass\ndef run(line, file): pass",
        "def init(folder): pass\ndef run(*args): pass",
        "from ready import run",
    ],
)
def test_preprocessing_takes_a_folder_or_lines(tmp_path: Path, script: str) -> None:
    assert preprocessing(tmp_path, script) == []


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("def init(): pass", "has no `run`"),
        ("def run(line, file): pass", "has no `init`"),
        ("def run(): pass", "neither one argument nor two"),
        ("def init(): pass\ndef run(a, b, c): pass", "neither one argument nor two"),
    ],
)
def test_preprocessing_of_another_kind_is_told_what_to_add(tmp_path: Path, script: str, said: str) -> None:
    (message,) = preprocessing(tmp_path, script)
    assert said in message


@pytest.mark.parametrize("name", ["my-script.py", "1st.py", "class.py", "sub/entry.py", "entry.py", "script.PY"])
def test_a_script_has_the_name_of_a_module(tmp_path: Path, name: str) -> None:
    changes = {"model_config__training_properties": {"entry_script": name, "docker_image": "python:3.11"}}
    (finding,) = judged(tmp_path, {name: b"pass\n"}, **changes)
    assert (finding.rule, finding.field) == ("script-name", "model_config.training_properties.entry_script")


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (b"def init(a)\n    pass\n", (1, 12)),
        (b"x = 1\n\n  y = 2\n", (3, 2)),
        (b"a = 1\nb\0 = 2\n", (2, 2)),
        (b"\xff\xfe", (1, 1)),
        (b"# coding: punycode\n", (1, 1)),
        (b"# coding: nonsense\n", (1, 1)),
        (b"#" * 300_000, (1, 1)),
    ],
)
def test_what_is_no_script_is_said_with_its_place(data: bytes, place: tuple[int, int]) -> None:
    problem = parse_script(data)
    assert isinstance(problem, Problem)
    assert (problem.line, problem.column) == place


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xef\xbb\xbfx = 1\n",
        b"# coding: latin-1\nx = '\xe9'\n",
        b"x = '\\d'\r\n",
        "x = 'ü'\n".encode(),
        b"x = 1\x0c\n",
    ],
)
def test_what_python_reads_is_read(data: bytes) -> None:
    assert isinstance(parse_script(data), ast.Module)


HARD = [
    *("(" * 100_000, "[" * 100_000, "{" * 100_000, "([{" * 30_000, "(" * 190, "{1:" * 190, "f(" * 190),
    *("-" * 100_000 + "1", "not " * 60_000 + "1", "lambda:" * 30_000 + "1", "a" + ".b" * 100_000, "a" + "()" * 100_000),
    *("1" + "+1" * 100_000, "2" + "**2" * 80_000, "1 if x else " * 20_000 + "1", "f'{" + "-" * 100_000 + "1}'"),
    *(
        "import " + "a." * 100_000 + "a",
        "if x:\n pass\n" + "elif x:\n pass\n" * 15_000,
        "await " * 40_000,
        "match " * 40_000,
    ),
]


@pytest.mark.parametrize("text", HARD, ids=[text[:6] + str(len(text)) for text in HARD])
@pytest.mark.timeout(20)
def test_what_is_hard_to_parse_is_refused_in_time(text: str) -> None:
    assert isinstance(parse_script(text.encode()), Problem)


def test_a_script_for_a_newer_python_is_left_to_it(tmp_path: Path) -> None:
    script = "def init(a): pass\n" + RUN + "brand new syntax\n"
    assert [finding.rule for finding in found(tmp_path / "this", script)] == ["script-syntax"]
    assert found(tmp_path / "newer", script, environment__yml=NEWER) == []


@given(st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_a_script_or_a_problem(data: bytes) -> None:
    assert isinstance(parse_script(data), ast.Module | Problem)


@given(st.text(st.sampled_from("()[]{}:'\"#\\\n\t \0abdefilmnoprtu=*@.,0f"), max_size=200))
@settings(max_examples=300, deadline=None)
def test_any_text_is_a_script_or_a_problem(text: str) -> None:
    assert isinstance(parse_script(text.encode()), ast.Module | Problem)
