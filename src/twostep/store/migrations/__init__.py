"""Schema versions. Alembic is imported only while it migrates."""
