"""The steps of the tables, run by alembic when a database is opened."""
