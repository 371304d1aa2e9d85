"""What stands in a tree and is not what it seems: links, submodules, pointers, and trees that plumbing alone makes."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.build import a_commit, a_repository, a_version, git
from tests.hostile.door import Case, Found, call, judge, verdict_of
from tests.hostile.trees import Entry, a_commit_of, a_folder, a_tree, a_version_with, an_object

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:%064d\nsize 7\n" % 0


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with a good version."""
    folder = a_repository(tmp_path / "repository")
    a_commit(folder, "tiny/1.0", a_version())
    return folder


@pytest.mark.parametrize(
    ("place", "leads_to"),
    [
        ("tiny/1.0/model.yaml", "../../../pyproject.toml"),
        ("tiny/1.0/inference.py", "/dev/zero"),
        ("tiny/1.0/environment.yml", "environment.yml"),  # to itself
        ("tiny/1.0/index.md", "/etc/passwd"),
        ("tiny/1.0/model.bin", "/dev/stdin"),
        ("tiny/1.1", "1.0"),
        ("other", "tiny"),
    ],
)
def test_a_link_is_named_and_not_followed(repository: Path, place: str, leads_to: str) -> None:
    link = repository / "models" / place
    link.unlink(missing_ok=True)
    link.symlink_to(leads_to)
    base = git(repository, "rev-parse", "HEAD")
    version, _, path = (
        place.removeprefix("tiny/").partition("/") if place.count("/") > 1 else ("", "", f"models/{place}")
    )
    found = {version: [Found(1, 1, "symlink", path)]}
    assert verdict_of(repository).found == found
    assert verdict_of(repository, "--base", base).found == found
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--message=link")
    assert verdict_of(repository, "--base", base, "--head", "HEAD").found == found


@pytest.mark.parametrize(
    "place", ["tiny/1.0/vendored", "tiny/1.0/model.bin", "tiny/1.0/model.yaml", "tiny/1.1", "other"]
)
def test_a_submodule_is_named_and_not_entered(repository: Path, place: str) -> None:
    base = git(repository, "rev-parse", "HEAD")
    git(repository, "rm", "--quiet", "-r", "--ignore-unmatch", f"models/{place}")
    module = repository / "models" / place
    git(repository, "init", "--quiet", str(module))
    git(module, "commit", "--quiet", "--allow-empty", "--message=module")
    version, _, path = (
        place.removeprefix("tiny/").partition("/") if place.count("/") > 1 else ("", "", f"models/{place}")
    )
    found = {version: [Found(1, 1, "submodule", path)]}
    assert verdict_of(repository).found == found
    assert verdict_of(repository, "--base", base).found == found
    git(repository, "-c", "advice.addEmbeddedRepo=false", "add", "--all")
    git(repository, "commit", "--quiet", "--message=module")
    assert verdict_of(repository, "--base", base, "--head", "HEAD").found == found


POINTERS = {
    "the descriptor": Case(a_version(model__yaml=POINTER), [Found(1, 1, "lfs-pointer")]),
    "the weights": Case(a_version(model__bin=POINTER), [Found(1, 1, "lfs-pointer", "model.bin")]),
    "the script": Case(a_version(inference__py=POINTER), [Found(1, 1, "lfs-pointer", "inference.py")]),
    "the conda file": Case(a_version(environment__yml=POINTER), [Found(1, 1, "lfs-pointer", "environment.yml")]),
    "the index page": Case(a_version(index__md=POINTER), [Found(1, 1, "lfs-pointer", "index.md")]),
    "with lines that end as on Windows": Case(
        a_version(model__bin=POINTER.replace(b"\n", b"\r\n")), [Found(1, 1, "lfs-pointer", "model.bin")]
    ),
    "of an extension": Case(
        a_version(model__bin=POINTER.replace(b"oid", b"ext-0-foo sha256:00\noid")),
        [Found(1, 1, "lfs-pointer", "model.bin")],
    ),
    "a page about pointers": Case(a_version(index__md=b"# Pointers\n\n" + POINTER), []),
}


