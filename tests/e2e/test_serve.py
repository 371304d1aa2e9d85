"""`registry serve` and `registry token`, as they are installed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.build import a_repository
from tests.command import registry

ELSEWHERE = "0.0.0.0"  # noqa: S104 - refused before anything listens


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with the settings alone."""
    return a_repository(tmp_path / "repository")


def test_a_token_is_printed_with_the_line_that_keeps_it(tmp_path: Path) -> None:
    done = registry(tmp_path, "token", "reconciler", "--scope", "write")
    secret, kept = done.out.splitlines()
    assert done.code == 0
    assert re.fullmatch("rgt_[0-9a-f]{64}", secret)
    assert re.fullmatch("sha256:[0-9a-f]{64} write reconciler", kept)
    assert secret not in done.err + kept


def test_a_token_without_a_good_name_is_an_error_of_usage(tmp_path: Path) -> None:
    done = registry(tmp_path, "token", "two words")
    assert (done.code, done.out) == (2, "")
    assert "hint: " in done.err


def test_without_tokens_nothing_but_loopback_is_served(repository: Path) -> None:
    done = registry(repository, "serve", "--host", ELSEWHERE, "--port", "0")
    assert done.code == 2
    assert "error: without a token the endpoint does not listen on 0.0.0.0" in done.err
    assert "hint: make one with `registry token NAME --scope write`" in done.err
    assert not (repository / ".registry").exists()


@pytest.mark.parametrize("what", ["nonsense", "missing"])
def test_tokens_that_cannot_be_read_are_an_error_of_usage(repository: Path, what: str) -> None:
    file = repository / "tokens"
    if what == "nonsense":
        file.write_text("rgt_a-token-in-clear\n")
    done = registry(repository, "serve", "--host", ELSEWHERE, env={"REGISTRY_TOKENS_FILE": str(file)})
    assert done.code == 2
    assert "REGISTRY_TOKENS_FILE" in done.err
    assert "rgt_" not in done.err
