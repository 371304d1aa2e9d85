"""The tables as they were before steps were counted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "first"
down_revision = None

TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")  # sorts byte by byte, as SQLite does


def upgrade() -> None:
    """Make the first tables."""
    op.create_table(
        "instance",
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("token", TEXT, nullable=False),
    )
    _make_versions()
    op.create_table("facets", *_key(), _part("kind"), _part("value"), _of_version())
    op.create_index("facets_by_value", "facets", ["kind", "value"])
    op.create_table(
        "passwords", *_key(), _part("environment"), sa.Column("password", TEXT, nullable=False), _of_version()
    )


def _make_versions() -> None:
    op.create_table(
        "versions",
        *_key(),
        *(sa.Column(name, TEXT, nullable=False) for name in ("rank", "type", "description")),
        *(sa.Column(name, sa.Boolean, nullable=False) for name in ("private", "trainable")),
        sa.Column("num_params", sa.BigInteger, nullable=False),
        sa.Column("license", TEXT),
        sa.Column("state", TEXT, nullable=False),
        *(
            sa.Column(name, sa.JSON, nullable=False)
            for name in ("configuration", "metainfo", "files", "packages", "sources", "provenance")
        ),
        sa.Column("generation", sa.BigInteger, nullable=False),
        *(sa.Column(name, TEXT, nullable=False) for name in ("etag", "created", "updated")),
    )
    op.create_index("versions_by_order", "versions", ["name", "rank"])
    op.create_index("versions_by_generation", "versions", ["generation"])


def _part(name: str) -> sa.Column[str]:
    return sa.Column(name, TEXT, primary_key=True)


def _key() -> tuple[sa.Column[str], sa.Column[str]]:
    return _part("name"), _part("version")


def _of_version() -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["name", "version"], ["versions.name", "versions.version"])
