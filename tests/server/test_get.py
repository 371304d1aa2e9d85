"""Reading one version: record, status, index page and files."""

from __future__ import annotations

import pytest

from registry.policy import Policy
from registry.storage.folder import Folder
from tests.build import FILES
from tests.server.conftest import Running, Start

PICTURE = b"\x89PNG\r\n\x1a\n"
WITH_PICTURE = {**FILES, "loss.png": PICTURE, "page.html": b"<script>alert(1)</script>"}
TARGETS = {target: f"./{target}" for target in WITH_PICTURE}


@pytest.fixture(scope="module")
def model(endpoint: Running) -> str:
    """A registered version with a picture."""
    endpoint.register("read/1.0", WITH_PICTURE, model_files=TARGETS, model_metainfo__images=["loss.png"])
    return "model/read/1.0"


def test_an_unknown_version_is_answered_404(endpoint: Running, model: str) -> None:
    for path in ("", "/status", "/index", "/files/index.md"):
        answer = endpoint.call("GET", f"model/unknown/1.0{path}")
        assert answer.status_code == 404
        assert answer.headers["Content-Type"] == "application/problem+json"
        problem = answer.json()
        assert problem["detail"] == problem["message"] == problem["error_message"]
    assert endpoint.call("GET", f"{model}/files/unknown.bin").status_code == 404


def test_a_reader_who_has_the_record_is_answered_304(endpoint: Running, model: str) -> None:
    etag = endpoint.call("GET", model).headers["ETag"]
    assert etag.startswith('"')
    for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        answer = endpoint.call("GET", model, headers={"If-None-Match": known})
        assert (answer.status_code, answer.content, answer.headers["ETag"]) == (304, b"", etag)
    assert endpoint.call("GET", model, headers={"If-None-Match": '"other"'}).status_code == 200


def test_a_registered_version_is_finished(endpoint: Running, model: str) -> None:
    status = endpoint.call("GET", f"{model}/status").json()
    assert status["state"] == "Finished"
    assert status.keys() == {"state", "message", "start_time", "last_updated_time"}


def test_the_index_page_is_markdown(endpoint: Running, model: str) -> None:
    answer = endpoint.call("GET", f"{model}/index")
    assert (answer.status_code, answer.content) == (200, FILES["index.md"])
    assert answer.headers["Content-Type"] == "text/markdown; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    known = {"If-None-Match": answer.headers["ETag"]}
    assert endpoint.call("GET", f"{model}/index", headers=known).status_code == 304


def test_a_file_is_its_bytes_and_its_etag_is_their_digest(endpoint: Running, model: str) -> None:
    answer = endpoint.call("GET", f"{model}/files/model.bin")
    digest = endpoint.call("GET", model).json()["model_files"]["model.bin"]["sha256"]
    assert (answer.status_code, answer.content) == (200, FILES["model.bin"])
    assert (answer.headers["ETag"], answer.headers["Accept-Ranges"]) == (f'"{digest}"', "bytes")
    known = {"If-None-Match": answer.headers["ETag"]}
    assert endpoint.call("GET", f"{model}/files/model.bin", headers=known).status_code == 304


@pytest.mark.parametrize(
    ("wanted", "status", "content"),
    [
        ("bytes=0-0", 206, b"\x00"),
        ("bytes=2-4", 206, b"wei"),
        ("bytes=2-", 206, FILES["model.bin"][2:]),
        ("bytes=-3", 206, FILES["model.bin"][-3:]),
        ("bytes=0-999", 206, FILES["model.bin"]),
        ("bytes=-999", 206, FILES["model.bin"]),
        ("bytes=0-1,4-5", 200, FILES["model.bin"]),
        ("bytes=4-2", 200, FILES["model.bin"]),
        ("lines=1-2", 200, FILES["model.bin"]),
        ("bytes=-", 200, FILES["model.bin"]),
    ],
)
def test_a_range_is_answered_with_its_bytes(
    endpoint: Running, model: str, wanted: str, status: int, content: bytes
) -> None:
    answer = endpoint.call("GET", f"{model}/files/model.bin", headers={"Range": wanted})
    assert (answer.status_code, answer.content) == (status, content)
    assert answer.headers["Content-Length"] == str(len(content))
    assert ("Content-Range" in answer.headers) == (status == 206)


