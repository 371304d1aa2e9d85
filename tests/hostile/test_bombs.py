"""Small files that would grow, run or never end: each is judged within a limit of memory and of time."""

from __future__ import annotations

import io
import json
import pickle
import resource
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.build import a_commit, a_descriptor, a_repository, a_version, git, write
from tests.command import registry
from tests.hostile.door import DESCRIPTOR, Found, replaced

LIMITS = {resource.RLIMIT_AS: 2**30, resource.RLIMIT_CPU: 30}  # bytes, and seconds of the processor
MB = 2**20
CALL = b"cos\nsystem\n(S'touch owned'\ntR."


def judged(folder: Path, versions: Mapping[str, Mapping[str, bytes]]) -> dict[str, list[Found]]:
    """What the installed command says of versions that have these files beside those of every test."""
    repository = a_repository(folder / "repository")
    for number, files in enumerate(versions.values()):
        targets = {f"model_files__{name}": f"./{name}" for name in files if name != DESCRIPTOR}
        write(repository, f"tiny/1.{number}", a_version(a_descriptor(**targets)) | dict(files))
    done = registry(repository, "validate", "--format", "json", limits=LIMITS, timeout=200)
    assert (done.code in (0, 1), done.err) == (True, "")
    assert not list(folder.rglob("owned"))
    found: dict[str, list[Found]] = {name: [] for name in versions}
    for finding in done.json["findings"]:
        _, _, version, path = finding["path"].split("/", 3)
        name = list(versions)[int(version.removeprefix("1."))]
        found[name].append(Found(finding["line"], finding["column"], finding["rule"], path))
    return found


def line_of(target: str) -> tuple[int, int]:
    """Where the source of a target stands that is added to the descriptor of every test."""
    lines = a_version(a_descriptor(**{f"model_files__{target}": "./x"}))[DESCRIPTOR].decode().split("\n")
    number, line = next((n, line) for n, line in enumerate(lines, 1) if line.startswith(f"  {target}: "))
    return number, line.index(": ") + 3


def packed(content: bytes, kind: int = zipfile.ZIP_DEFLATED, members: int = 1) -> bytes:
    """A zip archive of pickles, as torch writes it."""
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w", kind) as archive:
        for number in range(members):
            archive.writestr(f"archive/{number}.pkl", content)
    return kept.getvalue()


def named(script: str, targets: list[str]) -> bytes:
    """A descriptor with an entry script that is no target, and targets that are not there."""
    lines = "".join(f"  ? {target}.py\n  : ./{target}.py\n" for target in targets)
    data = replaced("entry_script: inference.py", f"entry_script: {script}.py")
    return data.replace(b"model_metainfo:", lines.encode() + b"model_metainfo:")


def with_header(header: bytes) -> bytes:
    """A safetensors file without data."""
    return len(header).to_bytes(8, "little") + header


def test_weights_that_would_grow_or_run_are_named(tmp_path: Path) -> None:
    large = b"\x80\x02B" + struct.pack("<I", 15 * MB) + bytes(15 * MB) + b"."
    weights = {
        "packed as bzip2": ("w.pt", packed(bytes(2**28), zipfile.ZIP_BZIP2), "pickle-runs-code"),
        "packed as LZMA": ("w.pt", packed(bytes(2**26), zipfile.ZIP_LZMA), "pickle-runs-code"),
        "many that are large": ("w.pt", packed(large, members=20), "pickle-runs-code"),
        "no end of marks": ("w.pt", b"\x80\x02" + b"(" * 8_000_000, "pickle-runs-code"),
        "a number of eight million digits": ("w.pt", b"L" + b"9" * 8_000_000 + b"L\n" + CALL, "pickle-runs-code"),
        "a call": ("w.pt", CALL, "pickle-runs-code"),
        "a call behind another name": ("w.safetensors", b"\x80\x02" + CALL, "pickle-runs-code"),
        "a call in an archive": ("w.pt", packed(CALL, zipfile.ZIP_STORED), "pickle-runs-code"),
        "a header of brackets": ("w.safetensors", with_header(b"[" * 9_000_000), "weights-unreadable"),
        "a header of lists": (
            "w.safetensors",
            with_header(b'{"a":[' + b"[]," * 2_000_000 + b"[]]}"),
            "weights-unreadable",
        ),
        "a header of digits": ("w.safetensors", with_header(b'{"a":' + b"9" * 9_000_000 + b"}"), "weights-unreadable"),
        "a header that is not there": ("w.safetensors", (2**63).to_bytes(8, "little"), "weights-unreadable"),
        "sizes without end": (
            "w.safetensors",
            with_header(json.dumps({"a": {"dtype": "F4", "shape": [2**62] * 64, "data_offsets": [0, 0]}}).encode()),
            "weights-unreadable",
        ),
    }
    found = judged(tmp_path, {name: {target: data} for name, (target, data, _) in weights.items()})
    expected = {name: [Found(*line_of(target), rule)] for name, (target, _, rule) in weights.items()}
    assert found == expected


