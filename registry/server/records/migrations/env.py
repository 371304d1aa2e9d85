"""What alembic runs to reach the database: the connection that it was handed, in the transaction that is open."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
with context.begin_transaction():
    context.run_migrations()
