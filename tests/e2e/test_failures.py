"""What is not there, does not answer, or is not what was promised: said clearly, nothing half done, done later."""

from __future__ import annotations

import hashlib
import json
import secrets
import signal
import subprocess

import pytest

from tests.azurite import free_port
from tests.build import FILES, a_commit, a_descriptor, a_version
from tests.command import started
from tests.e2e.place import Place
from tests.e2e.sources import allow, source

WEIGHTS = secrets.token_bytes(300_000)


def remote(url: str, content: bytes = WEIGHTS) -> dict[str, bytes]:
    """A version whose weights are fetched from `url`, pinned to `content`."""
    pinned = {"source": url, "sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
    files = a_version(
        a_descriptor(model_files={**{n: f"./{n}" for n in FILES if n != "model.bin"}, "model.bin": pinned})
    )
    return {name: file for name, file in files.items() if name != "model.bin"}


def test_a_remote_file_is_fetched_verified_and_registered(place: Place) -> None:
    with source({"/zen/model.bin": WEIGHTS}) as url:
        allow(place, f"{url}/zen/")
        a_commit(place.repository, "tiny/1.0", remote(f"{url}/zen/model.bin"))
        done = place.run("reconcile")

    assert done.code == 0, done
    assert place.bytes("tiny/1.0/model.bin") == WEIGHTS


def test_a_wrong_digest_fails_the_version_and_leaves_no_copy(place: Place) -> None:
    with source({"/model.bin": WEIGHTS[::-1]}) as url:
        allow(place, url)
        a_commit(place.repository, "tiny/1.0", remote(f"{url}/model.bin"))
        done = place.run("reconcile", "--format", "json")
        assert (done.code, done.json["versions"][0]["retryable"]) == (1, False)
        assert "has sha256" in done.json["versions"][0]["reason"]
        assert place.storage.stat("tiny/1.0/model.bin") is None
        assert place.get("tiny/1.0").status_code == 404

        a_commit(place.repository, "tiny/1.0", remote(f"{url}/model.bin", WEIGHTS[::-1]))
        assert place.run("reconcile").code == 0


def test_a_password_in_git_is_neither_sent_nor_shown_even_where_the_settings_let_it_pass(folder_place: Place) -> None:
    settings = '[tool.registry.severity]\npassword-literal = "warning"\n'
    (folder_place.repository / "pyproject.toml").write_text(settings)
    docker = {"url": "registry.example.com", "username": "ci", "password": "hunter2hunter2"}
    changes = {"docker_image": "registry.example.com/tiny:1", "docker_registry": docker}
    descriptor = a_descriptor(**{f"model_config__inference_properties__{key}": value for key, value in changes.items()})
    a_commit(folder_place.repository, "tiny/1.0", a_version(descriptor))

    done = folder_place.run("reconcile", "--format", "json")
    assert (done.code, done.json["versions"][0]["outcome"]) == (1, "refused")
    assert "stands in git" in done.json["versions"][0]["reason"]
    assert "hunter2" not in done.out + done.err
    assert folder_place.get("tiny/1.0").status_code == 404


@pytest.mark.parametrize(("answer", "code"), [(404, 1), (503, 3), (WEIGHTS[:-1], 1)])
def test_a_source_that_is_gone_down_or_cut_is_named(folder_place: Place, answer: int | bytes, code: int) -> None:
    with source({"/model.bin": answer}) as url:
        allow(folder_place, url)
        a_commit(folder_place.repository, "tiny/1.0", remote(f"{url}/model.bin"))
        done = folder_place.run("reconcile")

    assert done.code == code
    assert "failed tiny/1.0: " in done.out
    assert folder_place.get("tiny/1.0").status_code == 404


@pytest.mark.parametrize(
    "target", ["http://169.254.169.254/latest", "https://example.com/x", "file:///etc/passwd", "/x"]
)
def test_a_redirect_leads_only_where_the_policy_allows(folder_place: Place, target: str) -> None:
    with source({"/zen/model.bin": target, "/x": WEIGHTS}) as url:
        allow(folder_place, f"{url}/zen/")
        a_commit(folder_place.repository, "tiny/1.0", remote(f"{url}/zen/model.bin"))
        done = folder_place.run("reconcile", "--format", "json")

    assert (done.code, done.json["versions"][0]["outcome"]) == (1, "failed")
    reason = done.json["versions"][0]["reason"]
    assert "allow-list" in reason or "only https" in reason


def test_an_endpoint_that_is_down_is_exit_3_and_the_next_run_finishes(place: Place) -> None:
    a_commit(place.repository, "tiny/1.0", a_version())

    down = place.run("reconcile", REGISTRY_ENDPOINT=f"http://127.0.0.1:{free_port()}")

    assert down.code == 3
    assert "no answer" in down.err
    assert "hint: check `endpoint`" in down.err
    assert place.run("reconcile").code == 0
    assert place.get("tiny/1.0").status_code == 200


def test_storage_that_is_down_is_exit_3_and_the_next_run_finishes(azurite_place: Place) -> None:
    a_commit(azurite_place.repository, "tiny/1.0", a_version())
    elsewhere = f"http://127.0.0.1:{free_port()}/private/models"

    down = azurite_place.run("reconcile", REGISTRY_STORAGE=elsewhere)

    assert (down.code, "hint: " in down.err) == (3, True), down
    assert azurite_place.run("reconcile").code == 0


def test_a_folder_cannot_serve_a_remote_endpoint(folder_place: Place) -> None:
    a_commit(folder_place.repository, "tiny/1.0", a_version())

    done = folder_place.run("reconcile", REGISTRY_ENDPOINT="https://registry.example.com")

    assert done.code == 2
    assert "cannot read the folder" in done.err


def test_the_second_of_two_runs_waits_and_says_who_holds_the_lock(folder_place: Place) -> None:
    a_commit(folder_place.repository, "tiny/1.0", a_version())
    with folder_place.storage.lease(".registry/lock", timeout=5) as lease:
        lease.write(b'{"generation": 7, "host": "elsewhere", "process": 42, "since": "2026-01-01T00:00:00Z"}')
        done = folder_place.run("reconcile", "--lock-timeout", "1")

    assert done.code == 3
    assert "process 42 on elsewhere since 2026-01-01T00:00:00Z" in done.err
    assert folder_place.run("reconcile").code == 0
    assert json.loads(folder_place.bytes(".registry/state.json"))["generation"] == 8


def begun(place: Place, *, versions: int) -> subprocess.Popen[str]:
    """A reconcile that has registered some versions, and goes on."""
    run = started(place.repository, "reconcile", "--jobs", "1", env=place.env)
    assert run.stderr is not None
    while versions:
        versions -= run.stderr.readline().startswith("registered ")
    return run


def test_a_killed_run_is_finished_by_the_next(folder_place: Place) -> None:
    for number in range(12):
        a_commit(folder_place.repository, f"tiny/1.{number}", a_version(model__bin=secrets.token_bytes(200_000)))
    run = begun(folder_place, versions=3)
    run.send_signal(signal.SIGKILL)
    run.communicate()

    finished = folder_place.run("reconcile", "--format", "json")

    assert finished.code == 0, finished
    assert 1 <= finished.json["counts"]["registered"] <= 9
    plan = folder_place.run("plan", "--full", "--format", "json").json
    assert plan["counts"]["unchanged"] == 12


def test_an_interrupt_leaves_a_state_that_the_next_run_finishes(folder_place: Place) -> None:
    for number in range(12):
        a_commit(folder_place.repository, f"tiny/1.{number}", a_version())
    run = begun(folder_place, versions=1)
    run.send_signal(signal.SIGINT)
    said = run.communicate(timeout=60)

    assert run.returncode == 130, said
    assert folder_place.run("reconcile").code == 0
    assert folder_place.run("plan", "--full", "--format", "json").json["counts"]["unchanged"] == 12


def test_no_secret_is_in_any_output_or_in_what_is_stored(azurite_place: Place) -> None:
    sas, token = "sv=2020&sig=VERYSECRETSIGNATURE", "VERYSECRETTOKEN"
    with source({"/uploads/model.bin": 403}) as url:
        allow(azurite_place, f"{url}/uploads/")
        a_commit(azurite_place.repository, "tiny/1.0", remote(f"{url}/uploads/model.bin"))
        a_commit(azurite_place.repository, "tiny/1.1", a_version())
        env = {"REGISTRY_SOURCE_SAS_UPLOADS": sas, "REGISTRY_TOKEN": token}
        done = azurite_place.run("--verbose", "reconcile", "--format", "json", **env)

    assert done.code == 1
    ledger = b"".join(azurite_place.bytes(blob.path) for blob in azurite_place.storage.list(".registry/"))
    database = b"".join(file.read_bytes() for file in (azurite_place.repository / ".registry").glob("registry.db*"))
    written = (done.out + done.err).encode() + ledger + database
    for secret in (b"VERYSECRET", b"sig=", (azurite_place.key or "").encode()):
        assert secret not in written
