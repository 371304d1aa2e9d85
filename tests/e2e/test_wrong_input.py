"""What strangers may send: each ends in words with a place and a next step, and nothing is written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from registry.cli import run
from tests.build import a_descriptor, a_repository, a_version, git, write
from tests.command import Done, registry

PATH = "models/tiny/1.0/model.yaml"
WRITTEN = yaml.safe_dump(a_descriptor(), sort_keys=False)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with the settings alone."""
    return a_repository(tmp_path / "repository")


def validate(repository: Path, descriptor: str) -> Done:
    """What `registry validate` says of a version with this descriptor."""
    write(repository, "tiny/1.0", a_version(model__yaml=descriptor.encode()))
    return registry(repository, "validate")


def replaced(old: str, new: str) -> str:
    """A good descriptor with one place changed."""
    assert WRITTEN.count(old) == 1
    return WRITTEN.replace(old, new)


def line_of(text: str, of: str) -> int:
    """The line in which a text stands first."""
    return of[: of.index(text)].count("\n") + 1


def is_untouched(repository: Path) -> bool:
    """Whether no command has written anything."""
    return git(repository, "status", "--porcelain", "--ignored", "--untracked-files=all").count("\n") == 4


UNKNOWN = replaced("  description:", "  desciption:")
TWICE = replaced("license: MIT", "license: MIT\nlicense: ISC")
NO_PAGE = replaced("  index_page_file: index.md\n", "")
NO_TARGET = replaced("entry_script: inference.py", "entry_script: inferense.py")
REPEATED = f"version: 1.0\n{WRITTEN}"
CLIMBING = replaced("  model.bin: ./model.bin", "  ../x: ./model.bin")
NOT_THERE = replaced("./model.bin", "./modle.bin")
BRACKETS = "[" * 100_000


@pytest.mark.parametrize(
    ("descriptor", "place", "rule", "step"),
    [
        (UNKNOWN, (line_of("desciption", UNKNOWN), 3), "unknown-key", "Did you mean `description`?"),
        (TWICE, (line_of("license: ISC", TWICE), 1), "duplicate-key", "Keep one of the two"),
        (NO_PAGE, (line_of("model_metainfo", NO_PAGE), 1), "missing-key", "has no `index_page_file`. Add it"),
        (NO_TARGET, (line_of("inferense", NO_TARGET), 19), "entry-script-unknown", "Did you mean `inference.py`?"),
        (REPEATED, (1, 1), "repeated-identity", "given by the folder, `tiny/1.0`. Take the line out"),
        (CLIMBING, (line_of("../x", CLIMBING), 3), "invalid-target", "Rename it"),
        (NOT_THERE, (line_of("modle", NOT_THERE), 14), "local-file-missing", "Did you mean `./model.bin`?"),
        (BRACKETS, (1, 21), "too-deep", "Flatten it"),
    ],
)
def test_a_mistake_is_shown_with_its_place_and_the_next_step(
    repository: Path, descriptor: str, place: tuple[int, int], rule: str, step: str
) -> None:
    done = validate(repository, descriptor)
    assert (done.code, done.err) == (1, "")
    shown = done.out.split(f"{PATH}:{place[0]}:{place[1]}: error: {rule}\n")
    assert len(shown) == 2, done.out
    assert step in shown[1].split("\n")[0]
    assert "\nnext: mend what is named above, then run `registry validate` again\n" in done.out
    assert "\nhelp: `registry explain " in done.out
    assert is_untouched(repository)


def test_a_mistake_refuses_its_version_and_no_other(repository: Path) -> None:
    write(repository, "other/1.0", a_version())
    write(repository, "tiny/1.0", a_version(model__yaml=UNKNOWN.encode()))
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--message=models")
    done = registry(repository, "reconcile")
    assert done.code == 1
    assert f"refused tiny/1.0: 1 finding: unknown-key\n    {PATH}:" in done.out
    assert sorted(p.name for p in (repository / ".registry/storage").iterdir() if p.name[0] != ".") == ["other"]


def test_no_is_a_language(repository: Path) -> None:
    done = validate(repository, replaced("  - en\n", "  - no\n"))
    assert (done.code, done.out) == (0, "ok: 1 version, nothing wrong\n")


@pytest.mark.parametrize(
    "descriptor",
    [
        WRITTEN.replace("\n", "\r\n"),
        f"# a comment\n\n---\n{WRITTEN}...\n",
        replaced("A tiny encoder.", "Ein kleiner Kodierer für Übungen 🙂"),
        replaced("A tiny encoder.", "'y: 1'"),
    ],
)
def test_ordinary_writing_is_fine(repository: Path, descriptor: str) -> None:
    done = validate(repository, descriptor)
    assert (done.code, done.out) == (0, "ok: 1 version, nothing wrong\n")


