"""Registrations that are under way, and the files that are copied for them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "registrations"
down_revision = "first"

TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Make their tables."""
    op.create_table(
        "registrations",
        *(sa.Column(name, TEXT, primary_key=True) for name in ("name", "version")),
        *(sa.Column(name, TEXT, nullable=False) for name in ("state", "message", "target", "etag")),
        *(sa.Column(name, sa.JSON, nullable=False) for name in ("sections", "provenance", "sources")),
        sa.Column("generation", sa.BigInteger),
        sa.Column("passwords", sa.JSON, nullable=False),
        sa.Column("attempts", sa.BigInteger, nullable=False),
        sa.Column("claim", TEXT, nullable=False),
        sa.Column("claimed_until", sa.Double, nullable=False),
        *(sa.Column(name, TEXT, nullable=False) for name in ("started", "updated")),
    )
    op.create_index("registrations_by_claim", "registrations", ["state", "claimed_until"])
    op.create_table(
        "registration_files",
        *(sa.Column(name, TEXT, primary_key=True) for name in ("name", "version", "target")),
        sa.Column("url", TEXT, nullable=False),
        sa.Column("sha256", TEXT),
        sa.Column("size", sa.BigInteger),
        sa.ForeignKeyConstraint(["name", "version"], ["registrations.name", "registrations.version"]),
    )
