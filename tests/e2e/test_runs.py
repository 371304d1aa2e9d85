"""Runs that meet: two at once, old after new, one that is interrupted or killed, one with a wrong clock."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from registry.ledger import Ledger
from tests.build import FILES, a_commit, a_descriptor, a_version, git
from tests.command import environment, started
from tests.e2e.place import Place
from tests.e2e.sources import Stall, allow, source
from tests.e2e.test_failures import WEIGHTS, remote

HOLDER = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from registry.ledger import Ledger
from registry.storage.folder import Folder
with Ledger(Folder(Path(sys.argv[1])), lambda: datetime.now(UTC)).lock(timeout=5):
    print("held", flush=True)
    time.sleep(600)
"""


def holder(place: Place) -> subprocess.Popen[str]:
    """Another process that holds the lock."""
    process = subprocess.Popen([sys.executable, "-c", HOLDER, place.url], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def end(process: subprocess.Popen[str]) -> None:
    """Kill it, as a machine that goes away does."""
    process.kill()
    process.communicate()


def test_a_holder_that_is_killed_does_not_keep_the_lock(folder_place: Place) -> None:
    a_commit(folder_place.repository, "tiny/1.0", a_version())
    other = holder(folder_place)
    try:
        waiting = folder_place.run("reconcile", "--lock-timeout", "0.5")
        assert (waiting.code, f"process {other.pid} on" in waiting.err) == (3, True), waiting
    finally:
        end(other)

    done = folder_place.run("reconcile")

    assert done.code == 0, done
    assert json.loads(folder_place.bytes(".registry/state.json"))["generation"] == 2


def test_the_second_of_two_runs_waits_and_then_finds_nothing_to_do(folder_place: Place) -> None:
    for number in range(6):
        a_commit(folder_place.repository, f"tiny/1.{number}", a_version())
    runs = [started(folder_place.repository, "reconcile", "--format", "json", env=folder_place.env) for _ in range(2)]
    outputs = [run.communicate(timeout=100)[0] for run in runs]

    assert [run.returncode for run in runs] == [0, 0]
    assert sorted(json.loads(output)["counts"]["registered"] for output in outputs) == [0, 6]


def test_a_run_that_is_done_does_not_wait_for_the_lock(folder_place: Place) -> None:
    a_commit(folder_place.repository, "tiny/1.0", a_version())
    folder_place.run("reconcile")
    with folder_place.storage.lease(".registry/lock", timeout=5):
        assert folder_place.run("reconcile", "--lock-timeout", "0").code == 0


@pytest.mark.parametrize("wrong", [timedelta(hours=-1), timedelta(hours=1)])
def test_a_clock_that_is_wrong_by_an_hour_changes_nothing_but_times(folder_place: Place, wrong: timedelta) -> None:
    a_commit(folder_place.repository, "tiny/1.0", a_version(a_descriptor(model_config__type="X")))
    folder_place.run("reconcile")
    ledger = Ledger(folder_place.storage, lambda: datetime.now(UTC) + wrong)
    with ledger.lock(timeout=5) as hold:
        hold.check()
        state = ledger.claim_state()
        assert state is not None
        since = (datetime.now(UTC) + wrong).strftime("%Y-%m-%dT%H:%M:%SZ")
        ledger.write_state(type(state)(**{**vars(state), "pending": {"tiny/1.0": since}}))

    assert folder_place.run("status").out.startswith("ok: 0 versions recorded, no drift; 1 version pending")
    a_commit(folder_place.repository, "tiny/1.0", a_version())
    done = folder_place.run("reconcile")

    assert done.code == 0, done
    assert folder_place.run("plan", "--full", "--format", "json").json["counts"]["unchanged"] == 1


def test_fetch_reconciles_what_the_remote_has(folder_place: Place, tmp_path: Path) -> None:
    a_commit(folder_place.repository, "tiny/1.0", a_version())
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", str(folder_place.repository), str(clone))
    runner = Place(clone, folder_place.url, None, folder_place.stack)
    newer = a_commit(folder_place.repository, "tiny/1.1", a_version())

    without = runner.run("reconcile", "--format", "json").json
    done = runner.run("reconcile", "--fetch", "--format", "json").json

    assert (without["counts"]["registered"], done["counts"]["registered"], done["commit"]) == (1, 1, newer)
    assert git(clone, "rev-parse", "HEAD") != newer


def test_a_commit_without_changes_is_recorded_so_that_an_older_one_is_superseded(folder_place: Place) -> None:
    a_commit(folder_place.repository, "tiny/1.0", a_version())
    folder_place.run("reconcile")
    wrong = a_commit(folder_place.repository, "tiny/1.0", a_version(a_descriptor(model_config__description="Wrong.")))
    a_commit(folder_place.repository, "tiny/1.0", a_version())

    assert folder_place.run("reconcile").out.startswith("nothing to do")
    assert "superseded" in folder_place.run("reconcile", "--ref", wrong).out
    assert folder_place.record("tiny/1.0")["model_config"]["description"] == "A tiny encoder."


def stalled(place: Place, url: str) -> None:
    """One version that stays in flight, and more that are not begun."""
    allow(place, url)
    a_commit(place.repository, "slow/1.0", remote(f"{url}/model.bin"))
    for number in range(4):
        a_commit(place.repository, f"tiny/1.{number}", a_version())


def test_ctrl_c_once_finishes_what_is_in_flight_and_says_what_is_left(folder_place: Place) -> None:
    stall = Stall()
    with source({"/model.bin": WEIGHTS}, stall=stall) as url:
        stalled(folder_place, url)
        run = started(folder_place.repository, "reconcile", "--jobs", "1", "--format", "json", env=folder_place.env)
        assert stall.begun.wait(60)
        run.send_signal(signal.SIGINT)
        assert run.stderr is not None
        while "interrupted" not in run.stderr.readline():
            pass
        stall.over.set()
        out, _ = run.communicate(timeout=60)

    report = json.loads(out)
    assert (run.returncode, report["counts"]["registered"], report["left"]) == (130, 1, 4)
    state = json.loads(folder_place.bytes(".registry/state.json"))
    assert sorted(state["pending"]) == [f"tiny/1.{number}" for number in range(4)]
    assert folder_place.run("reconcile", "--format", "json").json["counts"]["registered"] == 4


def test_ctrl_c_twice_leaves_at_once_and_the_next_run_finishes(folder_place: Place) -> None:
    stall = Stall()
    with source({"/model.bin": WEIGHTS}, stall=stall) as url:
        stalled(folder_place, url)
        run = started(folder_place.repository, "reconcile", "--jobs", "1", env=folder_place.env)
        assert stall.begun.wait(60)
        run.send_signal(signal.SIGINT)
        assert run.stderr is not None
        while "interrupted" not in run.stderr.readline():
            pass
        begun = time.monotonic()
        run.send_signal(signal.SIGINT)
        run.communicate(timeout=60)
        assert (run.returncode, time.monotonic() - begun < 10) == (130, True)
        assert folder_place.get("slow/1.0").status_code == 404
        stall.over.set()
        again = folder_place.run("reconcile", "--format", "json")

    assert (again.code, again.json["counts"]["registered"]) == (0, 5), again


def test_receipt_and_record_say_who_merged_what_by_which_pull_request(folder_place: Place, tmp_path: Path) -> None:
    repository = folder_place.repository
    a_commit(repository, "tiny/1.0", a_version())
    git(repository, "switch", "--quiet", "-c", "mine")
    mine = a_commit(repository, "tiny/1.1", a_version())
    git(repository, "switch", "--quiet", "main")
    git(repository, "merge", "--quiet", "--no-ff", "mine", "--message=Merge pull request #12 from ada/mine")
    merge = git(repository, "rev-parse", "HEAD")
    (repository / "models/tiny/1.2").mkdir()
    for name, content in a_version().items():
        (repository / "models/tiny/1.2" / name).write_bytes(content)
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--message=Add tiny 1.2 (#13)")
    rebased = a_commit(repository, "tiny/1.3", a_version())
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"pull_request": {"number": 14, "merged": True, "merge_commit_sha": rebased}}))
    run = {"GITHUB_SERVER_URL": "https://forge", "GITHUB_REPOSITORY": "a/b", "GITHUB_RUN_ID": "7"}

    done = folder_place.run("reconcile", GITHUB_EVENT_PATH=str(event), **run)

    assert done.code == 0, done
    receipts = [json.loads(folder_place.bytes(f".registry/receipts/tiny/1.{n}/1.json")) for n in range(4)]
    assert [receipt["merge_commit"] for receipt in receipts] == [None, merge, None, None]
    assert [receipt["pull_request"] for receipt in receipts] == [None, 12, 13, 14]
    for receipt in receipts:
        told = folder_place.record(receipt["model"])["provenance"]
        keys = ("commit", "tree", "author", "committer", "merge_commit", "pull_request", "run", "generation")
        assert {key: told.get(key) for key in keys} == {key: receipt[key] for key in keys}
        assert receipt["author"] == "Ada <ada@example.com>"
        assert receipt["committer"] == "Grace <grace@example.com>"
        assert receipt["run"] == "https://forge/a/b/actions/runs/7"
    assert receipts[1]["tree"] == git(repository, "rev-parse", f"{mine}:models/tiny/1.1")
    assert FILES.keys() == receipts[1]["files"].keys()


def test_a_run_with_nothing_to_do_loads_nothing_that_doing_needs(folder_place: Place) -> None:
    a_commit(folder_place.repository, "tiny/1.0", a_version())
    assert folder_place.run("reconcile").code == 0
    program = "import sys; from registry.cli import run; print(run(['reconcile']), *sys.modules, file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder_place.repository,
        env=environment(folder_place.env),
        check=True,
        capture_output=True,
        text=True,
    )
    code, *modules = done.stderr.split()
    assert "nothing to do" in done.stdout
    assert code == "0"
    assert set(modules).isdisjoint({"pydantic", "yaml", "registry.snapshot", "registry.diff", "registry.planning"})
