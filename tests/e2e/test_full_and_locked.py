"""A disk without room and a database that somebody else writes to: said, waited for, and finished by the next run."""

from __future__ import annotations

import dataclasses
import resource
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from registry.cli.context import make_run, open_place
from registry.endpoint import Endpoint
from registry.patience import Patience
from registry.policy import Policy
from registry.reconcile import reconcile
from registry.repository import Repository
from registry.server.api import make_app
from registry.server.embedded import serve_embedded
from registry.server.records import Records, RecordsError
from registry.settings import parse_settings
from tests.build import a_commit, a_version
from tests.command import SCRIPT, environment
from tests.e2e.place import Place


def test_a_disk_without_room_fails_what_does_not_fit_and_the_next_run_finishes(folder_place: Place) -> None:
    a_commit(folder_place.repository, "tiny/1.0", a_version(model__bin=bytes(3_000_000)))
    a_commit(folder_place.repository, "tiny/1.1", a_version())

    def no_large_files() -> None:  # what a quota does, and who may set none can do
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))

    full = subprocess.run(
        [str(SCRIPT), "reconcile"],
        cwd=folder_place.repository, env=environment(folder_place.env), capture_output=True, text=True,
        preexec_fn=no_large_files, timeout=60,
    )  # fmt: skip

    assert full.returncode == 3, full
    assert "failed tiny/1.0: create tiny/1.0/model.bin: File too large" in full.stdout
    assert "has room" in full.stdout
    assert not list((Path(folder_place.url) / ".registry/tmp").iterdir())
    assert folder_place.storage.stat("tiny/1.0/model.bin") is None
    done = folder_place.run("reconcile", "--format", "json")
    assert (done.code, done.json["counts"]["registered"]) == (0, 1)


@contextmanager
def locked(place: Place) -> Iterator[None]:
    """Somebody else writes to the endpoint's database until the block ends."""
    file = place.repository / ".registry" / "registry.db"
    with closing(Records(f"sqlite:///{file}")):
        pass
    with closing(sqlite3.connect(file, check_same_thread=False)) as database:
        database.execute("BEGIN IMMEDIATE")
        yield


def test_a_database_that_is_locked_for_a_while_is_waited_for(folder_place: Place) -> None:
    a_commit(folder_place.repository, "tiny/1.0", a_version())
    with locked(folder_place):
        began = subprocess.Popen(
            [str(SCRIPT), "reconcile"], cwd=folder_place.repository, env=environment(folder_place.env)
        )
        with pytest.raises(subprocess.TimeoutExpired):
            began.wait(timeout=4)
    assert began.wait(timeout=60) == 0
    assert folder_place.get("tiny/1.0").status_code == 200


def test_a_database_that_stays_locked_is_said(folder_place: Place) -> None:
    with locked(folder_place), pytest.raises(RecordsError, match="database is locked") as caught:
        Records(f"sqlite:///{folder_place.repository / '.registry' / 'registry.db'}", wait=0.1)
    assert (caught.value.exit_code, caught.value.retryable) == (3, True)


def test_a_database_locked_in_mid_run_fails_the_version_and_the_next_run_finishes(folder_place: Place) -> None:
    a_commit(folder_place.repository, "tiny/1.0", a_version())
    records = Records(f"sqlite:///{folder_place.repository / '.registry' / 'registry.db'}", wait=0.1)
    app = make_app(records=records, storage=folder_place.storage, policy=Policy(), token=None)
    with closing(records), serve_embedded(app) as url:
        repository = Repository(folder_place.repository)
        settings = parse_settings(None, {**folder_place.env, "REGISTRY_ENDPOINT": url})
        hasty = Patience(retries=1, again=1)

        def run() -> list[tuple[str, bool, str]]:
            with open_place(repository, settings) as place:
                given = dataclasses.replace(
                    make_run(place), connect=lambda: closing(Endpoint(url, None, patience=hasty))
                )
                outcomes = reconcile(given, "HEAD", only=(), full=False, allow_rewind=False, timeout=5)
            return [(result.outcome, result.retryable, result.reason) for result in outcomes.results]

        with locked(folder_place):
            ((outcome, retryable, reason),) = run()
        assert (outcome, retryable) == ("failed", True)
        assert "503 the database does not answer" in reason
        assert [outcome for outcome, _, _ in run()] == ["registered"]
