"""Secrets are recognised by their form, and what only looks like one is let through."""

from __future__ import annotations

import base64
import hashlib
import random
import string
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.hiding import hide_secrets
from registry.leaks import Leak, find_leaks, secret_spans

ROOT = Path(__file__).parent.parent.parent
LETTERS = string.ascii_letters + string.digits
KEY64 = base64.b64encode(random.Random(1).randbytes(64)).decode()
SIG = "sig=" + base64.b64encode(random.Random(2).randbytes(32)).decode().replace("+", "%2B").replace("=", "%3D")


def noise(length: int, letters: str = LETTERS) -> str:
    """Letters of no meaning, always the same; no secret stands in this file."""
    return "".join(random.Random(length).choices(letters, k=length))


PEM = f"-----BEGIN PRIVATE KEY-----\n{noise(64)}\n{noise(20)}\n-----END PRIVATE KEY-----\n"
JWT = f"eyJ{noise(20)}.eyJ{noise(30)}.{noise(43)}"

# What it is in words, and a text with it; the secret itself is what stands between the signs « and ».
SECRETS = [
    ("a private key", "-----BEGIN PRIVATE KEY-----«\n" + noise(64) + "\n»-----END PRIVATE KEY-----"),
    ("a private key", "-----BEGIN RSA PRIVATE KEY-----«\nProc-Type: 4,ENCRYPTED\n\n" + noise(64) + "\n»-----END RSA"),
    (
        "a private key",
        '{"private_key": "-----BEGIN PRIVATE KEY-----«\\n' + noise(64) + '\\n»-----END PRIVATE KEY-----"}',
    ),
    ("a private key", "key: |\n    -----BEGIN OPENSSH PRIVATE KEY-----«\n    " + noise(64) + "\n    »-----END OPENSSH"),
    (
        "a private key",
        "-----BEGIN PGP PRIVATE KEY BLOCK-----«\n\n" + noise(64) + "\n»-----END PGP PRIVATE KEY BLOCK-----",
    ),
    (
        "a SAS",
        f"https://a.blob.core.windows.net/c/f?sv=2024-11-04&se=2027-01-01&sr=b&sp=r&{SIG.replace('=', '=«', 1)}»",
    ),
    ("a SAS", f"SAS = '{SIG.replace('=', '=«', 1)}»&se=2027-01-01T00:00:00Z&sp=rl'"),
    ("a SAS", '"?sv=2024-11-04\\u0026sig=«abcdef123»"'),
    ("a SAS", "<a href='x?sp=r&amp;sig=«abcdef123»'>"),
    ("a signed URL", f"https://b.s3.amazonaws.com/k?X-Amz-Signature=«{noise(64, '0123456789abcdef')}»"),
    ("a URL with a token", f"https://raw.example.com/o/r/main/f.py?token=«{noise(29)}»"),
    (
        "a URL with a token",
        f"  - https://conda.example.com/t/«ab-{noise(8, '0123456789abcdef')}-{noise(27, 'abcdef0123-')}»/channel",
    ),
    ("a URL with a password", "pip install --extra-index-url https://ci:«hunter2»@pypi.example.com/simple"),
    ("a URL with a password", "redis://:«hunter2»@cache.example.com:6379/0"),
    ("a webhook's URL", f"https://hooks.slack.com/services/«T{noise(8, 'ABC123')}/B{noise(8, 'ABC123')}/{noise(24)}»"),
    ("a storage account's key", f"DefaultEndpointsProtocol=https;AccountName=a;AccountKey=«{KEY64}»;EndpointSuffix=x"),
    ("a storage account's key", f'AZURE_STORAGE_KEY = "«{KEY64}»"'),
    ("a secret key of AWS", f"aws_secret_access_key = «{noise(40)}»"),
    ("an `Authorization` header with a token", f'headers = {{"Authorization": "Bearer «{noise(20)}»"}}'),
    ("an `Authorization` header with a token", f"curl -H 'Authorization: Basic «{noise(20)}==»' https://example.com"),
    ("a key of Weights & Biases", f'os.environ["WANDB_API_KEY"] = "«{noise(40, "0123456789abcdef")}»"'),
    ("a key of Weights & Biases", f'wandb.login(key="«{noise(40, "0123456789abcdef")}»")'),
    ("a client's secret of Entra ID", f"AZURE_CLIENT_SECRET=«{noise(3)}8Q~{noise(34)}»"),
    ("a GitHub token", f"git clone https://«ghp_{noise(36)}»@github.com/o/r"),
    ("a GitHub token", f"«github_pat_{noise(22)}_{noise(59)}»"),
    ("a GitLab token", f"«glpat-{noise(20)}»"),
    ("a Hugging Face token", f'from_pretrained("m", token="«hf_{noise(34)}»")'),
    ("an access key of AWS", f"aws_access_key_id = «AKIA{noise(16, string.ascii_uppercase + '234567')}»"),
    ("an access key of AWS", f"«ASIA{noise(16, string.ascii_uppercase)}»"),
    ("a Slack token", f"«xoxb-{noise(12, string.digits)}-{noise(24)}»"),
    ("a PyPI token", f"TWINE_PASSWORD=«pypi-AgEIcHlwaS5vcmc{noise(80)}»"),
    ("a token of the endpoint", f"REGISTRY_TOKEN=«rgt_{noise(64, '0123456789abcdef')}»"),
    ("an npm token", f"//registry.example.com/:_authToken=«npm_{noise(36)}»"),
    ("a Google API key", f"key: «AIza{noise(35)}»"),
    ("an API key", f'client = OpenAI(api_key="«sk-proj-{noise(48)}»")'),
    ("a signed token (JWT)", f"«{JWT}»"),
]