def test_one_file_under_many_names_is_read_once(tmp_path: Path) -> None:
    slow = b"\x80\x02" + b"N0" * 150_000 + CALL
    index = json.dumps({"weight_map": {f"t{n}": f"s{n}" for n in range(20_000)}}).encode()
    lines = "".join(f"  a{n}.pt: ./w.pt\n  a{n}.safetensors.index.json: ./i.json\n" for n in range(400))
    data = replaced("  model.bin: ./model.bin\n", f"  model.bin: ./model.bin\n{lines}")
    found = judged(tmp_path, {"many": {DESCRIPTOR: data, "w.pt": slow, "i.json": index}})["many"]
    assert {finding.rule for finding in found} == {"pickle-runs-code", "weights-shard-missing"}


def test_a_hundred_megabytes_of_brackets_are_not_read(tmp_path: Path) -> None:
    found = judged(tmp_path, {"large": {"w.safetensors": with_header(b"[" * 100_000_000)}})
    assert found == {"large": [Found(*line_of("w.safetensors"), "local-file-too-large")]}


def test_json_that_would_grow_says_nothing_and_takes_no_more(tmp_path: Path) -> None:
    bombs = [b"[" * 5_000_000, b'{"a":' * 1_000_000, b'{"architectures":[' + b"{}," * 1_000_000 + b"{}]}"]
    bombs += [b'{"architectures":' + b"9" * 5_000_000 + b"}", b'{"weight_map":{"a":' + b"[" * 100_000, b"\xff" * 1000]
    names = ("config.json", "model.bin.index.json")
    found = judged(tmp_path, {f"{name} {n}": {name: bomb} for name in names for n, bomb in enumerate(bombs)})
    assert not any(found.values())


def test_descriptors_that_would_take_hours_take_seconds(tmp_path: Path) -> None:
    files = "".join(f"  t{n}.png: ./{n:06}.png\n" for n in range(5000))
    images = ", ".join(f"x{n}.png" for n in range(9000))
    bombs = {
        "targets and images that are not there": replaced(
            "model_metainfo:\n", f"{files}model_metainfo:\n  images: [{images}]\n"
        ),
        "languages": replaced("  - en\n", "".join(f"  - zq{n:x}\n" for n in range(20_000))),
        "types": replaced("  - OTHER\n", "".join(f"  - OTHERS{n}\n" for n in range(15_000))),
        "keys": replaced("license: MIT\n", "".join(f"licens{n}: 1\n" for n in range(18_000))),
        "keys written twice": replaced("license: MIT\n", "license: MIT\n" * 18_000),
        "a word for a password without end": replaced("A tiny encoder.", "_pas" * 60_000),
        "escapes": replaced("  - OTHER\n", '  - "\\0"\n' * 20_000),
        "a long name beside a long name": named("ab" * 30_000, ["ba" * 500]),
        "names that are much alike": named("ab" * 49, ["ba" * 44 + f"{n:05}" for n in range(1500)]),
    }
    found = judged(tmp_path, {name: {DESCRIPTOR: data} for name, data in bombs.items()})
    assert all(found.values())
    assert max(map(len, found.values())) < 4000


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (f"a = {'9' * 5000}\n", "a number that is too long"),
        (f"a = {'[' * 100_000}\n", "nests too deep"),
        ("a.b." * 50_000 + "c = 1\n", "more than 1,000 dots"),
        ("#" * 300_000, "characters; at most"),
        ("a = {b = 1, b = 2}\n", "is not TOML"),
        ("a = '\x1b[2J'\n", "is not TOML"),
        ("[tool]\nregistry = 1\n", "is not a table"),
    ],
)
def test_settings_that_a_change_makes_hostile_are_a_finding(tmp_path: Path, settings: str, said: str) -> None:
    repository = a_repository(tmp_path / "repository")
    a_commit(repository, "tiny/1.0", a_version())
    (repository / "pyproject.toml").write_text(settings)
    git(repository, "commit", "--quiet", "--all", "--message=settings")
    options = ("--base", "HEAD~1", "--head", "HEAD")
    done = registry(repository, "validate", *options, "--format", "json", limits=LIMITS, timeout=200)
    (finding,) = done.json["findings"]
    assert (done.code, finding["rule"], finding["path"], finding["line"]) == (
        1,
        "settings-invalid",
        "pyproject.toml",
        1,
    )
    assert said in finding["message"]
    assert registry(repository, "validate", "--head", "HEAD", limits=LIMITS, timeout=200).code == 2


