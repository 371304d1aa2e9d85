"""Pins: written once, from the bytes themselves; what cannot be pinned is named, and nothing else changes."""

from __future__ import annotations

import hashlib
import secrets
import signal
import stat
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from azure.core.credentials import AzureNamedKeyCredential
from azure.storage.blob import ContainerClient, generate_container_sas

from tests.azurite import Azurite
from tests.build import FILES, a_commit, git, write
from tests.command import started
from tests.e2e.place import Place
from tests.e2e.sources import Stall, allow, source

WEIGHTS = secrets.token_bytes(300_000)
SHA = hashlib.sha256(WEIGHTS).hexdigest()
PAGE = b"<!DOCTYPE html>\n<title>Sign in</title>\n"
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"

DRAFT = """\
# ü: a draft
model_config:
  type: ENCODER   # of text
  inference_properties: {entry_script: inference.py, conda_env: environment.yml}
model_files:
  inference.py: ./inference.py
  environment.yml: ./environment.yml
  index.md: ./index.md
  model.bin: MODEL   # the weights
model_metainfo:
  index_page_file: index.md
  input_types: [OTHER]
  input_description: A line.
  output_types: [OTHER]
  output_description: A vector.
  num_params: 9
"""


def draft(place: Place, url: str, model: str = "tiny/1.0") -> Path:
    """A version whose weights are at `url`, or whatever else is written there; returns its descriptor."""
    files = {name: content for name, content in FILES.items() if name != "model.bin"}
    write(place.repository, model, {**files, "model.yaml": DRAFT.replace("MODEL", url).encode()})
    return place.repository / "models" / model / "model.yaml"


def flow(url: str, sha256: str = SHA, size: int = len(WEIGHTS)) -> str:
    """A pinned source as the command writes it."""
    return f"{{source: {url}, sha256: {sha256}, size: {size}}}"


def test_a_draft_is_completed_and_then_valid_and_a_second_time_there_is_nothing_to_pin(folder_place: Place) -> None:
    with source({"/zen/model.bin": WEIGHTS}) as server:
        url = f"{server}/zen/model.bin"
        allow(folder_place, f"{server}/zen/")
        descriptor = draft(folder_place, url)
        descriptor.chmod(0o664)
        assert folder_place.run("validate").code == 1
        done = folder_place.run("pin")
        again = folder_place.run("pin")

    assert done.code == 0, done
    assert done.out == (
        "ok: 1 pinned\n\npinned tiny/1.0 model.bin\n    size 300,000 bytes (300 kB)\n"
        f"    sha256 {SHA}\n\nnext: registry validate\n"
    )
    assert done.err == f"read {url} (300 kB)\n"
    assert descriptor.read_bytes() == DRAFT.replace("MODEL", flow(url)).encode()
    assert stat.S_IMODE(descriptor.stat().st_mode) == 0o664
    assert (again.code, again.out) == (0, "nothing to pin: no remote file lacks `sha256` or `size`\n")
    assert folder_place.run("validate").code == 0


def test_a_pinned_draft_is_what_reconcile_registers(folder_place: Place) -> None:
    with source({"/model.bin": WEIGHTS}) as server:
        allow(folder_place, server)
        draft(folder_place, f"{server}/model.bin")
        assert folder_place.run("pin").code == 0
        a_commit(folder_place.repository, "tiny/1.0", {})
        assert folder_place.run("reconcile").code == 0

    assert folder_place.bytes("tiny/1.0/model.bin") == WEIGHTS


def test_a_source_is_read_once_however_often_it_is_named(folder_place: Place) -> None:
    asked: list[str] = []
    with source({"/model.bin": WEIGHTS}, asked=asked) as server:
        allow(folder_place, server)
        for number in range(3):
            draft(folder_place, f"{server}/model.bin\n  twin.bin: {server}/model.bin", f"tiny/1.{number}")
        done = folder_place.run("pin", "--format", "json")

    assert done.json["counts"] == {"pinned": 6, "updated": 0, "unchanged": 0, "differs": 0, "failed": 0}
    assert asked == ["/model.bin"]


