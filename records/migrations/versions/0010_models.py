"""What was learned from corrections, and which version serves."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


POSTGRES = """
CREATE FUNCTION never_changes() RETURNS trigger AS $$
BEGIN RAISE EXCEPTION 'rows of % never change', TG_TABLE_NAME; END
$$ LANGUAGE plpgsql
"""


def _seal(table: str) -> None:
    """Have the database itself refuse to change or delete rows."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    for act in ("UPDATE", "DELETE"):
        name = f"{table}_no_{act.lower()}"
        does = (
            f"BEGIN SELECT RAISE(ABORT, 'rows of {table} never change'); END"
            if sqlite
            else "FOR EACH ROW EXECUTE FUNCTION never_changes()"
        )
        op.execute(f"CREATE TRIGGER {name} BEFORE {act} ON {table} {does}")


def upgrade() -> None:
    """Make both tables; rows of either are never changed."""
    op.create_table(
        "models",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("version", sa.String(64), nullable=False, unique=True),
        sa.Column("base", sa.String(64), nullable=False),
        sa.Column("created", sa.String(32), nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("newest_review", sa.Integer, nullable=False),
        sa.Column("classes", sa.Text, nullable=False),
        sa.Column("head", sa.LargeBinary, nullable=False),
        sa.Column("report", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "served",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("created", sa.String(32), nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("version", sa.String(64), nullable=False),
        sqlite_autoincrement=True,
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute(POSTGRES)
    for table in ("models", "served"):
        _seal(table)
