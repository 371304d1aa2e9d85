"""The OpenAPI document: complete, true in its examples, and good enough to make a client from."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from registry.policy import Policy
from registry.server.examples import PARAMETERS
from registry.tokens import make_token
from tests.build import FILES
from tests.server.conftest import Running, Start

PATH = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}  # where it finds ruff
GENERATOR = Path(sys.executable).with_name("openapi-python-client")
VERSION = "/api/v1.0/model/{name}/{version}"


class Shown(NamedTuple):
    """An example with the schema that it is one of."""

    where: str
    schema: dict[str, Any]
    example: Any


@pytest.fixture(scope="module")
def document(endpoint: Running) -> dict[str, Any]:
    """The document."""
    found: dict[str, Any] = endpoint.call("GET", "/openapi.json").json()
    return found


def operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """All of them."""
    return (operation for path in document["paths"].values() for operation in path.values())


def shown(document: dict[str, Any]) -> Iterator[Shown]:
    """All examples of all operations."""
    for operation in operations(document):
        place = operation["operationId"]
        for parameter in operation.get("parameters", ()):
            if parameter["in"] != "header":
                yield Shown(f"{place} {parameter['name']}", parameter["schema"], parameter["example"])
        for status, answer in {"body": operation.get("requestBody", {}), **operation["responses"]}.items():
            for kind, content in answer.get("content", {}).items():
                yield Shown(f"{place} {status} {kind}", content["schema"], content["example"])


def test_the_document_is_openapi(document: dict[str, Any]) -> None:
    validate(document)
    assert document["openapi"].startswith("3.1.")


def test_every_example_is_what_its_schema_says(document: dict[str, Any]) -> None:
    found = list(shown(document))
    for where, schema, example in found:
        whole = {"components": document["components"], **schema}
        assert [error.message for error in Draft202012Validator(whole).iter_errors(example)] == [], where
    assert len(found) > 100


def test_every_call_tells_all_of_its_errors(document: dict[str, Any]) -> None:
    for operation in operations(document):
        assert {"400", "429", "500", "503"} <= operation["responses"].keys()
        needs_token = operation.get("security") != []
        assert needs_token == ("401" in operation["responses"])
        for status, answer in operation["responses"].items():
            assert status < "400" or answer["content"].keys() == {"application/problem+json"}
            assert "X-Request-ID" in answer["headers"]


def test_every_parameter_of_the_examples_is_one_of_the_document(document: dict[str, Any]) -> None:
    found = [parameter for operation in operations(document) for parameter in operation.get("parameters", ())]
    assert {parameter["name"] for parameter in found if parameter["in"] != "header"} == PARAMETERS.keys()


def test_the_document_says_who_needs_a_token(start: Start) -> None:
    token: dict[str, list[str]] = {"token": []}
    neither: dict[str, list[str]] = {}
    needed = {"put_version": [token], "get_version": [token], "is_ready": [], "show_metrics": [token]}
    for running, changes in (
        (start(token="token"), {}),
        (start(token="token", policy=Policy(public_reads=True)), {"get_version": [token, neither]}),
        (start(), {name: [token, neither] for name in ("put_version", "get_version", "show_metrics")}),
    ):
        said = {o["operationId"]: o["security"] for o in operations(running.call("GET", "/openapi.json").json())}
        assert {name: said[name] for name in needed} == {**needed, **changes}


def test_a_password_is_sent_and_never_answered(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert schemas["DockerRegistry"]["properties"]["password"]["writeOnly"] is True
    assert "password" not in str(schemas["StoredDockerRegistry"])
    assert "StoredConfiguration" in str(schemas["RegisteredVersion"])
    assert "StoredConfiguration" not in str(schemas["Registration"])


def test_every_answer_that_a_version_gets_is_what_the_document_says(
    endpoint: Running, document: dict[str, Any]
) -> None:
    registry = {"url": "registry.example.com", "username": "ci", "password": "hunter2"}
    properties = {"entry_script": "inference.py", "docker_image": "a/b:1", "docker_registry": registry}
    endpoint.register("answered/1.0", model_config__training_properties=properties)
    for path, schema in (
        ("model/answered/1.0", "RegisteredVersion"),
        ("model/answered/1.0/status", "Status"),
        ("model/none/1.0", "Problem"),
        ("/readyz", "Readiness"),
        ("/healthz", "Health"),
    ):
        whole = {"components": document["components"], "$ref": f"#/components/schemas/{schema}"}
        Draft202012Validator(whole).validate(endpoint.call("GET", path).json())


@pytest.fixture(scope="module")
def client(endpoint: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A client as `openapi-python-client` makes it, imported."""
    folder = tmp_path_factory.mktemp("client")
    document = folder / "openapi.json"
    document.write_bytes(endpoint.call("GET", "/openapi.json").content)
    made = [
        str(GENERATOR),
        "generate",
        "--path",
        str(document),
        "--output-path",
        str(folder / "made"),
        "--meta",
        "none",
    ]
    done = subprocess.run(
        [*made, "--fail-on-warning"], cwd=folder, env=PATH, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    sys.path.insert(0, str(folder))
    yield importlib.import_module("made")
    sys.path.remove(str(folder))
    for name in [name for name in sys.modules if name.partition(".")[0] == "made"]:
        del sys.modules[name]


def test_a_client_made_from_the_document_registers_and_reads_a_model(start: Start, client: Any) -> None:
    secret, token = make_token("client", "write")
    running = start(tokens=(token,))
    running.store("made/1.0")
    calls = {name: importlib.import_module(f"made.api.registration.{name}") for name in ("put_version", "get_version")}
    shapes = importlib.import_module("made.models")
    sent = shapes.Registration.from_dict(running.body("made/1.0"))
    with client.AuthenticatedClient(base_url=running.url, token=secret) as session:
        registered = calls["put_version"].sync_detailed("made", "1.0", client=session, body=sent)
        read = calls["get_version"].sync_detailed("made", "1.0", client=session)
        missing = calls["get_version"].sync_detailed("none", "1.0", client=session)
    assert (registered.status_code, read.status_code, missing.status_code) == (201, 200, 404)
    assert isinstance(read.parsed, shapes.RegisteredVersion)
    assert read.parsed.model_metainfo.num_params == 9
    assert read.parsed.model_files.additional_properties.keys() == FILES.keys()
    assert registered.parsed == read.parsed
