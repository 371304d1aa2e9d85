"""State, settings and endpoints that are not what they were: said clearly, and never taken for done."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.build import FILES, a_commit, a_descriptor, a_version
from tests.e2e.place import Place
from tests.e2e.sources import allow, source
from tests.e2e.test_wire import put_only


def test_another_endpoint_that_cannot_be_asked_is_sent_everything(folder_place: Place) -> None:
    a_commit(folder_place.repository, "tiny/1.0", a_version())
    folder_place.run("reconcile")

    with put_only() as server:
        done = folder_place.run("reconcile", "--format", "json", REGISTRY_ENDPOINT=server.url)
        again = folder_place.run("reconcile", "--full", "--format", "json", REGISTRY_ENDPOINT=server.url)

    assert (done.code, done.json["counts"]["repaired"], len(server.puts)) == (0, 1, 1)
    assert (again.code, again.json["counts"]["unchanged"]) == (0, 1)


def test_another_database_is_filled(folder_place: Place, tmp_path: Path) -> None:
    a_commit(folder_place.repository, "tiny/1.0", a_version())
    folder_place.run("reconcile")

    other = folder_place.run("reconcile", "--format", "json", REGISTRY_DATABASE=f"sqlite:///{tmp_path / 'other.db'}")

    assert (other.code, other.json["counts"]["repaired"]) == (0, 1)


@pytest.mark.parametrize("pins", ["warn", "off"])
def test_a_file_without_a_pin_can_be_amended_around(folder_place: Place, pins: str) -> None:
    with source({"/model.bin": b"weights"}) as url:
        allow(folder_place, url)
        settings = folder_place.repository / "pyproject.toml"
        settings.write_text(settings.read_text() + f'pins = "{pins}"\n')
        files = {name: f"./{name}" for name in FILES} | {"model.bin": f"{url}/model.bin"}
        without = {name: content for name, content in FILES.items() if name != "model.bin"}
        descriptor = a_descriptor(model_files=files)
        a_commit(folder_place.repository, "tiny/1.0", {**without, "model.yaml": json.dumps(descriptor).encode()})
        assert folder_place.run("reconcile").code == 0
        descriptor["model_config"]["description"] = "Better."
        a_commit(folder_place.repository, "tiny/1.0", {**without, "model.yaml": json.dumps(descriptor).encode()})
        done = folder_place.run("reconcile", "--format", "json")

    assert (done.code, done.json["counts"]["amended"]) == (0, 1), done
    assert folder_place.run("plan", "--full", "--format", "json").json["counts"]["unchanged"] == 1


def test_a_name_that_is_not_there_is_exit_2(folder_place: Place) -> None:
    a_commit(folder_place.repository, "tiny/1.0", a_version())

    done = folder_place.run("reconcile", "tiny/9.9")

    assert (done.code, "holds no version tiny/9.9" in done.err) == (2, True)


def test_what_was_not_named_is_said_to_be_pending(folder_place: Place) -> None:
    a_commit(folder_place.repository, "tiny/1.0", a_version())
    a_commit(folder_place.repository, "tiny/1.1", a_version())

    done = folder_place.run("reconcile", "tiny/1.0")

    assert "1 registered; 1 version not named left pending" in done.out


def test_one_damaged_receipt_does_not_stop_the_others(folder_place: Place) -> None:
    for version in ("1.0", "1.1"):
        a_commit(folder_place.repository, f"tiny/{version}", a_version())
    folder_place.run("reconcile")
    (Path(folder_place.url) / ".registry/receipts/tiny/1.0/1.json").write_text("garbage")
    for version in ("1.0", "1.1"):
        a_commit(folder_place.repository, f"tiny/{version}", a_version(a_descriptor(model_config__description="New.")))

    done = folder_place.run("reconcile", "--format", "json")

    outcomes = {version["model"]: version["outcome"] for version in done.json["versions"]}
    assert (done.code, outcomes) == (1, {"tiny/1.0": "refused", "tiny/1.1": "amended"})
    assert "receipts/tiny/1.0/1.json in storage is damaged" in done.json["versions"][0]["reason"]


@pytest.mark.parametrize("content", ["", "garbage", "[]", '{"format": 1}'])
def test_a_damaged_state_is_named_with_the_next_step(folder_place: Place, content: str) -> None:
    a_commit(folder_place.repository, "tiny/1.0", a_version())
    folder_place.run("reconcile")
    state = Path(folder_place.url) / ".registry/state.json"
    state.write_text(content)

    done = folder_place.run("reconcile")

    assert (done.code, ".registry/state.json in storage is damaged" in done.err) == (1, True), done
    state.unlink()
    assert folder_place.run("reconcile", "--format", "json").json["counts"]["unchanged"] == 1


def test_garbage_in_the_lock_does_not_block(folder_place: Place) -> None:
    a_commit(folder_place.repository, "tiny/1.0", a_version())
    folder_place.run("reconcile")
    (Path(folder_place.url) / ".registry/lock").write_text("garbage")
    a_commit(folder_place.repository, "tiny/1.1", a_version())

    assert folder_place.run("reconcile").code == 0


def test_a_folder_where_a_file_belongs_fails_that_version(folder_place: Place) -> None:
    a_commit(folder_place.repository, "tiny/1.0", a_version())
    (Path(folder_place.url) / "tiny/1.0/model.bin").mkdir(parents=True)

    done = folder_place.run("reconcile", "--format", "json")

    assert done.code in (1, 3)
    assert "a bug" not in done.json["versions"][0]["reason"]


def test_garbage_in_the_database_is_exit_3(folder_place: Place) -> None:
    a_commit(folder_place.repository, "tiny/1.0", a_version())
    (folder_place.repository / ".registry").mkdir()
    (folder_place.repository / ".registry/registry.db").write_bytes(b"garbage" * 1000)

    done = folder_place.run("reconcile")

    assert (done.code, "Traceback" in done.err, "hint: " in done.err) == (3, False, True), done


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("REGISTRY_ENDPOINT", "http://[::1"),
        ("REGISTRY_ENDPOINT", "nonsense"),
        ("REGISTRY_ENDPOINT", "http://user:s3cret@127.0.0.1:1"),
        ("REGISTRY_TOKEN", "geheim€"),
        ("REGISTRY_DATABASE", "nonsense"),
    ],
)
def test_a_variable_that_cannot_be_right_is_exit_2(folder_place: Place, variable: str, value: str) -> None:
    a_commit(folder_place.repository, "tiny/1.0", a_version())

    done = folder_place.run("reconcile", **{variable: value})

    assert (done.code, variable in done.err, "s3cret" in done.err) == (2, True, False), done


def test_verbose_keeps_the_exit_code(folder_place: Place) -> None:
    done = folder_place.run("--verbose", "plan", REGISTRY_ENDPOINT="nonsense")

    assert (done.code, "Traceback" in done.err) == (2, True)


def test_an_answer_that_is_no_record_is_said(folder_place: Place) -> None:
    a_commit(folder_place.repository, "tiny/1.0", a_version())

    with source({"/readyz": b'{"instance": "x"}', "/api/v1.0/model/tiny/1.0": b"<html>"}) as url:
        done = folder_place.run("reconcile", "--format", "json", REGISTRY_ENDPOINT=url)

    assert (done.code, done.json["versions"][0]["outcome"]) == (3, "failed")
    assert "answers 200 without a record" in done.json["versions"][0]["reason"]
