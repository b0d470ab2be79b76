"""Runs the migrations on the transaction that `sendopt.state.migrate` has opened."""

from alembic import context

from sendopt.state.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