def test_a_pointer_is_named_where_a_file_should_be(tmp_path: Path) -> None:
    verdict = judge(tmp_path / "repository", POINTERS)
    assert verdict.found == {name: case.found for name, case in POINTERS.items()}


Maker = Callable[[Path], list[Entry]]


def _model(name: bytes, version: bytes) -> Maker:
    return lambda r: [a_folder(r, name, a_folder(r, version, *a_version_with(r)))]


def _tiny(repository: Path, *more: Entry) -> list[Entry]:
    """The version tiny/1.0 with these entries, in place of those of their names."""
    replaced = {entry.name.decode("latin-1") for entry in more}
    return [
        a_folder(
            repository, b"tiny", a_folder(repository, b"1.0", *a_version_with(repository, *more, without=replaced))
        )
    ]


def _with(name: bytes, mode: str, content: bytes = b"x", kind: str = "blob") -> Maker:
    return lambda r: _tiny(r, Entry(name, an_object(r, content, kind), mode))


def _with_folder(name: bytes) -> Maker:
    return lambda r: _tiny(r, a_folder(r, name, Entry(b"x", an_object(r, b""))))


def _file(*names: bytes) -> Maker:
    def make(repository: Path) -> list[Entry]:
        entry = Entry(names[-1], an_object(repository, b""))
        return [a_folder(repository, names[0], entry)] if len(names) == 2 else [entry]

    return make


def _elsewhere(path: str, rule: str) -> dict[str, list[Found]]:
    return {"": [Found(1, 1, rule, path)]}


TREES: dict[str, tuple[Maker, dict[str, list[Found]]]] = {
    "a model that leads up": (_model(b"..", b"1.0"), _elsewhere("models/../1.0/model.yaml", "invalid-name")),
    "a model that leads nowhere": (_model(b".", b"1.0"), _elsewhere("models/./1.0/model.yaml", "invalid-name")),
    "a version that leads up": (_model(b"tiny", b".."), {"..": [Found(1, 1, "invalid-version")]}),
    "a model of git's own": (_model(b".git", b"1.0"), _elsewhere("models/.git/1.0/model.yaml", "invalid-name")),
    "a version of git's own": (_model(b"tiny", b".git"), {".git": [Found(1, 1, "invalid-version")]}),
    "a line feed": (_model(b"a\nb", b"1.0"), _elsewhere("models/a\nb/1.0/model.yaml", "invalid-name")),
    "an escape": (_model(b"a\x1b[2J", b"1.0"), _elsewhere("models/a\x1b[2J/1.0/model.yaml", "invalid-name")),
    "no UTF-8": (_model(b"\xff\xfe", b"1.0"), _elsewhere("models/\udcff\udcfe/1.0/model.yaml", "invalid-name")),
    "a file where a model should be": (_file(b"tiny"), _elsewhere("models/tiny", "stray-file")),
    "a file where a version should be": (_file(b"tiny", b"1.1"), _elsewhere("models/tiny/1.1", "stray-file")),
    "a folder where the descriptor should be": (
        _with_folder(b"model.yaml"),
        {"1.0": [Found(1, 1, "descriptor-missing")]},
    ),
    "a link of another mode": (_with(b"model.bin", "120777"), {"1.0": [Found(1, 1, "symlink", "model.bin")]}),
    "a device": (_with(b"model.bin", "60000"), {"1.0": [Found(1, 1, "submodule", "model.bin")]}),
    "a file that may be run": (_with(b"model.bin", "100755"), {}),
    "a file of another mode": (_with(b"model.bin", "100664"), {}),
    "a tree that is called a file": (
        _with(b"model.yaml", "100644", b"100644 a\0" + b"\xff" * 20, "tree"),
        {"1.0": [Found(1, 10, "invalid-utf8")]},
    ),
    "a file in a folder above": (_with_folder(b".."), {"1.0": [Found(1, 1, "stray-file", "../x")]}),
}


@pytest.mark.parametrize("name", TREES)
def test_a_tree_that_no_disk_holds_is_judged_whole_and_against_a_base(repository: Path, name: str) -> None:
    make, found = TREES[name]
    commit = a_commit_of(repository, *make(repository))
    assert verdict_of(repository, "--head", commit).found == found
    empty = git(repository, "rev-parse", "HEAD~1")
    assert verdict_of(repository, "--base", empty, "--head", commit).found == found


