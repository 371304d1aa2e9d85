"""Well-known models pass; each mistake in them is found where it is, and doing what is printed mends it."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from registry.cli import run
from registry.nodes import to_value
from registry.yaml12 import parse_yaml
from tests.wellknown.mistakes import DESCRIPTOR, MARK, MISTAKES, Edit
from tests.wellknown.tree import MODELS, a_tree


def edit(place: Path, edits: tuple[Edit, ...]) -> tuple[int, int]:
    """Change a file, or make a new one; returns line and column of the mark in what is written, or 0, 0."""
    text = place.read_bytes().decode() if place.exists() else ""
    for before, after in edits:
        assert text.count(before) == 1 or not text, before
        text = text.replace(before, after) if text else after
    above, mark, below = text.partition(MARK)
    place.write_bytes((above + below).encode())
    return (above.count("\n") + 1, len(above) - above.rfind("\n")) if mark else (0, 0)


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    """How a command ended, and its report as JSON."""
    code = run([*arguments, "--format", "json"])
    return code, json.loads(capsys.readouterr().out)


def meaning(descriptor: bytes) -> Any:
    """What a descriptor says, whatever its form."""
    node, findings = parse_yaml("", descriptor)
    assert node is not None, findings
    return to_value(node)


def test_well_known_models_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(a_tree(tmp_path / "repository", *MODELS))
    assert run(["validate"]) == 0
    assert capsys.readouterr().out == "ok: 5 versions, nothing wrong\n"
    assert run(["fix"]) == 0
    assert capsys.readouterr().out == "nothing to fix\n\nok: 5 versions, nothing wrong\n"


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_found_and_doing_what_is_printed_mends_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    mistake = MISTAKES[name]
    repository = a_tree(tmp_path / "repository", mistake.model)
    monkeypatch.chdir(repository)
    descriptor, file = (repository / "models" / mistake.model / name for name in (DESCRIPTOR, mistake.file))
    right = descriptor.read_bytes()
    line, column = edit(file, mistake.edits)
    wrong = descriptor.read_bytes()

    _, report = said(capsys, "validate")
    places = [(f["rule"], f["path"], f["line"], f["column"]) for f in report["findings"]]
    path = str(file.relative_to(repository))
    assert (mistake.rule, path, line, column) in places

    code, fixes = said(capsys, "fix")
    if mistake.by_hand is None:
        assert (code, fixes["findings"]) == (0, [])
        assert meaning(descriptor.read_bytes()) == meaning(right)
    else:
        assert (code, fixes["files"], descriptor.read_bytes()) == (1, [], wrong)
        (finding,) = [f for f in report["findings"] if (f["rule"], f["line"]) == (mistake.rule, line)]
        assert mistake.by_hand.sentence in finding["message"]
        edit(file, mistake.by_hand.edits) if mistake.by_hand.edits else file.unlink()
    assert said(capsys, "validate") == (
        0,
        {"format": 1, "findings": [], "counts": {"error": 0, "warning": 0, "notice": 0}},
    )


def test_there_are_enough_mistakes_of_each_model_and_most_are_mended_by_the_command() -> None:
    counted = Counter(mistake.model for mistake in MISTAKES.values())
    assert set(counted) == set(MODELS)
    assert min(counted.values()) >= 6
    assert sum(counted.values()) >= 30
    assert sum(1 for mistake in MISTAKES.values() if mistake.by_hand is None) >= 30
