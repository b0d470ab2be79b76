from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from sendopt.state import State
from sendopt.state.migrate import check_version, migrate
from sendopt.state.tables import metadata


def test_migrations_build_exactly_the_tables_that_the_code_uses(state: State) -> None:
    with state.read() as tx:
        assert compare_metadata(MigrationContext.configure(tx), metadata) == []
    check_version(state)
    migrate(state)
