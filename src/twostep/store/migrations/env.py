"""Alembic's entry point: run the migrations on the connection that `store.schema` hands over."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, cast

from alembic import context
from alembic.runtime.migration import MigrationContext, MigrationInfo
from alembic.script import Script
from sqlalchemy import text

from twostep.store.engine.schema import COMPATIBLE_FROM, compatibility


def note_compatibility(
    ctx: MigrationContext,
    step: MigrationInfo,
    heads: Collection[Any],  # noqa: ARG001  Alembic's, by name
    run_args: Mapping[str, Any],  # noqa: ARG001  as above
) -> None:
    """Write down, in the migration's own transaction, which older programs work with its schema."""
    connection, revision = ctx.connection, cast("Script | None", step.up_revision)
    if connection is None or revision is None:
        raise RuntimeError("a migration runs on a connection and has a revision")
    value = compatibility(revision.revision, revision.module.compatible_from)
    fact = {"name": COMPATIBLE_FROM, "value": value}
    connection.execute(text("DELETE FROM installation WHERE name = :name"), {"name": fact["name"]})
    connection.execute(text("INSERT INTO installation (name, value) VALUES (:name, :value)"), fact)


context.configure(
    connection=context.config.attributes["connection"],
    transaction_per_migration=True,
    transactional_ddl=True,
    on_version_apply=note_compatibility,
)
with context.begin_transaction():
    context.run_migrations()
