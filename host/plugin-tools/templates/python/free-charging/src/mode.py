"""The mode, without anything of the contract: tested natively.

With `start` = `plug` a charge begins by itself at plug-in; with `card` any card begins it, and the same card ends it.
A setting that is not understood accepts nobody.
"""

from typing import Optional

STARTS = ("plug", "card")
REPORTS = ("nothing", "status", "transactions")

# Token of a charge that nobody presented a card for.
FREE = "FREE"


class FreeForAll:
    """Everybody charges, and the backend hears as much as the setting `report` says."""

    def __init__(self, settings: dict[str, str]):
        start, report = settings.get("start"), settings.get("report")
        self.understood = start in STARTS and report in REPORTS
        self.start: Optional[str] = start if self.understood else None
        self.report = report if self.understood else "transactions"

    @property
    def starts_on_plug(self) -> bool:
        return self.start == "plug"

    def accepts(self, kind: str, value: str) -> bool:
        """`kind` is `rfid`, `fixed` or anything else."""
        if self.start == "plug":
            return kind == "fixed" and value == FREE
        return self.start == "card" and kind == "rfid"
