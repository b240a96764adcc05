"""Puts finished transactions into the journal of a station that does not run, as if it had been offline for weeks.

fill_queue.py DATABASE SESSIONS READINGS: each session is a start, so many periodic readings, and a stop. The register
rises by 1 Wh with each entry, so that the order in which a central system hears of them can be told from what they say.
"""

import json
import sqlite3
import sys
import time

CARD = {"kind": "rfid", "value": "04A1B2C3"}


def reading(at_ms, wall_ms, register):
    """A periodic reading as the station writes it."""
    samples = [["energy-import-wh", None, register], ["power-import-w", None, 7000]]
    return {
        "at_ms": at_ms, "wall_ms": wall_ms, "context": "sample-periodic", "evse": 1, "samples": samples,
    }


def entries(transaction, sessions, readings):
    """Every entry in order; the register is one higher each time."""
    register = 0
    for number in range(transaction, transaction + sessions):
        yield register, {
            "started": number, "evse": 1, "connector": 1, "token": CARD, "group": None,
            "meter_wh": register, "reservation": None, "offline": True, "silent": False,
        }
        register += 1
        for _ in range(readings):
            yield register, {"metered": number, "reading": None}
            register += 1
        yield register, {
            "ended": number, "evse": 1, "token": CARD, "meter_wh": register, "reason": "local",
        }
        register += 1


def main():
    path, sessions, readings = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    database = sqlite3.connect(path)
    boot = database.execute("SELECT max(id) FROM boot").fetchone()[0]
    cursor = database.execute("SELECT coalesce(max(seq), 0) FROM cursor").fetchone()[0]
    last = database.execute("SELECT coalesce(max(seq), 0) FROM journal").fetchone()[0]
    assert last <= cursor, "the station had something to tell; the test waits for the end of that"
    state = json.loads(database.execute("SELECT value FROM record WHERE key = 'station'").fetchone()[0])
    total = sessions * (readings + 2)
    begin = int(time.time() * 1000) - total * 1000
    rows = []
    for place, (register, event) in enumerate(entries(state["next_transaction"], sessions, readings)):
        at, wall = 1_000 + place, begin + place * 1000
        if "metered" in event:
            event["reading"] = reading(at, wall, register)
        rows.append((cursor + 1 + place, boot, at, wall, json.dumps(event)))
    state["next_transaction"] += sessions
    state["next_journal"] = cursor + 1 + total
    with database:
        database.executemany("INSERT INTO journal VALUES (?, ?, ?, ?, ?)", rows)
        database.execute("UPDATE record SET value = ? WHERE key = 'station'", (json.dumps(state),))
    print(total)


if __name__ == "__main__":
    main()