HARMLESS = [
    "sha256: " + hashlib.sha256(b"").hexdigest(),
    "integrity sha512-" + base64.b64encode(hashlib.sha512(b"").digest()).decode(),
    f'"{KEY64}"',
    "https://a.blob.core.windows.net/c/f?sv=...&sig=...",
    "https://a.blob.core.windows.net/c/f?sv=2024-11-04&sig=<signature>",
    "https://a.blob.core.windows.net/c/f?sv=2024-11-04&sig=xxxxxxxxxxxxxxxx",
    "the design=0123456789 and sig=0123456789 of a wave",
    "https://a.blob.core.windows.net/c/f?comp=block&blockid=AAAAAAAAAAAAAAAA",
    "https://example.com/search?q=token&page=2",
    "https://example.com/?token=your-token-goes-here",
    "https://user@example.com/, https://example.com:8080/a@b and user:name@example.com",
    "https://ci:${PASSWORD}@example.com, https://ci:{password}@example.com, https://ci:<password>@example.com",
    'f"https://{user}:{password}@example.com", "https://%s:%s@example.com", https://ci:PASSWORD@example.com and "https://ci:***@example.com"',
    '{"Authorization": f"Bearer {token}"}, "Authorization: Bearer $TOKEN", "Authorization: Bearer YOUR_API_TOKEN"',
    "authorization: basic knowledge of chemistry is needed; authorization: token authentication",
    'if "-----BEGIN PRIVATE KEY-----" in text:',
    "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----",
    f"-----BEGIN PUBLIC KEY-----\n{noise(64)}\n-----END PUBLIC KEY-----",
    f"-----BEGIN CERTIFICATE-----\n{noise(64)}\n-----END CERTIFICATE-----",
    "hf_hub_download, hf_model_id, hf_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx and ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "pypi-attestations-0.0.21-py3-none-any.whl and npm_config_registry_of_some_very_long_name_here",
    "the class sk-estimator-doc-link-and-some-more-words-that-go-on-and-on of scikit-learn",
    "AKIA is short, and MAKIA0123456789ABCDEF or AKIA0123456789ABCDEFGHI are something else",
    "wandb.init(project='0123456789abcdef0123456789abcdef01234567')",
    "${env:REGISTRY_DOCKER_PASSWORD_TEAM}",
    "key = parts[0] == other",
]  # fmt: skip


