"""The wire, proved by somebody else's hands: a plain server from the standard library, and bodies written by hand."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import requests

from tests.build import FILES, a_commit, a_descriptor, a_version
from tests.e2e.place import Place

# Written from the document that the product was ordered from, by hand: nothing of ours makes it.
BODY = {
    "model_config": {
        "type": "SEQ2SEQ",
        "description": "Translates.",
        "inference_properties": {"entry_script": "inference.py", "conda_env": "environment.yml"},
        "training_properties": {
            "entry_script": "inference.py",
            "docker_image": "example.com/train:1",
            "args": {"--lr": 0.001, "-v": ""},
        },
    },
    "model_files": ["environment.yml", "index.md", "inference.py", "model.bin"],
    "model_metainfo": {
        "index_page_file": "index.md",
        "input_types": ["NATURAL_LANGUAGE", "SOURCE_CODE"],
        "input_languages": ["no", "PYTHON"],
        "input_description": "A sentence.",
        "output_types": ["OTHER"],
        "output_description": "A vector.",
        "num_params": 9,
    },
}


@dataclass
class PutOnly:
    """A server that knows nothing but PUT, and what it was sent."""

    url: str
    answers: list[int] = field(default_factory=list)  # statuses to give; 201 when there is none left
    puts: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)  # path, headers, body


@contextmanager
def put_only() -> Iterator[PutOnly]:
    """The server, for the time of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            seen.puts.append((self.path, dict(self.headers), body))
            self.send_response(seen.answers.pop(0) if seen.answers else 201)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Keep the tests' output clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        seen = PutOnly(f"http://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield seen
        finally:
            server.shutdown()
            thread.join()


def a_model() -> dict[str, bytes]:
    """A descriptor that says what BODY says."""
    training = {
        "entry_script": "inference.py",
        "docker_image": "example.com/train:1",
        "args": {"--lr": 0.001, "-v": ""},
    }
    changes: dict[str, Any] = {
        "model_config__type": "SEQ2SEQ",
        "model_config__description": "Translates.",
        "model_config__training_properties": training,
        "model_metainfo__input_types": ["NATURAL_LANGUAGE", "SOURCE_CODE"],
        "model_metainfo__input_languages": ["no", "PYTHON"],
    }
    return a_version(a_descriptor(**changes))


def test_the_put_is_what_the_ordering_document_asks_for(azurite_place: Place) -> None:
    a_commit(azurite_place.repository, "translate/1.0", a_model())

    with put_only() as server:
        done = azurite_place.run("reconcile", REGISTRY_ENDPOINT=server.url, REGISTRY_TOKEN="one-token")

    assert done.code == 0, done
    ((path, headers, body),) = server.puts
    assert path == "/api/v1.0/model/translate/1.0"
    assert headers["Content-Type"] == "application/json"
    assert headers["Authorization"] == "Bearer one-token"
    files = body.pop("model_files")
    body.pop("provenance")  # an extra section, which the document allows
    assert {**body, "model_files": sorted(files)} == BODY
    for target, url in files.items():
        assert requests.get(url, timeout=10).content == FILES[target]  # directly accessible, no further authentication
        assert urlsplit(url).path.endswith(f"/translate/1.0/{target}")  # under the target name
        assert requests.put(url, b"x", headers={"x-ms-blob-type": "BlockBlob"}, timeout=10).status_code == 403
    assert not [secret for secret in ("one-token", "sig=") if secret in done.out + done.err]


def test_a_server_that_knows_only_put_is_served_whole(place: Place) -> None:
    a_commit(place.repository, "tiny/1.0", a_version())
    a_commit(place.repository, "tiny/1.1", a_version())

    with put_only() as server:
        first = place.run("reconcile", "--format", "json", REGISTRY_ENDPOINT=server.url)
        again = place.run("reconcile", REGISTRY_ENDPOINT=server.url)

    assert (first.code, first.json["counts"]["registered"]) == (0, 2), first
    assert again.out.startswith("nothing to do")
    assert sorted(path for path, _, _ in server.puts) == ["/api/v1.0/model/tiny/1.0", "/api/v1.0/model/tiny/1.1"]


def test_a_conflict_with_somebody_elses_registration_is_refused(folder_place: Place) -> None:
    a_commit(folder_place.repository, "tiny/1.0", a_version())

    with put_only() as server:
        server.answers = [409, 409]
        for _ in range(2):
            done = folder_place.run("reconcile", "--format", "json", REGISTRY_ENDPOINT=server.url)
            assert (done.code, done.json["counts"]["refused"]) == (1, 1)
            assert "registered by somebody else" in done.json["versions"][0]["reason"]


def test_a_conflict_after_a_lost_answer_counts_as_registered(folder_place: Place) -> None:
    a_commit(folder_place.repository, "tiny/1.0", a_version())

    with put_only() as server:
        server.answers = [504, 409]  # the gateway lost the answer to a PUT that was carried out
        lost = folder_place.run("reconcile", "--format", "json", REGISTRY_ENDPOINT=server.url)
        found = folder_place.run("reconcile", "--format", "json", REGISTRY_ENDPOINT=server.url)

    assert (lost.code, lost.json["versions"][0]["retryable"]) == (3, True)
    assert (found.code, found.json["counts"]["registered"]) == (0, 1)
    assert len(server.puts) == 2
