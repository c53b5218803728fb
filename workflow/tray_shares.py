"""Who may open one more tray: so many wait on a server, shared among its visitors.

A tray lasts until it is saved or cleared, or for two weeks. So no visitor opens more
than are left to others, and where there are none left, those go that hold least: empty
ones, and single pictures that nobody has judged. Of them the oldest goes, of whoever
opened most. Who opened which is known until the server ends; then all count as one
visitor's.
"""

import threading
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from intake.errors import Refused
from workflow import tray as trays
from workflow.tray import Tray, valid_tray_id

IN_USE = 600.0
"""Seconds for which a tray that was changed is not taken from anybody, and one that was
let in may come to be."""
FULL = (
    "The server holds as many unsaved trays as it may, of everybody's or of yours: "
    "save or clear one, or try again in a while"
)


class TrayShares:
    """The trays of one server, and who opened them."""

    def __init__(self) -> None:
        """None is known."""
        self._opened: dict[str, tuple[str, float]] = {}
        self._lock = threading.Lock()

    def let_in(self, tray: Tray, visitor: str) -> None:
        """Let a visitor put pictures into a tray that may be a new one.

        Raises:
            Refused: it is one more than there may be.
        """
        if tray.folder.exists():
            return
        with self._lock:
            there = self._there(tray.folder.parent)
            there.pop(tray.tray_id, None)
            self._make_place(tray.folder.parent, there, visitor)
            self._opened[tray.tray_id] = visitor, time.time()

    def _there(self, root: Path) -> dict[str, str]:
        """The trays there are or will be, and who opened each."""
        with suppress(OSError):  # not one yet
            names = {f.name for f in root.iterdir() if valid_tray_id(f.name)}
            limit = time.time() - IN_USE
            self._opened = {
                name: (who, since)
                for name, (who, since) in self._opened.items()
                if name in names or since > limit
            }
            known = {name: who for name, (who, _) in self._opened.items()}
            return dict.fromkeys(names, "") | known
        return {name: who for name, (who, _) in self._opened.items()}

    def _make_place(self, root: Path, there: dict[str, str], visitor: str) -> None:
        """See that one more may come; where none may, one that holds little goes."""
        opened = Counter(there.values())
        if opened[visitor] < trays.MAX_TRAYS - len(there):
            return
        rivals = [
            name
            for name, who in there.items()
            if who == visitor or opened[who] > opened[visitor] + 1
        ]
        oldest = sorted(
            (
                (-opened[there[name]], changed, name)
                for name, changed in _old(root, rivals)
            )
        )
        for *_, name in oldest:
            if Tray(root, name).drop_little():
                self._opened.pop(name, None)
                return
        raise Refused(FULL, retry=True)


def _old(root: Path, names: Iterable[str]) -> Iterable[tuple[str, float]]:
    """Those of the trays that nobody uses now, and when they were changed."""
    limit = time.time() - IN_USE
    for name in names:
        with suppress(OSError):  # saved or cleared meanwhile
            changed = (root / name).stat().st_mtime
            if changed < limit:
                yield name, changed


SHARES = TrayShares()
"""Of this server."""
