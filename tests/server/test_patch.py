"""PATCH and DELETE /model/{name}/{version}."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.build import FILES
from tests.server.conftest import Running, pointers

MERGE_PATCH = {"Content-Type": "application/merge-patch+json"}
INFERENCE = "/model_config/inference_properties"
WHEEL = "tools-1.0-py3-none-any.whl"


def test_what_may_change_is_changed_and_the_etag_with_it(endpoint: Running) -> None:
    before = endpoint.register("amended/1.0", provenance={"commit": "one"})
    patch = {
        "model_config": {"description": "Better said.", "private": False},
        "model_metainfo": {"num_params": 10, "images": None},
        "provenance": {"license": None, "parent": "amended/0.9", "lifecycle": {"state": "deprecated", "reason": "old"}},
    }
    after = endpoint.call("PATCH", "model/amended/1.0", data=json.dumps(patch), headers=MERGE_PATCH)
    assert after.status_code == 200, after.text
    record = after.json()
    assert record == endpoint.call("GET", "model/amended/1.0").json()
    assert (record["model_config"]["description"], record["model_config"]["private"]) == ("Better said.", False)
    assert record["model_metainfo"]["num_params"] == 10
    assert record["provenance"].keys() == {"commit", "parent", "lifecycle"}
    assert record["lifecycle"]["state"] == "deprecated"
    assert record["model_files"] == before.json()["model_files"]
    assert after.headers["ETag"] != before.headers["ETag"]
    assert record["last_updated_time"] > record["created_time"]


@pytest.mark.parametrize(
    ("patch", "pointer"),
    [
        ({"model_config": {"type": "DECODER"}}, "/model_config/type"),
        (
            {"model_config": {"inference_properties": {"docker_image": "a:1"}}},
            "/model_config/inference_properties/docker_image",
        ),
        ({"model_config": {"inference_properties": {"docker_registry": {"password": "SECRET"}}}}, None),
        ({"model_files": {"model.bin": None}}, "/model_files/model.bin"),
        ({"model_files": {"inference.py": None}}, "/model_files/inference.py"),
        ({"private_packages": ["https://example.com/x.whl"]}, "/private_packages"),
        ({"name": "other"}, "/name"),
        ({"lifecycle": {"state": "withdrawn"}}, "/lifecycle/state"),
        ({"created_time": None}, "/created_time"),
        ({"colour": "blue"}, "/colour"),
    ],
)
def test_anything_else_is_answered_409_with_the_field(endpoint: Running, patch: Any, pointer: str | None) -> None:
    if endpoint.call("GET", "model/frozen/1.0").status_code == 404:
        endpoint.register("frozen/1.0")
    answer = endpoint.call("PATCH", "model/frozen/1.0", json=patch)
    assert answer.status_code == 409, answer.text
    assert pointer is None or pointers(answer) == {pointer}
    assert "SECRET" not in answer.text


def test_a_patch_that_changes_nothing_is_answered_200(endpoint: Running) -> None:
    record = endpoint.register("unchanged/1.0").json()
    patch = {key: record[key] for key in ("name", "model_config", "model_metainfo", "private_packages", "lifecycle")}
    answer = endpoint.call("PATCH", "model/unchanged/1.0", json=patch)
    assert answer.status_code == 200, answer.text


def test_a_page_file_is_replaced_by_what_stands_in_storage(endpoint: Running) -> None:
    endpoint.register("page/1.0")
    endpoint.store("page/1.0", {"index.md": b"# Better\n"})
    patch = {"model_files": {"index.md": endpoint.file_url("page/1.0", "index.md")}}
    answer = endpoint.call("PATCH", "model/page/1.0", json=patch)
    assert answer.status_code == 200, answer.text
    assert answer.json()["model_files"]["index.md"]["size"] == len(b"# Better\n")


def test_a_picture_is_added_and_taken_out_again(endpoint: Running) -> None:
    endpoint.register("picture/1.0")
    endpoint.store("picture/1.0", {"loss.png": b"png"})
    url = endpoint.file_url("picture/1.0", "loss.png")
    added = {"model_files": {"loss.png": url}, "model_metainfo": {"images": ["loss.png"]}}
    answer = endpoint.call("PATCH", "model/picture/1.0", json=added)
    assert (answer.status_code, answer.json()["model_files"]["loss.png"]["size"]) == (200, 3)
    removed = {"model_files": {"loss.png": None}, "model_metainfo": {"images": []}}
    answer = endpoint.call("PATCH", "model/picture/1.0", json=removed)
    assert answer.status_code == 200
    assert answer.json()["model_files"].keys() == FILES.keys()


def test_a_content_file_is_neither_added_nor_replaced(endpoint: Running) -> None:
    endpoint.register("content/1.0")
    endpoint.store("content/1.0", {"more.bin": b"more", "model.bin": b"other"})
    for target in ("more.bin", "model.bin"):
        patch = {"model_files": {target: endpoint.file_url("content/1.0", target)}}
        answer = endpoint.call("PATCH", "model/content/1.0", json=patch)
        assert (answer.status_code, pointers(answer)) == (409, {f"/model_files/{target}"})


@pytest.mark.parametrize(
    ("patch", "pointer"),
    [
        ([], ""),
        ({"model_files": "none"}, "/model_files"),
        ({"model_files": {"index.md": 7}}, "/model_files/index.md"),
        ({"model_files": {"index.md": "https://example.com/index.md"}}, "/model_files/index.md"),
        ({"model_files": {"index.md": None}}, "/model_metainfo/index_page_file"),
        ({"model_metainfo": None}, "/model_metainfo"),
        ({"model_metainfo": {"num_params": "many"}}, "/model_metainfo/num_params"),
        ({"model_metainfo": {"input_types": ["OTHER"]}}, "/model_metainfo/input_languages"),
        ({"model_config": {"description": "two\nlines"}}, "/model_config/description"),
        ({"provenance": {"lifecycle": {"state": "removed"}}}, "/provenance/lifecycle/state"),
        ({"provenance": "none"}, "/provenance"),
    ],
)
def test_a_patch_whose_result_is_wrong_is_answered_422(endpoint: Running, patch: Any, pointer: str) -> None:
    if endpoint.call("GET", "model/result/1.0").status_code == 404:
        endpoint.register("result/1.0")
    answer = endpoint.call("PATCH", "model/result/1.0", json=patch)
    assert (answer.status_code, pointers(answer)) == (422, {pointer})


def test_an_endpoints_own_password_survives_a_patch(endpoint: Running) -> None:
    docker = {"url": "registry.example.com", "username": "ci", "password": "SECRET"}
    inference = {"entry_script": "inference.py", "docker_image": "example.com/i:1", "docker_registry": docker}
    endpoint.register("kept/1.0", model_config__inference_properties=inference)
    answer = endpoint.call("PATCH", "model/kept/1.0", json={"model_config": {"private": False}})
    assert answer.status_code == 200, answer.text
    shown = answer.json()["model_config"]["inference_properties"]["docker_registry"]
    assert shown == {"url": "registry.example.com", "username": "ci"}


def test_a_patch_is_made_only_where_if_match_holds(endpoint: Running) -> None:
    etag = endpoint.register("matched/1.0").headers["ETag"]
    patch = {"model_config": {"private": False}}
    for headers, status in (({"If-Match": '"other"'}, 412), ({"If-Match": etag}, 200), ({"If-Match": etag}, 412)):
        assert endpoint.call("PATCH", "model/matched/1.0", json=patch, headers=headers).status_code == status


def test_patches_at_once_lose_nothing(endpoint: Running) -> None:
    endpoint.register("crowd/1.0")

    def patch(number: int) -> int:
        change = {"provenance": {f"note-{number}": number}}
        return endpoint.call("PATCH", "model/crowd/1.0", json=change).status_code

    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(patch, range(12)))
    kept = endpoint.call("GET", "model/crowd/1.0").json()["provenance"]
    assert set(done) <= {200, 503}
    assert sum(key.startswith("note-") for key in kept) == done.count(200) > 0


def test_an_unknown_version_is_not_patched_or_removed(endpoint: Running) -> None:
    for method in ("PATCH", "DELETE"):
        assert endpoint.call(method, "model/nobody/1.0", json={}).status_code == 404


def test_only_a_withdrawn_version_is_removed(endpoint: Running) -> None:
    endpoint.register("active/1.0")
    answer = endpoint.call("DELETE", "model/active/1.0")
    assert answer.status_code == 409
    assert "withdrawn" in answer.json()["detail"]


def test_a_removed_version_is_gone_for_good(endpoint: Running) -> None:
    endpoint.register("gone/1.0")
    endpoint.withdraw("gone/1.0")
    assert endpoint.call("DELETE", "model/gone/1.0").status_code == 204
    assert endpoint.call("DELETE", "model/gone/1.0").status_code == 204
    for path in ("", "/status", "/index", "/files/index.md"):
        assert endpoint.call("GET", f"model/gone/1.0{path}").status_code == 410
    assert endpoint.call("PATCH", "model/gone/1.0", json={}).status_code == 410
    assert endpoint.call("PUT", "model/gone/1.0", json=endpoint.body("gone/1.0")).status_code == 410
    assert endpoint.storage.stat("gone/1.0/model.bin") is not None


def test_a_withdrawn_version_comes_back(endpoint: Running) -> None:
    endpoint.register("back/1.0")
    endpoint.withdraw("back/1.0")
    answer = endpoint.call("PATCH", "model/back/1.0", json={"provenance": {"lifecycle": None}})
    assert answer.json()["lifecycle"]["state"] == "active"


def test_packages_stay_where_their_links_are_signed_anew(endpoint: Running) -> None:
    endpoint.store("wheel/1.0", {**FILES, WHEEL: b"wheel"})
    url = endpoint.file_url("wheel/1.0", WHEEL)
    body = endpoint.body("wheel/1.0")
    body["model_files"][WHEEL] = url
    endpoint.call("PUT", "model/wheel/1.0", json={**body, "private_packages": [url]})
    answer = endpoint.call("PATCH", "model/wheel/1.0", json={"private_packages": [f"{url}?sig=new"]})
    assert answer.status_code == 200, answer.text
