"""Taking back the last thing that was done to a picture."""

from sqlalchemy import text

from db import Change, Database

NEWEST = text(
    "SELECT operation FROM reviews JOIN predictions p ON p.id = prediction_id "
    "WHERE p.image_id = :image AND event != 'undone' AND reviews.id NOT IN "
    "(SELECT undoes FROM reviews WHERE undoes IS NOT NULL) "
    "ORDER BY reviews.id DESC LIMIT 1"
)


def undo_last(database: Database, image_id: int) -> Change | None:
    """Take back the newest act that stands on it; None where none does."""
    with database.engine.connect() as connection:
        asked = connection.execute(NEWEST, {"image": image_id})
        operation = asked.scalar_one_or_none()
    return operation and database.undo(operation)
