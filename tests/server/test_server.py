"""The application around the API: health, failures, the OpenAPI document, the catalog, starting and stopping."""

from __future__ import annotations

import base64
import hashlib
import re
import socket
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import requests
from fastapi import FastAPI

from registry.errors import StorageError, UsageError
from registry.identity import ModelId
from registry.policy import Policy
from registry.server.api import make_app
from registry.server.embedded import reserve, serve_embedded
from registry.server.records import Records
from registry.storage import Blob
from registry.storage.folder import Folder
from tests.build import FILES
from tests.server.conftest import TIMEOUT, Running, Start
from tests.server.drafts import put


class Failing(Folder):
    """Storage that stops answering once `is_down`."""

    is_down = False

    def stat(self, path: str) -> Blob | None:
        """The blob, or StorageError."""
        if self.is_down:
            raise StorageError("no route to https://account.example.com/models?sig=SECRET")
        return super().stat(path)


def test_the_instance_is_the_databases_and_stays(start: Start) -> None:
    one, other = start(), start()
    instance = one.call("GET", "/readyz").json()["instance"]
    assert len(instance) == 32
    assert other.call("GET", "/readyz").json()["instance"] == instance


def test_storage_that_does_not_answer_is_503(start: Start, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    storage = Failing(tmp_path / "failing")
    running = start(storage=storage)
    running.register("down/1.0")
    storage.is_down = True
    for path in ("/readyz", "model/down/1.0/files/index.md", "model/down/1.0/index"):
        answer = running.call("GET", path)
        assert (answer.status_code, answer.headers["Content-Type"]) == (503, "application/problem+json")
        assert "Retry-After" in answer.headers
        assert "SECRET" not in answer.text
    assert running.call("GET", "/healthz").status_code == 200
    assert running.call("GET", "model/down/1.0").status_code == 200
    assert "SECRET" not in caplog.text


def test_a_database_that_does_not_answer_is_503(start: Start) -> None:
    running = start()
    running.database.rows("DROP TABLE facets")
    running.store("no-db/1.0")
    answer = running.call("PUT", "model/no-db/1.0", json=running.body("no-db/1.0"))
    assert answer.status_code == 503
    assert "facets" not in answer.text


def test_unknown_paths_and_methods_are_problems(endpoint: Running) -> None:
    for method, path, status in (("GET", "nothing", 404), ("POST", "models", 405), ("PUT", "models", 405)):
        answer = endpoint.call(method, path)
        assert (answer.status_code, answer.json()["status"]) == (status, status)
        assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_method_that_is_not_allowed_is_answered_with_those_that_are(endpoint: Running) -> None:
    for path, allowed in (
        ("model/a/1", "DELETE, GET, PATCH, PUT"),
        ("model/a/1/files/b/c", "GET"),
        ("/healthz", "GET"),
        ("/models/a/1", "GET"),
        ("/openapi.json", "GET, HEAD"),
    ):
        answer = endpoint.call("POST", path)
        assert (answer.status_code, sorted(answer.headers["Allow"].split(", "))) == (405, allowed.split(", "))


def test_the_database_is_made_with_its_folder_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "records.db"
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: Records(f"sqlite:///{path}"), range(4)))
    assert len({records.instance for records in made}) == 1
    assert path.stat().st_mode & 0o077 == 0
    for records in made:
        records.close()


def test_the_openapi_document_describes_every_call_and_its_errors(endpoint: Running) -> None:
    document = endpoint.call("GET", "/openapi.json").json()
    version = "/api/v1.0/model/{name}/{version}"
    below = {version, f"{version}/status", f"{version}/index", f"{version}/files/{{target}}"}
    assert document["openapi"].startswith("3.1")
    assert document["paths"].keys() == below | {"/api/v1.0/models", "/healthz", "/readyz", "/metrics"}
    assert document["paths"][version].keys() == {"put", "get", "patch", "delete"}
    statuses = document["paths"][version]["put"]["responses"].keys()
    assert {"200", "201", "400", "401", "409", "412", "413", "415", "422"} <= statuses
    for operation in (o for methods in document["paths"].values() for o in methods.values()):
        for status, answer in operation["responses"].items():
            assert status < "400" or answer["content"].keys() == {"application/problem+json"}


def test_every_reference_of_the_openapi_document_leads_somewhere(endpoint: Running) -> None:
    document = endpoint.call("GET", "/openapi.json").json()
    references = set(re.findall(r"#/components/schemas/(\w+)", str(document)))
    assert references == document["components"]["schemas"].keys()


def test_the_example_of_the_document_is_a_valid_body(endpoint: Running) -> None:
    document = endpoint.call("GET", "/openapi.json").json()
    operation = document["paths"]["/api/v1.0/model/{name}/{version}"]["put"]
    example = operation["requestBody"]["content"]["application/json"]["example"]
    endpoint.store("example/1.0", {target: FILES.get(target, b"weights") for target in example["model_files"]})
    urls = {target: endpoint.file_url("example/1.0", target) for target in example["model_files"]}
    answer = endpoint.call("PUT", "model/example/1.0", json={**example, "model_files": urls})
    assert answer.status_code == 201, answer.text


def test_the_catalog_leads_from_the_table_to_a_version(endpoint: Running) -> None:
    record = endpoint.register("shown/1.0+cu", provenance={"commit": "c0ffee"}).json()
    table = endpoint.call("GET", "/").text
    link = re.search(r'<a href="(/models/shown/[^"]+)">', table)
    assert link is not None
    page = endpoint.call("GET", link[1])
    assert page.status_code == 200
    file = record["model_files"]["model.bin"]
    for text in ("shown/1.0+cu", "A tiny encoder.", "c0ffee", file["sha256"], "10 B", "A model for tests."):
        assert text in page.text


