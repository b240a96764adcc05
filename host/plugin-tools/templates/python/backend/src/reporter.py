"""The reporter, without anything of the contract: tested natively. README.md lists its messages.

Nothing of a transaction is lost or doubled. The station hands over an entry of its journal; the answer says "taken"
(`advance`) and "keep this frame" (`enqueue`), which the station commits together. The frame is sent, again after every loss
of the link and every restart, always with the same id, until the server has confirmed the id (`dequeue`).

What it wants of the station is a list of commands, pairs of a word and a value; `app.py` turns them into the contract's.
"""

import json
from dataclasses import dataclass
from typing import Any, Callable, Iterable, Optional
from urllib.parse import quote

Command = tuple[str, Any]

URL = "ws://127.0.0.1:9000/report"
# Pause before the next try to connect; it doubles.
FIRST_PAUSE_MS = 1_000
LONGEST_PAUSE_MS = 60_000
# The server has this long for a welcome and for a confirmation.
PATIENCE_MS = 30_000
# Its messages have no more brackets. A parser in a component dies of deeply nested JSON: its stack is small.
MOST_BRACKETS = 16
DECISIONS = ("accepted", "blocked", "expired", "invalid", "concurrent")
# Prefix of the keys under which the store has the transactions that are reported.
REPORTED = "transaction-"
# The largest number that JSON carries for certain.
LARGEST = 2**53 - 1


def is_count(value: Any) -> bool:
    # A bool is an int.
    return type(value) is int and 0 <= value <= LARGEST


def parse(text: str) -> dict:
    """What a frame says; nothing if it is not understood."""
    if text.count("[") + text.count("{") > MOST_BRACKETS:
        return {}
    try:
        message = json.loads(text)
    except ValueError:
        return {}
    return message if isinstance(message, dict) else {}


def state(registration: str, detail: str) -> Command:
    return ("state", (registration, detail))


@dataclass(frozen=True)
class Station:
    """Who the station is."""

    identity: str
    boot: int
    model: str = ""
    firmware: str = ""


@dataclass(frozen=True)
class Begun:
    """A transaction, as it began."""

    transaction: int
    evse: int
    connector: int
    card: str
    meter_wh: int
    time_ms: Optional[int]
    silent: bool = False


