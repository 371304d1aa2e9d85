"""Which source lines are gathered for a report, and what of them is shown."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import yaml

from registry.finding import Finding, Place
from registry.quoting import load_lines
from registry.report.quote import Lines
from registry.repository import Repository
from tests.build import a_commit, a_descriptor, a_repository, a_version, git, write
from tests.command import registry

FOLDER = "models/tiny/1.0"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with the settings alone."""
    return a_repository(tmp_path / "repository")


def a_finding(name: str, line: int = 1, column: int = 3, rule: str = "wrong-value") -> Finding:
    """A finding in a file of the version."""
    return Place(f"{FOLDER}/{name}", line, column).finding(rule, "is wrong")


def lines(repository: Path, *findings: Finding, commit: str | None = None) -> Lines:
    """The lines that are gathered."""
    return load_lines(Repository(repository), "models", findings, commit)


def test_only_lines_with_findings_are_gathered(repository: Path) -> None:
    write(repository, "tiny/1.0", {"a.md": b"one\ntwo\r\nthree\rfour", "b.md": b"five"})
    found = lines(repository, a_finding("a.md", 2), a_finding("a.md", 4), a_finding("a.md", 4, 2), a_finding("a.md", 9))
    assert found == {f"{FOLDER}/a.md": {2: "two", 4: "four"}}


def test_lines_are_those_of_the_commit_that_was_judged(repository: Path) -> None:
    commit = a_commit(repository, "tiny/1.0", {"a.md": b"committed"})
    write(repository, "tiny/1.0", {"a.md": b"changed"})
    assert lines(repository, a_finding("a.md"), commit=commit) == {f"{FOLDER}/a.md": {1: "committed"}}
    assert lines(repository, a_finding("a.md")) == {f"{FOLDER}/a.md": {1: "changed"}}


def test_a_file_that_cannot_be_shown_has_no_lines(repository: Path) -> None:
    files = {"binary": b"a\0b", "large": b"x" * 1_100_000, "a\nb": b"odd", "text": b"shown"}
    commit = a_commit(repository, "tiny/1.0", files)
    (repository / FOLDER / "link").symlink_to("text")
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--message=link")
    findings = [a_finding(name) for name in (*files, "link", "none")]
    for at in (None, git(repository, "rev-parse", "HEAD"), commit):
        found = lines(repository, *findings, commit=at)
        assert found == {f"{FOLDER}/text": {1: "shown"}, f"{FOLDER}/a\nb": {1: "odd"}}


def test_of_a_finding_about_a_whole_file_nothing_is_read(repository: Path) -> None:
    write(repository, "tiny/1.0", {"a.md": b"one"})
    os.chmod(repository / FOLDER / "a.md", 0)  # noqa: PTH101 - and root may still read it
    assert lines(repository, Place(f"{FOLDER}/a.md").finding("stray-file", "belongs to no target")) == {}


def test_a_mark_of_the_byte_order_and_bytes_that_are_no_text_count_as_the_rules_count_them(repository: Path) -> None:
    write(repository, "tiny/1.0", {"a.md": b"\xef\xbb\xbfcaf\xe9"})
    assert lines(repository, a_finding("a.md")) == {f"{FOLDER}/a.md": {1: "caf\udce9"}}


def test_lines_of_many_files_are_gathered_up_to_a_number_of_files(repository: Path) -> None:
    write(repository, "tiny/1.0", {f"{number:04}.md": b"one" for number in range(1100)})
    found = lines(repository, *(a_finding(f"{number:04}.md") for number in range(1100)))
    assert len(found) == 1000
    assert list(found)[-1] == f"{FOLDER}/0999.md"


def test_what_a_rule_about_secrets_stands_at_is_hidden_from_all_findings_of_its_line(repository: Path) -> None:
    write(repository, "tiny/1.0", {"a.py": b"x = 'ghp_token'; y ="})
    secret = a_finding("a.py", 1, 6, "password-literal")
    assert lines(repository, a_finding("a.py"), secret) == {f"{FOLDER}/a.py": {1: "x = '" + "*" * 15}}


WRITTEN = yaml.safe_dump(a_descriptor(), sort_keys=False)
PLACE = "    conda_env: environment.yml\n"


@pytest.mark.parametrize(
    "credentials",
    [
        "    docker_registry: {url: x, username: ci, password: hunter2, extra: 1}\n",
        "    docker_registry: {password: hunter2, url: [x], user: ci}\n",
        "    docker_registry:\n      password: |\n        hunter2\n        a\u202e hunter2\n",
        "    docker_registry:\n      password: [hunter2, {hunter2: hunter2}]\n",
        '    docker_registry:\n      password: "a\n        hunter2\u202e"\n',
        "    docker_registry: {url: x, password: hunter2\n",
        "    docker_registry:\n      password: &a hunter2\n",
        "    docker_registry:\n      password: a: hunter2\n",
        "    docker_image: https://ci:hunter2@example.com/image?sig=hunter2\n",
        "    docker_image: https://example.com/image?sig=hunter2\u202e\n",
    ],
)
def test_no_report_shows_a_secret(repository: Path, credentials: str) -> None:
    written = WRITTEN.replace(PLACE, PLACE + credentials)
    a_commit(repository, "tiny/1.0", a_version(model__yaml=written.encode()))
    for form in ("text", "json", "markdown", "github"):
        done = registry(repository, "validate", "--format", form)
        assert done.code == 1
        assert "hunter2" not in done.out + done.err, form
    assert "hunter2" not in registry(repository, "plan").out


def test_plan_and_reconcile_show_lines_too(repository: Path) -> None:
    a_commit(repository, "tiny/1.0", a_version(a_descriptor(model_config__type="ENCODR")))
    write(repository, "tiny/1.0", a_version(a_descriptor(model_config__type="OTHER")))
    planned, done = registry(repository, "plan"), registry(repository, "reconcile")
    assert (planned.code, done.code) == (1, 1)
    assert "\n    2 |   type: ENCODR\n      |         ^^^^^^\n" in planned.out
    assert "\n        2 |   type: ENCODR\n          |         ^^^^^^\n" in done.out
    for page in (planned.out, done.out):
        assert page.endswith("\nhelp: `registry explain wrong-value` shows the rule with examples\n")


def test_a_report_is_the_same_each_time(repository: Path) -> None:
    write(repository, "tiny/1.0", a_version(a_descriptor(model_config__type="ENCODR", license="mit", name="x")))
    for form in ("text", "json", "markdown", "github"):
        pages = {registry(repository, "validate", "--format", form).out for _ in range(2)}
        assert len(pages) == 1
    assert json.loads(registry(repository, "validate", "--format", "json").out)["format"] == 1
