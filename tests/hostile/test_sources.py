"""URLs that are meant to bring credentials in, or to lead where no contributor may: all are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry.addresses import address_of
from tests.hostile.door import Case, Found, Verdict, call, judge, replaced, written

ALLOWED = "https://account.blob.core.windows.net/uploads/"
# What a maintainer may have let through by mistake: the address is looked at all the same.
HOSTS = ["https://localhost/", "https://127.0.0.1/", "https://10.0.0.1/", "https://169.254.169.254/", "https://[::1]/"]
SETTINGS = f"[tool.registry.policy]\npins = 'off'\nsources = {[ALLOWED, *HOSTS]}\n"
BIN = "  model.bin: ./model.bin"
STRAY = Found(1, 1, "stray-file", "model.bin")


def remote(url: str, rule: str = "") -> Case:
    """A version whose weights come from a URL; the mistake stands where the URL does."""
    data = replaced(BIN, f'  model.bin: {{source: "{url}"}}')
    mistakes = [(rule, f'"{url}"')] if rule else []
    return written(data, *mistakes, STRAY)


CREDENTIALS = {
    url: remote(url, "source-credentials")
    for url in [
        f"{ALLOWED}a?sv=2024&sig=SECRET",
        f"{ALLOWED}a?SECRET",
        f"{ALLOWED}a%3Fsv=2024&sig=SECRET",
        f"{ALLOWED}a%253Fsig=SECRET",
        f"{ALLOWED}a#sig=SECRET",
        "https://ci:SECRET@account.blob.core.windows.net/uploads/a",
        "https://SECRET@account.blob.core.windows.net/uploads/a",
        "https://ci:SECRET%40account.blob.core.windows.net/uploads/a",
        "https://ci%3ASECRET%2540account.blob.core.windows.net/uploads/a",
        "https:/ci:SECRET@account.blob.core.windows.net/uploads/a",
        "https:ci:SECRET@account.blob.core.windows.net/uploads/a",
        "https:////ci:SECRET@account.blob.core.windows.net/uploads/a",
        "https://host%2fci:SECRET@account.blob.core.windows.net/uploads/a",
        "https://ci:SECRET@[/a",
        "https://[?sig=SECRET",
        "ftp://ci:SECRET@example.com/a",
        "ci:SECRET@example.com/a",
        "account.blob.core.windows.net/uploads/a?sv=2024&sig=SECRET",
    ]
}
NO_CREDENTIALS = {
    url: remote(url) for url in [f"{ALLOWED}a@b.bin", f"{ALLOWED}a%3fb.bin", f"{ALLOWED}a?", f"{ALLOWED}a=b"]
}

LOOPBACK = ["127.0.0.1", "127.1", "127.0.1", "0177.0.0.1", "0x7f.0.0.1", "0x7f000001", "2130706433", "017700000001"]
LOOPBACK += ["127.0.0.1.", "127.255.255.254", "localhost", "LOCALHOST.", "a.localhost", "[::1]", "[0:0::0:1]"]
LOOPBACK += ["[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]"]
LOOPBACK += [
    "\uff11\uff12\uff17.0.0.1",
    "127\u30020\u30020\u30021",
    "\u2460\u2461\u2466.\u24ea.\u24ea.\u2460",
    "0",
    "[::]",
]
PRIVATE = ["10.0.0.1", "10.1", "0xa.1", "167772161", "172.16.0.1", "172.31.255.255", "192.168.0.1", "192.168.257"]
PRIVATE += ["[fc00::1]", "[fd00:ec2::254]", "[::ffff:10.0.0.1]", "[64:ff9b::10.0.0.1]", "100.64.0.1", "0300.0250.1"]
LINK_LOCAL = ["169.254.169.254", "169.254.43518", "0xa9fea9fe", "2852039166", "0251.0376.0251.0376", "[fe80::1]"]
LINK_LOCAL += ["[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]", "[2002:a9fe:a9fe::]", "168.63.129.16", "[febf::1]"]
ADDRESSES = {
    f"https://{host}/a": remote(f"https://{host}/a", "source-not-allowed")
    for host in (*LOOPBACK, *PRIVATE, *LINK_LOCAL)
}

TRICKS = {
    url: remote(url, "source-not-allowed")
    for url in [
        f"{ALLOWED}../other/a",
        f"{ALLOWED}%2e%2e/other/a",
        f"{ALLOWED}%2E./other/a",
        f"{ALLOWED}.%2e%2fother/a",
        f"{ALLOWED}%252e%252e/other/a",
        f"{ALLOWED}%25%32%65%25%32%65/other/a",
        f"{ALLOWED}%c0%ae%c0%ae/other/a",
        f"{ALLOWED}%e0%80%ae%e0%80%ae/other/a",
        f"{ALLOWED}%u002e%u002e/other/a",
        f"{ALLOWED}..;/other/a",
        f"{ALLOWED}..%3b/other/a",
        f"{ALLOWED}..%5cother/a",
        f"{ALLOWED}a/./b",
        f"{ALLOWED}/a",
        f"{ALLOWED}a%00.bin",
        f"{ALLOWED}a%0d%0aHost:%20example.com",
        f"{ALLOWED}a b",
        f"{ALLOWED}a%",
        "https://account.blob.core.windows.net/uploads%2fa",
        "https://account.blob.core.windows.net/uploadsx/a",
        "https://account.blob.core.windows.net/UPLOADS/a",
        "https://account.blob.core.windows.net:444/uploads/a",
        "https://account.blob.core.windows.net:0/uploads/a",
        "https://account.blob.core.windows.net:99999/uploads/a",
        "https://account.blob.core.windows.net.example.com/uploads/a",
        "https://account.blob.core.windows.net./uploads/a",
        "https://accoun\u0442.blob.core.windows.net/uploads/a",
        "https://account.blob.core.windows.net%2f.example.com/uploads/a",
        "https://example.com/uploads/a",
        "https:///uploads/a",
        "https://[/uploads/a",
        "https://[account.blob.core.windows.net]/uploads/a",
        "http://account.blob.core.windows.net/uploads/a",
        "file://account.blob.core.windows.net/uploads/a",
        "javascript://account.blob.core.windows.net/uploads/%0aalert(1)",
    ]
}
LOCAL = {
    source: remote(source, "wrong-value")
    for source in [
        "./../a",
        "./a/../../b",
        "./",
        "./.",
        "././a",
        ".//etc/passwd",
        "./a/",
        "../a",
        "/etc/passwd",
        "https:a",
    ]
}
CLASSES = {"credentials": CREDENTIALS, "addresses": ADDRESSES, "tricks": TRICKS, "local": LOCAL, "fine": NO_CREDENTIALS}
CASES = {f"{kind}: {url}": case for kind, cases in CLASSES.items() for url, case in cases.items()}


@pytest.fixture(scope="module")
def verdict(tmp_path_factory: pytest.TempPathFactory) -> Verdict:
    """What is said of all URLs."""
    return judge(tmp_path_factory.mktemp("sources") / "repository", CASES, SETTINGS)


@pytest.mark.parametrize("name", CASES)
def test_a_source_that_may_not_be_read_is_named_where_it_stands(verdict: Verdict, name: str) -> None:
    assert verdict.found[name] == CASES[name].found


def test_no_credentials_are_on_a_page(tmp_path: Path, verdict: Verdict) -> None:
    assert "SECRET" not in verdict.page
    repository = tmp_path / "repository"
    judge(repository, CREDENTIALS, SETTINGS)
    for form in ("text", "json", "markdown", "github"):
        assert "SECRET" not in call(repository, "validate", "--format", form).out


@pytest.mark.parametrize("host", ["example.com", "127.0.0.1.example.com", "1.2.3.4.5", "256.1", "08.1", "a.0x7f.1", ""])
def test_a_name_is_no_address(host: str) -> None:
    assert address_of(host) is None
