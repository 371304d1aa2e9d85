"""A PUT whose files are elsewhere: accepted, copied in the background, and there when all are."""

from __future__ import annotations

import secrets
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from azure.core.credentials import AzureNamedKeyCredential
from azure.storage.blob import ContainerClient, ContainerSasPermissions, generate_container_sas

from registry.patience import Patience
from registry.policy import Policy
from registry.server.records import Decision, Draft, Records
from registry.server.records.registrations import ATTEMPTS
from registry.storage.azure import AzureContainer
from tests.azurite import Azurite
from tests.build import FILES, a_descriptor
from tests.databases import NewDatabase
from tests.e2e.sources import Stall, source
from tests.server.conftest import TIMEOUT, Start, pointers
from tests.server.drafts import a_draft

SIGNED = "sp=r&sig=SECRET"
HASTY = Patience(retries=0)
SERVED: dict[str, bytes | int | str] = {f"/files/{target}?{SIGNED}": content for target, content in FILES.items()}


def open_to(url: str, **more: Any) -> Policy:
    """The policy that lets a source on this machine through."""
    return Policy(sources=(f"{url}/",), allow_loopback=True, **more)


def a_body(url: str, *, signature: str = SIGNED, folder: str = "files", **changes: Any) -> dict[str, Any]:
    """The body of a client that knows nothing but where its files are."""
    descriptor = a_descriptor(license=None, **changes)
    return descriptor | {"model_files": {target: f"{url}/{folder}/{target}?{signature}" for target in FILES}}


@pytest.fixture
def asked() -> list[str]:
    """The paths that the source was asked for."""
    return []


@pytest.fixture
def files() -> dict[str, bytes | int | str]:
    """What the source serves."""
    return {**SERVED}


@pytest.fixture
def url(files: Mapping[str, bytes | int | str], asked: list[str]) -> Iterator[str]:
    """A source that is read with a signature alone."""
    with source(files, asked=asked) as where:
        yield where


def test_files_are_copied_in_the_background_and_the_version_is_there_with_all(start: Start, url: str) -> None:
    running = start(policy=open_to(url), patience=HASTY)
    answer = running.call("PUT", "model/copied/1.0", json=a_body(url))
    assert answer.status_code == 202, answer.text
    assert answer.headers["Location"] == f"{running.url}/api/v1.0/model/copied/1.0/status"
    assert answer.json()["state"] == "InProgress"
    assert running.ended("copied/1.0")["state"] == "Finished"
    record = running.call("GET", "model/copied/1.0").json()
    for target, content in FILES.items():
        assert requests.get(record["model_files"][target]["url"], timeout=TIMEOUT).content == content
        assert record["model_files"][target]["size"] == len(content)
    assert "SECRET" not in answer.text + str(record)


def test_a_registered_version_is_never_fetched_again(start: Start, url: str, asked: list[str]) -> None:
    running = start(policy=open_to(url), patience=HASTY)
    running.call("PUT", "model/once/1.0", json=a_body(url))
    running.ended("once/1.0")
    again = running.call("PUT", "model/once/1.0", json=a_body(url, signature="sig=another"))
    other = running.call("PUT", "model/once/1.0", json=a_body(url, folder="elsewhere"))
    assert (again.status_code, other.status_code) == (200, 409)
    assert pointers(other) == {f"/model_files/{target}" for target in FILES}
    assert sorted(asked) == sorted(SERVED)


def test_a_file_that_cannot_be_had_fails_by_name_and_the_same_put_tries_again(
    start: Start, url: str, files: dict[str, bytes | int | str]
) -> None:
    running = start(policy=open_to(url), patience=HASTY)
    weights = files.pop(f"/files/model.bin?{SIGNED}")
    assert running.call("PUT", "model/failing/1.0", json=a_body(url)).status_code == 202
    status = running.ended("failing/1.0")
    assert (status["state"], status["file"]) == ("Failed", "model.bin")
    assert "`model.bin`: the source" in status["message"]
    assert "answers 404" in status["message"]
    assert "SECRET" not in str(status)
    assert running.call("GET", "model/failing/1.0").status_code == 404
    files[f"/files/model.bin?{SIGNED}"] = weights
    assert running.call("PUT", "model/failing/1.0", json=a_body(url)).status_code == 202
    assert running.ended("failing/1.0")["state"] == "Finished"