def test_scripts_and_conda_files_are_read_as_data(tmp_path: Path) -> None:
    init = b"def init(a): pass\ndef run(a): pass\n"
    scripts = {
        "runs when it is imported": (init + b"open('owned', 'w')\n", []),
        "an encoding that takes long": (b"# coding: punycode\n" + b"-" * 200_000, [(1, 1, "script-syntax")]),
        "an encoding of its own": (b"# coding: ../../owned\n", [(1, 1, "script-syntax")]),
        "parentheses": (b"(" * 200_000, [(1, 201, "script-syntax")]),
        "signs": (b"x = " + b"-" * 200_000 + b"1", [(1, 1, "script-syntax")]),
        "a NUL": (init + b"a\0b", [(3, 2, "script-syntax")]),
        "a NUL after a lone carriage return": (b"x = 1\ra\0b", [(2, 2, "script-syntax")]),
        "a token after a lone carriage return": (init + b"#\rghp_" + b"a1" * 20, [(4, 1, "access-token")]),
        "no UTF-8": (init + b"'\xff'", [(1, 1, "script-syntax")]),
        "indentation that overflows": (b"".join(b" " * n + b"if 1:\n" for n in range(300)), None),
        "a long one": (b"#" * 300_000, [(1, 1, "script-syntax")]),
    }
    conda = {
        "a call": (b"dependencies: !!python/object/apply:os.system [touch owned]\n", []),
        "an alias bomb": (b"a: &a [x, x]\nb: &b [*a, *a]\ndependencies: [*b, *b]\n", []),
        "brackets": (b"dependencies: " + b"[" * 200_000, []),
        "no list": (b"dependencies: {a: b}\n", [(1, 15, "conda-file-invalid")]),
        "a control character": (b"dependencies: [\x1b[2J]\n", [(1, 16, "conda-file-invalid")]),
        "no UTF-8": (b"name: x\ndependencies: [\xff]\n", [(2, 16, "conda-file-invalid")]),
        "a long one": (b"#" * 300_000, [(1, 1, "conda-file-invalid")]),
    }
    found = judged(
        tmp_path,
        {f"script: {name}": {"inference.py": data} for name, (data, _) in scripts.items()}
        | {f"conda: {name}": {"environment.yml": data} for name, (data, _) in conda.items()},
    )
    for kind, path, cases in (("script", "inference.py", scripts), ("conda", "environment.yml", conda)):
        for name, (_, expected) in cases.items():
            seen = found[f"{kind}: {name}"]
            if expected is None:
                assert seen
                assert {finding.path for finding in seen} == {path}
            else:
                assert seen == [Found(line, column, rule, path) for line, column, rule in expected], name


def test_a_pickle_is_not_loaded_to_be_judged(tmp_path: Path) -> None:
    class Owning:
        def __reduce__(self) -> tuple[Any, ...]:
            return open, ("owned", "w")

    found = judged(tmp_path, {"pickle": {"w.pt": pickle.dumps(Owning())}})
    assert found == {"pickle": [Found(*line_of("w.pt"), "pickle-runs-code")]}