def test_a_line_is_quoted_from_its_own_file(repository: Path) -> None:
    descriptor = Entry(b"model.yaml", an_object(repository, a_version()["model.yaml"] + b"licence: x\n"))
    files = a_version_with(repository, descriptor, without={"model.yaml"})
    models = a_folder(repository, b"models", a_folder(repository, b"..", a_folder(repository, b"1.0", *files)))
    other = a_folder(repository, b"1.0", Entry(b"model.yaml", an_object(repository, b"OTHER\n" * 30)))
    commit = git(repository, "commit-tree", a_tree(repository, [other, models]), "-p", "HEAD", "-m", "a tree")
    verdict = verdict_of(repository, "--head", commit)
    assert [finding.rule for finding in verdict.found[""]] == ["invalid-name", "unknown-key"]
    assert "OTHER" not in verdict.page


def test_a_name_longer_than_a_command_line_is_judged(repository: Path) -> None:
    commit = a_commit_of(repository, *_model(b"x" * 140_000, b"y" * 140_000)(repository))
    for options in (["--head", commit], ["--base", "HEAD~1", "--head", commit]):
        verdict = verdict_of(repository, *options)
        assert [finding.rule for finding in verdict.found[""]] == ["invalid-name", "invalid-version"]
        assert len(verdict.page) < 10_000


def _lacking(name: bytes, mode: str) -> Maker:
    return lambda r: _tiny(r, Entry(name, "12" * 20, mode))


BROKEN: dict[str, tuple[Maker, str]] = {
    "a descriptor that is not there": (_lacking(b"model.yaml", "100644"), "git has no blob 1212"),
    "weights that are not there": (_lacking(b"model.bin", "100644"), "git has no blob 1212"),
    "a folder that is not there": (_lacking(b"more", "40000"), "git ls-tree failed"),
    "a tree of nonsense": (
        lambda r: [Entry(b"tiny", an_object(r, b"nonsense", "tree"), "40000")],
        "git ls-tree failed",
    ),
    "a name of no letters": (_model(b"", b"1.0"), "git ls-tree failed"),
    "a file that is called a folder": (lambda r: [Entry(b"tiny", an_object(r, b"x"), "40000")], "git ls-tree failed"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_git_cannot_read_ends_with_two_and_the_next_step(repository: Path, name: str) -> None:
    make, said = BROKEN[name]
    done = call(repository, "validate", "--head", a_commit_of(repository, *make(repository)))
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert "hint: " in done.err


def test_a_thousand_new_versions_of_one_model_are_compared_in_seconds(repository: Path) -> None:
    version = a_tree(repository, a_version_with(repository))
    versions = sorted(Entry(f"{'1a' * 28}{number}".encode(), version, "40000") for number in range(1000))
    commit = a_commit_of(repository, a_folder(repository, b"tiny", *versions))
    start = time.monotonic()
    assert call(repository, "validate", "--base", "HEAD~1", "--head", commit).code == 0
    assert call(repository, "diff", "HEAD~1", commit).code == 0
    assert time.monotonic() - start < 60


@pytest.mark.parametrize("missing", [0, 900])
def test_ten_thousand_files_are_named_in_seconds(repository: Path, missing: int) -> None:
    empty = an_object(repository, b"")
    more = [Entry(b"f%05d.py" % number, empty) for number in range(10_000)]
    lines = "".join(f"  t{number}: ./g{number:05}.py\n" for number in range(missing)).encode()
    data = a_version()["model.yaml"].replace(b"model_metainfo:", lines + b"model_metainfo:")
    commit = a_commit_of(repository, *_tiny(repository, *more, Entry(b"model.yaml", an_object(repository, data))))
    start = time.monotonic()
    rules = Counter(finding.rule for finding in verdict_of(repository, "--head", commit).found["1.0"])
    assert rules == Counter({"stray-file": 1000, "local-file-missing": missing})  # of more, nobody reads on
    assert time.monotonic() - start < 30
