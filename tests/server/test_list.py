"""GET /models."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from registry.identity import version_order
from registry.server.records.record import make_cursor, parse_cursor, sortable
from tests.build import FILES
from tests.databases import NewDatabase
from tests.server.conftest import TIMEOUT, Running, Start, pointers

VERSIONS = ("1.0rc1", "1.0", "1.9", "1.10", "2.0+a", "10")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory, new: NewDatabase) -> Iterator[Running]:
    """Six versions of one model and four more models."""
    folder = tmp_path_factory.mktemp("library")
    with ExitStack() as stack:
        running = Start(folder, new(folder), stack)()
        for version in reversed(VERSIONS):
            running.register(f"many/{version}")
        code: dict[str, Any] = {
            "model_metainfo__input_types": ["SOURCE_CODE"],
            "model_metainfo__input_languages": ["PYTHON"],
        }
        said = {"model_config__type": "DECODER", "model_config__description": "Writes 100%_code."}
        running.register("coder/1", FILES, **said, **code)
        training = {"entry_script": "inference.py", "conda_env": "environment.yml"}
        running.register("taught/1", model_config__training_properties=training, license="Apache-2.0")
        running.register("hidden/1")
        running.withdraw("hidden/1")
        running.register("lost/1")
        running.withdraw("lost/1")
        running.call("DELETE", "model/lost/1")
        yield running


def names(answer: requests.Response) -> list[str]:
    """The versions of a list."""
    assert answer.status_code == 200, answer.text
    return [f"{entry['name']}/{entry['version']}" for entry in answer.json()]


EVERYTHING = ["coder/1", *(f"many/{version}" for version in VERSIONS), "taught/1"]


def test_versions_are_listed_by_name_and_in_their_own_order(library: Running) -> None:
    answer = library.call("GET", "models")
    assert names(answer) == EVERYTHING
    assert "Link" not in answer.headers
    assert answer.json()[0].items() >= {"type": "DECODER", "num_params": 9, "private": True, "state": "active"}.items()


@pytest.mark.parametrize("limit", [1, 3, 7, 8])
def test_pages_follow_each_other_without_loss(library: Running, limit: int) -> None:
    found, url = [], f"{library.url}/api/v1.0/models?limit={limit}"
    while url:
        answer = requests.get(url, timeout=TIMEOUT)
        assert len(answer.json()) <= limit
        found += names(answer)
        url = answer.links.get("next", {}).get("url", "")
    assert found == EVERYTHING


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("name=taught", ["taught/1"]),
        ("name=many&version=1.10", ["many/1.10"]),
        ("name=Many", []),
        ("type=DECODER", ["coder/1"]),
        ("state=withdrawn", ["hidden/1"]),
        ("state=deprecated", []),
        ("q=TAUGHT", ["taught/1"]),
        ("q=100%25_c", ["coder/1"]),
        ("q=100_c", []),
        ("input_type=SOURCE_CODE", ["coder/1"]),
        ("output_type=SOURCE_CODE", []),
        ("language=PYTHON", ["coder/1"]),
        ("language=en&name=taught", ["taught/1"]),
        ("license=Apache-2.0", ["taught/1"]),
        ("trainable=true", ["taught/1"]),
        ("trainable=false&type=DECODER", ["coder/1"]),
    ],
)
def test_filters_narrow_the_list(library: Running, query: str, wanted: list[str]) -> None:
    assert names(library.call("GET", f"models?{query}")) == wanted


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("type=decoder", "type"),
        ("state=removed", "state"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=many", "limit"),
        ("trainable=perhaps", "trainable"),
        ("input_type=WORDS", "input_type"),
        ("cursor=%F0%9F%92%A9", "cursor"),
        ("cursor=abc", "cursor"),
        ("colour=blue", "colour"),
    ],
)
def test_a_filter_that_means_nothing_is_answered_422(library: Running, query: str, field: str) -> None:
    answer = library.call("GET", f"models?{query}")
    assert (answer.status_code, pointers(answer)) == (422, {field})


versions = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9.+_-]{0,8}[A-Za-z0-9])?", fullmatch=True)


@given(versions, versions)
def test_the_text_that_the_database_sorts_by_sorts_as_versions_do(one: str, other: str) -> None:
    assert (sortable(one) < sortable(other)) == (version_order(one) < version_order(other))


@given(versions)
def test_a_cursor_leads_back_to_its_version(version: str) -> None:
    from registry.identity import ModelId, parse_model_id

    if (model := parse_model_id(f"name/{version}")) is not None:
        assert parse_cursor(make_cursor(model)) == ModelId("name", version)
