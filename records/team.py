"""The part of `Database` that a team asks: second opinions, agreement, shares."""

from sqlalchemy import func, select

from records import opinions
from records.opinions import Agreement
from records.schema import opinions as table
from records.transaction import Base


class Team(Base):
    """Several people on one history."""

    def agreement(self) -> Agreement:
        """How often people agree where two or more judged one picture."""
        with self._transaction(writes=False) as connection:
            return opinions.agreement(connection)

    def opinions(self, image_id: int) -> dict[str, str]:
        """What each person says that a picture shows, as far as they are named."""
        with self._transaction(writes=False) as connection:
            pile = opinions.piles(connection, [image_id]).get(image_id, [])
        return opinions.held(pile)

    def others(self, who: str) -> bool:
        """Whether somebody else has an opinion: then this is a team."""
        name = table.c.who
        ends = (select(end(name)) for end in (func.min, func.max))  # off the index
        with self._transaction(writes=False) as connection:
            found = [connection.execute(end).scalar() for end in ends]
        return any(other not in (None, who) for other in found)

    def share(self, who: str, number: int, *, second: bool = False) -> list[str]:
        """Hand out pictures to one person, most uncertain first, by their hashes.

        Nobody else is given them for a day. Asking again gives those of them that are
        still to be judged, and more.

        Args:
            who: the person; somebody without a name has no share.
            number: how many at most.
            second: pictures that one other person judged, not those nobody did.

        Raises:
            ValueError: the person has no name.
        """
        if not who:
            raise ValueError("a share is somebody's")
        with self._transaction(writes=True) as connection:
            return opinions.hand_out(connection, who, number, second=second)
