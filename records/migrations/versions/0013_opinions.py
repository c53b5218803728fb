"""What each person says of a picture, where they differ, and who was given which."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

EVENTS = (
    "SELECT p.image_id, r.id, r.event, r.label, r.who, r.undoes FROM reviews r "
    "JOIN predictions p ON p.id = r.prediction_id ORDER BY p.image_id, r.id"
)


def _held(events: list[Any]) -> dict[str, str]:
    """What each named person says last, less what was taken back."""
    undone = {e.undoes for e in events if e.event == "undone"}
    said: dict[str, str] = {}
    stood = None
    for event in events:
        if event.event == "undone" or event.id in undone:
            continue
        if event.event in ("confirmed", "corrected") and event.who:
            said[event.who] = event.label
        elif event.event == "renamed":
            said = {w: event.label if x == stood else x for w, x in said.items()}
        stood = event.label
    return said


def _fill(opinions: sa.TableClause, state: sa.TableClause) -> None:
    events: dict[int, list[Any]] = {}
    connection = op.get_bind()
    for event in connection.execute(sa.text(EVENTS)):
        events.setdefault(event.image_id, []).append(event)
    said = {image_id: _held(each) for image_id, each in events.items()}
    rows = [
        {"image_id": image_id, "who": who, "label": label}
        for image_id, each in said.items()
        for who, label in each.items()
    ]
    if rows:
        connection.execute(opinions.insert(), rows)
    differ = [{"of": i} for i, each in said.items() if len({*each.values()}) > 1]
    if differ:
        of = state.c.image_id == sa.bindparam("of")
        connection.execute(state.update().where(of).values(disputed=True), differ)


def upgrade() -> None:
    """Make both tables and the column, and fill them from the record."""

    def image() -> sa.ForeignKey:
        return sa.ForeignKey("images.id", ondelete="CASCADE")

    opinions = op.create_table(
        "opinions",
        sa.Column("image_id", sa.Integer, image(), primary_key=True),
        sa.Column("who", sa.Text, primary_key=True, index=True),
        sa.Column("label", sa.String(64), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "handed",
        sa.Column("image_id", sa.Integer, image(), primary_key=True),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("created", sa.String(32), nullable=False),
    )
    disputed = sa.Column(
        "disputed", sa.Boolean, nullable=False, server_default=sa.false()
    )
    op.add_column("state", disputed)
    op.create_index(
        "ix_state_disputed",
        "state",
        ["deleted", "image_id"],
        sqlite_where=sa.text("disputed IS 1"),
        postgresql_where=sa.text("disputed IS true"),
    )
    _fill(opinions, sa.table("state", sa.column("image_id"), sa.column("disputed")))