def spans(text: str) -> list[tuple[int, int]]:
    """The characters of the secrets in a text."""
    return list(secret_spans(text))


@pytest.mark.parametrize(("what", "marked"), SECRETS)
def test_a_secret_is_found_where_it_stands_and_hidden(what: str, marked: str) -> None:
    before, secret, after = marked.replace("»", "«").split("«")
    text = f"# ünïcode\n\n{before}{secret}{after}\n"
    (leak,) = find_leaks(text.encode())
    lines = before.split("\n")
    begins = lines[-1].find("-----BEGIN") if what == "a private key" else len(lines[-1])
    assert (leak.what, leak.line, leak.column) == (what, 2 + len(lines), begins + 1)
    assert set(spans(text)) == {(text.index(secret), text.index(secret) + len(secret))}
    assert find_leaks(hide_secrets(text).encode()) == ()


@pytest.mark.parametrize("text", HARMLESS)
def test_what_only_looks_like_a_secret_is_let_through(text: str) -> None:
    assert find_leaks(text.encode()) == ()
    assert spans(text) == []


def test_a_column_counts_characters() -> None:
    token = f"hf_{noise(34)}"
    found = find_leaks(f"a\r\n\n  täg: {token}  # {token}\n".encode())
    assert [(leak.line, leak.column) for leak in found] == [(3, 8), (3, 8 + len(token) + 4)]


@pytest.mark.parametrize("marked", [f"Authorization: Bearer «{JWT}»", f"https://ci:«ghp_{noise(36)}»@github.com/o/r"])
def test_what_overlaps_is_named_once_and_hidden(marked: str) -> None:
    before, secret, after = marked.replace("»", "«").split("«")
    (leak,) = find_leaks(f"{before}{secret}{after}".encode())
    assert leak.column == len(before) + 1
    assert set(spans(f"{before}{secret}{after}")) == {(len(before), len(before) + len(secret))}


def test_what_is_no_text_holds_none_and_text_that_is_no_utf8_does() -> None:
    token = f"hf_{noise(34)}".encode()
    assert find_leaks(b"\x00\x01 " + token) == ()
    assert find_leaks(b"\xff\xfe\xe4 " + token) == (Leak("access-token", "a Hugging Face token", 1, 5),)


def test_no_more_than_twenty_are_named_of_a_file() -> None:
    assert len(find_leaks(f"hf_{noise(34)}\n".encode() * 100)) == 20


def test_no_local_file_of_this_repository_holds_one() -> None:
    files = [file for folder in ("models", "tests/weights") for file in (ROOT / folder).rglob("*") if file.is_file()]
    assert len(files) > 40
    assert {file: find_leaks(file.read_bytes()) for file in files if find_leaks(file.read_bytes())} == {}


@pytest.mark.parametrize(
    "part",
    [
        *("sig=aaaaaa&", "://a", "://:a", "-----BEGIN PRIVATE KEY-----\na", "eyJ", "eyJaaaaaaaaaaa.", "hf_", "AKIA"),
        *("authorization: bearer ", "key='", "key ", "xoxb-", "Q~", "sk-", "token=", "?token=a", "/t/", "==", "pypi-"),
        *("hf_" + "a" * 30, "wandb.login(", "secret_key=", "a", "\n", " "),
    ],
)
def test_a_hostile_file_is_read_in_little_time(part: str) -> None:
    data = b"AccountKey= sig= :// " + (part * (1024 * 1024 // len(part))).encode()
    start = time.process_time()
    find_leaks(data)
    assert time.process_time() - start < 5


@given(st.text(), st.sampled_from([marked.replace("«", "").replace("»", "") for _, marked in SECRETS]), st.text())
def test_a_text_whose_secrets_are_hidden_holds_none(before: str, secret: str, after: str) -> None:
    assert find_leaks(hide_secrets(f"{before}\n{secret}\n{after}").encode()) == ()
