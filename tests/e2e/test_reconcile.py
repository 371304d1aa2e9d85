"""What a run does with each kind of change, and what it never does."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import requests

from registry.identity import ModelId
from tests.build import FILES, a_commit, a_descriptor, a_version, git
from tests.e2e.place import Place

GET = 10  # seconds


def test_a_version_is_registered_with_every_file_and_the_same_again_does_nothing(place: Place) -> None:
    commit = a_commit(place.repository, "tiny/1.0", a_version())

    first = place.run("reconcile", "--format", "json")
    assert (first.code, first.json["counts"]["registered"]) == (0, 1), first

    record = place.record("tiny/1.0")
    assert record["model_config"]["type"] == "ENCODER"
    assert record["provenance"]["commit"] == commit
    for target, content in FILES.items():
        assert requests.get(record["model_files"][target]["url"], timeout=GET).content == content
    plan = place.run("plan", "--format", "json", "--detailed-exitcode")
    assert (plan.code, plan.json["versions"], plan.json["counts"]["unchanged"]) == (0, [], 1)
    again = place.run("reconcile")
    assert (again.code, again.out) == (0, f"nothing to do: {commit[:12]} is converged (1 unchanged)\n")


def test_what_may_change_is_amended(place: Place) -> None:
    a_commit(place.repository, "tiny/1.0", a_version())
    place.run("reconcile")
    descriptor = a_descriptor(model_config__description="Better words.", license="Apache-2.0")
    a_commit(place.repository, "tiny/1.0", a_version(descriptor, index__md=b"# Tiny, explained\n"))

    done = place.run("reconcile", "--format", "json")

    assert (done.code, done.json["counts"]["amended"]) == (0, 1), done
    record = place.record("tiny/1.0")
    assert record["model_config"]["description"] == "Better words."
    assert record["provenance"]["license"] == "Apache-2.0"
    assert requests.get(record["model_files"]["index.md"]["url"], timeout=GET).text == "# Tiny, explained\n"
    receipts = [json.loads(place.bytes(f".registry/receipts/tiny/1.0/{n}.json")) for n in (1, 2)]
    assert [receipt["action"] for receipt in receipts] == ["registered", "amended"]
    assert place.run("plan", "--full", "--format", "json").json["counts"]["unchanged"] == 1


def test_a_registered_version_cannot_change_its_content(place: Place) -> None:
    a_commit(place.repository, "tiny/1.0", a_version())
    place.run("reconcile")
    a_commit(place.repository, "tiny/1.0", a_version(model__bin=b"other weights"))

    done = place.run("reconcile", "--format", "json")

    assert (done.code, done.json["counts"]["refused"]) == (1, 1)
    finding = done.json["versions"][0]["findings"][0]
    assert finding["rule"] == "registered-content"
    assert "`model_files.model.bin`" in finding["message"]
    assert "new version" in finding["message"]
    assert place.bytes("tiny/1.0/model.bin") == FILES["model.bin"]
    a_commit(place.repository, "tiny/1.0", a_version())
    assert place.run("reconcile").code == 0


def test_one_bad_version_does_not_stop_the_others(folder_place: Place) -> None:
    a_commit(folder_place.repository, "bad/1.0", a_version(a_descriptor(model_config__type="NONSENSE")))
    a_commit(folder_place.repository, "good/1.0", a_version())

    done = folder_place.run("reconcile", "--format", "json")

    outcomes = {version["model"]: version["outcome"] for version in done.json["versions"]}
    assert (done.code, outcomes) == (1, {"bad/1.0": "refused", "good/1.0": "registered"})
    state = json.loads(folder_place.bytes(".registry/state.json"))
    assert list(state["pending"]) == ["bad/1.0"]
    a_commit(folder_place.repository, "bad/1.0", a_version())
    assert folder_place.run("reconcile", "--format", "json").json["counts"]["registered"] == 1
    assert json.loads(folder_place.bytes(".registry/state.json"))["pending"] == {}


def test_a_folder_that_disappears_removes_nothing(folder_place: Place) -> None:
    a_commit(folder_place.repository, "gone/1.0", a_version())
    a_commit(folder_place.repository, "tiny/1.0", a_version())
    folder_place.run("reconcile")
    git(folder_place.repository, "rm", "-r", "--quiet", "models/gone")
    git(folder_place.repository, "commit", "--quiet", "--message=oops")

    done = folder_place.run("reconcile", "--format", "json")

    assert (done.code, done.json["counts"]["missing"]) == (0, 1)
    assert folder_place.get("gone/1.0").status_code == 200


def test_an_empty_models_folder_is_an_error(folder_place: Place) -> None:
    a_commit(folder_place.repository, "tiny/1.0", a_version())
    folder_place.run("reconcile")
    git(folder_place.repository, "rm", "-r", "--quiet", "models")
    git(folder_place.repository, "commit", "--quiet", "--message=oops")

    done = folder_place.run("reconcile")

    assert done.code == 2
    assert "holds no version under `models/`" in done.err


def test_a_version_is_removed_only_after_it_was_withdrawn(place: Place) -> None:
    a_commit(place.repository, "tiny/1.0", a_version())
    place.run("reconcile")
    removal = {"lifecycle": {"state": "removed", "reason": "Wrong licence."}}
    _remove(place, removal)
    early = place.run("reconcile", "--format", "json")
    assert (early.code, early.json["versions"][0]["findings"][0]["rule"]) == (1, "registered-removed")

    withdrawn = a_descriptor(lifecycle={"state": "withdrawn", "reason": "Wrong licence."})
    a_commit(place.repository, "tiny/1.0", a_version(withdrawn))
    assert place.run("reconcile", "--format", "json").json["counts"]["amended"] == 1
    _remove(place, removal)
    done = place.run("reconcile", "--format", "json")

    assert (done.code, done.json["counts"]["removed"]) == (0, 1), done
    assert place.get("tiny/1.0").status_code == 410
    assert place.run("plan", "--full", "--format", "json").json["counts"]["unchanged"] == 1


def _remove(place: Place, removal: Mapping[str, object]) -> None:
    git(place.repository, "rm", "-r", "--quiet", "models/tiny/1.0")
    a_commit(place.repository, "tiny/1.0", {"model.yaml": json.dumps(removal).encode()})


def test_an_older_commit_is_superseded_and_another_line_is_refused(folder_place: Place) -> None:
    first = a_commit(folder_place.repository, "tiny/1.0", a_version())
    a_commit(folder_place.repository, "tiny/1.1", a_version())
    folder_place.run("reconcile")

    old = folder_place.run("reconcile", "--ref", first)
    assert (old.code, "superseded" in old.out) == (0, True)

    git(folder_place.repository, "checkout", "--quiet", "-b", "other", first)
    a_commit(folder_place.repository, "tiny/2.0", a_version())
    other = folder_place.run("reconcile")
    assert (other.code, "--allow-rewind" in other.err) == (1, True)
    assert folder_place.run("reconcile", "--allow-rewind").code == 0


def test_full_repairs_what_was_altered_or_lost(place: Place) -> None:
    a_commit(place.repository, "tiny/1.0", a_version())
    place.run("reconcile")
    blob = place.storage.stat("tiny/1.0/model.bin")
    assert blob is not None
    place.storage.replace("tiny/1.0/model.bin", [b"altered by hand"], etag=blob.etag)
    assert place.run("reconcile").out.startswith("nothing to do")

    done = place.run("reconcile", "--full", "--format", "json")

    assert (done.code, done.json["counts"]["repaired"]) == (0, 1), done
    assert place.bytes("tiny/1.0/model.bin") == FILES["model.bin"]
    assert place.run("plan", "--full", "--format", "json").json["counts"]["unchanged"] == 1


def test_a_lost_database_is_filled_again(folder_place: Place) -> None:
    a_commit(folder_place.repository, "tiny/1.0", a_version())
    folder_place.run("reconcile")
    for file in (folder_place.repository / ".registry").glob("registry.db*"):
        file.unlink()

    done = folder_place.run("reconcile", "--format", "json")

    assert (done.code, done.json["counts"]["repaired"]) == (0, 1), done
    assert folder_place.get("tiny/1.0").status_code == 200


def test_storage_made_anew_is_filled_again(folder_place: Place) -> None:
    for number in range(3):
        a_commit(folder_place.repository, f"tiny/1.{number}", a_version())
        folder_place.run("reconcile")
    shutil.rmtree(folder_place.url)
    a_commit(folder_place.repository, "tiny/1.3", a_version())

    done = folder_place.run("reconcile", "--format", "json")

    assert (done.code, done.json["counts"]["registered"]) == (0, 4), done
    assert json.loads(folder_place.bytes(".registry/state.json"))["generation"] == 4


def test_a_record_made_by_somebody_else_is_adopted_or_refused(folder_place: Place) -> None:
    a_commit(folder_place.repository, "tiny/1.0", a_version())
    folder_place.run("reconcile")
    _forget(Path(folder_place.url))
    assert folder_place.run("reconcile", "--format", "json").json["counts"]["registered"] == 1

    _forget(Path(folder_place.url))
    for target in FILES:
        blob = folder_place.storage.stat(f"tiny/1.0/{target}")
        assert blob is not None
        folder_place.storage.delete(blob)
    a_commit(folder_place.repository, "tiny/1.0", a_version(model__bin=b"not those"))
    done = folder_place.run("reconcile", "--format", "json")
    assert (done.code, done.json["counts"]["refused"]) == (1, 1)
    assert "somebody else" in done.json["versions"][0]["reason"]


def _forget(storage: Path) -> None:
    (storage / ".registry" / "state.json").unlink()
    (storage / ".registry" / "receipts" / "tiny" / "1.0" / "1.json").unlink()


def test_named_versions_alone_are_reconciled_and_the_others_stay_pending(folder_place: Place) -> None:
    a_commit(folder_place.repository, "tiny/1.0", a_version())
    a_commit(folder_place.repository, "tiny/1.1", a_version())

    done = folder_place.run("reconcile", "tiny/1.1", "--format", "json")

    assert [version["model"] for version in done.json["versions"]] == ["tiny/1.1"]
    assert [v["model"] for v in folder_place.run("plan", "--format", "json").json["versions"]] == ["tiny/1.0"]
    assert folder_place.run("reconcile").code == 0
    assert folder_place.get(str(ModelId("tiny", "1.0"))).status_code == 200
