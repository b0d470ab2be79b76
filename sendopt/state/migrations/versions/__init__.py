"""The changes, in order; alembic finds them by their `revision`."""
