"""Names that are two things at once: devices of Windows, twins in case or Unicode form, paths that lead elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.build import a_repository, a_version, write
from tests.hostile.door import Case, Found, Verdict, judge, replaced, verdict_of, written

BIN = "  model.bin: ./model.bin"


def targets(*names: str, wrong: str = "") -> Case:
    """A version whose weights are served under these names; the one that is wrong is the last of its spelling."""
    lines = "\n".join(f"  {_quoted(name)}: ./model.bin" for name in names)
    text = replaced(BIN, lines).decode()
    if not wrong:
        return written(text)
    line = text.count("\n", 0, text.rindex(_quoted(wrong))) + 1
    return written(text, Found(line, 3, "invalid-target"))


def _quoted(name: str) -> str:
    """The name in double quotes, with what YAML does not take as it is spelled out."""
    return '"' + "".join(char if char.isprintable() and char not in '"\\' else _escaped(char) for char in name) + '"'


def _escaped(char: str) -> str:
    return f"\\U{ord(char):08x}"


DEVICES = {name: targets(name, wrong=name) for name in (
    "nul", "CON", "aux.txt", "Prn.tar.gz", "com1", "LPT9.bin", "COM\u00b9", "lpt\u00b3.x", "conin$", "CONOUT$", "a/nul",
    "con/a", "x/Aux.h/y", "NUL.", "com0",
)}  # fmt: skip
NO_DEVICES = {name: targets(name) for name in ("console", "nul_", "acon", "com", "com10", "lpt", "au.x", "a.con")}
TWINS = {
    "case": targets("a.bin", "A.bin", wrong="A.bin"),
    "case in a folder": targets("weights/a.bin", "Weights/a.bin", wrong="Weights/a.bin"),
    "sharp s": targets("stra\u00dfe", "STRASSE", wrong="STRASSE"),
    "a ligature": targets("\ufb01le", "file", wrong="file"),
    "the end of a Greek word": targets("\u03c3", "\u03c2", wrong="\u03c2"),
    "a Kelvin sign": targets("\u212a", wrong="\u212a"),
    "an accent of its own": targets("cafe\u0301", wrong="cafe\u0301"),
    "two forms of one letter": targets("\u00e9", "e\u0301", wrong="e\u0301"),
    "jamo": targets("\u1112\u1161\u11ab", wrong="\u1112\u1161\u11ab"),
    "a file and its folder": targets("a", "a/b", wrong="a/b"),
    "a folder and its file": targets("a/b", "a", wrong="a/b"),
    "a file and its folder in another case": targets("A", "a/b", wrong="a/b"),
}
PATHS = {name: targets(name, wrong=name) for name in (
    "../x", "a/../../x", "/etc/passwd", "a//b", "./a", "a/.", "a\\..\\x", "C:\\x", "a.", "a ", "a /b", "a/", "..",
    "a\tb", "a\u200eb", "a\u202eb", "a\u00adb", "a\u2060b", "a\U000e0041",
)}  # fmt: skip
CASES = {
    f"{kind}: {name!r}": case
    for kind, cases in (("devices", DEVICES), ("no devices", NO_DEVICES), ("twins", TWINS), ("paths", PATHS))
    for name, case in cases.items()
}


@pytest.fixture(scope="module")
def verdict(tmp_path_factory: pytest.TempPathFactory) -> Verdict:
    """What is said of all targets."""
    return judge(tmp_path_factory.mktemp("names") / "repository", CASES)


@pytest.mark.parametrize("name", CASES)
def test_a_target_that_is_refused_is_named_at_its_key(verdict: Verdict, name: str) -> None:
    found = [finding for finding in verdict.found[name] if finding.rule != "control-character"]
    assert found == CASES[name].found


FOLDERS = {
    "tiny/nul": ["invalid-version"],
    "tiny/con": ["invalid-version"],
    "tiny/COM1": ["invalid-version"],
    "tiny/lpt1.0": ["invalid-version"],
    "aux/1.0": ["invalid-name"],
    "prn.x/1.0": ["invalid-name"],
    "twin-a/1.0": ["twin"],
    "twin_a/1.0": ["twin"],
    "Twin-A/1.0": ["invalid-name", "twin"],
    "caf\u00e9/1.0": ["invalid-name", "twin"],
    "cafe\u0301/1.0": ["invalid-name", "twin"],
    "ab/1.0": ["twin"],
    "\uff41b/1.0": ["invalid-name", "twin"],
    "tiny/1.0-RC": ["twin"],
    "tiny/1.0-rc": ["twin"],
    "tiny/1.0_rc": ["twin"],
    "tiny/latest": ["invalid-version"],
    "clone/1.0": ["invalid-name"],
    f"{'a' * 128}/1.0": [],
    f"{'a' * 129}/1.0": ["invalid-name"],
    f"tiny/{'1' * 64}": [],
    f"tiny/{'1' * 65}": ["invalid-version"],
}


def test_a_name_of_a_folder_is_judged_with_those_beside_it(tmp_path: Path) -> None:
    repository = a_repository(tmp_path / "repository")
    for folder in FOLDERS:
        write(repository, folder, a_version())
    found: dict[str, list[str]] = {}
    for version, findings in verdict_of(repository).found.items():
        for finding in findings:
            folder = f"tiny/{version}" if version else finding.path.removeprefix("models/").removesuffix("/model.yaml")
            found.setdefault(folder, []).append(finding.rule)
            assert (finding.line, finding.column) == (1, 1)
    expected = {folder: rules for folder, rules in FOLDERS.items() if rules}
    assert {folder: sorted(set(rules)) for folder, rules in found.items()} == expected


def test_of_many_twins_each_is_told_of_one(tmp_path: Path) -> None:
    names = [f"{'-' if n & 1 else '_'}{'-' if n & 2 else '_'}{'-' if n & 4 else '_'}".join("ab") for n in range(8)]
    repository = a_repository(tmp_path / "repository")
    for name in names:
        write(repository, f"{name}/1.0", a_version())
    assert [finding.rule for finding in verdict_of(repository).found[""]] == ["twin"] * len(names)
