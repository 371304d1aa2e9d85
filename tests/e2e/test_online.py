"""`registry validate --online`: what remote files say, in few bytes, and whose turn it is where they say nothing."""

from __future__ import annotations

import pickle
import secrets
import signal
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from azure.core.credentials import AzureNamedKeyCredential
from azure.storage.blob import ContainerClient, generate_container_sas

from registry.asking import load_remote_facts
from registry.checks import check_versions
from registry.finding import Finding
from registry.patience import Patience
from registry.policy import Policy
from registry.repository import Repository
from registry.rules import ONLINE, RULES
from registry.sources import Sources
from tests.azurite import Azurite, free_port
from tests.build import a_commit, a_descriptor, a_version, write
from tests.command import started
from tests.e2e.place import Place
from tests.e2e.ranged import RangeServer, Served, range_server
from tests.e2e.sources import Stall, allow, source
from tests.heads import a_header, a_safetensors

ROOT = Path(__file__).parent.parent
WEIGHTS = a_safetensors(embed__weight=("F32", [40, 5]))
GIB = 1024**3
A_READ = 64 * 1024  # bytes that are asked for at once
NO_FILE = "c" * 64


def pinned(url: str, size: int) -> dict[str, Any]:
    """A source with pins; the digest is no file's, since nothing here reads one to its end."""
    return {"source": url, "sha256": NO_FILE, "size": size}


def of_server(server: RangeServer, **changes: Any) -> dict[str, bytes]:
    """A version of all that a server holds."""
    held = {path: file.length if isinstance(file, Served) else 9 for path, file in server.files.items()}
    targets = {f"model_files__{path[1:]}": pinned(server.url + path, size) for path, size in held.items()}
    files = a_version(a_descriptor(**targets, **changes))
    return {name: content for name, content in files.items() if f"/{name}" not in held}


def findings(place: Place, *arguments: str, **env: str) -> list[tuple[str, str]]:
    """Rule and field of what is wrong."""
    done = place.run("validate", "--online", "--format", "json", *arguments, **env)
    return [(finding["rule"], finding["field"]) for finding in done.json["findings"]]


