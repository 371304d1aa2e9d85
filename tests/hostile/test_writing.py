"""Descriptors written to break the reader: each mistake is named where it stands, and nothing beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry.tree import MAX_BYTES
from registry.yaml12 import MAX_DEPTH, MAX_KEY
from tests.build import a_version
from tests.hostile.door import WRITTEN, Case, Found, Verdict, judge, moves_no_cursor, place_of, replaced, written

TINY, PARAMS, BIN = "A tiny encoder.", "num_params: 9", "  model.bin: ./model.bin"
END = WRITTEN.decode()


def described(text: bytes | str) -> bytes:
    """A descriptor with this description."""
    return replaced(TINY, text)


def ended(text: str) -> str:
    """A descriptor with more at its end."""
    return END + text


BROKEN_UTF8 = {
    "a continuation byte alone": written(described(b"A \x80tiny"), ("invalid-utf8", b"\x80")),
    "a slash in two bytes": written(described(b"A \xc0\xaf"), ("invalid-utf8", b"\xc0")),
    "half a surrogate pair": written(described(b"A \xed\xa0\x80"), ("invalid-utf8", b"\xed")),
    "beyond the last character": written(described(b"A \xf4\x90\x80\x80"), ("invalid-utf8", b"\xf4")),
    "a sequence of five bytes": written(described(b"A \xf8\x88\x80\x80\x80"), ("invalid-utf8", b"\xf8")),
    "cut at the end of the file": written(WRITTEN + b"# \xe2\x82", ("invalid-utf8", b"\xe2")),
    "Latin-1 after a letter of two bytes": written(described("é".encode() + b" \xe9"), ("invalid-utf8", b"\xe9")),
    "in a key": written(replaced("license:", b"licen\xdfe:"), ("invalid-utf8", b"\xdf")),
    "after lines that end as on Windows": written(
        described(b"A \xff").replace(b"\n", b"\r\n"), ("invalid-utf8", b"\xff")
    ),
    "after lines that end as once on a Macintosh": written(
        described(b"A \xff").replace(b"\n", b"\r"), ("invalid-utf8", b"\xff")
    ),
    "UTF-16": written(END.encode("utf-16"), Found(1, 1, "invalid-utf8")),
    "an archive": written(b"PK\x03\x04" + bytes(range(256)), ("invalid-utf8", b"\x80")),
}

DEEP = {
    "lists": written("[" * 100_000, Found(1, MAX_DEPTH + 1, "too-deep")),
    "mappings": written("{a: " * 50_000, Found(1, 4 * MAX_DEPTH + 1, "too-deep")),
    "lists of mappings": written("[{a: " * 40_000, Found(1, 5 * MAX_DEPTH // 2 + 1, "too-deep")),
    "lists on one line": written("- " * 100_000, Found(1, 2 * MAX_DEPTH + 1, "too-deep")),
    "keys of keys": written("? " * 100_000, Found(1, 2 * MAX_DEPTH + 1, "too-deep")),
    "indentation": written(
        "".join(f"{' ' * depth}a:\n" for depth in range(100)), Found(MAX_DEPTH + 1, MAX_DEPTH + 1, "too-deep")
    ),
    "one level less in a value": written(
        ended(f"parent: {'[' * (MAX_DEPTH - 1)}{']' * (MAX_DEPTH - 1)}\n"), ("wrong-type", "[")
    ),
    "one level more in a value": written(
        ended(f"parent: {'[' * MAX_DEPTH}{']' * MAX_DEPTH}\n"), Found(24, 8 + MAX_DEPTH, "too-deep")
    ),
}

ALIASES = {
    "an anchor": written(described("&a A"), ("anchor", "&a")),
    "an alias": written(described("*a"), ("anchor", "*a")),
    "an alias as a key": written(ended("*a : 1\n"), ("anchor", "*a")),
    "an anchor at a key": written(ended("&a parent: 1\n"), ("anchor", "&a")),
    "a merge key": written(ended("<<: {license: ISC}\n"), ("anchor", "<<")),
    "a merge of an alias": written(ended("<<: *a\n"), ("anchor", "*a")),
    "a list that holds itself": written(ended("parent: &a [*a]\n"), ("anchor", "&a")),
    "nine levels of nine": written(
        "a: &a [x, x]\n"
        + "".join(f"{b}: &{b} [{f'*{a}, ' * 9}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)),
        ("anchor", "&a"),
    ),
    "an anchor of 100,000 characters": written(ended(f"parent: &{'a' * 100_000} x\n"), ("anchor", "&a")),
}

TAGS = {
    "a call": written(ended("parent: !!python/object/apply:os.system [touch owned]\n"), ("tag", "!!python")),
    "an object": written("!!python/object:registry.policy.Policy {pins: off}", ("tag", "!!python")),
    "a module": written(ended("parent: !!python/module:antigravity\n"), ("tag", "!!python")),
    "bytes": written(ended("parent: !!binary aGk=\n"), ("tag", "!!binary")),
    "a local one": written(described("!include /etc/passwd"), ("tag", "!include")),
    "one that says nothing": written(described("! A"), ("tag", "! A")),
    "spelled out": written(replaced(": 9", ": !<tag:yaml.org,2002:int> 9"), ("tag", "!<")),
    "by a handle": written(f"%TAG !e! tag:example.com,2000:\n---\n{END}parent: !e!x y\n", ("tag", "!e!x")),
    "at a key": written(ended("!!str parent: x\n"), ("tag", "!!str")),
    "at a list": written(replaced("  - OTHER", "  - !!seq [OTHER]"), ("tag", "!!seq")),
}

HUGE = {
    "a number of 5,000 digits": written(replaced(PARAMS, f"num_params: {'9' * 5000}"), ("wrong-type", "999")),
    "a number of 200,000 digits": written(replaced(PARAMS, f"num_params: {'9' * 200_000}"), ("wrong-type", "999")),
    "hexadecimal digits": written(replaced(PARAMS, f"num_params: 0x{'f' * 100_000}"), ("wrong-type", "0xf")),
    "an exponent": written(replaced(PARAMS, "num_params: 1e999999999"), ("wrong-type", "1e9")),
    "infinity": written(replaced(PARAMS, "num_params: -.inf"), ("wrong-type", "-.inf")),
    "a hundred digits": written(replaced(PARAMS, f"num_params: {'9' * 100}"), ("wrong-value", "999")),
    "a line": written(described("x" * 200_000), ("wrong-value", "xx")),
    "a target": written(
        replaced("entry_script: inference.py", f"entry_script: {'x' * 200_000}.py"),
        *(("entry-script-unknown", "xx"), ("wrong-value", "xx")),
    ),
    "a key": written(ended(f"? {'k' * 200_000}\n: 1\n"), ("wrong-value", "kk")),
    "a key with many mistakes in it": written(
        replaced(BIN, f"  ? {'k' * 100_000}\n  : {{{', '.join(f'k{n}: 1' for n in range(9000))}}}"),
        ("wrong-value", "kk"),
    ),
    "parentheses in parentheses": written(
        replaced("license: MIT", f"license: {'(MIT OR ' * 15_000}MIT{')' * 15_000}"),
        *(("license-unknown", "(MIT"), ("wrong-value", "(MIT")),
    ),
    "an image": written(
        replaced("    conda_env", f"    docker_image: {'a.' * 100_000}\n    conda_env"),
        *(("docker-image-invalid", "a.a."), ("wrong-value", "a.a.")),
    ),
    "a folded text": written(described(">-\n" + "    x\n" * 40_000), ("wrong-value", ">-")),
    "empty lines": written(described('"' + "\n" * 200_000 + '"'), ("wrong-value", '"')),
}

LIMITS = {
    "a file as long as allowed": written(WRITTEN + b"#" * (MAX_BYTES - len(WRITTEN))),
    "a file one byte longer": written(
        WRITTEN + b"#" * (MAX_BYTES - len(WRITTEN) + 1), Found(1, 1, "descriptor-too-large")
    ),
    "a file one byte longer, of letters of two bytes": written(
        WRITTEN + "é".encode() * ((MAX_BYTES - len(WRITTEN)) // 2 + 1), Found(1, 1, "descriptor-too-large")
    ),
    "a key as long as allowed": written(ended(f"{'k' * MAX_KEY}: 1\n"), ("unknown-key", "kk")),
    "a key one character longer": written(ended(f"? {'k' * (MAX_KEY + 1)}\n: 1\n"), ("wrong-value", "kk")),
    "a target as long as allowed": written(ended("").replace(BIN, f"  {'k' * 512}: ./model.bin")),
    "a target one character longer": written(replaced(BIN, f"  {'k' * 513}: ./model.bin"), ("invalid-target", "kk")),
    "a line as long as allowed": written(described("é" * 200)),
    "a line one character longer": written(described("é" * 201), ("wrong-value", "éé")),
    "a text as long as allowed": written(replaced("A sentence.", "é" * 2000)),
    "a text one character longer": written(replaced("A sentence.", "é" * 2001), ("wrong-value", "éé")),
    "as many parameters as allowed": written(replaced(PARAMS, f"num_params: {10**15}")),
    "one parameter more": written(replaced(PARAMS, f"num_params: {10**15 + 1}"), ("wrong-value", "1000000")),
    "no parameter": written(replaced(PARAMS, "num_params: 0"), ("wrong-value", "0\nlicense")),
    "as many targets as allowed": written(replaced(BIN, "\n".join(f"  m{n}: ./model.bin" for n in range(997)))),
    "one target more": written(
        replaced(BIN, "\n".join(f"  m{n}: ./model.bin" for n in range(998))), ("wrong-value", "model_files:")
    ),
}

MIB = 1024 * 1024
for name, most in (("index.md", MIB), ("model.bin", 10 * MIB)):
    source = place_of(WRITTEN, f"./{name}".encode())
    files = {more: {**a_version(), name: bytes(most + more)} for more in (0, 1)}
    LIMITS[f"{name} as long as allowed"] = Case(files[0], [])
    LIMITS[f"{name} one byte longer"] = Case(files[1], [Found(*source, "local-file-too-large")])

TRAINING = """  training_properties:
    entry_script: inference.py
    conda_env: environment.yml
    docker_registry: {url: r.example.com, username: ci, password: "${env:REGISTRY_DOCKER_PASSWORD_X}"}
    args: {"--lr": 1}
