"""What is there beside what is recorded is named, and repaired where git can repair it."""

from __future__ import annotations

import json
from pathlib import Path

import requests

from registry.storage.folder import Folder
from tests.azurite import free_port
from tests.build import FILES, a_commit, a_descriptor, a_version
from tests.e2e.place import Place


def kinds(place: Place) -> list[tuple[str | None, str]]:
    """The drift that status names; its exit code says that there is some."""
    done = place.run("status", "--format", "json")
    drift = [(drift["model"], drift["kind"]) for drift in done.json["drift"]]
    assert done.code == int(bool(drift)), done
    assert sum(done.json["counts"][kind] for kind in ("missing", "altered", "unknown", "never-recorded")) == len(drift)
    return drift


def test_without_drift_it_says_so_and_a_backlog_alone_is_no_alarm(folder_place: Place) -> None:
    a_commit(folder_place.repository, "tiny/1.0", a_version())
    head = a_commit(folder_place.repository, "tiny/1.1", a_version(a_descriptor(model_config__type="X")))
    folder_place.run("reconcile")

    done = folder_place.run("status", "--format", "json")

    assert (done.code, done.json["drift"]) == (0, [])
    assert (done.json["commit"], done.json["converged"]) == (head, head)
    assert [pending["model"] for pending in done.json["pending"]] == ["tiny/1.1"]
    assert "1 version pending, the oldest for " in folder_place.run("status").out


def test_a_blob_altered_by_hand_is_named_and_repaired(place: Place) -> None:
    a_commit(place.repository, "tiny/1.0", a_version())
    place.run("reconcile")
    for target, content in (("model.bin", b"other"), ("index.md", FILES["index.md"] + b"!")):
        blob = place.storage.stat(f"tiny/1.0/{target}")
        assert blob is not None
        altered = place.storage.replace(blob.path, [content], etag=blob.etag)
        if target == "model.bin":  # with the digest of what it was before
            place.storage.record_digest(altered, blob.sha256 or "")

    assert kinds(place) == [("tiny/1.0", "altered")] * 2
    assert place.run("reconcile", "--full", "--format", "json").json["counts"]["repaired"] == 1
    assert place.bytes("tiny/1.0/model.bin") == FILES["model.bin"]
    assert kinds(place) == []


def test_bytes_altered_under_a_kept_size_and_digest_are_found(folder_place: Place) -> None:
    a_commit(folder_place.repository, "tiny/1.0", a_version())
    folder_place.run("reconcile")
    storage = Folder(Path(folder_place.url))
    blob = storage.stat("tiny/1.0/model.bin")
    assert blob is not None
    altered = storage.replace(blob.path, [FILES["model.bin"][::-1]], etag=blob.etag)
    storage.record_digest(altered, blob.sha256 or "")

    assert kinds(folder_place) == [("tiny/1.0", "altered")]
    folder_place.run("reconcile", "--full")
    assert folder_place.bytes("tiny/1.0/model.bin") == FILES["model.bin"]


def test_a_lost_database_is_named_and_filled_again(folder_place: Place) -> None:
    a_commit(folder_place.repository, "tiny/1.0", a_version())
    folder_place.run("reconcile")
    for file in (folder_place.repository / ".registry").glob("registry.db*"):
        file.unlink()

    assert kinds(folder_place) == [("tiny/1.0", "missing")]
    assert folder_place.run("reconcile", "--format", "json").json["counts"]["repaired"] == 1
    assert kinds(folder_place) == []


def test_what_nobody_knows_is_named_and_left_alone(folder_place: Place) -> None:
    a_commit(folder_place.repository, "tiny/1.0", a_version())
    folder_place.run("reconcile")
    folder_place.storage.create("stray.txt", [b"x"])
    folder_place.storage.create("other/1.0/x", [b"x"])
    folder_place.storage.create("tiny/1.0/more.txt", [b"x"])
    record = folder_place.record("tiny/1.0")
    body = {key: record[key] for key in ("model_config", "model_metainfo")}
    urls = {target: file["url"] for target, file in record["model_files"].items()}
    for target in urls:
        blob = folder_place.storage.create(f"theirs/1.0/{target}", [FILES[target]])
        folder_place.storage.record_digest(blob, record["model_files"][target]["sha256"])
    there = {target: url.replace("/tiny/", "/theirs/") for target, url in urls.items()}
    answer = requests.put(
        f"{folder_place.endpoint}/api/v1.0/model/theirs/1.0", json={**body, "model_files": there}, timeout=10
    )
    assert answer.status_code == 201, answer.text

    found = kinds(folder_place)

    assert sorted(found, key=str) == sorted(
        [(None, "unknown"), ("other/1.0", "unknown"), ("tiny/1.0", "unknown"), *[("theirs/1.0", "unknown")] * 2],
        key=str,
    )
    assert folder_place.run("reconcile", "--full", "--format", "json").json["counts"]["unchanged"] == 1
    assert kinds(folder_place) == found


def test_what_an_amendment_left_behind_is_known(folder_place: Place) -> None:
    with_image = a_descriptor(model_metainfo__images=["a.png"], model_files={name: f"./{name}" for name in FILES})
    with_image["model_files"]["a.png"] = "./a.png"
    a_commit(folder_place.repository, "tiny/1.0", a_version(with_image, a__png=b"png"))
    folder_place.run("reconcile")
    (folder_place.repository / "models/tiny/1.0/a.png").unlink()
    a_commit(folder_place.repository, "tiny/1.0", a_version())
    assert folder_place.run("reconcile", "--format", "json").json["counts"]["amended"] == 1

    assert kinds(folder_place) == []


def test_a_registration_without_a_receipt_was_never_recorded(folder_place: Place) -> None:
    a_commit(folder_place.repository, "tiny/1.0", a_version())
    folder_place.run("reconcile")
    for path in (".registry/receipts/tiny/1.0/1.json", ".registry/state.json"):
        (Path(folder_place.url) / path).unlink()

    assert kinds(folder_place) == [("tiny/1.0", "never-recorded")] * 2
    folder_place.run("reconcile")
    assert kinds(folder_place) == []


def test_an_endpoint_that_is_down_is_exit_3(folder_place: Place) -> None:
    a_commit(folder_place.repository, "tiny/1.0", a_version())

    done = folder_place.run("status", REGISTRY_ENDPOINT=f"http://127.0.0.1:{free_port()}")

    assert (done.code, "hint: " in done.err) == (3, True)


def test_the_state_of_a_run_says_how_many_versions_there_are(folder_place: Place) -> None:
    a_commit(folder_place.repository, "tiny/1.0", a_version())
    a_commit(folder_place.repository, "tiny/1.1", a_version())
    folder_place.run("reconcile")

    assert json.loads(folder_place.bytes(".registry/state.json"))["versions"] == 2