def test_a_corrected_put_tries_again_and_nothing_of_the_first_is_left(
    start: Start, url: str, files: dict[str, bytes | int | str]
) -> None:
    running = start(policy=open_to(url), patience=HASTY)
    files |= {f"/better/{target}?{SIGNED}": content + b"!" for target, content in FILES.items()}
    wrong = a_body(url)
    wrong["model_files"]["gone.bin"] = f"{url}/files/gone.bin"
    assert running.call("PUT", "model/corrected/1.0", json=wrong).status_code == 202
    assert running.ended("corrected/1.0")["file"] == "gone.bin"
    assert running.call("PUT", "model/corrected/1.0", json=a_body(url, folder="better")).status_code == 202
    assert running.ended("corrected/1.0")["state"] == "Finished"
    record = running.call("GET", "model/corrected/1.0").json()
    assert record["model_files"].keys() == FILES.keys()
    for target, content in FILES.items():
        assert requests.get(record["model_files"][target]["url"], timeout=TIMEOUT).content == content + b"!"


def test_files_that_are_there_need_no_copy_beside_those_that_do(start: Start, url: str, asked: list[str]) -> None:
    running = start(policy=open_to(url), patience=HASTY)
    running.store("mixed/1.0")
    body = running.body("mixed/1.0")
    body["model_files"]["model.bin"] = f"{url}/files/model.bin?{SIGNED}"
    assert running.call("PUT", "model/mixed/1.0", json=body).status_code == 202
    assert running.ended("mixed/1.0")["state"] == "Finished"
    assert asked == [f"/files/model.bin?{SIGNED}"]


def test_a_failed_registration_gives_way_to_files_that_are_there(start: Start, url: str) -> None:
    running = start(policy=open_to(url), patience=HASTY)
    assert running.call("PUT", "model/ready/1.0", json=a_body(url, folder="gone")).status_code == 202
    assert running.ended("ready/1.0")["state"] == "Failed"
    running.register("ready/1.0")
    assert running.ended("ready/1.0")["state"] == "Finished"
    assert running.database.rows("SELECT name FROM registrations") == []


def test_a_source_that_the_policy_does_not_know_is_a_finding_and_nothing_is_begun(start: Start, url: str) -> None:
    running = start(policy=Policy(allow_loopback=True), patience=HASTY)
    answer = running.call("PUT", "model/forbidden/1.0", json=a_body(url))
    assert (answer.status_code, pointers(answer)) == (422, {f"/model_files/{target}" for target in FILES})
    assert "allow-list" in answer.text
    assert "SECRET" not in answer.text
    assert running.call("GET", "model/forbidden/1.0/status").status_code == 404


def test_an_amendment_brings_its_pages_from_a_source(start: Start, url: str) -> None:
    running = start(policy=open_to(url), patience=HASTY)
    running.register("amended/1.0")
    files = {"new.md": f"{url}/files/index.md?{SIGNED}", "index.md": None}
    patch = {"model_files": files, "model_metainfo": {"index_page_file": "new.md"}}
    answer = running.call("PATCH", "model/amended/1.0", json=patch)
    assert answer.status_code == 200, answer.text
    assert running.call("GET", "model/amended/1.0/index").content == FILES["index.md"]


@dataclass(frozen=True)
class Held(Stall):
    """A source that begins to send each file, and then waits."""

    url: str = ""


@contextmanager
def held(asked: list[str] | None = None) -> Iterator[Held]:
    """Serve the files from such a source."""
    stall = Stall()
    with source(SERVED, stall=stall, asked=asked) as url:
        yield Held(stall.begun, stall.over, url)


def test_readers_see_nothing_of_a_version_before_it_is_finished(start: Start) -> None:
    with held() as at:
        running = start(policy=open_to(at.url), patience=HASTY)
        assert running.call("PUT", "model/hidden/1.0", json=a_body(at.url)).status_code == 202
        assert at.begun.wait(TIMEOUT)
        for path in (
            "model/hidden/1.0",
            "model/hidden/1.0/index",
            "model/hidden/1.0/files/index.md",
            "/models/hidden/1.0",
        ):
            assert running.call("GET", path).status_code == 404, path
        assert running.call("GET", "models").json() == []
        for method in ("PATCH", "DELETE"):
            assert running.call(method, "model/hidden/1.0", json={}).status_code == 404
        status = running.call("GET", "model/hidden/1.0/status").json()
        assert (status["state"], status["files"]) == ("InProgress", {"copied": 0, "total": 4})
        at.over.set()
        assert running.ended("hidden/1.0")["state"] == "Finished"
        assert running.call("GET", "model/hidden/1.0").status_code == 200


def test_while_one_is_in_progress_the_same_is_accepted_and_other_content_is_not(start: Start) -> None:
    with held() as at:
        running = start(policy=open_to(at.url), patience=HASTY)
        first = running.call("PUT", "model/busy/1.0", json=a_body(at.url))
        assert at.begun.wait(TIMEOUT)
        again = running.call("PUT", "model/busy/1.0", json=a_body(at.url, signature="sig=newer"))
        assert (again.status_code, again.headers["Location"]) == (202, first.headers["Location"])
        other = running.call("PUT", "model/busy/1.0", json=a_body(at.url, folder="elsewhere"))
        assert (other.status_code, "is being registered" in other.json()["detail"]) == (409, True)
        running.store("busy/1.0", dict.fromkeys(FILES, b"from the reconciler"))
        ready = running.call("PUT", "model/busy/1.0", json=running.body("busy/1.0"))
        assert (ready.status_code, "is being registered" in ready.json()["detail"]) == (409, True)
        at.over.set()
        assert running.ended("busy/1.0")["state"] == "Finished"
        assert running.call("GET", "model/busy/1.0/files/model.bin").content == FILES["model.bin"]


