"""Command lines, folders and names that are meant to make git, the disk or a terminal do something else."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from tests.build import a_commit, a_descriptor, a_repository, a_version, git, write
from tests.command import registry
from tests.hostile.door import SETTINGS, Found, call, moves_no_cursor, verdict_of
from tests.hostile.trees import an_object


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with a good version."""
    folder = a_repository(tmp_path / "repository", SETTINGS)
    a_commit(folder, "tiny/1.0", a_version())
    return folder


REVISIONS = ["--upload-pack=touch owned", "--output=owned", "--all", "--fork-point", "--octopus", "--independent"]
REVISIONS += ["-a", "-", "", "^HEAD", "HEAD..HEAD", "HEAD^{tree}", "HEAD:pyproject.toml", ":/((((", "HEAD^{/[}"]
REVISIONS += ["@{9999}", "HEAD\n", "HEAD~99999999999999999999", "\x1b[2J", "\udcff", "refs/../../HEAD", "x" * 10_000]


@pytest.mark.parametrize("option", ["--base", "--head"])
def test_a_revision_that_is_none_ends_with_two(repository: Path, option: str) -> None:
    for revision in REVISIONS:
        done = call(repository, "validate", f"{option}={revision}")
        assert (done.code, done.out) == (2, ""), revision
        assert "is not in this repository\nhint: " in done.err
        assert moves_no_cursor(done.err)
    assert git(repository, "status", "--porcelain") == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ["diff", "^HEAD"],
        ["diff", "--", "--output=owned"],
        ["diff", "HEAD", "\x1b[2J"],
        ["plan", "--ref", "^HEAD"],
        ["validate", "loop"],
        ["validate", "loop/models"],
        ["validate", "outside"],
        ["validate", "x" * 5000],
        ["validate", "x/" * 3000],
        ["validate", "\x1b[2J"],
        ["validate", "models/tiny/1.0/sink"],
    ],
)
def test_what_cannot_be_judged_ends_with_two_and_words(repository: Path, arguments: list[str]) -> None:
    (repository / "loop").symlink_to("loop")
    (repository / "outside").symlink_to("/etc")
    done = call(repository, *arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: ")
    assert moves_no_cursor(done.err)


def test_an_index_may_name_what_no_disk_holds(repository: Path) -> None:
    oid = an_object(repository, b"x")
    for path in (f"models/tiny/1.0/{'y' * 300}", f"models/tiny/{'y/' * 3000}model.yaml"):
        git(repository, "update-index", "--add", "--cacheinfo", f"100644,{oid},{path}")
    for options in ([], ["--base", "HEAD"]):
        assert verdict_of(repository, *options).found == {}


@pytest.mark.parametrize("name", ["model.yaml", "inference.py", "model.bin"])
def test_a_pipe_where_a_file_was_is_named_and_not_waited_for(repository: Path, name: str) -> None:
    place = repository / "models/tiny/1.0" / name
    place.unlink()
    os.mkfifo(place)
    for options in ([], ["--base", "HEAD"]):
        assert verdict_of(repository, *options).found == {"1.0": [Found(1, 1, "submodule", name)]}


def test_a_folder_that_is_a_link_by_now_is_not_entered(repository: Path, tmp_path: Path) -> None:
    (repository / "models/tiny").rename(tmp_path / "elsewhere")
    for leads_to in (str(tmp_path / "elsewhere"), "tiny"):
        (repository / "models/tiny").unlink(missing_ok=True)
        (repository / "models/tiny").symlink_to(leads_to)
        for options in ([], ["--base", "HEAD"]):
            assert Found(1, 1, "symlink", "models/tiny") in verdict_of(repository, *options).found[""]


def test_a_socket_belongs_to_nothing(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository / "models/tiny/1.0")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
        assert verdict_of(repository).found == {}


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_settings_that_are_no_file_are_not_waited_for(repository: Path, kind: str) -> None:
    place = repository / "pyproject.toml"
    place.unlink()
    if kind == "link":
        place.symlink_to("/etc/passwd")
    elif kind == "pipe":
        os.mkfifo(place)
    else:
        place.mkdir()
    done = call(repository, "validate")
    assert (done.code, "root:" in done.err) == (2 if kind == "link" else 0, False)


@pytest.mark.parametrize("settings", ["bare = false\n\tworktree = .", "bare = false\n\tworktree = ..", "bare = true"])
def test_a_folder_that_looks_like_a_repository_runs_nothing(repository: Path, settings: str) -> None:
    folder = repository / "models/tiny/2.0"
    git(repository, "init", "--quiet", "--bare", str(folder))
    owned = repository / "owned"
    run = f'fsmonitor = "touch {owned}"\n\tsshCommand = "touch {owned}"\n\tpager = "touch {owned}"'
    (folder / "config").write_text(f"[core]\n\trepositoryformatversion = 0\n\t{settings}\n\t{run}\n")
    for place in (folder, folder / "refs"):
        for arguments in (["validate"], ["validate", "--base", "HEAD"], ["diff", "HEAD"]):
            done = call(place, *arguments)
            assert (done.code, done.out) == (2, "")
    assert call(repository, "validate").code == 1
    assert not owned.exists()


def test_attributes_of_a_tree_run_nothing(repository: Path) -> None:
    (repository / ".gitattributes").write_text("* filter=owned diff=owned merge=owned working-tree-encoding=UTF-16\n")
    (repository / "models/tiny/1.0/.gitattributes").write_text("* export-subst ident\n")
    found = {"1.0": [Found(1, 1, "stray-file", ".gitattributes")]}
    for options in ([], ["--base", "HEAD"]):
        assert verdict_of(repository, *options).found == found


MARKUP = "``` </details> <script>alert(1)</script> ![x](https://example.com/x) @everyone #1 ::error::x %0A"


def test_no_name_and_no_text_leaves_its_line(repository: Path) -> None:
    write(repository, "tiny/1.0\x1b[2J", a_version())
    write(repository, "tiny/1.0\n::error::x", a_version())
    write(repository, "tiny/1.1", a_version(a_descriptor(model_config__type=MARKUP, license="MIT\t\x85")))
    (repository / "models" / MARKUP.replace("/", "|")).write_bytes(b"")
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--message=names")
    for form in ("text", "markdown", "github"):
        done = call(repository, "validate", "--base", "HEAD~1", "--head", "HEAD", "--format", form)
        assert (done.code, done.err, moves_no_cursor(done.out)) == (1, "", True)
        if form == "github":
            assert all(line.startswith(("::error file=", "::warning file=")) for line in done.out.splitlines())
        if form == "markdown":
            assert not any(mark in done.out for mark in ("<script", "</details>", "](https", "@everyone"))
    for form in ("text", "markdown"):
        done = call(repository, "diff", "HEAD~1", "HEAD", "--format", form)
        assert (done.code, moves_no_cursor(done.out)) == (0, True)


def test_a_version_is_compared_with_one_whose_name_is_escaped(repository: Path) -> None:
    a_commit(repository, "tiny/1.0\x1b[2J", a_version())
    a_commit(repository, "tiny/1.1", a_version())
    done = call(repository, "diff", "HEAD~1", "HEAD")
    assert "compared with 1.0\\u001b[2J" in done.out
    assert moves_no_cursor(done.out)


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "ascii"])
def test_what_a_terminal_has_no_letters_for_is_printed_all_the_same(repository: Path, encoding: str) -> None:
    write(repository, "tiny/1.1", {"model.yaml": "模型: 1\n".encode()})
    done = registry(repository, "validate", env={"PYTHONIOENCODING": encoding})
    assert (done.code, done.err) == (1, "")
    assert "unknown-key" in done.out