def test_nothing_that_a_contributor_wrote_becomes_markup(endpoint: Running) -> None:
    evil = "</pre><script>alert(1)</script><img src=x onerror=alert(1)>"
    lifecycle = {"state": "deprecated", "reason": evil, "replaced_by": '" onmouseover="alert(1)'}
    provenance = {"commit": evil, "lifecycle": lifecycle}
    files = {**FILES, "index.md": evil.encode() + b"\xff\xfe"}
    changes = {"model_config__description": evil, "model_metainfo__input_description": evil}
    endpoint.register("evil/1.0", files, provenance=provenance, **changes)
    for path in ("/", "/models/evil/1.0"):
        text = endpoint.call("GET", path).text
        assert "<script" not in text
        assert "<img" not in text
        assert '" onmouseover' not in text


def test_the_catalogs_policy_lets_nothing_run_and_knows_its_style(endpoint: Running) -> None:
    page = endpoint.call("GET", "/")
    policy = page.headers["Content-Security-Policy"]
    style = re.search(r"<style>(.*?)</style>", page.text, re.DOTALL)
    assert style is not None
    assert base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode() in policy
    assert policy.startswith("default-src 'none'")
    assert page.headers["X-Content-Type-Options"] == "nosniff"


def test_the_catalog_is_paged(start: Start) -> None:
    running = start()
    running.register("paged/0")
    with closing(Records(running.database.url)) as records:
        record = records.get(ModelId("paged", "0"))
        assert record is not None
        for number in range(1, 101):
            put(records, replace(record, model=ModelId("paged", str(number))))
    following = re.search(r'href="(/\?cursor=[^"]+)"', running.call("GET", "/").text)
    assert following is not None
    last = running.call("GET", following[1]).text
    assert re.findall(r"paged/\d+</a>", last) == ["paged/100</a>"]


def test_a_page_that_is_not_there_is_a_page(endpoint: Running) -> None:
    answer = endpoint.call("GET", "/models/none/1.0", headers={"Accept": "text/html,*/*"})
    assert answer.status_code == 404
    assert answer.headers["Content-Type"].startswith("text/html")
    assert endpoint.call("GET", "/models/none/1.0").headers["Content-Type"] == "application/problem+json"


def test_a_reader_who_leaves_early_harms_nobody(endpoint: Running) -> None:
    endpoint.register("big/1.0", {**FILES, "model.bin": b"x" * 20_000_000})
    url = endpoint.file_url("big/1.0", "model.bin")
    for _ in range(3):
        with requests.get(url, stream=True, timeout=TIMEOUT) as answer:
            assert next(answer.iter_content(10))
    assert len(requests.get(url, timeout=TIMEOUT).content) == 20_000_000


def test_a_writer_who_leaves_early_harms_nobody(endpoint: Running) -> None:
    host, port = endpoint.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), TIMEOUT) as connection:
        head = f"PUT /api/v1.0/model/early/1.0 HTTP/1.1\r\nHost: {host}\r\n"
        connection.sendall(f"{head}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{".encode())
    assert endpoint.call("GET", "/healthz").status_code == 200


def test_a_body_that_does_not_come_is_answered_408(tmp_path: Path) -> None:
    with closing(Records(f"sqlite:///{tmp_path / 'records.db'}")) as records:
        app = make_app(records=records, storage=Folder(tmp_path / "storage"), policy=Policy(), token=None)
        app.state.endpoint = replace(app.state.endpoint, body_seconds=0.2)
        with serve_embedded(app) as url, socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))) as slow:
            slow.settimeout(TIMEOUT)
            head = "PUT /api/v1.0/model/slow/1.0 HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            slow.sendall(f"{head}Content-Length: 2\r\n\r\n{{".encode())
            answer = b"".join(iter(lambda: slow.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 408 ")


@pytest.fixture
def app() -> FastAPI:
    """The smallest application."""
    return FastAPI()


def test_an_embedded_server_ends_with_its_block(app: FastAPI) -> None:
    before = set(threading.enumerate())
    with serve_embedded(app) as url:
        assert requests.get(f"{url}/openapi.json", timeout=TIMEOUT).status_code == 200
    assert set(threading.enumerate()) <= before
    with pytest.raises(requests.ConnectionError):
        requests.get(url, timeout=TIMEOUT)


def test_an_answer_does_not_wait_for_an_acknowledgement(app: FastAPI) -> None:
    with serve_embedded(app) as url, requests.Session() as session:
        assert session.get(f"{url}/none", timeout=TIMEOUT).status_code == 404
        times = []
        for _ in range(31):
            begin = time.perf_counter()
            assert session.get(f"{url}/none", timeout=TIMEOUT).content  # which comes after the headers
            times.append(time.perf_counter() - begin)
    assert statistics.median(times) < 0.03, "a delayed acknowledgement takes 0.04 s"


def test_an_address_that_is_taken_is_an_error_of_usage() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken, pytest.raises(UsageError, match="cannot listen"):
        reserve("127.0.0.1", taken.getsockname()[1])


def test_an_answer_does_not_wait_for_word_of_its_head(endpoint: Running) -> None:
    endpoint.register("prompt/1.0")
    with requests.Session() as session:
        began = time.monotonic()
        for _ in range(50):
            assert session.get(f"{endpoint.url}/api/v1.0/model/prompt/1.0", timeout=TIMEOUT).status_code == 200
    assert time.monotonic() - began < 50 * 0.04  # which a connection takes that collects what it sends