@pytest.mark.parametrize("wanted", ["bytes=10-", "bytes=99-100", "bytes=-0"])
def test_a_range_behind_the_end_is_answered_416(endpoint: Running, model: str, wanted: str) -> None:
    answer = endpoint.call("GET", f"{model}/files/model.bin", headers={"Range": wanted})
    assert (answer.status_code, answer.headers["Content-Range"]) == (416, "bytes */10")


def test_a_range_of_another_file_is_answered_with_all_of_this(endpoint: Running, model: str) -> None:
    headers = {"Range": "bytes=0-1", "If-Range": '"another"'}
    assert endpoint.call("GET", f"{model}/files/model.bin", headers=headers).status_code == 200


def test_only_pictures_are_shown_by_a_browser(endpoint: Running, model: str) -> None:
    picture = endpoint.call("GET", f"{model}/files/loss.png")
    page = endpoint.call("GET", f"{model}/files/page.html")
    assert (picture.headers["Content-Type"], picture.content) == ("image/png", PICTURE)
    assert page.headers["Content-Type"] == "application/octet-stream"
    assert page.headers["Content-Disposition"].startswith("attachment")
    assert {a.headers["X-Content-Type-Options"] for a in (picture, page)} == {"nosniff"}


def test_other_bytes_than_the_registered_ones_are_not_served(endpoint: Running) -> None:
    endpoint.register("altered/1.0")
    endpoint.store("altered/1.0", {"model.bin": b"altered!!!", "index.md": b"# Amended\n"})
    assert endpoint.call("GET", "model/altered/1.0/files/model.bin").status_code == 503
    assert endpoint.call("GET", "model/altered/1.0/index").content == b"# Amended\n"


def test_a_file_that_storage_lost_is_answered_503(endpoint: Running) -> None:
    endpoint.register("lost/1.0")
    blob = endpoint.storage.stat("lost/1.0/model.bin")
    assert blob is not None
    endpoint.storage.delete(blob)
    assert endpoint.call("GET", "model/lost/1.0/files/model.bin").status_code == 503


class Linking(Folder):
    """A folder that a server of its own gives out, as cloud storage does."""

    def link(self, path: str, *, hours: int) -> str:  # type: ignore[override]
        """A URL that is good for some hours."""
        return f"https://storage.example.com/models/{path}?hours={hours}&sig=SIGNATURE"


@pytest.fixture
def linked(start: Start, tmp_path_factory: pytest.TempPathFactory) -> Running:
    """An endpoint whose storage serves readers itself."""
    running = start(policy=Policy(sas_hours=5), storage=Linking(tmp_path_factory.mktemp("linked")))
    running.register("linked/1.0")
    return running


def test_files_are_redirected_to_storage_where_it_serves_readers(linked: Running) -> None:
    answer = linked.call("GET", "model/linked/1.0/files/model.bin")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (307, "no-store")
    assert answer.headers["Location"].startswith("https://storage.example.com/models/linked/1.0/model.bin?hours=1&")


def test_the_record_gives_links_that_are_good_for_as_long_as_the_settings_say(linked: Running) -> None:
    url = linked.call("GET", "model/linked/1.0").json()["model_files"]["model.bin"]["url"]
    assert url == "https://storage.example.com/models/linked/1.0/model.bin?hours=5&sig=SIGNATURE"


def test_links_are_recognised_in_a_body_and_not_stored(linked: Running) -> None:
    record = linked.call("GET", "model/linked/1.0").json()
    body = {key: record[key] for key in ("model_config", "model_metainfo")}
    body["model_files"] = {target: linked.file_url("linked/1.0", target) for target in record["model_files"]}
    assert linked.call("PUT", "model/linked/1.0", json=body).status_code == 200
    assert "SIGNATURE" not in linked.database.everything()