def test_the_status_of_a_private_version_is_shown_to_those_who_may_see_it(start: Start) -> None:
    with held() as at:
        running = start(policy=open_to(at.url, public_reads=True), token="t0ken", patience=HASTY)
        public = a_body(at.url, model_config__private=False)
        assert running.call("PUT", "model/shut/1.0", json=a_body(at.url)).status_code == 202
        assert running.call("PUT", "model/open/1.0", json=public).status_code == 202
        for model, status in (("shut", 404), ("open", 200)):
            path = f"{running.url}/api/v1.0/model/{model}/1.0/status"
            assert requests.get(path, timeout=TIMEOUT).status_code == status
            assert running.call("GET", f"model/{model}/1.0/status").status_code == 200
        at.over.set()


def test_first_puts_at_once_with_other_sources_do_not_mix_their_bytes(start: Start) -> None:
    variants = [f"variant-{n}" for n in range(6)]
    served = {f"/{v}/{t}?{SIGNED}": v.encode() * 50_000 for v in variants for t in FILES}
    with source(served) as url:
        endpoints = [start(policy=open_to(url), patience=HASTY) for _ in range(2)]

        def put(variant: str) -> tuple[int, str]:
            running = endpoints[variants.index(variant) % 2]
            return running.call("PUT", "model/rivals/1.0", json=a_body(url, folder=variant)).status_code, variant

        with ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(put, variants))
        assert Counter(status for status, _ in answers) == {202: 1, 409: 5}
        assert endpoints[0].ended("rivals/1.0")["state"] == "Finished"
        (winner,) = (variant for status, variant in answers if status == 202)
        record = endpoints[1].call("GET", "model/rivals/1.0").json()
        for file in record["model_files"].values():
            assert requests.get(file["url"], timeout=TIMEOUT).content == winner.encode() * 50_000


def test_several_endpoints_on_one_database_copy_each_file_once(start: Start, url: str, asked: list[str]) -> None:
    endpoints = [start(policy=open_to(url), patience=HASTY) for _ in range(3)]
    models = [f"shared-{n}/1.0" for n in range(6)]
    for n, model in enumerate(models):
        assert endpoints[n % 3].call("PUT", f"model/{model}", json=a_body(url)).status_code == 202
    for n, model in enumerate(models):
        assert endpoints[(n + 1) % 3].ended(model)["state"] == "Finished"
    assert Counter(asked) == dict.fromkeys(SERVED, len(models))


def test_what_a_stop_interrupts_goes_on_with_the_next_start(tmp_path: Path, new: NewDatabase) -> None:
    database = new(tmp_path)
    asked: list[str] = []
    with held(asked) as at:
        with ExitStack() as stack:
            running = Start(tmp_path, database, stack)(policy=open_to(at.url), patience=HASTY)
            running.store("resumed/1.0", {"model.bin": b"half of it"})
            assert running.call("PUT", "model/resumed/1.0", json=a_body(at.url)).status_code == 202
            assert at.begun.wait(TIMEOUT)
            threading.Timer(0.3, at.over.set).start()
        assert database.rows("SELECT state, claim, attempts FROM registrations") == [("InProgress", "", 0)]
        with ExitStack() as stack:
            running = Start(tmp_path, database, stack)(policy=open_to(at.url), patience=HASTY)
            assert running.ended("resumed/1.0")["state"] == "Finished"
            assert running.call("GET", "model/resumed/1.0/files/model.bin").content == FILES["model.bin"]


@pytest.mark.parametrize("ends", ["well", "badly"])
def test_nothing_that_signs_a_url_and_no_password_stays_when_it_is_over(
    start: Start, url: str, files: dict[str, bytes | int | str], ends: str, caplog: pytest.LogCaptureFixture
) -> None:
    running = start(policy=open_to(url), patience=HASTY)
    if ends == "badly":
        del files[f"/files/model.bin?{SIGNED}"]
    docker = {"url": "registry.example.com", "username": "ci", "password": "a-pass-word"}
    inference = {"entry_script": "inference.py", "docker_image": "registry.example.com/i:1", "docker_registry": docker}
    body = a_body(url, model_config__inference_properties=inference)
    assert running.call("PUT", "model/quiet/1.0", json=body).status_code == 202
    status = running.ended("quiet/1.0")
    assert status["state"] == ("Finished" if ends == "well" else "Failed")
    deadline = time.monotonic() + 10
    while "SECRET" in running.database.everything():  # it is taken out of the file right after it has ended
        assert time.monotonic() < deadline
        time.sleep(0.02)
    passwords = [("a-pass-word",)] if ends == "well" else []
    assert running.database.rows("SELECT password FROM passwords") == passwords
    assert ("a-pass-word" in running.database.everything()) == (ends == "well")
    assert "SECRET" not in caplog.text + str(status)


