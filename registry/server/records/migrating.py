"""The steps from any earlier form of the tables to the present one."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from registry.errors import RegistryError

HEAD = "found"  # the newest step; a test holds it against the folder
_FIRST = "first"  # what was made before steps were counted
_STEPS = Path(__file__).parent / "migrations"


class NewerDatabaseError(RegistryError):
    """The database was brought into a form that this program does not know."""

    exit_code = 2


def migrate(connection: Connection) -> None:
    """Bring the tables into their present form, all or nothing; the caller holds off everybody else.

    A database that was made before steps were counted is taken over. Raises NewerDatabaseError.
    """
    tables = inspect(connection).get_table_names()
    found = _version(connection) if "alembic_version" in tables else None
    if found != HEAD:
        _run(connection, found, is_old="versions" in tables)


def _version(connection: Connection) -> str | None:
    found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found


def _run(connection: Connection, found: str | None, *, is_old: bool) -> None:
    from alembic import command  # takes longer to load than a database that is up to date takes to open
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(_STEPS).replace("%", "%%"))
    known = {step.revision for step in ScriptDirectory.from_config(config).walk_revisions()}
    if found is not None and found not in known:
        message = f"the database is newer than this program: it is at step {found!r}, which is not known here"
        raise NewerDatabaseError(message, hint="upgrade: pip install --upgrade 'registry[server]'")
    if found is None and is_old:
        command.stamp(config, _FIRST)
    command.upgrade(config, "head")
