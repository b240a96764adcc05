"""The list of cards, without anything of the contract: tested natively.

A card is a UID, or `UID@SECONDS`: good until that second since 1970.
"""

import re
from dataclasses import dataclass
from typing import Callable, Optional

ENTRY = re.compile(r"([0-9A-Fa-f]+)(?:@([0-9]{1,12}))?", re.ASCII)


@dataclass(frozen=True)
class Opinion:
    """What the list says about a card."""

    decision: str
    until_ms: Optional[int] = None


NO_OPINION = Opinion("no-opinion")


class Cards:
    """Cards that may charge."""

    def __init__(self, text: str, warn: Callable[[str], None] = lambda text: None):
        """Reads the list; what is not understood is reported and left out."""
        self._until_ms: dict[str, Optional[int]] = {}
        for entry in text.split():
            match = ENTRY.fullmatch(entry)
            if match is None:
                warn(f"not a card: {entry}")
                continue
            uid, seconds = match.groups()
            self._until_ms[uid.upper()] = None if seconds is None else int(seconds) * 1000

    def __len__(self) -> int:
        return len(self._until_ms)

    def opinion(self, uid: str, wall_ms: Optional[int]) -> Opinion:
        """`wall_ms` is None while nobody has told the station the time."""
        # `in` first: a card that is not on the list is no card without an end.
        if uid not in self._until_ms:
            return NO_OPINION
        until_ms = self._until_ms[uid]
        if until_ms is None:
            return Opinion("accepted")
        if wall_ms is None:
            return NO_OPINION
        return Opinion("accepted", until_ms) if wall_ms < until_ms else Opinion("expired")
