"""Source lines under findings: carets stand under what is wrong, and nothing but text reaches the terminal."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from registry.finding import Finding, Place
from registry.hiding import hide_secrets
from registry.identity import UNPRINTABLE
from registry.report.quote import render_quote
from registry.report.span import span

PATH = "models/tiny/1.0/model.yaml"


def a_finding(column: int, found: str | None = None, path: str = PATH, line: int = 7) -> Finding:
    """A finding in a line."""
    return Place(path, line, column).finding("wrong-value", "is wrong", found=found)


def quoted(line: str, column: int, found: str | None = None, path: str = PATH) -> tuple[str, str]:
    """What is shown of the line, and the carets below it."""
    shown, carets = render_quote(a_finding(column, found, path), {path: {7: line}})
    assert (shown[:3], carets[:4]) == ("7 |", "  | ")
    return shown[4:], carets[4:]


def underlined(marked: str, found: str | None = None, path: str = PATH) -> str:
    """What the carets of a finding at `⟦` stand under, with `⟦` and `⟧` around it, as in `marked`."""
    start = marked.index("⟦")
    line = marked.replace("⟦", "").replace("⟧", "")
    end = start + span(a_finding(start + 1, found, path), line)
    return f"{line[:start]}⟦{line[start:end]}⟧{line[end:]}"


@pytest.mark.parametrize(
    "marked",
    [
        "  type: ⟦ENCODR⟧",
        "  type: ⟦ENCODR⟧ # DECODER",
        "  ⟦type⟧: ENCODR",
        "  ⟦'type'⟧ : ENCODR",
        "  description: ⟦one, two [three]⟧",
        "  description: ⟦it's a#b⟧ #c",
        "  description: ⟦'it''s, # all'⟧ # this is",
        '  description: ⟦"a \\" b"⟧, c',
        '  description: ⟦"goes on below⟧',
        "  description: ⟦|⟧",
        "  description: ⟦|⟧ # below",
        "  a: ⟦https://example.com/x#y⟧",
        "  a: ⟦[x, 'y]', {b: c}]⟧ # z",
        "  a: [x, 'y', ⟦{b: c}⟧] # z",
        "  a: [x, ⟦'y z'⟧, {b: c}]",
        "  a: [⟦x y⟧, z]",
        "  a: {⟦x⟧: y, z: 1}",
        "  a: {x: ⟦a b:c⟧, z: 1}",
        "  a: ⟦[⟧x,",
        "  ⟦x⟧,",
        "  ⟦x⟧]}",
        "  - ⟦x⟧",
        "  a: ⟦&b⟧ c",
        "  a: ⟦*b⟧",
        "  a: ⟦!!str⟧ c",
        "⟦---⟧",
        "⟦<<<<<<< HEAD⟧",
        "⟦\t⟧\ta: b",
        "a: x⟦\u202e⟧y",
        "a: x⟦\udcff⟧y",
        "日本: ⟦値が違う⟧ # c",
        "a: ⟦e\u0301 b⟧",
    ],
)
def test_carets_stand_under_the_token_at_the_place(marked: str) -> None:
    assert underlined(marked) == marked


@pytest.mark.parametrize(
    ("marked", "found"),
    [
        ("  a: ⟦one, two⟧, three", "one, two"),
        ("  a: ⟦ENCODR⟧", "`ENCODR`"),
        ("  num_params: ⟦'9'⟧ ", "the text `9`"),
        ('  a: ⟦"9"⟧', "9"),
        ("  a: ⟦90⟧", "9"),
        ("  a: ⟦b⟧", "registry.example.com"),
        ("  a: ⟦b⟧", ""),
    ],
)
def test_carets_stand_under_what_was_found_where_it_is_written_so(marked: str, found: str) -> None:
    assert underlined(marked, found) == marked


@pytest.mark.parametrize("marked", ["def ⟦init⟧(a):", "def run(x)⟦ ⟧", "x = ⟦'⟧abc", "⟦import⟧ os"])
def test_in_a_script_carets_stand_under_a_word_or_one_character(marked: str) -> None:
    assert underlined(marked, path="models/tiny/1.0/inference.py") == marked


@pytest.mark.parametrize(
    ("line", "column", "shown", "carets"),
    [
        ("  type: ENCODR", 9, "  type: ENCODR", "        ^^^^^^"),
        ("\t\tkey: v", 3, "        key: v", "        ^^^"),
        ("日本語: 値が違う", 6, "日本語: 値が違う", "        ^^^^^^^^"),
        ("😀: e\u0301 b", 4, "😀: e\u0301 b", "    ^^^"),
        ("e\u0301\u0302: b", 6, "e\u0301\u0302: b", "   ^"),
        ("❤\ufe0f: b", 5, "❤: b", "   ^"),
        ("a: x\u202ey", 5, "a: x\\u202ey", "    ^^^^^^"),
        ("\u200b\u00a0a: b", 6, "\\u200b\\u00a0a: b", "               ^"),
        ("caf\udce9: b", 4, "caf\\xe9: b", "   ^^^^"),
        ("\U000e0001: b", 4, "\\U000e0001: b", "            ^"),
        ("\x1b[2J: b", 7, "\\u001b[2J: b", "           ^"),
        ("a: b", 5, "a: b", "    ^"),
    ],
)
def test_no_character_shifts_the_carets(line: str, column: int, shown: str, carets: str) -> None:
    assert quoted(line, column) == (shown, carets)


@pytest.mark.parametrize(
    ("line", "column", "around"),
    [
        ("k: " + "x" * 500, 4, r"k: x{64}…"),
        ("k: " + "ab " * 100 + "BAD", 304, r"…[ ab]+BAD"),
        ("ab " * 100 + "BAD: " + "cd " * 100, 301, r"…[ ab]+BAD: [ cd]+…"),
        ("日本" * 100 + ": 語" + "語" * 100, 203, r"…[日本]{10}: 語+…"),
        ("x" * 68, 68, r"x{68}"),
        ("x" * 69, 1, r"x{67}…"),
    ],
)
def test_a_long_line_is_cut_around_the_place(line: str, column: int, around: str) -> None:
    shown, carets = quoted(line, column)
    assert re.fullmatch(around, shown), shown
    assert max(cell_len(shown), len(carets)) <= 68
    place = len(carets) - len(carets.lstrip())
    assert shown[next(i for i in range(len(shown)) if cell_len(shown[:i]) >= place)] == line[column - 1]


@given(st.text(st.characters(exclude_characters="\r\n"), max_size=300), st.data())
@settings(max_examples=300, deadline=None)
def test_whatever_a_line_holds_it_is_text_of_a_terminals_width(line: str, data: st.DataObject) -> None:
    column = data.draw(st.integers(1, len(line) + 1))
    shown, carets = quoted(line, column)
    assert all(char.isprintable() and not UNPRINTABLE.search(char) for char in shown + carets)
    assert max(cell_len(shown), len(carets)) <= 68
    assert re.fullmatch(r" *\^+", carets)


@pytest.mark.parametrize("line", [1, 2, 100])
def test_a_line_that_is_not_known_is_not_shown(line: int) -> None:
    assert render_quote(a_finding(3, line=line), {PATH: {7: "a: b"}}) == []
    assert render_quote(a_finding(3, line=line), {}) == []


def test_of_a_finding_about_a_file_no_line_is_shown() -> None:
    lines = {PATH: {1: "name: tiny", 2: "b"}}
    about_file = Place(PATH).finding("stray-file", "belongs to no target")
    assert render_quote(about_file, lines) == []
    missing = Place(PATH, 1, 1, "model_config").finding("missing-key", "is missing")
    assert render_quote(missing, lines) == []
    at_key = Place(PATH, 1, 1, "name").finding("repeated-identity", "is given by the folder")
    assert render_quote(at_key, lines) == ["1 | name: tiny", "  | ^^^^"]
    beyond = Place(PATH, 2, 5).finding("yaml-syntax", "is no YAML")
    assert render_quote(beyond, lines) == []


SECRET = "hunter2"


@pytest.mark.parametrize(
    "text",
    [
        "password: hunter2",
        "password: hunter2 # hunter2",
        'password: "hunter2"',
        "  'password' : 'hunter2'",
        "PASSWORD=hunter2",
        "pasword: hunter2",
        "docker_passwd: hunter2",
        "{url: x, username: ci, password: hunter2, extra: 1}",
        '{a: {password: "hunter2"}, b: {password: "hunter2"}}',
        "{password:\n hunter2,\n url: x}",
        "? password\n: hunter2",
        "password: |\n  a\n\n  hunter2\nurl: x",
        "password:\n  - hunter2\n  - hunter2\nurl: x",
        'password: "a\n\nhunter2"',
        "password: 'it''s hunter2'",
        "password: !!str hunter2",
        "password: a\r\n  hunter2",
        "https://ci:hunter2@example.com/x",
        "a: https://hunter2@example.com",
        "a: https://example.com/x?sig=hunter2&b=hunter2",
        "{source: 'https://example.com/x?hunter2', sha256: 0}",
        "a: HTTPS://example.com/x?hunter2#hunter2",
        "Authorization: Bearer hunter2",
        "token = 'hunter2'",
        'API_KEY="hunter2"',
        "secret: aaaaaaaaaaaaaaaahunter2",
        "-----BEGIN RSA PRIVATE KEY-----\nhunter2\nhunter2\n-----END RSA PRIVATE KEY-----",
        'key = "-----BEGIN PRIVATE KEY-----\\nhunter2"',
    ],
)
def test_no_secret_is_shown(text: str) -> None:
    hidden = hide_secrets(text)
    assert SECRET not in hidden
    assert len(hidden) == len(text)
    assert [len(line) for line in hidden.splitlines()] == [len(line) for line in text.splitlines()]


@pytest.mark.parametrize(
    "text",
    [
        "password: ${env:REGISTRY_DOCKER_PASSWORD_TEAM}",
        'password: "${env:REGISTRY_DOCKER_PASSWORD_TEAM}"',
        "password: ${env:X}\nurl: registry.example.com",
        "tokenizer.json: ./tokenizer.json",
        "special_tokens_map.json: ./special_tokens_map.json",
        "token = tokenizer(text)",
        "sha256: 53c1a053c1a053c1a053c1a053c1a053c1a053c1a053c1a053c1a053c1a053c1",
        "source: https://account.blob.core.windows.net/uploads/zen/model.safetensors",
        "description: Which key? The bearer of it.",
    ],
)
def test_what_is_no_secret_is_shown(text: str) -> None:
    assert hide_secrets(text) == text


LARGE = 300_000


@pytest.mark.parametrize(
    "text",
    [
        *(" " * LARGE, "a" * LARGE, "a." * LARGE, "://a" * LARGE, "://a@" * LARGE, "://a?" * LARGE),
        *("key=" * LARGE, "key='" * LARGE, 'key="' * LARGE, "bearer " * LARGE, "PRIVATE KEY-----a" * 20_000),
        *('password: "' * 30_000, "password: '" * 30_000, 'password:""' * 30_000, "password:" * 30_000),
        *(
            "password:\n" * 30_000,
            " password:x\n" * 30_000,
            "password:x\n" + " \n" * LARGE,
            'password:"' + '\\"' * LARGE,
        ),
    ],
    ids=lambda text: f"{text[:12]!r}",
)
def test_secrets_are_looked_for_in_time_that_grows_with_the_text(text: str) -> None:
    start = time.process_time()
    assert len(hide_secrets(text)) == len(text)
    assert time.process_time() - start < 5


def test_many_findings_in_a_long_line_are_shown_in_time() -> None:
    line = "{" + ", ".join(f"key{number}: '{{'" for number in range(20_000)) + "}"
    start = time.process_time()
    for column in range(1, len(line), 17):
        assert quoted(line, column)
    assert time.process_time() - start < 60