def test_only_the_versions_that_are_named_are_pinned_from_any_folder(folder_place: Place) -> None:
    with source({"/model.bin": WEIGHTS}) as server:
        allow(folder_place, server)
        one, other = (draft(folder_place, f"{server}/model.bin", f"tiny/1.{number}") for number in range(2))
        before = other.read_bytes()
        folder_place.repository = one.parent
        done = folder_place.run("pin", "tiny/1.0", "--format", "json")
        unknown = folder_place.run("pin", "tiny/2.0")

    assert [(t["model"], t["target"], t["sha256"], t["size"]) for t in done.json["targets"]] == [
        ("tiny/1.0", "model.bin", SHA, 300_000)
    ]
    assert (SHA.encode() in one.read_bytes(), other.read_bytes() == before) == (True, True)
    assert (unknown.code, unknown.err.splitlines()[0]) == (2, "error: `tiny/2.0` is no version under `models/`")


@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [
        (404, 1, "answers 404"),
        (403, 1, "answers 403"),
        (503, 3, "answers 503 (running again may help)"),
        (PAGE, 1, "answers an HTML page"),
        (POINTER, 1, "answers a Git LFS pointer"),
        ("http://169.254.169.254/latest", 1, "only https is fetched"),
        ("https://example.com/model.bin", 1, "is not on the allow-list"),
        ("https://[::1/model.bin", 1, "is no URL"),
    ],
    ids=["gone", "forbidden", "down", "a page", "a pointer", "to a private address", "to another host", "to nothing"],
)
def test_a_source_that_gives_no_file_is_named_and_the_others_are_pinned(
    folder_place: Place, answer: bytes | int | str, code: int, said: str
) -> None:
    with source({"/bad.bin": answer, "/model.bin": WEIGHTS}) as server:
        allow(folder_place, server)
        files = f"{server}/model.bin\n  bad.bin: {server}/bad.bin"
        descriptor = draft(folder_place, files)
        done = folder_place.run("pin")

    assert done.code == code, done
    assert done.out.startswith("failed: 1 pinned, 1 failed\n")
    assert "failed tiny/1.0 bad.bin: the source " in done.out
    assert said in done.out
    assert descriptor.read_text() == DRAFT.replace(
        "MODEL", files.replace(f"{server}/model.bin", flow(f"{server}/model.bin"))
    )


@pytest.mark.parametrize("url", ["https://example.com/model.bin", "http://127.0.0.1:9/model.bin", "ftp://127.0.0.1/x"])
def test_what_the_settings_do_not_allow_is_not_read(folder_place: Place, url: str) -> None:
    descriptor = draft(folder_place, url)
    before = descriptor.read_bytes()

    done = folder_place.run("pin")

    assert done.code == 1
    assert "is not on the allow-list" in done.out or "only https is fetched" in done.out
    assert descriptor.read_bytes() == before


def test_a_url_with_a_signature_is_not_read_and_not_shown(folder_place: Place) -> None:
    asked: list[str] = []
    with source({"/model.bin": WEIGHTS}, asked=asked) as server:
        allow(folder_place, server)
        draft(folder_place, f"{server}/model.bin?sv=1&sig=VERYSECRET")
        done = folder_place.run("pin")

    assert (done.code, asked) == (1, [])
    assert "failed tiny/1.0 model.bin: the URL carries credentials" in done.out
    assert "VERYSECRET" not in done.out + done.err