@pytest.mark.parametrize(
    ("descriptor", "rule"),
    [
        ("a: " * 1000, "yaml-syntax"),
        ("{a: " * 30_000, "too-deep"),
        ("- " * 50_000, "too-deep"),
        ("a: &a [x]\nb: &b [*a, *a]\nc: [*b, *b]\n", "anchor"),
        (f"{WRITTEN}<<: {{license: ISC}}\n", "anchor"),
        (f"{WRITTEN}parent: !!python/object/apply:os.system [touch owned]\n", "tag"),
        (replaced("num_params: 9", f"num_params: {'9' * 5000}"), "wrong-type"),
        (replaced("num_params: 9", "num_params: 1e999"), "wrong-type"),
        (replaced("num_params: 9", "num_params: .nan"), "wrong-type"),
        (replaced("num_params: 9", "num_params: -9"), "wrong-value"),
        (f"{WRITTEN}y: 1\n", "unknown-key"),
        (f"{WRITTEN}1: 1\n", "unknown-key"),
        (f"{WRITTEN}null: 1\n", "unknown-key"),
        (f"{WRITTEN}? [a, b]\n: 1\n", "wrong-type"),
        (f"{WRITTEN}parent: a\x00b\n", "control-character"),
        (f"{WRITTEN}parent: a\u2028b\n", "control-character"),
        (f"{WRITTEN}parent: a\u202eb\n", "control-character"),
        (f'{WRITTEN}parent: "\\u202e"\n', "control-character"),
        (f"{WRITTEN}parent: \x1b[2J\n", "control-character"),
        (replaced("  type:", "\ttype:"), "tab-indentation"),
        (replaced("  model.bin: ./model.bin", "  model.bin: 'https://['"), "source-not-allowed"),
        (replaced("  model.bin: ./model.bin", "  model.bin: ./../../../pyproject.toml"), "wrong-value"),
        (replaced("  model.bin: ./model.bin", "  model.bin: file:///etc/passwd"), "source-not-allowed"),
        (replaced("  model.bin: ./model.bin", f"  {'x' * 600}: ./model.bin"), "invalid-target"),
        (replaced("  - en\n", "  - ''\n  - [en]\n  - null\n"), "wrong-type"),
        ("", "not-a-mapping"),
        ("null", "not-a-mapping"),
        (b"\xff\xfe" + WRITTEN.encode("utf-16-le"), "invalid-utf8"),
        (b"\x00" * 1000, "control-character"),
        (b"#" * (256 * 1024 + 1), "descriptor-too-large"),
        (b"PK\x03\x04" + bytes(range(256)) * 10, "invalid-utf8"),
    ],
)
def test_nothing_hostile_ends_in_a_traceback(
    repository: Path,
    descriptor: str | bytes,
    rule: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    data = descriptor if isinstance(descriptor, bytes) else descriptor.encode()
    write(repository, "tiny/1.0", a_version(model__yaml=data))
    monkeypatch.chdir(repository)
    assert run(["validate"]) == 1
    page = capsys.readouterr().out
    assert f": error: {rule}\n" in page
    assert not any(ord(char) < 32 and char != "\n" for char in page)
    assert len(page) < 20_000
    assert is_untouched(repository)


def test_a_file_may_be_called_anything_and_is_named(repository: Path) -> None:
    names = [b"\xff", b"a\nb", b"\x1b[2J", "\u202e".encode(), b"--", b"a\tb", b'"', b"a\\b"]
    write(repository, "tiny/1.0", a_version())
    for folder in ("models", "models/tiny/1.0"):
        for name in names:
            Path(os.fsdecode(os.fsencode(repository / folder) + b"/" + name)).write_bytes(b"")
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--message=names")
    for options in ([], ["--head", "HEAD"]):
        done = registry(repository, "validate", *options)
        assert (done.code, done.err) == (1, "")
        assert done.out.count(": error: stray-file\n") == 2 * len(names)
        assert done.out.count("\n") == 4 + 6 * len(names)
        assert not any(ord(char) < 32 and char != "\n" for char in done.out)


@pytest.mark.parametrize(
    ("settings", "said", "hint"),
    [
        (b"[tool.registry]\nmodel = 'x'\n", "[tool.registry] has no key `model`", "did you mean `models`?"),
        (b"[tool.registry]\nmodels = 5\n", "[tool.registry] models is int, not str", "models = 'models'"),
        (b"[tool.registry.policy]\npins = 'no'\n", 'pins = "no" is not one of', ""),
        (b"[tool.registry.policy]\nsources = ['https://[']\n", "'https://[' is not a URL prefix", "for example"),
        (b"[tool.registry\n", "pyproject.toml is not TOML", "git shows what changed"),
        (b"# \xe9\n", "pyproject.toml is not UTF-8", "git shows what changed"),
    ],
)
def test_wrong_settings_end_with_two_and_the_next_step(repository: Path, settings: bytes, said: str, hint: str) -> None:
    (repository / "pyproject.toml").write_bytes(settings)
    done = registry(repository, "validate")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: ")
    assert said in done.err.split("\n")[0]
    assert hint in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["validate", "--head", "nowhere"], "commit `nowhere` is not in this repository"),
        (["validate", "--head=--output=owned"], "is not in this repository"),
        (["validate", "/"], "`/` is not in this repository"),
        (["validate", "models/none"], "`models/none` is not in this repository"),
        (["validate", "--format", "xml"], "'xml' is not one of"),
        (["diff"], "Missing argument 'BASE'"),
        (["diff", "nowhere"], "commit `nowhere` is not in this repository"),
        (["plan"], "holds no version under `models/`"),
        (["reconcile", "tiny"], "`tiny` is not NAME/VERSION"),
        (["nonsense"], "No such command 'nonsense'"),
    ],
)
def test_a_wrong_call_ends_with_two_and_says_why(repository: Path, arguments: list[str], said: str) -> None:
    done = registry(repository, *arguments)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert "Traceback" not in done.err
    assert git(repository, "status", "--porcelain") == ""


def test_outside_of_a_repository_every_command_says_so(tmp_path: Path) -> None:
    done = registry(tmp_path, "validate", env={"GIT_CEILING_DIRECTORIES": str(tmp_path.parent)})
    assert done.code == 2
    assert "is in no git repository\nhint: " in done.err
