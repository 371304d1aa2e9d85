"""The page of the API: all of the document, and nothing from elsewhere."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import threading
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from registry.server.catalog.document import kind_of
from tests.server.conftest import Running

BROWSER = shutil.which("chromium")


class Page(HTMLParser):
    """What a page names and shows."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loads: list[tuple[str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep what matters."""
        found = {key: value or "" for key, value in attrs}
        self.ids += [found["id"]] if "id" in found else []
        self.links += [found["href"]] if tag == "a" else []
        self.loads += [(tag, key) for key in ("src", "srcset", "data", "action") if key in found]
        self.loads += [(tag, "")] if tag in ("script", "link", "iframe", "img", "object", "form") else []


@pytest.fixture(scope="module")
def text(endpoint: Running) -> str:
    """The page."""
    answer = endpoint.call("GET", "/api")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    return answer.text


def test_the_page_shows_every_call_with_all_of_its_answers(endpoint: Running, text: str) -> None:
    document = endpoint.call("GET", "/openapi.json").json()
    sections = dict(re.findall(r'<section id="(\w+)">(.*?)</section>', text, re.DOTALL))
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            section = sections.pop(operation["operationId"])
            assert f"{method.upper()} {path}" in section
            assert re.findall(r"<strong>(\d+)</strong>", section) == list(operation["responses"])
            for parameter in operation.get("parameters", ()):
                assert f"<code>{parameter['name']}</code>" in section
    assert sections.keys() == document["components"]["schemas"].keys()


def test_every_link_leads_somewhere_and_nothing_is_loaded(endpoint: Running, text: str) -> None:
    page = Page(text)
    assert page.loads == []
    assert len(set(page.ids)) == len(page.ids)
    inner = {link[1:] for link in page.links if link.startswith("#")}
    assert inner <= set(page.ids)
    for link in {link for link in page.links if not link.startswith("#")}:
        assert endpoint.call("GET", link).status_code == 200
    assert "url(" not in text
    assert "@import" not in text


def test_what_stands_between_backticks_is_code(text: str) -> None:
    assert "<code>Authorization: Bearer TOKEN</code>" in text
    assert "&lt;code&gt;" not in text


def test_each_page_leads_to_the_api(endpoint: Running) -> None:
    assert "/api" in Page(endpoint.call("GET", "/").text).links


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "string"}, "text"),
        ({"type": ["string", "null"]}, "text, null"),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "whole number or null"),
        ({"type": "array", "items": {"$ref": "#/components/schemas/Summary"}}, "list of Summary"),
        ({"type": "object", "additionalProperties": {"type": "string"}}, "object of text"),
        ({"type": "object", "additionalProperties": True}, "object"),
        ({"enum": ["a", "b"]}, "a | b"),
        ({"const": "ok"}, "ok"),
        ({}, "anything"),
    ],
)
def test_a_schema_is_said_in_words(schema: dict[str, Any], words: str) -> None:
    assert kind_of(schema) == words


@pytest.fixture
def browser() -> str:
    """A browser without a window."""
    if BROWSER is None:
        if os.environ.get("CI"):
            pytest.fail("chromium was not found")
        pytest.skip("chromium was not found")
    return BROWSER


def load(browser: str, url: str, folder: Path) -> tuple[bytes, set[str]]:
    """A picture of a page, and the URLs that it made the browser ask for; what a browser asks of itself is left out."""
    picture, log = folder / "page.png", folder / "net.json"
    plain = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1000,1400"]
    made = [f"--user-data-dir={folder / 'profile'}", f"--screenshot={picture}", f"--log-net-log={log}"]
    subprocess.run([browser, *plain, *made, url], check=True, capture_output=True, timeout=60)
    asked = [event.get("params", {}) for event in json.loads(log.read_text())["events"]]
    place = url.rpartition("/")[0]
    return picture.read_bytes(), {found["url"] for found in asked if "url" in found and place in _origins(found)}


def _origins(found: dict[str, Any]) -> str:
    """Where a request comes from and leads to."""
    return f"{found.get('initiator')} {found.get('network_isolation_key')} {found['url']}"


def test_a_browser_shows_the_page_and_asks_nobody_else(endpoint: Running, tmp_path: Path, browser: str) -> None:
    picture, asked = load(browser, f"{endpoint.url}/api", tmp_path)
    assert picture.startswith(b"\x89PNG")
    assert len(picture) > 20_000, "an empty page is smaller"
    assert f"{endpoint.url}/api" in asked
    assert {url.removeprefix(endpoint.url) for url in asked} <= {"/", "/api", "/favicon.ico"}


class Careless(BaseHTTPRequestHandler):
    """A page that loads something from elsewhere."""

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b'<img src="http://elsewhere.invalid/x.png">')

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def test_a_page_that_asks_elsewhere_would_be_noticed(tmp_path: Path, browser: str) -> None:
    with HTTPServer(("127.0.0.1", 0), Careless) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        _, asked = load(browser, f"http://127.0.0.1:{server.server_port}/page", tmp_path)
        server.shutdown()
    assert "http://elsewhere.invalid/x.png" in asked