@pytest.mark.parametrize(("key", "wrong"), [("size", "299999"), ("sha256", "0" * 63 + "f")])
def test_a_pin_that_is_not_that_of_the_bytes_stays_unless_told_otherwise(
    folder_place: Place, key: str, wrong: str
) -> None:
    with source({"/model.bin": WEIGHTS}) as server:
        allow(folder_place, server)
        descriptor = draft(folder_place, f"{{source: {server}/model.bin, {key}: {wrong}}}")
        before = descriptor.read_bytes()
        done = folder_place.run("pin")
        assert descriptor.read_bytes() == before
        updated = folder_place.run("pin", "--update")
        unchanged = folder_place.run("pin", "--update")

    assert done.code == 1
    assert f"differs tiny/1.0 model.bin: pin differs: `{key}` says" in done.out
    assert "hint: see whether the source changed; `registry pin --update`" in done.out
    assert (updated.code, updated.out.splitlines()[0]) == (0, "ok: 1 updated")
    assert (unchanged.code, unchanged.out.splitlines()[0]) == (0, "ok: 1 unchanged")
    assert f"sha256: {SHA}" in descriptor.read_text()
    assert "size: 300000" in descriptor.read_text()


def test_a_whole_pin_is_read_again_only_with_update(folder_place: Place) -> None:
    asked: list[str] = []
    with source({"/model.bin": WEIGHTS}, asked=asked) as server:
        allow(folder_place, server)
        draft(folder_place, flow(f"{server}/model.bin", "0" * 63 + "f"))
        assert (folder_place.run("pin").code, asked) == (0, [])
        assert folder_place.run("pin", "--update").out.startswith("ok: 1 updated\n")
    assert asked == ["/model.bin"]


def test_what_cannot_be_read_is_left_alone_and_the_others_are_pinned(folder_place: Place) -> None:
    with source({"/model.bin": WEIGHTS}) as server:
        allow(folder_place, server)
        broken = draft(folder_place, f"[{server}/model.bin", "tiny/1.0")
        link = draft(folder_place, f"{server}/model.bin", "tiny/1.1")
        strange = draft(folder_place, f"{{source: {server}/model.bin, sha256: [1]}}", "tiny/1.2")
        fine = draft(folder_place, f"{server}/model.bin", "tiny/1.3")
        target = link.rename(folder_place.repository / "elsewhere.yaml")
        link.symlink_to(target)
        before = [place.read_bytes() for place in (broken, target, strange)]
        done = folder_place.run("pin")

    assert done.code == 1
    assert (
        "failed tiny/1.0: the descriptor cannot be read\n    hint: `registry validate` says what is wrong" in done.out
    )
    assert "failed tiny/1.1: model.yaml is no plain file" in done.out
    assert "failed tiny/1.2 model.bin: its entry is not as it should be" in done.out
    assert link.is_symlink()
    assert [place.read_bytes() for place in (broken, target, strange)] == before
    assert SHA in fine.read_text()


def test_a_spelling_that_cannot_be_edited_is_left_alone_and_the_pins_are_shown(folder_place: Place) -> None:
    with source({"/model.bin": WEIGHTS}) as server:
        allow(folder_place, server)
        descriptor = draft(folder_place, f"\n    source: {server}/model.bin\n    ? sha256")
        before = descriptor.read_bytes()
        done = folder_place.run("pin")

    assert done.code == 1
    assert "failed tiny/1.0 model.bin: model.yaml is left alone, since it would not say what it should" in done.out
    assert f"hint: write it by hand: sha256: {SHA}, size: 300000" in done.out
    assert descriptor.read_bytes() == before


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [("a draft", "a better draft", 0), ("/model.bin ", "/other.bin ", 3), ("model_files:", "model_files: [", 1)],
    ids=["a comment", "the source", "broken"],
)
def test_what_is_written_while_it_reads_is_kept(folder_place: Place, before: str, after: str, code: int) -> None:
    stall = Stall()
    with source({"/model.bin": WEIGHTS}, stall=stall) as server:
        allow(folder_place, server)
        descriptor = draft(folder_place, f"{server}/model.bin")
        run = pinning(folder_place)
        assert stall.begun.wait(30)
        written = descriptor.read_text().replace(before, after)
        descriptor.write_text(written)
        stall.over.set()
        out, _ = run.communicate(timeout=30)

    assert run.returncode == code, out
    url = f"{server}/model.bin"
    assert descriptor.read_text() == (written.replace(url, flow(url)) if code == 0 else written)


