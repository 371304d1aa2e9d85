"""How each database answers: with an index, and at no cost that grows with the number of versions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine, event, text

from registry.identity import ModelId
from registry.server.records import Draft, Filters, Records
from registry.server.records.listing import RARE, WINDOWS, list_page
from registry.server.records.transactions import Transactions
from tests.databases import Database, NewDatabase
from tests.server.drafts import a_draft, put

MODELS = 300
VERSIONS = 10
assert RARE < MODELS * VERSIONS  # so that there are common words
LISTS: tuple[dict[str, Any], ...] = (
    {}, {"name": "model-7"}, {"version": "3.0"}, {"type": "DECODER"}, {"state": "withdrawn"}, {"license": "Apache-2.0"},
    {"language": "de"}, {"input_type": "SOURCE_CODE"}, {"output_type": "OTHER"}, {"trainable": False},
    {"q": "rarely"}, {"q": "encoder"}, {"q": "mo"}, {"q": "%_%"}, {"q": "tiny", "type": "DECODER"},
    {"language": "de", "type": "DECODER", "license": "MIT"}, {"name": "model-7", "q": "encoder", "language": "en"},
    {"cursor": "bW9kZWwtMTUwLzMuMA"}, {"cursor": "bW9kZWwtMTUwLzMuMA", "type": "DECODER", "q": "encoder"},
)  # fmt: skip


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory, new: NewDatabase) -> Database:
    """Some thousands of versions."""
    made = new(tmp_path_factory.mktemp("plans"))
    with closing(Records(made.url)) as records:
        for number in range(MODELS * VERSIONS):
            assert put(records, numbered(number))
    if not made.is_sqlite:
        made.rows("ANALYZE")
    return made


def numbered(number: int) -> Draft:
    """Versions that differ in what lists are narrowed down by: some values are rare, some are common."""
    rare = number % 500 == 0
    draft = a_draft(
        f"model-{number // VERSIONS}/{number % VERSIONS}.0",
        model_config__type="DECODER" if number % 3 == 0 else "ENCODER",
        model_config__description="A rarely seen encoder." if rare else "A tiny encoder.",
        model_config__private=not rare,
        model_metainfo__input_languages=["de"] if rare else ["en"],
        provenance={"lifecycle": {"state": "withdrawn", "reason": "old"}} if number % 50 == 1 else {},
    )
    return replace(draft, generation=number)


@contextmanager
def statements() -> Iterator[list[tuple[str, Any]]]:
    """What is asked of any database, with its parameters."""
    found: list[tuple[str, Any]] = []

    def note(_: object, __: object, statement: str, parameters: Any, *___: object) -> None:
        found.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def plans(database: Database, asked: list[tuple[str, Any]]) -> Iterator[str]:
    """The plan of each query, as the database tells it."""
    explain = "EXPLAIN QUERY PLAN " if database.is_sqlite else "EXPLAIN "
    with database.open() as connection:
        for way in () if database.is_sqlite else ("seqscan", "mergejoin", "hashjoin"):  # as the endpoint is connected
            connection.execute(text(f"SET enable_{way} = off"))
        for statement, parameters in asked:
            if statement.lstrip().startswith("SELECT") and "pg_advisory" not in statement:
                rows = connection.exec_driver_sql(explain + statement, parameters).all()
                yield "\n".join(str(row[-1]) for row in rows)


def whole_tables(plan: str) -> list[str]:
    """The lines that tell of a table, or an index, that is read from one end to the other."""
    return re.findall(
        r"Seq Scan on \w+|Merge Join|Hash Join|SCAN (?!grams VIRTUAL|places|texts_with|anon|\(|CONSTANT)\w+.*", plan
    )


def test_a_look_at_every_version_would_be_noticed(database: Database) -> None:
    for query in (
        "SELECT name FROM versions WHERE description = 'x'",
        "SELECT rank FROM texts WHERE text = 'x'",
    ):
        assert [scan for plan in plans(database, [(query, ())]) for scan in whole_tables(plan)]


@pytest.mark.parametrize("private", [True, False], ids=["all", "public"])
@pytest.mark.parametrize("filters", LISTS, ids=str)
def test_each_list_uses_an_index(database: Database, filters: dict[str, Any], *, private: bool) -> None:
    with closing(Records(database.url)) as records, statements() as asked:
        records.page(Filters.model_validate(filters), private=private)
    shown = list(plans(database, asked))
    assert shown
    assert [scan for plan in shown for scan in whole_tables(plan)] == []


@pytest.mark.parametrize("private", [True, False], ids=["all", "public"])
@pytest.mark.parametrize("filters", [given for given in LISTS if "cursor" not in given], ids=str)
def test_a_list_is_what_a_look_at_every_version_finds(
    database: Database, filters: dict[str, Any], *, private: bool
) -> None:
    with closing(Records(database.url)) as records:
        found = [f"{entry['name']}/{entry['version']}" for entry in followed(records, filters, private=private)]
    wanted = [
        (draft.model.name, str(draft.model))
        for draft in map(numbered, range(MODELS * VERSIONS))
        if has(draft, filters) and (private or not draft.is_private)
    ]
    assert found == [model for _, model in sorted(wanted)]


def followed(records: Records, filters: dict[str, Any], *, private: bool) -> Iterator[Any]:
    """All pages."""
    cursor = None
    while True:
        page, cursor = records.page(Filters.model_validate({**filters, "cursor": cursor, "limit": 70}), private=private)
        yield from page
        if cursor is None:
            return


def has(draft: Draft, filters: dict[str, Any]) -> bool:
    """Whether a list with these filters holds a version, told without a database."""
    configuration, metainfo = draft.sections["model_config"], draft.sections["model_metainfo"]
    state = draft.lifecycle["state"]
    q = filters.get("q", "")
    words = f"{draft.model.name}\n{configuration['description']}".casefold()
    return all(
        (
            filters.get("name", draft.model.name) == draft.model.name,
            filters.get("version", draft.model.version) == draft.model.version,
            filters.get("type", configuration["type"]) == configuration["type"],
            filters.get("license", "MIT") == "MIT",
            filters.get("state", state) == state and ("state" in filters or state != "withdrawn"),
            filters.get("language", "en") in metainfo["input_languages"] or "language" not in filters,
            filters.get("input_type", "NATURAL_LANGUAGE") in metainfo["input_types"],
            filters.get("output_type", "OTHER") in metainfo["output_types"],
            q in words if len(q) > 2 else draft.model.name.startswith(q),
        )
    )


def test_what_is_rare_among_what_is_common_ends_a_page_early_and_is_found_behind_it(database: Database) -> None:
    with closing(Transactions(database.url, wait=30)) as transactions, transactions.reading() as connection:
        filters = Filters(q="mo", language="de", limit=4)
        pages, cursor = list[int](), None
        while cursor is not None or not pages:
            page, cursor = list_page(connection, filters.model_copy(update={"cursor": cursor}), private=True, window=10)
            pages.append(len(page))
    assert sum(pages) == MODELS * VERSIONS // 500
    assert len(pages) == MODELS * VERSIONS // (10 * WINDOWS) + 1
    assert 0 in pages


def test_each_other_query_uses_an_index(database: Database) -> None:
    with closing(Records(database.url)) as records, statements() as asked:
        del asked[:]
        seen = records.seen(ModelId("model-7", "3.0"))
        assert seen.record is not None
        records.get(ModelId("model-7", "3.0"))
        records.generation()
        records.registrations.claim(1.0)
        records.seen(ModelId("unknown", "1.0"))
        put(records, a_draft("one-more/1.0"))
        amended = replace(a_draft("model-7/3.0", model_config__description="Other words."), generation=None)
        assert records.amend(amended, seen.record.etag)
    assert [scan for plan in plans(database, asked) for scan in whole_tables(plan)] == []
