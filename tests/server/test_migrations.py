"""The tables: made, taken over from earlier programs, refused where a later one made them."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from registry.identity import ModelId
from registry.server.records import Filters, Records
from registry.server.records.migrating import HEAD, NewerDatabaseError
from registry.server.records.record import sortable
from registry.server.records.tables import Table
from tests.databases import Database, NewDatabase
from tests.server.drafts import a_draft

BEFORE_STEPS = Path(__file__).with_name("before_steps.sql")
STEPS = Path(__file__).parents[2] / "registry/server/records/migrations"


@pytest.fixture
def database(tmp_path: Path, new: NewDatabase) -> Database:
    """A database of this test alone, with nothing in it; of a file the folder is there."""
    (tmp_path / "db").mkdir()
    return new(tmp_path)


def make_before_steps(database: Database) -> None:
    """What programs made that did not count steps, with one version in it."""
    draft = a_draft("old/1.0", model_metainfo__input_languages=["en", "de"])
    sections = draft.sections
    values = {
        "rank": sortable("1.0"), "type": "ENCODER", "description": "A tiny encoder.", "license": "MIT",
        "state": "active",
        "configuration": json.dumps(sections["model_config"]), "metainfo": json.dumps(sections["model_metainfo"]),
        "files": json.dumps(sections["model_files"]), "packages": "[]", "sources": "{}",
        "provenance": json.dumps(draft.provenance), "etag": '"e"', "created": "2026-01-01", "updated": "2026-01-01",
    }  # fmt: skip
    numbers = {"num_params": "9", "generation": "3", "private": "false", "trainable": "false"}
    keys = [*values, *numbers]
    taken = [*(f":{key}" for key in values), *numbers.values()]
    with database.open() as connection:
        for statement in BEFORE_STEPS.read_text().split(";"):
            if statement.strip():
                connection.execute(text(statement))
        connection.execute(text("INSERT INTO instance VALUES (1, 'the-old-token')"))
        insert = f"INSERT INTO versions (name, version, {', '.join(keys)}) VALUES ('old', '1.0', {', '.join(taken)})"
        connection.execute(text(insert), values)
        for kind, value in (("input_type", "NATURAL_LANGUAGE"), ("language", "en"), ("language", "de")):
            connection.execute(text(f"INSERT INTO facets VALUES ('old', '1.0', '{kind}', '{value}')"))


def test_the_steps_make_the_tables_that_the_program_uses(database: Database) -> None:
    Records(database.url).close()
    with database.open() as connection:
        ours = {"include_name": lambda name, *_: "grams" not in str(name)}  # each database has its own kind of index
        assert compare_metadata(MigrationContext.configure(connection, opts=ours), Table.metadata) == []


def test_the_program_knows_its_newest_step() -> None:
    config = Config()
    config.set_main_option("script_location", str(STEPS))
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


def test_a_database_from_before_steps_were_counted_is_taken_over(database: Database) -> None:
    make_before_steps(database)
    for _ in range(2):
        with closing(Records(database.url)) as records:
            assert (records.instance, records.generation()) == ("the-old-token", 3)
            record = records.get(ModelId("old", "1.0"))
            assert record is not None
            assert record.sections == a_draft("old/1.0", model_metainfo__input_languages=["en", "de"]).sections
            for wanted in (
                {"language": "de"},
                {"q": "tiny"},
                {"license": "MIT"},
                {"type": "ENCODER"},
                {"state": "active"},
            ):
                found, _ = records.page(Filters.model_validate(wanted), private=True)
                assert [entry["name"] for entry in found] == ["old"], wanted
            assert records.page(Filters(language="fr"), private=True) == ([], None)
    assert database.rows("SELECT version_num FROM alembic_version") == [(HEAD,)]


def test_a_database_that_is_newer_than_the_program_is_refused(database: Database) -> None:
    Records(database.url).close()
    database.rows("UPDATE alembic_version SET version_num = 'from_tomorrow'")
    with pytest.raises(NewerDatabaseError, match="newer than this program") as caught:
        Records(database.url)
    assert (caught.value.exit_code, "pip install --upgrade" in caught.value.hint) == (2, True)
    assert database.rows("SELECT version_num FROM alembic_version") == [("from_tomorrow",)]


@pytest.mark.parametrize("is_old", [False, True])
def test_several_that_start_at_once_bring_it_up_to_date_once(database: Database, *, is_old: bool) -> None:
    if is_old:
        make_before_steps(database)
    with ThreadPoolExecutor(6) as pool:
        opened = list(pool.map(lambda _: Records(database.url), range(6)))
    assert len({records.instance for records in opened}) == 1
    for records in opened:
        records.close()