def pinning(place: Place) -> subprocess.Popen[str]:
    """The command, running."""
    return started(place.repository, "pin", "--jobs", "1", env=place.env)


@pytest.mark.parametrize(("how", "code"), [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 130)])
def test_a_run_that_is_stopped_while_it_reads_leaves_the_file_as_it_was(
    folder_place: Place, how: signal.Signals, code: int
) -> None:
    stall = Stall()
    with source({"/model.bin": WEIGHTS}, stall=stall) as server:
        allow(folder_place, server)
        descriptor = draft(folder_place, f"{server}/model.bin")
        before = descriptor.read_bytes()
        run = pinning(folder_place)
        assert stall.begun.wait(30)
        run.send_signal(how)
        _, err = run.communicate(timeout=20)  # though the source stalls still

    assert (run.returncode, "Traceback" in err) == (code, False)
    assert descriptor.read_bytes() == before
    assert sorted(file.name for file in descriptor.parent.iterdir()) == [
        "environment.yml", "index.md", "inference.py", "model.yaml",
    ]  # fmt: skip


def test_a_killed_run_leaves_each_file_old_or_new_and_the_next_one_finishes(folder_place: Place) -> None:
    names = [f"/{number}.bin" for number in range(20)]
    with source(dict.fromkeys(names, WEIGHTS)) as server:
        allow(folder_place, server)
        descriptors = [draft(folder_place, f"{server}{name}", f"tiny/1.{at}") for at, name in enumerate(names)]
        old = [place.read_bytes() for place in descriptors]
        new = [DRAFT.replace("MODEL", flow(f"{server}{name}")).encode() for name in names]
        run = pinning(folder_place)
        assert run.stderr is not None
        for _ in range(4):
            run.stderr.readline()
        run.kill()
        run.communicate()
        now = [place.read_bytes() for place in descriptors]
        assert all(content in pair for content, *pair in zip(now, old, new, strict=True))
        done = folder_place.run("pin")

    assert done.code == 0, done
    assert [place.read_bytes() for place in descriptors] == new


def test_a_private_source_is_read_with_its_sas_which_is_in_no_output(folder_place: Place, azurite: Azurite) -> None:
    container = azurite.url("source", f"uploads-{secrets.token_hex(6)}")
    service, name = container.rsplit("/", 1)
    key = azurite.key("source")
    with ContainerClient(service, name, credential=AzureNamedKeyCredential("source", key)) as client:
        client.create_container()
        client.upload_blob("ü/model.bin", WEIGHTS)
    expiry = datetime.now(UTC) + timedelta(hours=1)
    sas = generate_container_sas("source", name, account_key=key, permission="r", expiry=expiry)
    signature = sas.split("sig=")[1].split("&")[0]
    url = f"{container}/%C3%BC/model.bin"
    allow(folder_place, container)
    descriptor = draft(folder_place, url)

    refused = folder_place.run("--verbose", "pin", REGISTRY_SOURCE_SAS_SOURCE=sas.replace(signature, "A" + signature))
    done = folder_place.run("--verbose", "pin", REGISTRY_SOURCE_SAS_SOURCE=f"?{sas}")

    assert (refused.code, done.code) == (1, 0), (refused, done)
    assert "answers 403" in refused.out
    assert "REGISTRY_SOURCE_SAS_SOURCE" in refused.out
    assert descriptor.read_bytes() == DRAFT.replace("MODEL", flow(url)).encode()
    for text in (refused.out, refused.err, done.out, done.err, git(folder_place.repository, "diff")):
        assert signature not in text
        assert "sig=" not in text