model_files:"""


def trained(old: str, new: str) -> str:
    """A descriptor with an environment for training, and in that one place changed."""
    assert TRAINING.count(old) == 1
    return END.replace("model_files:", TRAINING.replace(old, new))


UNBOUND = ("password-unbound", '"${env')
TWICE = {
    "at the top": written(ended("license: ISC\n"), ("duplicate-key", "license: ISC")),
    "in a section": written(
        replaced("  type: ENCODER", "  type: ENCODER\n  type: DECODER"), ("duplicate-key", "type: D")
    ),
    "in an environment": written(
        replaced("    conda_env", "    entry_script: run.py\n    conda_env"), ("duplicate-key", "entry_script: run")
    ),
    "in the registry of an environment": written(
        trained("username: ci", "username: ci, url: s.example.com"), ("duplicate-key", "url: s."), UNBOUND
    ),
    "in arguments": written(trained('"--lr": 1', "\"--lr\": 1, '--lr': 2"), ("duplicate-key", "'--lr'"), UNBOUND),
    "a target": written(replaced(BIN, f"{BIN}\n  index.md: ./model.bin"), ("duplicate-key", "index.md: ./model")),
    "in a file": written(
        replaced(BIN, "  model.bin: {source: ./model.bin, source: ./index.md}"), ("duplicate-key", "source: ./index")
    ),
    "in the description of the model": written(
        replaced(PARAMS, f"{PARAMS}\n  index_page_file: x.md"), ("duplicate-key", "index_page_file: x")
    ),
    "in the lifecycle": written(
        ended("lifecycle: {state: active, reason: x, state: withdrawn}\n"), ("duplicate-key", "state: with")
    ),
    "three times": written(
        ended("license: ISC\nlicense: BSD-3-Clause\n"),
        ("duplicate-key", "license: ISC"),
        ("duplicate-key", "license: BSD"),
    ),
    "in another spelling": written(ended('"\\x6cicense": ISC\n'), ("duplicate-key", '"\\x6c')),
    "as a number and as a text": written(trained('"--lr": 1', "1: x, '1': y"), ("duplicate-key", "'1': y"), UNBOUND),
}

CONTROLS = {
    "NUL": written(described("A\0"), ("control-character", "\0")),
    "ESC": written(described("\x1b[2J"), ("control-character", "\x1b")),
    "DEL": written(described("A\x7f"), ("control-character", "\x7f")),
    "the C1 form of ESC [": written(described("A \x9b2J"), ("control-character", "\x9b")),
    "next line": written(described("A\x85B"), ("control-character", "\x85")),
    "line separator": written(described("A\u2028B"), ("control-character", "\u2028")),
    "right-to-left override": written(described("A \u202etiny"), ("control-character", "\u202e")),
    "an isolate": written(described("A \u2066tiny\u2069"), *(("control-character", c) for c in "\u2066\u2069")),
    "Arabic letter mark": written(described("A \u061ctiny"), ("control-character", "\u061c")),
    "in double quotes": written(described('"A \u202etiny"'), ("control-character", "\u202e")),
    "in a comment": written(ended("# \u202e\n"), ("control-character", "\u202e")),
    "in a key": written(ended("par\u202eent: x\n"), ("control-character", "\u202e"), ("unknown-key", "par\u202e")),
    "a byte order mark inside": written(described("A\ufefftiny"), ("control-character", "\ufeff")),
    "no character": written(described("A\uffff"), ("control-character", "\uffff")),
    "an escaped override": written(described('"\\u202e"'), ("control-character", '"\\u')),
    "an escaped ESC": written(described('"\\e[2J"'), ("control-character", '"\\e')),
    "an escaped NUL": written(described('"\\0"'), ("control-character", '"\\0')),
    "an escaped half of a pair": written(described('"\\ud800"'), ("yaml-syntax", "d800")),
    "a byte order mark at the start": written("\ufeff" + END, Found(1, 1, "byte-order-mark")),
    "after lone carriage returns": written(described("A\x1b").replace(b"\n", b"\r"), ("control-character", "\x1b")),
}

OURS, THEIRS = "<<<<<<< HEAD\nlicense: MIT\n", "=======\nlicense: ISC\n>>>>>>> topic\n"


def conflicting(text: str) -> Case:
    """A descriptor with what a merge left in it, each mark at the start of a line."""
    data = END.replace("license: MIT\n", text)
    lines = data.replace("\r\n", "\n").split("\n")
    marks = [n for n, line in enumerate(lines, 1) if line[:7] in ("<" * 7, "=" * 7, ">" * 7, "|" * 7)]
    return written(data, *(Found(number, 1, "conflict-marker") for number in marks))


CONFLICTS = {
    "two sides": conflicting(OURS + THEIRS),
    "two sides and their base": conflicting(f"{OURS}||||||| merged\n{THEIRS}"),
    "lines that end as on Windows": conflicting((OURS + THEIRS).replace("\n", "\r\n")),
    "the first mark alone": conflicting("<<<<<<< HEAD\nlicense: MIT\n"),
    "the middle mark alone": conflicting("license: MIT\n=======\n"),
    "the last mark alone": conflicting("license: MIT\n>>>>>>> topic\n"),
    "a mark without a name": conflicting("<<<<<<<\nlicense: MIT\n"),
    "in a list": conflicting(f"parent: [\n{OURS}{THEIRS}]\n"),
    "two conflicts": conflicting(OURS + THEIRS + OURS + THEIRS),
}

CLASSES = {
    "broken UTF-8": BROKEN_UTF8,
    "deep nesting": DEEP,
    "aliases": ALIASES,
    "tags": TAGS,
    "huge scalars and numbers": HUGE,
    "limits": LIMITS,
    "keys written twice": TWICE,
    "control characters": CONTROLS,
    "conflict markers": CONFLICTS,
}
CASES = {f"{kind}: {name}": case for kind, cases in CLASSES.items() for name, case in cases.items()}


@pytest.fixture(scope="module")
def verdict(tmp_path_factory: pytest.TempPathFactory) -> Verdict:
    """What is said of all cases."""
    return judge(tmp_path_factory.mktemp("writing") / "repository", CASES)


@pytest.mark.parametrize("name", CASES)
def test_what_is_wrong_is_named_where_it_stands_and_nothing_else(verdict: Verdict, name: str) -> None:
    assert verdict.found[name] == CASES[name].found


def test_the_page_moves_no_cursor_and_repeats_nothing_that_is_long(verdict: Verdict) -> None:
    assert moves_no_cursor(verdict.page)
    assert max(map(len, verdict.page.split("\n"))) < 2000


def test_each_class_has_five_cases_that_are_wrong() -> None:
    wrong = {kind: sum(bool(case.found) for case in cases.values()) for kind, cases in CLASSES.items()}
    assert min(wrong.values()) >= 5, wrong


@pytest.mark.parametrize("line", ["<<<<<<<< a", " ======= ", "======", "<<<<<< b", "#======="])
def test_a_line_that_only_looks_like_a_mark_is_none(tmp_path: Path, line: str) -> None:
    text = replaced("A sentence.", f"|\n    Title\n    {line}")
    assert judge(tmp_path / "repository", {"": written(text)}).found[""] == []