@pytest.fixture
def records(tmp_path: Path, new: NewDatabase) -> Iterator[Records]:
    """Records without an endpoint."""
    with closing(Records(new(tmp_path).url)) as opened:
        yield opened


def accepted(records: Records, model: str) -> Draft:
    """A registration that nobody copies yet."""
    draft = a_draft(model).with_files({"model.bin": {"url": "https://example.com/model.bin"}})
    urls = {"model.bin": "https://example.com/model.bin?sig=1"}
    assert records.put(draft.model, lambda _: Decision(draft, urls))[1]
    return draft


def test_a_claim_is_one_workers_until_it_ends(records: Records) -> None:
    accepted(records, "claimed/1.0")
    first = records.registrations.claim(0.3)
    assert first is not None
    assert records.registrations.claim(60) is None
    assert records.registrations.renew([first.claim, "another"], 0.0) == {first.claim}
    second = records.registrations.claim(60)
    assert second is not None
    assert (second.urls, second.claim != first.claim) == (first.urls, True)
    entry = {"model.bin": {"sha256": "1" * 64, "size": 3}}
    records.registrations.fail(first, "model.bin", "too late")
    assert records.registrations.renew([first.claim], 60) == set()
    assert records.registrations.finish(first, entry) is False
    assert records.get(first.draft.model) is None
    assert records.registrations.finish(second, entry) is True
    record = records.get(first.draft.model)
    assert record is not None
    assert record.entry("model.bin") == entry["model.bin"]


def test_what_is_begun_too_often_has_failed(records: Records) -> None:
    draft = accepted(records, "deadly/1.0")
    for _ in range(ATTEMPTS):
        assert records.registrations.claim(0.0) is not None
    assert records.registrations.claim(0.0) is None
    registration = records.seen(draft.model).registration
    assert registration is not None
    assert (registration.has_failed, "never ended" in registration.message) == (True, True)


def test_what_stops_by_itself_does_not_count_as_an_attempt(records: Records) -> None:
    accepted(records, "stopped/1.0")
    for _ in range(ATTEMPTS + 2):
        work = records.registrations.claim(60)
        assert work is not None
        records.registrations.release(work, counts=False)


def test_a_file_that_was_copied_is_remembered_without_its_url(records: Records) -> None:
    accepted(records, "noted/1.0")
    first = records.registrations.claim(0.0)
    assert first is not None
    records.registrations.note_copied(first, "model.bin", {"sha256": "1" * 64, "size": 3})
    second = records.registrations.claim(60)
    assert second is not None
    assert (second.urls, second.copied) == ({}, {"model.bin": {"sha256": "1" * 64, "size": 3}})
    assert "sig=1" not in repr(first)


def test_storage_itself_copies_from_an_account_that_a_sas_opens(start: Start, azurite: Azurite) -> None:
    name = f"copies-{secrets.token_hex(6)}"
    key, uploads = azurite.key("source"), azurite.url("source", name)
    with ContainerClient.from_container_url(uploads, AzureNamedKeyCredential("source", key)) as container:
        container.create_container()
        for target, content in FILES.items():
            container.upload_blob(target, content)
    sas = generate_container_sas(
        "source",
        name,
        account_key=key,
        permission=ContainerSasPermissions(read=True),
        expiry=datetime.now(UTC) + timedelta(hours=1),
    )
    with AzureContainer(azurite.url("private", name), key=azurite.key("private")) as storage:
        running = start(policy=open_to(uploads), patience=HASTY, storage=storage)
        body = a_body(uploads) | {"model_files": {target: f"{uploads}/{target}?{sas}" for target in FILES}}
        assert running.call("PUT", "model/azure/1.0", json=body).status_code == 202
        assert running.ended("azure/1.0")["state"] == "Finished"
        answer = running.call("GET", "model/azure/1.0")
        for target, content in FILES.items():
            assert requests.get(answer.json()["model_files"][target]["url"], timeout=TIMEOUT).content == content
        assert sas not in answer.text + running.database.everything()
        closed = body["model_files"] | {"model.bin": f"{uploads}/model.bin?sig=SECRET"}
        assert running.call("PUT", "model/closed/1.0", json=body | {"model_files": closed}).status_code == 202
        status = running.ended("closed/1.0")
        assert (status["state"], status["file"], "SECRET" in str(status)) == ("Failed", "model.bin", False)
