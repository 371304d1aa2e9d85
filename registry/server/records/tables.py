"""The tables of the records."""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import JSON, BigInteger, Double, ForeignKeyConstraint, Index, Integer, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Table(DeclarativeBase):
    """What all tables share: how Python types are stored."""

    type_annotation_map: ClassVar[dict[Any, Any]] = {
        dict[str, Any]: JSON,
        list[str]: JSON,
        dict[str, str]: JSON,
        int: BigInteger,
        float: Double,
        # Sorts byte by byte, as SQLite does.
        str: String().with_variant(String(collation="C"), "postgresql"),
    }


class InstanceRow(Table):
    """The one row that names this database."""

    __tablename__ = "instance"
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    token: Mapped[str]


class VersionRow(Table):
    """One version: the sections as canonical JSON, and beside them what lists are filtered and ordered by."""

    __tablename__ = "versions"
    name: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[str] = mapped_column(primary_key=True)
    rank: Mapped[str]  # the version as text that sorts
    type: Mapped[str]
    description: Mapped[str]
    private: Mapped[bool]
    trainable: Mapped[bool]
    num_params: Mapped[int]
    license: Mapped[str | None]
    state: Mapped[str]
    configuration: Mapped[dict[str, Any]]  # model_config without passwords; that name is pydantic's
    metainfo: Mapped[dict[str, Any]]
    files: Mapped[dict[str, Any]]  # target → sha256, size
    packages: Mapped[list[str]]  # targets
    sources: Mapped[dict[str, str]]  # target → URL without query, of files that the endpoint fetched
    provenance: Mapped[dict[str, Any]]
    generation: Mapped[int]  # the highest that has written this record
    etag: Mapped[str]
    created: Mapped[str]
    updated: Mapped[str]
    __table_args__ = (
        Index("versions_by_order", "name", "rank"),
        Index("versions_by_generation", "generation"),
    )


def _of_version() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["name", "version"], ["versions.name", "versions.version"])


class FacetRow(Table):
    """One value by which a version is found, such as a language; each value stands in the order of lists."""

    __tablename__ = "facets"
    kind: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    rank: Mapped[str] = mapped_column(primary_key=True)
    __table_args__ = ({"sqlite_with_rowid": False},)


class TextRow(Table):
    """Name and description of a version in lower case; its parts of three characters are indexed beside it."""

    __tablename__ = "texts"
    number: Mapped[int] = mapped_column(BigInteger().with_variant(Integer(), "sqlite"), primary_key=True)
    name: Mapped[str]
    rank: Mapped[str]
    text: Mapped[str]
    __table_args__ = (Index("texts_by_order", "name", "rank", unique=True),)


class PasswordRow(Table):
    """A secret of one environment, apart from the record so that no answer can hold it."""

    __tablename__ = "passwords"
    name: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[str] = mapped_column(primary_key=True)
    environment: Mapped[str] = mapped_column(primary_key=True)
    password: Mapped[str]
    __table_args__ = (_of_version(),)


class RegistrationRow(Table):
    """A registration whose files are being copied, or that failed."""

    __tablename__ = "registrations"
    name: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str]  # InProgress or Failed
    message: Mapped[str]
    target: Mapped[str]
    etag: Mapped[str]
    sections: Mapped[dict[str, Any]]
    provenance: Mapped[dict[str, Any]]
    sources: Mapped[dict[str, str]]
    generation: Mapped[int | None]
    passwords: Mapped[dict[str, str]]  # key of `model_config` → secret; empty once it has ended
    attempts: Mapped[int]
    claim: Mapped[str]  # of the worker that copies; empty: nobody's
    claimed_until: Mapped[float]  # seconds since 1970
    started: Mapped[str]
    updated: Mapped[str]
    __table_args__ = (Index("registrations_by_claim", "state", "claimed_until"),)


class RegistrationFileRow(Table):
    """One file that is copied for a registration; its URL may be signed, and is kept until it is copied."""

    __tablename__ = "registration_files"
    name: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[str] = mapped_column(primary_key=True)
    target: Mapped[str] = mapped_column(primary_key=True)
    url: Mapped[str]
    sha256: Mapped[str | None]
    size: Mapped[int | None]
    __table_args__ = (ForeignKeyConstraint(["name", "version"], ["registrations.name", "registrations.version"]),)
