"""Makes the journal of a station that was offline for a long time: repeats its last meter reading.

Each entry is committed as the station does it (WAL, synchronous=FULL) while they are timed; the rest comes in one go.
Arguments: database, entries, timed entries. Answers one line of JSON.
"""

import json
import sqlite3
import sys
import time

path, count, timed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
db = sqlite3.connect(path, isolation_level=None)
db.execute("PRAGMA synchronous=FULL")


def size():
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    pages = db.execute("PRAGMA page_count").fetchone()[0] - db.execute("PRAGMA freelist_count").fetchone()[0]
    return pages * db.execute("PRAGMA page_size").fetchone()[0]


last = db.execute("SELECT max(seq) FROM journal").fetchone()[0]
row = db.execute(
    "SELECT boot, monotonic_ms, wall_ms, event FROM journal WHERE event LIKE '%\"reading\"%' ORDER BY seq DESC LIMIT 1"
).fetchone()
before = size()
insert = "INSERT INTO journal (seq, boot, monotonic_ms, wall_ms, event) VALUES (?, ?, ?, ?, ?)"
start = time.perf_counter()
for number in range(1, timed + 1):
    db.execute("BEGIN IMMEDIATE")
    db.execute(insert, (last + number, *row))
    db.execute("COMMIT")
took = time.perf_counter() - start
db.execute("BEGIN IMMEDIATE")
db.executemany(insert, ((last + number, *row) for number in range(timed + 1, count + 1)))
db.execute("COMMIT")
print(json.dumps({"append_ms": took / timed * 1e3, "bytes": (size() - before) / count}))