def sparse(tensors: Mapping[str, int], **changes: Any) -> Served:
    """Weights of gigabytes, of which a server makes up all but the header: bytes of each tensor of F16."""
    entries, end = {}, 0
    for name, size in tensors.items():
        entries[name] = {"dtype": "F16", "shape": [size // 2], "data_offsets": [end, end + size]}
        end += size
    header = a_header(entries)
    return Served(header, size=len(header) + end, **changes)


def test_a_sharded_model_is_judged_by_its_headers(folder_place: Place) -> None:
    files = {f"/{file.name}": file.read_bytes() for file in sorted((ROOT / "weights/variant-sharded").iterdir())}
    with range_server(files) as server:
        allow(folder_place, server.url)
        write(folder_place.repository, "tiny/1.0", of_server(server, model_config__type="DECODER"))
        wrong = findings(folder_place)
        asked, sent = server.paths(), dict(server.sent)
        num_params = {"model_metainfo__num_params": 141_056, "model_config__type": "DECODER"}
        write(folder_place.repository, "tiny/1.0", of_server(server, **num_params))
        assert findings(folder_place) == []

    assert wrong == [("num-params-wrong", "model_metainfo.num_params")]
    assert asked == sorted(files)
    shards = {path: size for path, size in sent.items() if path.endswith(".safetensors")}
    assert len(shards) == 3
    assert all(size == A_READ < len(files[path]) for path, size in shards.items())


def test_weights_of_many_gigabytes_cost_some_kilobytes(folder_place: Place) -> None:
    weights = {f"/{name}.safetensors": sparse({"one": 3 * GIB, "two": 2 * GIB}) for name in ("model", "copy")}
    weights["/copy.safetensors"] = replace(weights["/copy.safetensors"], is_ranged=False)
    with range_server(weights) as server:
        allow(folder_place, server.url)
        version = of_server(server, model_metainfo__num_params=5 * GIB // 2)
        write(folder_place.repository, "tiny/1.0", version)
        done = folder_place.run("validate", "--online")
        assert (done.code, done.out) == (0, "ok: 1 version, nothing wrong\n")
        asked, sent = list(server.asked), dict(server.sent)
        version["model.yaml"] = version["model.yaml"].replace(b"%d" % (5 * GIB // 2), b"7")
        write(folder_place.repository, "tiny/1.0", version)
        assert findings(folder_place) == [("num-params-wrong", "model_metainfo.num_params")]

    assert sorted(asked) == [("/copy.safetensors", "bytes=0-65535"), ("/model.safetensors", "bytes=0-65535")]
    assert sent["/model.safetensors"] == A_READ
    assert sent["/copy.safetensors"] < 20_000_000  # what the system holds on the way to who has hung up


def test_a_long_header_is_read_in_two_requests(folder_place: Place) -> None:
    file = sparse({f"layers.{number}.weight": 1024**2 for number in range(5000)})
    with range_server({"/model.safetensors": file}) as server:
        allow(folder_place, server.url)
        write(folder_place.repository, "tiny/1.0", of_server(server, model_metainfo__num_params=5000 * 1024**2 // 2))
        assert findings(folder_place) == []

    assert (len(server.asked), server.sent["/model.safetensors"]) == (2, len(file.head))


def test_remote_files_are_judged_as_local_ones_are(folder_place: Place) -> None:
    cut = sparse({"one": 2 * GIB})
    files: dict[str, Served | str | bytes] = {
        "/inference.py": b"def init():\n    pass\n",
        "/environment.yml": b"dependencies: python\n",
        "/config.json": b'{"architectures": ["GPT2LMHeadModel"]}',
        "/cut.safetensors": replace(cut, size=cut.size - 100),
        "/damaged.safetensors": b"<html>",
        "/unsafe.bin": b"\x80\x02cos\nsystem\nX\x04\x00\x00\x00true\x85R.",
        "/weights.bin": pickle.dumps(OrderedDict(bias=[0.5]), protocol=2),
    }
    with range_server(files) as server:
        allow(folder_place, server.url)
        write(folder_place.repository, "tiny/1.0", of_server(server))
        found = findings(folder_place)
        assert folder_place.run("validate").out == "ok: 1 version, nothing wrong\n"

    assert sorted(found) == [
        ("conda-file-invalid", "model_files.environment.yml.source"),
        ("inference-functions", "model_files.inference.py.source"),
        ("inference-functions", "model_files.inference.py.source"),
        ("pickle-runs-code", "model_files.unsafe.bin.source"),
        ("pickled-weights", "model_files.weights.bin.source"),
        ("type-contradicts-config", "model_config.type"),
        ("weights-truncated", "model_files.cut.safetensors.source"),
        ("weights-truncated", "model_files.damaged.safetensors.source"),
    ]


def test_of_an_archive_of_torch_the_pickle_alone_is_read(folder_place: Place) -> None:
    data = (ROOT / "weights/variant-bin/pytorch_model.bin").read_bytes()
    with range_server({"/model.bin": data}) as server:
        allow(folder_place, server.url)
        write(folder_place.repository, "tiny/1.0", of_server(server))
        assert findings(folder_place) == [("pickled-weights", "model_files.model.bin.source")]

    assert server.sent["/model.bin"] <= 3 * A_READ < len(data)


def test_an_archive_that_breaks_off_is_no_damaged_one(folder_place: Place) -> None:
    data = (ROOT / "weights/variant-bin/pytorch_model.bin").read_bytes()
    with range_server({"/model.bin": Served(data, breaks_at=len(data) - 9)}) as server:
        allow(folder_place, server.url)
        write(folder_place.repository, "tiny/1.0", of_server(server))
        done = folder_place.run("validate", "--online")

    assert (done.code, "source-unreachable" in done.out, "broke off" in done.out) == (3, True, True), done.out


def test_a_source_is_asked_once_however_often_it_is_named(folder_place: Place) -> None:
    with range_server({"/model.bin": b"some weights"}) as server:
        allow(folder_place, server.url)
        for version in ("1.0", "1.1"):
            write(folder_place.repository, f"tiny/{version}", of_server(server))
        assert findings(folder_place) == []

    assert server.asked == [("/model.bin", "bytes=0-65535")]


def test_without_the_option_nobody_is_asked(folder_place: Place) -> None:
    with range_server({"/model.bin": b"some weights"}) as server:
        allow(folder_place, server.url)
        write(folder_place.repository, "tiny/1.0", of_server(server))
        assert folder_place.run("validate", "--base", "HEAD").code == 0

    assert server.asked == []


def test_what_the_rules_refuse_is_not_asked_for(folder_place: Place) -> None:
    with range_server({"/allowed/model.bin": b"w", "/model.bin": b"w"}) as server:
        allow(folder_place, f"{server.url}/allowed/")
        files = {
            "model_files__one.bin": pinned(f"{server.url}/model.bin", 1),
            "model_files__two.bin": pinned(f"{server.url}/allowed/model.bin?sig=SECRET", 1),
        }
        write(folder_place.repository, "tiny/1.0", a_version(a_descriptor(**files)))
        rules = {rule for rule, _ in findings(folder_place)}

    assert (rules, server.asked) == ({"source-credentials", "source-not-allowed"}, [])


class Mistake(NamedTuple):
    """What a server does that promised 9 bytes, what a contributor reads, and how the command ends."""

    file: Served | str
    message: str
    code: int = 1


MISTAKES = {
    "pin-contradicts-source": Mistake(
        Served(b"more weights"),
        "`size` of `model.bin` is 9, and its source has 12 bytes. See whether the file changed since it was pinned; if "
        "it is meant, run `registry pin --update tiny/1.0`",
    ),
    "source-gone": Mistake(
        Served(b"", statuses=(410,)),
        "the source URL answers 410. See whether the file is still there, and whether everybody may read it",
    ),
    "source-redirected": Mistake(
        "https://example.com/model.bin?sig=SECRET",
        "the source URL redirects to https://example.com/model.bin, which is not on the allow-list `sources` of the "
        "settings: `SERVER`. A maintainer can add its prefix to `sources` in [tool.registry.policy]",
    ),
    "source-refused": Mistake(
        Served(b"", statuses=(401,)),
        "the source URL answers 401. See whether the file is still there, and whether everybody may read it",
    ),
    "source-unreachable": Mistake(
        Served(b"", statuses=(500, 429)),
        "the source URL answers 429. Running again may help; if not, see whether the address is right",
        code=3,
    ),
    "source-unread": Mistake(
        Served(b"some text", is_ranged=False, is_measured=False, size=A_READ + 1),
        "what `model.bin` says is not judged: the source URL does not say how many bytes it has",
        code=0,
    ),
}


def test_each_rule_of_the_family_is_shown_here() -> None:
    assert {rule for rule, listed in RULES.items() if listed.family == ONLINE} == {*MISTAKES, "never-registered"}


@pytest.mark.parametrize("rule", MISTAKES)
def test_a_contributor_reads_exactly_this(folder_place: Place, rule: str) -> None:
    mistake = MISTAKES[rule]
    with range_server({"/model.bin": mistake.file}) as server:
        allow(folder_place, server.url)
        url = f"{server.url}/model.bin"
        version = a_version(a_descriptor(**{"model_files__model.bin": pinned(url, 9)}))
        write(
            folder_place.repository, "tiny/1.0", {name: file for name, file in version.items() if name != "model.bin"}
        )
        done = folder_place.run("validate", "--online", "--format", "json")

    (found,) = done.json["findings"]
    key, value = ("size", "9") if rule == "pin-contradicts-source" else ("source", url)
    assert found["message"] == mistake.message.replace("URL", url).replace("SERVER", server.url)
    assert (found["rule"], found["severity"], found["field"]) == (
        rule, RULES[rule].severity, f"model_files.model.bin.{key}",
    )  # fmt: skip
    assert (done.code, done.err) == (mistake.code, "")
    lines = (folder_place.repository / found["path"]).read_text().splitlines()
    assert lines[found["line"] - 1][found["column"] - 1 :] == value


def test_each_source_is_judged_whatever_becomes_of_the_others(folder_place: Place) -> None:
    files = {f"/{rule}.bin": mistake.file for rule, mistake in MISTAKES.items()}
    with range_server({**files, "/model.safetensors": WEIGHTS}) as server:
        allow(folder_place, server.url)
        write(folder_place.repository, "tiny/1.0", of_server(server))
        found = findings(folder_place, "--jobs", "2")
        done = folder_place.run("validate", "--online")

    assert {rule for rule, _ in found} >= {*MISTAKES, "num-params-wrong"} - {"pin-contradicts-source"}
    assert done.code == 1
    assert "next: mend what is named above" in done.out


def test_only_the_network_is_to_blame_where_the_command_ends_with_3(folder_place: Place) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    allow(folder_place, url)
    version = a_version(a_descriptor(**{"model_files__vocab.txt": pinned(f"{url}/vocab.txt", 9)}))
    write(folder_place.repository, "tiny/1.0", version)
    done = folder_place.run("validate", "--online")

    assert done.code == 3
    assert f"the source {url}/vocab.txt does not answer: it takes no connection. Running again may help" in done.out
    assert "\nnext: run it again\n" in done.out
    write(folder_place.repository, "tiny/1.0", {"model.yaml": version["model.yaml"].replace(b"ENCODER", b"OTHER")})
    done = folder_place.run("validate", "--online")
    assert (done.code, "\nnext: mend what is named above" in done.out) == (1, True)


@pytest.mark.parametrize("command", [["validate", "--online"], ["pin"]])
def test_a_sas_is_not_logged_where_a_connection_is_tried_again(folder_place: Place, command: list[str]) -> None:
    url = f"http://127.0.0.1:{free_port()}/uploads"
    allow(folder_place, url)
    write(folder_place.repository, "tiny/1.0", a_version(a_descriptor(model_files__vocab=f"{url}/vocab.txt")))
    sas = "sv=1&sig=VERYSECRET%3D"
    done = folder_place.run("--verbose", *command, REGISTRY_SOURCE_SAS_UPLOADS=sas)

    assert "Retrying" in done.err
    assert "/uploads/vocab.txt?sv=1&sig=***" in done.err
    assert "VERYSECRET" not in done.out + done.err


def test_a_source_that_the_base_names_too_is_no_mistake_of_the_change(folder_place: Place) -> None:
    files = {f"/{rule}.bin": mistake.file for rule, mistake in MISTAKES.items()}
    with range_server(files) as server:
        allow(folder_place, server.url)
        version = of_server(server)
        version["model.yaml"] = version["model.yaml"].replace(b"size: 12\n", b"size: 9\n")
        a_commit(folder_place.repository, "tiny/1.0", version)
        version["model.yaml"] = version["model.yaml"].replace(b"A tiny encoder.", b"An encoder.")
        write(folder_place.repository, "tiny/1.0", version)
        kept = findings(folder_place, "--base", "HEAD")
        version["model.yaml"] = version["model.yaml"].replace(b"source-gone.bin\n", b"source-gone.bin/\n")
        write(folder_place.repository, "tiny/1.0", version)
        changed = findings(folder_place, "--base", "HEAD")

    assert {rule for rule, _ in kept} == {"source-unread"}
    assert len(kept) == len(MISTAKES)
    assert [f for f in changed if f not in kept] == [("source-gone", "model_files.source-gone.bin.source")]


def judged_beside(place: Place, slow: str, patience: float, silence: float, jobs: int) -> list[Finding]:
    """What is found of a slow source and of weights that answer at once."""
    with range_server({"/model.safetensors": WEIGHTS}) as server:
        version = of_server(server, **{"model_files__slow.bin": pinned(f"{slow}/slow.bin", 3)})
        write(place.repository, "tiny/1.0", version)
        snapshot = Repository(place.repository).working_snapshot("models")
        policy = Policy(sources=(slow, server.url), allow_loopback=True)
        with closing(Sources(policy, {}, patience=Patience(connect=10.0, silence=patience, retries=0))) as sources:
            return check_versions(load_remote_facts(sources, snapshot, {}, jobs=jobs, silence=silence), policy)


def test_a_source_that_stalls_does_not_keep_the_others_from_being_judged(folder_place: Place) -> None:
    with source({"/slow.bin": b"abc"}, stall=Stall()) as slow:
        found = judged_beside(folder_place, slow, patience=2, silence=60, jobs=1)

    assert {finding.rule for finding in found} == {"num-params-wrong", "source-unreachable"}
    assert any(": nothing comes in time" in finding.message for finding in found)


def test_a_source_that_is_stuck_holds_up_nobody_for_ever(folder_place: Place) -> None:
    stall = Stall()
    with source({"/slow.bin": b"abc"}, stall=stall) as slow:
        found = judged_beside(folder_place, slow, patience=60, silence=3, jobs=2)
        stall.over.set()

    assert {finding.rule for finding in found} == {"num-params-wrong", "source-unreachable"}
    assert any("was not read in time" in finding.message for finding in found)


def test_an_interrupted_run_waits_for_no_source(folder_place: Place) -> None:
    stall = Stall()
    with source({"/slow.bin": b"abc"}, stall=stall) as slow:
        allow(folder_place, slow)
        version = a_version(a_descriptor(**{"model_files__slow.bin": pinned(f"{slow}/slow.bin", 3)}))
        write(folder_place.repository, "tiny/1.0", version)
        run = started(folder_place.repository, "validate", "--online", env=folder_place.env)
        assert stall.begun.wait(30)
        run.send_signal(signal.SIGINT)
        out, err = run.communicate(timeout=10)

    assert (run.returncode, out, err.strip()) == (130, "", "interrupted")


def test_a_private_source_is_read_by_ranges_with_its_sas_which_is_in_no_output(
    folder_place: Place, azurite: Azurite
) -> None:
    container = azurite.url("source", f"uploads-{secrets.token_hex(6)}")
    service, name = container.rsplit("/", 1)
    key, size = azurite.key("source"), len(WEIGHTS)
    with ContainerClient(service, name, credential=AzureNamedKeyCredential("source", key)) as client:
        client.create_container()
        for blob, data in {"model.safetensors": WEIGHTS, "config.json": b"{}", "empty.txt": b""}.items():
            client.upload_blob(blob, data)
    expiry = datetime.now(UTC) + timedelta(hours=1)
    sas = generate_container_sas("source", name, account_key=key, permission="r", expiry=expiry)
    signature = sas.split("sig=")[1].split("&")[0]
    allow(folder_place, container)
    sizes = {"model.safetensors": size, "config.json": 2, "empty.txt": 0, "missing.txt": 1}
    targets = {f"model_files__{blob}": pinned(f"{container}/{blob}", length) for blob, length in sizes.items()}
    write(folder_place.repository, "tiny/1.0", a_version(a_descriptor(**targets)))

    wrong = sas.replace(signature, "A" + signature)
    runs = [
        folder_place.run("--verbose", "validate", "--online", **env)
        for env in ({"REGISTRY_SOURCE_SAS_SOURCE": f"?{sas}"}, {"REGISTRY_SOURCE_SAS_SOURCE": wrong}, {})
    ]

    right, refused, without = runs
    assert [done.code for done in runs] == [1, 1, 1]
    assert right.out.startswith("failed: 1 version, 2 errors\n"), right
    assert right.out.count("error: source-gone") == right.out.count("error: num-params-wrong") == 1
    assert refused.out.count("error: source-refused") == 4
    assert without.out.count("error: source-") == 4
    hint = "See whether it is there, and whether REGISTRY_SOURCE_SAS_SOURCE is set and has not expired"
    assert (refused.out.count(hint), without.out.count(hint)) == (4, 4)
    for text in (text for done in runs for text in (done.out, done.err)):
        assert signature not in text
        assert "sig=" not in text
