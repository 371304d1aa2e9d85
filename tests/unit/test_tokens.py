"""Tokens as they are made and kept."""

from __future__ import annotations

import hashlib

import pytest

from registry.errors import SettingsError
from registry.tokens import SCOPES, Scope, keep, make_token, parse_tokens

DIGEST = hashlib.sha256(b"secret").hexdigest()


@pytest.mark.parametrize("scope", SCOPES)
def test_a_token_is_kept_as_a_digest_that_can_be_read_back(scope: Scope) -> None:
    secret, token = make_token("ci@example.com", scope)
    assert secret not in str(token)
    assert parse_tokens(str(token), "here") == (token,)
    assert token == keep(secret, scope, "ci@example.com")
    assert (token.name, token.scope) == ("ci@example.com", scope)


def test_no_two_tokens_are_the_same_and_none_is_guessed() -> None:
    secrets = {make_token("ci", "read")[0] for _ in range(100)}
    assert len(secrets) == 100
    assert {len(secret) for secret in secrets} == {68}  # 64 hex digits: 256 bits


def test_lines_and_commas_part_tokens_and_remarks_are_left_out() -> None:
    text = f"# who may\n\nsha256:{DIGEST} read  a # the pages\nsha256:{DIGEST} write b,\tsha256:{DIGEST} read c,\n"
    assert [(token.name, token.scope) for token in parse_tokens(text, "here")] == [
        ("a", "read"),
        ("b", "write"),
        ("c", "read"),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "here holds no token"),
        ("# nothing", "here holds no token"),
        ("rgt_secret", "entry 1 of here"),
        (f"sha256:{DIGEST} read a\nsha256:{DIGEST}", "entry 2 of here"),
        (f"sha256:{DIGEST} admin a", "entry 1 of here"),
        (f"sha256:{DIGEST[1:]} read a", "entry 1 of here"),
        (f"sha256:{DIGEST} read ../a", "entry 1 of here"),
        (f"sha256:{DIGEST} read a\nsha256:{DIGEST} write a", "here names two tokens `a`"),
    ],
)
def test_what_is_no_line_of_a_token_is_refused_and_not_shown(text: str, said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_tokens(text, "here")
    assert str(caught.value).startswith(said)
    assert "rgt_" not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize("name", ["", "a b", "a\nb", "-a", "a" * 65, "ä"])
def test_a_name_stands_in_one_word(name: str) -> None:
    with pytest.raises(SettingsError):
        make_token(name, "read")
