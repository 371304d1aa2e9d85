"""PUT /model/{name}/{version}."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.build import FILES
from tests.server.conftest import TIMEOUT, Running, Start, pointers

PASSWORD = "a-secret-of-the-team"
DOCKER = {"url": "registry.example.com", "username": "ci", "password": PASSWORD}
JSON = {"Content-Type": "application/json"}


def test_a_new_version_is_created_and_shown_as_it_is_stored(endpoint: Running) -> None:
    answer = endpoint.register("new-one/1.0")
    record = endpoint.call("GET", "model/new-one/1.0")
    assert answer.headers["Location"] == f"{endpoint.url}/api/v1.0/model/new-one/1.0"
    assert answer.json() == record.json()
    assert record.json()["model_config"]["private"] is True
    assert record.json()["model_files"]["model.bin"]["size"] == len(FILES["model.bin"])
    assert record.json()["lifecycle"] == {"state": "active", "reason": "", "replaced_by": None}
    assert record.json()["created_time"].endswith("Z")


def test_the_same_body_again_is_answered_200_and_changes_nothing(endpoint: Running) -> None:
    first = endpoint.register("again/1.0")
    body = endpoint.body("again/1.0", provenance={"commit": "another"})
    body["model_config"]["private"] = True  # what the default was
    body["model_files"] = {t: f"{url}?sig=new" for t, url in reversed(body["model_files"].items())}
    again = endpoint.call("PUT", "model/again/1.0", json=body)
    assert (again.status_code, again.json()) == (200, first.json())
    assert again.headers["ETag"] == first.headers["ETag"]


def test_other_content_is_answered_409_with_the_fields_that_differ(endpoint: Running) -> None:
    endpoint.register("other/1.0")
    body = endpoint.body("other/1.0", model_metainfo__num_params=10, model_config__type="DECODER")
    body["model_config"]["inference_properties"]["docker_registry"] = DOCKER
    answer = endpoint.call("PUT", "model/other/1.0", json=body)
    assert answer.status_code == 409
    docker = "/model_config/inference_properties/docker_registry"
    assert pointers(answer) == {"/model_metainfo/num_params", "/model_config/type", docker}
    assert "`model_metainfo.num_params`: 9 → 10" in answer.json()["detail"]
    assert PASSWORD not in answer.text


def test_a_file_with_other_bytes_is_other_content(endpoint: Running) -> None:
    endpoint.register("bytes/1.0")
    endpoint.store("bytes/1.0", {"model.bin": b"other"})
    answer = endpoint.call("PUT", "model/bytes/1.0", json=endpoint.body("bytes/1.0"))
    assert (answer.status_code, pointers(answer)) == (409, {"/model_files/model.bin"})


@pytest.mark.parametrize(
    "text",
    ["", "{", "{'a': 1}", '{"a": NaN}', '{"a": -Infinity}', '{"a": 1e999}', '"\\ud800"', "[" * 200_000, '{"a":' * 40],
    ids=["empty", "open", "quotes", "nan", "infinity", "too-large", "half-a-character", "very-deep", "deep"],
)
def test_what_is_not_json_is_answered_400(endpoint: Running, text: str) -> None:
    if text == '{"a":' * 40:
        text += "1" + "}" * 40
    answer = endpoint.call("PUT", "model/no-json/1.0", data=text, headers=JSON)
    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_body_that_is_not_declared_as_json_is_answered_415(endpoint: Running) -> None:
    for headers in ({}, {"Content-Type": "text/plain"}, {"Content-Type": "application/merge-patch+json"}):
        answer = endpoint.call("PUT", "model/kind/1.0", data=b"{}", headers=headers)
        assert answer.status_code == 415


def test_a_body_above_8_mib_is_answered_413_with_and_without_a_length(endpoint: Running) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(9):
            yield b" " * 1024 * 1024

    for data in (b" " * (8 * 1024 * 1024 + 1), chunks()):
        answer = endpoint.call("PUT", "model/large/1.0", data=data, headers=JSON)
        assert answer.status_code == 413


def test_everything_that_is_wrong_is_answered_at_once(endpoint: Running) -> None:
    endpoint.store("wrong/1.0")
    body = endpoint.body("wrong/1.0", model_config__private="yes", model_metainfo__colour="blue")
    body["model_config"]["inference_properties"]["entry_script"] = "inferense.py"
    body["model_metainfo"]["images"] = ["gone.png"]
    body["model_metainfo"]["input_languages"] = ["Klingonese"]
    body["model_files"]["../etc/passwd"] = body["model_files"]["model.bin"]
    body["model_files"]["number.bin"] = 7
    body["private_packages"] = ["https://example.com/x.whl"]
    body["provenance"] |= {"generation": -1, "license": "WTF", "lifecycle": {"state": "removed"}}
    answer = endpoint.call("PUT", "model/wrong/1.0", json=body)
    assert answer.status_code == 422
    assert pointers(answer) == {
        "/model_config/private",
        "/model_config/inference_properties/entry_script",
        "/model_metainfo/colour",
        "/model_metainfo/images/0",
        "/model_metainfo/input_languages/0",
        "/model_files/..~1etc~1passwd",
        "/model_files/number.bin",
        "/private_packages/0",
        "/provenance/generation",
        "/provenance/license",
        "/provenance/lifecycle/state",
    }


def test_a_missing_section_is_a_finding(endpoint: Running) -> None:
    answer = endpoint.call("PUT", "model/empty/1.0", json={"model_config": {"type": "ENCODER"}})
    wanted = {"/model_config/inference_properties", "/model_files", "/model_metainfo"}
    assert (answer.status_code, pointers(answer)) == (422, wanted)


@pytest.mark.parametrize("body", [[], "text", None, 1])
def test_a_body_that_is_no_object_is_a_finding(endpoint: Running, body: Any) -> None:
    answer = endpoint.call("PUT", "model/shape/1.0", data=json.dumps(body), headers=JSON)
    assert (answer.status_code, pointers(answer)) == (422, {""})


def test_control_characters_are_a_finding(endpoint: Running) -> None:
    body = endpoint.body("control/1.0", model_config__description="a\u202eb", provenance={"commit": "a\0b"})
    answer = endpoint.call("PUT", "model/control/1.0", json=body)
    assert (answer.status_code, pointers(answer)) == (422, {"/model_config/description", "/provenance/commit"})


@pytest.mark.parametrize("model", ["Upper/1.0", "a/1.0", "clone/1.0", "aa/latest", "aa/-1", "con/1.0", "a..b/1"])
def test_names_and_versions_keep_their_rules(endpoint: Running, model: str) -> None:
    answer = endpoint.call("PUT", f"model/{model}", json=endpoint.body(model))
    assert answer.status_code == 422
    assert pointers(answer) & {"name", "version"}


def test_extra_sections_are_allowed_and_not_kept(endpoint: Running) -> None:
    endpoint.store("extra/1.0")
    body = {**endpoint.body("extra/1.0"), "training_log": {"loss": 1}}
    answer = endpoint.call("PUT", "model/extra/1.0", json=body)
    assert answer.status_code == 201
    assert "training_log" not in endpoint.call("GET", "model/extra/1.0").json()


def test_a_client_that_knows_only_the_first_page_is_understood(endpoint: Running) -> None:
    endpoint.store("seed/1.0")
    body = endpoint.body("seed/1.0", provenance=None)
    metainfo = body["model_metainfo"] | {"name": "seed", "version": "1.0", "input_languages": [["en"], []]}
    metainfo |= {key: body["model_config"].pop(key) for key in ("type", "description")}
    del body["provenance"]
    answer = endpoint.call("PUT", "model/seed/1.0", json={**body, "model_metainfo": metainfo})
    assert answer.status_code == 201
    assert answer.json()["model_config"]["type"] == "ENCODER"
    assert answer.json()["model_config"]["description"] == "A tiny encoder."
    assert answer.json()["model_metainfo"]["input_languages"] == ["en"]
    assert not {"type", "description", "name", "version"} & answer.json()["model_metainfo"].keys()


def test_a_contradiction_between_sections_is_a_finding(endpoint: Running) -> None:
    endpoint.store("two-minds/1.0")
    body = endpoint.body("two-minds/1.0", model_metainfo__type="DECODER", model_metainfo__version="2.0")
    answer = endpoint.call("PUT", "model/two-minds/1.0", json=body)
    assert (answer.status_code, pointers(answer)) == (422, {"/model_metainfo/type", "/model_metainfo/version"})


def test_files_are_recognised_by_the_url_of_storage_too(endpoint: Running) -> None:
    files = {**FILES, "größe 1/data.bin": b"x"}
    endpoint.store("by-storage/1.0", files)
    body = endpoint.body("by-storage/1.0")
    urls = {target: f"{endpoint.storage.url}/by-storage/1.0/{target}?sig=abc" for target in FILES}
    body["model_files"] = {**urls, "größe 1/data.bin": endpoint.file_url("by-storage/1.0", "größe 1/data.bin")}
    answer = endpoint.call("PUT", "model/by-storage/1.0", json=body)
    assert answer.status_code == 201, answer.text
    assert requests.get(answer.json()["model_files"]["größe 1/data.bin"]["url"], timeout=TIMEOUT).content == b"x"


def test_size_and_digest_are_storages_and_must_be_verified(endpoint: Running) -> None:
    endpoint.store("verified/1.0", {t: c for t, c in FILES.items() if t not in ("model.bin", "index.md")})
    endpoint.storage.create("verified/1.0/model.bin", [b"unverified"])
    answer = endpoint.call("PUT", "model/verified/1.0", json=endpoint.body("verified/1.0"))
    assert (answer.status_code, pointers(answer)) == (422, {"/model_files/model.bin", "/model_files/index.md"})
    assert "no verified digest" in answer.text


@pytest.mark.parametrize("url", ["https://example.com/model.bin?sig=SECRET", "{here}/model/others/9/files/model.bin"])
def test_files_that_are_not_in_storage_are_named(endpoint: Running, url: str) -> None:
    endpoint.store("elsewhere/1.0")
    body = endpoint.body("elsewhere/1.0")
    body["model_files"]["model.bin"] = url.replace("{here}", f"{endpoint.url}/api/v1.0")
    answer = endpoint.call("PUT", "model/elsewhere/1.0", json=body)
    assert (answer.status_code, pointers(answer)) == (422, {"/model_files/model.bin"})
    assert "SECRET" not in answer.text


def test_packages_are_named_by_the_url_of_their_file(endpoint: Running) -> None:
    files = {**FILES, "tools-1.0-py3-none-any.whl": b"wheel"}
    endpoint.store("packed/1.0", files)
    body = endpoint.body("packed/1.0")
    url = endpoint.file_url("packed/1.0", "tools-1.0-py3-none-any.whl")
    body["model_files"]["tools-1.0-py3-none-any.whl"] = f"{url}?sig=1"
    answer = endpoint.call("PUT", "model/packed/1.0", json={**body, "private_packages": [f"{url}?sig=2"]})
    assert answer.status_code == 201
    assert answer.json()["private_packages"] == [url]


def test_a_password_is_kept_apart_and_in_no_answer(start: Start) -> None:
    running = start()
    inference = {"entry_script": "inference.py", "docker_image": "example.com/i:1", "docker_registry": {**DOCKER}}
    answer = running.register("secret/1.0", model_config__inference_properties=inference)
    paths = ("model/secret/1.0", "models", "/models/secret/1.0", "model/secret/1.0/status")
    answers = [answer.text, *(running.call("GET", path).text for path in paths)]
    assert not [text for text in answers if PASSWORD in text]
    assert running.database.rows("SELECT password FROM passwords") == [(PASSWORD,)]
    assert PASSWORD not in str(running.database.rows("SELECT * FROM versions"))
    body = running.body("secret/1.0", model_config__inference_properties=inference)
    body["model_config"]["inference_properties"]["docker_registry"]["password"] = "a new one"
    assert running.call("PUT", "model/secret/1.0", json=body).status_code == 200
    assert running.database.rows("SELECT password FROM passwords") == [("a new one",)]


def test_a_password_of_the_wrong_kind_is_not_repeated(endpoint: Running) -> None:
    docker = {**DOCKER, "password": [PASSWORD]}
    inference = {"entry_script": "inference.py", "docker_image": "example.com/i:1", "docker_registry": docker}
    body = endpoint.body("wrong-secret/1.0", model_config__inference_properties=inference)
    answer = endpoint.call("PUT", "model/wrong-secret/1.0", json=body)
    wanted = {"/model_config/inference_properties/docker_registry/password"}
    assert (answer.status_code, pointers(answer)) == (422, wanted)
    assert PASSWORD not in answer.text


def test_a_null_character_is_refused_in_words_by_each_database(endpoint: Running) -> None:
    registry = {"url": "registry.example.com", "username": "ci", "password": "a\0b"}
    inference = {"entry_script": "inference.py", "docker_image": "a/b:1", "docker_registry": registry}
    endpoint.store("null/1.0")
    body = endpoint.body("null/1.0", model_config__inference_properties=inference)
    assert endpoint.call("PUT", "model/null/1.0", json=body).status_code == 422
    for method in ("GET", "PATCH", "DELETE"):
        assert endpoint.call(method, "model/nu%00ll/1.0", json={}).status_code == 404
    assert endpoint.call("PUT", "model/nu%00ll/1.0", json=body).status_code == 422
    for key in ("name", "version", "language", "license", "q"):
        assert endpoint.call("GET", f"models?{key}=a%00b").status_code == 422
    assert endpoint.call("GET", "/models/nu%00ll/1.0").status_code == 404
    assert endpoint.call("GET", "model/null/1.0/files/a%00b").status_code == 404