class Reporter:
    """Between a station and its server."""

    def __init__(
        self,
        station: Station,
        url: str = URL,
        outbox: Iterable[tuple[str, str]] = (),
        store: Iterable[str] = (),
        warn: Callable[[str], None] = lambda text: None,
    ):
        """`outbox` has the frames (id and text) that are not confirmed, `store` the keys of the store."""
        self.station = station
        self.url = url
        self.outbox = dict(outbox)
        self.reported = {int(key.removeprefix(REPORTED)) for key in store if key.startswith(REPORTED)}
        self.words: dict[tuple[int, int], str] = {}
        self.link = "down"  # then `connecting`, `greeting`, `welcome`
        self.pause_ms = FIRST_PAUSE_MS
        self.warn = warn

    def start(self, now_ms: int, link_is_up: bool, running: Iterable[Begun] = ()) -> list[Command]:
        """`running` are transactions whose start is behind us; one that we do not know began before we were added."""
        late: list[Command] = []
        for begun in running:
            if not begun.silent and begun.transaction not in self.reported:
                late += self._begin(now_ms, f"t{begun.transaction}", begun)
        return late + (self._greet(now_ms) if link_is_up else self._connect())

    # The link.

    def _connect(self) -> list[Command]:
        self.link = "connecting"
        url = f"{self.url}/{quote(self.station.identity, safe='')}"
        return [("connect", url), ("wake-at", None), state("connecting", self.url)]

    def _greet(self, now_ms: int) -> list[Command]:
        self.link = "greeting"
        who = self.station
        hello = self._send(type="hello", station=who.identity, boot=who.boot, model=who.model, firmware=who.firmware)
        return [hello, ("wake-at", now_ms + PATIENCE_MS), state("connecting", "waiting for the welcome")]

    def _welcomed(self, now_ms: int, message: dict) -> list[Command]:
        if self.link != "greeting":
            return []
        self.link = "welcome"
        self.pause_ms = FIRST_PAUSE_MS
        time_ms = message.get("time_ms")
        clock: list[Command] = [("set-clock", time_ms)] if is_count(time_ms) else []
        states = [self._status(place) for place in self.words]
        frames: list[Command] = [("send", text) for text in self.outbox.values()]
        return clock + states + frames + [self._awaited(now_ms), state("registered", f"reports to {self.url}")]

    def link_up(self, now_ms: int) -> list[Command]:
        return self._greet(now_ms)

    def link_down(self, now_ms: int, detail: str) -> list[Command]:
        self.link = "down"
        again = now_ms + self.pause_ms
        self.pause_ms = min(self.pause_ms * 2, LONGEST_PAUSE_MS)
        return [("wake-at", again), state("offline", detail)]

    def timer(self) -> list[Command]:
        if self.link == "down":
            return self._connect()
        return [] if self.link == "connecting" else [("disconnect", "the server does not answer")]

    def url_changed(self, url: str) -> list[Command]:
        if url == self.url:
            return []
        self.url = url
        return self._connect() if self.link == "down" else [("disconnect", "the URL has changed")]

    def _send(self, **message: Any) -> Command:
        return ("send", json.dumps(message))

    def _awaited(self, now_ms: int) -> Command:
        """While the server owes a confirmation, it is waited for; the adapter has one timer."""
        return ("wake-at", now_ms + PATIENCE_MS if self.outbox else None)

    # The journal.

    def began(self, now_ms: int, seq: int, begun: Begun) -> list[Command]:
        taken: list[Command] = [("advance", seq)]
        return taken if begun.silent else taken + self._begin(now_ms, f"j{seq}", begun)

    def metered(
        self, now_ms: int, seq: int, transaction: int, meter_wh: Optional[int], time_ms: Optional[int]
    ) -> list[Command]:
        taken: list[Command] = [("advance", seq)]
        if meter_wh is None or transaction not in self.reported:
            return taken
        message = {"type": "energy", "transaction": transaction, "meter_wh": meter_wh, "time_ms": time_ms}
        return taken + self._keep(now_ms, f"j{seq}", message)

    def ended(
        self, now_ms: int, seq: int, transaction: int, meter_wh: int, reason: str, time_ms: Optional[int]
    ) -> list[Command]:
        taken: list[Command] = [("advance", seq)]
        if transaction not in self.reported:
            return taken
        self.reported.remove(transaction)
        message = {
            "type": "ended",
            "transaction": transaction,
            "meter_wh": meter_wh,
            "reason": reason,
            "time_ms": time_ms,
        }
        forget: Command = ("store", (f"{REPORTED}{transaction}", None))
        return taken + [forget] + self._keep(now_ms, f"j{seq}", message)

    def other(self, seq: int) -> list[Command]:
        """An entry that is not reported."""
        return [("advance", seq)]

    def _begin(self, now_ms: int, id: str, begun: Begun) -> list[Command]:
        self.reported.add(begun.transaction)
        message = {
            "type": "started",
            "transaction": begun.transaction,
            "evse": begun.evse,
            "connector": begun.connector,
            "card": begun.card,
            "meter_wh": begun.meter_wh,
            "time_ms": begun.time_ms,
        }
        remember: Command = ("store", (f"{REPORTED}{begun.transaction}", b"1"))
        return [remember] + self._keep(now_ms, id, message)

    def _keep(self, now_ms: int, id: str, message: dict) -> list[Command]:
        """Keeps a message until the server has confirmed it."""
        text = json.dumps({"type": message["type"], "id": id} | message)
        self.outbox[id] = text
        kept: list[Command] = [("enqueue", (id, text))]
        return kept + [("send", text), self._awaited(now_ms)] if self.link == "welcome" else kept

    def _confirmed(self, now_ms: int, id: Any) -> list[Command]:
        if self.link != "welcome" or not isinstance(id, str) or id not in self.outbox:
            return []
        del self.outbox[id]
        return [("dequeue", id), self._awaited(now_ms)]

    # What happens now.

    def connector(self, evse: int, connector: int, word: str) -> list[Command]:
        is_news = self.words.get((evse, connector)) != word
        self.words[evse, connector] = word
        return [self._status((evse, connector))] if is_news and self.link == "welcome" else []

    def _status(self, place: tuple[int, int]) -> Command:
        evse, connector = place
        return self._send(type="status", evse=evse, connector=connector, status=self.words[place])

    def card(self, request: int, evse: Optional[int], card: str, purpose: str) -> list[Command]:
        """Without the server there is no opinion, so that others may have one."""
        if self.link != "welcome":
            return [("verdict", (request, "no-opinion"))]
        return [self._send(type="card", request=request, evse=evse, card=card, purpose=purpose)]

    def done(self, request: int, result: str) -> list[Command]:
        return [self._send(type="done", request=request, result=result)] if self.link == "welcome" else []

    def frame(self, now_ms: int, text: str) -> list[Command]:
        message = parse(text)
        request, transaction = message.get("request"), message.get("transaction")
        match message.get("type"):
            case "welcome":
                return self._welcomed(now_ms, message)
            case "ack":
                return self._confirmed(now_ms, message.get("id"))
            case "verdict":
                decision = message.get("decision")
                decision = decision if decision in DECISIONS else "no-opinion"
                return [("verdict", (request, decision))] if is_count(request) else []
            case "stop":
                known = is_count(request) and is_count(transaction)
                return [("request-stop", (request, transaction))] if known else []
            case _:
                self.warn("the server said something that is not understood")
                return []
