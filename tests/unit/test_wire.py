from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.descriptor import Descriptor
from registry.identity import ModelId
from registry.wire import (
    Json,
    canonical,
    digest,
    digests_of,
    file_path,
    is_same,
    make_body,
    make_patch,
    make_request,
    model_path,
    page_files,
    recorded,
    without_query,
)
from tests.build import FILES, a_descriptor

PASSWORD = "${env:REGISTRY_DOCKER_PASSWORD_TEAM}"
DOCKER = {"url": "registry.example.com", "username": "ci", "password": PASSWORD}
FILES_BY_DIGEST = {target: {"sha256": target, "size": 4} for target in FILES}
TINY = ModelId("tiny", "1.0+cu/118")


def described(**changes: Any) -> Descriptor:
    """A descriptor with changes."""
    return Descriptor.model_validate(a_descriptor(**changes))


def a_request(**changes: Any) -> Json:
    """The request of a descriptor with changes."""
    descriptor = described(**changes)
    return make_request(descriptor, {target: {"sha256": target, "size": 4} for target in descriptor.model_files})


def a_record(descriptor: Descriptor, *, sas: str = "") -> Json:
    """What an endpoint answers that holds a descriptor."""
    urls = {target: f"https://private.example.com/tiny/{target}{sas}" for target in descriptor.model_files}
    body = make_body(descriptor, urls, {"license": "MIT", "commit": "c"}, {PASSWORD: "hidden"})
    files = {target: {"url": url, "sha256": target, "size": 4, "etag": "e"} for target, url in urls.items()}
    return {**body, "model_files": files, "created": "2026-01-02T03:04:05Z"}


def test_routes_quote_what_a_path_cannot_hold() -> None:
    assert model_path(TINY) == "/api/v1.0/model/tiny/1.0%2Bcu%2F118"
    assert file_path(TINY, "a b/ü?.txt") == f"{model_path(TINY)}/files/a%20b/%C3%BC%3F.txt"


def test_a_request_has_the_defaults_and_files_by_what_they_are() -> None:
    request = a_request()
    assert request["model_config"]["private"] is True
    assert request["lifecycle"] == {"state": "active", "reason": "", "replaced_by": None}
    assert request["model_files"] == FILES_BY_DIGEST


def test_what_the_author_left_out_and_what_the_default_says_are_one_request() -> None:
    written = a_request(model_config__private=True, model_metainfo__images=[], lifecycle={"state": "active"})
    assert digest(written) == digest(a_request())


def test_the_order_of_keys_never_counts() -> None:
    request = a_request()
    shuffled = dict(reversed(request.items())) | {"model_files": dict(reversed(request["model_files"].items()))}
    assert digest(shuffled) == digest(request)


def test_a_password_is_in_no_request_and_only_in_the_body() -> None:
    descriptor = described(model_config__inference_properties__docker_registry=DOCKER)
    request = make_request(descriptor, FILES_BY_DIGEST)
    assert "assword" not in str(request)
    body = make_body(descriptor, dict.fromkeys(FILES, "https://x"), {}, {PASSWORD: "hunter2"})
    assert body["model_config"]["inference_properties"]["docker_registry"]["password"] == "hunter2"
    assert "assword" not in str(canonical(body))
    assert PASSWORD in str(descriptor.model_dump())  # none of these changed it


def test_the_body_has_what_the_author_wrote_and_a_url_for_each_target() -> None:
    descriptor = described(private_packages=["model.bin"])
    urls = {target: f"https://private.example.com/{target}?sig=x" for target in FILES}
    body = make_body(descriptor, urls, {"commit": "c"}, {})
    assert body["model_files"] == urls
    assert body["private_packages"] == [urls["model.bin"]]
    assert "private" not in body["model_config"]
    assert body["provenance"] == {"commit": "c"}
    assert {"license", "lifecycle", "parent"}.isdisjoint(body)


@pytest.mark.parametrize("sas", ["", "?sv=1&sig=x"])
@pytest.mark.parametrize("changes", [{}, {"private_packages": ["model.bin"]}, {"model_metainfo__images": ["a.png"]}])
def test_what_an_endpoint_recorded_is_equal_to_what_was_sent(sas: str, changes: dict[str, Any]) -> None:
    descriptor = described(**changes)
    patch = make_patch(recorded(a_record(descriptor, sas=sas)), make_request(descriptor, FILES_BY_DIGEST))
    assert {
        key: value for key, value in patch.items() if key in ("model_files", "model_metainfo", "private_packages")
    } == {}
    # an endpoint may fill in defaults or leave them out; ours fills them in
    assert patch.get("model_config", {}) in ({}, {"private": True})


def test_an_answer_may_lack_provenance_and_packages() -> None:
    record = a_record(described())
    del record["provenance"]
    assert recorded(record | {"private_packages": None})["private_packages"] == []


@pytest.mark.parametrize(
    ("url", "plain"),
    [
        ("https://a/b?c#d", "https://a/b"),
        ("https://a/b#c?d", "https://a/b"),
        ("https://a/b", "https://a/b"),
        ("https://[?x", "https://["),
        ("", ""),
    ],
)
def test_a_url_without_its_query_is_its_beginning(url: str, plain: str) -> None:
    assert without_query(url) == plain


def test_digests_of_files_leave_out_what_only_one_storage_knows() -> None:
    assert digests_of({"a": {"sha256": "1", "size": 2, "etag": "e"}}) == {"a": {"sha256": "1", "size": 2}}


@pytest.mark.parametrize(
    ("changes", "pages"),
    [
        ({}, {"index.md"}),
        ({"model_metainfo__images": ["model.bin"]}, {"index.md", "model.bin"}),
        ({"model_metainfo__images": ["model.bin"], "private_packages": ["model.bin"]}, {"index.md"}),
        ({"model_metainfo__index_page_file": "environment.yml"}, set()),
        ({"model_metainfo__index_page_file": "inference.py"}, set()),
    ],
)
def test_a_page_is_named_by_the_index_page_or_the_images_alone(changes: dict[str, Any], pages: set[str]) -> None:
    assert page_files(a_request(**changes)) == pages


@pytest.mark.parametrize(("one", "other"), [(1, True), (0, False), (1, 1.0), (None, ""), ([1], [True]), ("1", 1)])
def test_values_of_another_kind_are_not_the_same(one: object, other: object) -> None:
    assert not is_same(one, other)
    assert is_same(one, one)
    assert make_patch({"a": one}, {"a": other}) == ({} if other == "" else {"a": other})


_SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "b"]) | st.just(1.0)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(_SCALARS, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
_OBJECTS = st.dictionaries(st.sampled_from("abcd"), _VALUES, max_size=4)


def merged(target: Any, patch: Any) -> Any:
    """RFC 7396, section 2, word for word."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


def filled(value: Any) -> Any:
    """The value without what is empty."""
    if not isinstance(value, dict):
        return value
    found = {key: filled(inner) for key, inner in value.items()}
    return {key: inner for key, inner in found.items() if inner is not None and inner not in ("", [], {})}


@given(_OBJECTS, _OBJECTS)
@settings(max_examples=200, deadline=None)
def test_a_patch_makes_before_into_after(before: Json, after: Json) -> None:
    assert is_same(filled(merged(before, make_patch(before, after))), filled(after))


@given(_OBJECTS)
def test_nothing_differs_from_itself(value: Json) -> None:
    assert make_patch(value, value) == {}
