"""Everything that lists are narrowed down by stands in the order of lists, and texts are found by what they contain."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import chain
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "found"
down_revision = "registrations"

TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")
BATCH = 1000
COLUMNS = "name, version, rank, type, description, private, trainable, license, state, metainfo"
FACETS = sa.table("facets", *(sa.column(name) for name in ("kind", "value", "name", "rank")))
TEXTS = sa.table("texts", *(sa.column(name) for name in ("name", "rank", "text")))


def upgrade() -> None:
    """Make the tables anew, and fill them from the versions."""
    op.drop_table("facets")
    op.create_table(
        "facets",
        *(sa.Column(name, TEXT, primary_key=True) for name in ("kind", "value", "name", "rank")),
        sqlite_with_rowid=False,
    )
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "texts",
        sa.Column("number", number, primary_key=True, autoincrement=True),
        *(sa.Column(name, TEXT, nullable=False) for name in ("name", "rank", "text")),
    )
    op.create_index("texts_by_order", "texts", ["name", "rank"], unique=True)
    is_postgres = op.get_bind().dialect.name == "postgresql"
    for statement in _POSTGRES if is_postgres else _SQLITE:
        op.execute(statement)
    _fill(op.get_bind())


# Three characters each; a text contains another only where it has all of its grams.
_POSTGRES = (
    """CREATE FUNCTION registry_grams(content text) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
    $$ SELECT coalesce(array_agg(DISTINCT substr(content, place, 3)), '{}')
    FROM generate_series(1, length(content) - 2) AS place $$""",
    "CREATE INDEX texts_by_grams ON texts USING gin (registry_grams(text))",
)
_SQLITE = (
    """CREATE VIRTUAL TABLE grams USING fts5(
    text, content='texts', content_rowid='number', tokenize='trigram case_sensitive 1', detail='none')""",
    """CREATE TRIGGER texts_added AFTER INSERT ON texts BEGIN
    INSERT INTO grams (rowid, text) VALUES (new.number, new.text); END""",
    """CREATE TRIGGER texts_gone AFTER DELETE ON texts BEGIN
    INSERT INTO grams (grams, rowid, text) VALUES ('delete', old.number, old.text); END""",
)


def _fill(connection: sa.Connection) -> None:
    place = ("", "")
    while rows := _next(connection, place):
        shown = [row for row in rows if row["state"] != "removed"]
        if shown:
            connection.execute(sa.insert(FACETS), list(chain.from_iterable(map(_facets, shown))))
            connection.execute(sa.insert(TEXTS), [_text(row) for row in shown])
        place = rows[-1]["name"], rows[-1]["rank"]


def _next(connection: sa.Connection, place: tuple[str, str]) -> list[Any]:
    query = f"SELECT {COLUMNS} FROM versions WHERE (name, rank) > (:name, :rank) ORDER BY name, rank LIMIT {BATCH}"  # noqa: S608
    return list(connection.execute(sa.text(query), {"name": place[0], "rank": place[1]}).mappings())


def _facets(row: Any) -> Iterator[dict[str, str]]:
    metainfo = json.loads(row["metainfo"]) if isinstance(row["metainfo"], str) else row["metainfo"]
    pairs = [
        *(("type", row["type"]), ("version", row["version"]), ("state", row["state"])),
        ("trainable", "true" if row["trainable"] else "false"),
        *((("license", row["license"]),) if row["license"] else ()),
        *((("listed", "true"),) if row["state"] in ("active", "deprecated") else ()),
        *((("public", "true"),) if not row["private"] else ()),
        *(("input_type", value) for value in metainfo["input_types"]),
        *(("output_type", value) for value in metainfo["output_types"]),
        *(("language", value) for key in ("input_languages", "output_languages") for value in metainfo[key]),
    ]
    for kind, value in dict.fromkeys(pairs):
        yield {"kind": kind, "value": value, "name": row["name"], "rank": row["rank"]}


def _text(row: Any) -> dict[str, str]:
    return {"name": row["name"], "rank": row["rank"], "text": f"{row['name']}\n{row['description']}".casefold()}
