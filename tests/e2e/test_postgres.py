"""Runs whose embedded endpoint keeps its records in PostgreSQL."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace

import psycopg
import pytest

from registry.server.records import Records
from tests.azurite import free_port
from tests.build import a_commit, a_descriptor, a_version
from tests.command import environment
from tests.databases import Database
from tests.e2e.place import Place
from tests.postgres import Postgres


@pytest.fixture
def on_postgres(folder_place: Place, postgres: Postgres) -> Place:
    """A place whose records are in PostgreSQL."""
    return replace(folder_place, postgres=postgres.new_database())


def test_a_run_registers_amends_and_then_does_nothing(on_postgres: Place) -> None:
    commit = a_commit(on_postgres.repository, "tiny/1.0", a_version())
    first = on_postgres.run("reconcile", "--format", "json")
    assert (first.code, first.json["counts"]["registered"]) == (0, 1), first
    assert on_postgres.record("tiny/1.0")["provenance"]["commit"] == commit
    assert not (on_postgres.repository / ".registry/registry.db").exists()

    changed = a_commit(
        on_postgres.repository, "tiny/1.0", a_version(a_descriptor(model_config__description="Better words."))
    )
    second = on_postgres.run("reconcile", "--format", "json")
    assert (second.code, second.json["counts"]["amended"]) == (0, 1), second
    assert on_postgres.record("tiny/1.0")["model_config"]["description"] == "Better words."
    again = on_postgres.run("reconcile")
    assert (again.code, again.out) == (0, f"nothing to do: {changed[:12]} is converged (1 unchanged)\n")


def test_another_database_is_another_endpoint(on_postgres: Place, postgres: Postgres) -> None:
    a_commit(on_postgres.repository, "tiny/1.0", a_version())
    assert on_postgres.run("reconcile").code == 0
    other = postgres.new_database()
    plan = on_postgres.run("plan", "--format", "json", REGISTRY_DATABASE=other)
    assert (plan.code, plan.json["counts"]["repair"] + plan.json["counts"]["register"]) == (0, 1), plan
    assert on_postgres.run("reconcile", REGISTRY_DATABASE=other).code == 0
    assert Database(other).rows("SELECT name, version FROM versions") == [("tiny", "1.0")]


def test_a_server_that_does_not_answer_is_exit_3_and_its_password_is_not_shown(folder_place: Place) -> None:
    a_commit(folder_place.repository, "tiny/1.0", a_version())
    url = f"postgresql://owner:s3cret%21@127.0.0.1:{free_port()}/registry"
    done = folder_place.run("reconcile", REGISTRY_DATABASE=url)
    assert (done.code, "the database did not answer" in done.err, "Traceback" in done.err) == (3, True, False), done
    assert "s3cret" not in done.err + done.out


def test_a_password_that_cannot_be_read_is_not_shown(folder_place: Place) -> None:
    a_commit(folder_place.repository, "tiny/1.0", a_version())
    for password in ("s3cret%zz", "s3cret%"):
        url = f"postgresql://owner:{password}@127.0.0.1:1/registry"
        for command in ("plan", "reconcile"):
            done = folder_place.run(command, REGISTRY_DATABASE=url)
            assert (done.code, "Traceback" in done.err) == (3, False), done
            assert "s3cret" not in done.err + done.out


@pytest.mark.parametrize("command", ["plan", "serve"])
def test_a_missing_driver_is_exit_2_and_says_how_to_install_it(folder_place: Place, command: str) -> None:
    a_commit(folder_place.repository, "tiny/1.0", a_version())
    code = "import sys; sys.modules['psycopg'] = None; from registry.cli import main; main()"
    env = {**folder_place.env, "REGISTRY_DATABASE": "postgresql://owner@127.0.0.1:1/registry"}
    done = subprocess.run(
        [sys.executable, "-c", code, command],
        cwd=folder_place.repository, env=environment(env), capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (done.returncode, "pip install 'registry[postgres]'" in done.stderr) == (2, True), done


def test_a_connection_that_the_server_ended_is_no_mistake_of_the_next_request(postgres: Postgres) -> None:
    url = postgres.new_database()
    with closing(Records(url)) as records:
        assert records.generation() == 0
        time.sleep(1.2)
        with psycopg.connect(url, autocommit=True) as other:
            query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'registry'"
            assert other.execute(query + " AND datname = current_database()").fetchall() == [(True,)]
        assert records.generation() == 0
