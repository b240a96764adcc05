"""Run with `python3 -m unittest discover --start-directory tests`."""

import json
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "src"))

from reporter import Begun, Reporter, Station  # noqa: E402

AT = 1_893_456_000_000
BEGUN = Begun(transaction=7, evse=1, connector=1, card="04A1B2C3", meter_wh=1_500, time_ms=AT)
WELCOME = json.dumps({"type": "welcome", "time_ms": AT})


def find(commands, tag):
    return [value for word, value in commands if word == tag]


def sent(commands):
    return [json.loads(text) for text in find(commands, "send")]


class ReporterTest(unittest.TestCase):
    def setUp(self):
        self.reporter = Reporter(Station("CP 1", 3, "M", "1"))

    def welcomed(self):
        self.reporter.link_up(10)
        return self.reporter.frame(20, WELCOME)

    def hear(self, **message):
        return self.reporter.frame(30, json.dumps(message))

    def test_it_connects_introduces_the_station_and_waits_for_the_welcome(self):
        commands = self.reporter.start(0, link_is_up=False)
        self.assertEqual(find(commands, "connect"), ["ws://127.0.0.1:9000/report/CP%201"])
        hello = {"type": "hello", "station": "CP 1", "boot": 3, "model": "M", "firmware": "1"}
        self.assertEqual(sent(self.reporter.link_up(10)), [hello])
        welcome = self.reporter.frame(20, WELCOME)
        self.assertEqual(find(welcome, "set-clock"), [AT])
        self.assertEqual(find(welcome, "state")[0][0], "registered")

    def test_entry_is_taken_and_kept_in_one_answer_sent_again_after_a_loss_and_forgotten_once_confirmed(self):
        self.welcomed()
        taken = self.reporter.began(40, 5, BEGUN)
        self.assertEqual(find(taken, "advance"), [5])
        [(id, text)] = find(taken, "enqueue")
        self.assertEqual((id, find(taken, "send")), ("j5", [text]))
        self.assertEqual(find(self.reporter.link_down(50, "gone"), "wake-at"), [1_050])
        self.assertEqual(len(find(self.reporter.timer(), "connect")), 1)
        self.assertEqual(find(self.welcomed(), "send"), [text])
        self.assertEqual(find(self.hear(type="ack", id="j5"), "dequeue"), ["j5"])
        self.assertEqual(self.hear(type="ack", id="j5"), [])
        self.assertEqual(self.reporter.outbox, {})

    def test_what_it_does_not_know_is_taken_and_not_reported(self):
        silent = Begun(7, 1, 1, "04A1B2C3", 1_500, AT, silent=True)
        for commands in [
            self.reporter.began(0, 5, silent),
            self.reporter.metered(0, 6, 7, 1_600, AT),
            self.reporter.ended(0, 7, 7, 1_700, "local", AT),
            self.reporter.other(8),
        ]:
            self.assertEqual([word for word, _ in commands], ["advance"])
        self.reporter.began(0, 9, BEGUN)
        self.reporter.metered(0, 10, 7, 1_600, AT)
        self.reporter.metered(0, 11, 7, None, AT)
        self.reporter.ended(0, 12, 7, 1_700, "local", AT)
        types = [json.loads(text)["type"] for text in self.reporter.outbox.values()]
        self.assertEqual(types, ["started", "energy", "ended"])

    def test_after_a_restart_it_goes_on_where_it_was(self):
        text = '{"type": "energy", "id": "j4"}'
        self.reporter = Reporter(Station("CP 1", 4), outbox=[("j4", text)], store=["transaction-7"])
        commands = self.reporter.start(0, link_is_up=True, running=[BEGUN])
        self.assertEqual(sent(commands)[0]["type"], "hello")
        self.assertEqual(find(commands, "enqueue"), [])
        self.assertEqual(find(self.reporter.frame(10, WELCOME), "send"), [text])
        added = Reporter(Station("CP 1", 4)).start(0, link_is_up=False, running=[BEGUN])
        self.assertEqual([id for id, _ in find(added, "enqueue")], ["t7"])

    def test_card_is_judged_by_the_server_and_by_nobody_while_it_is_away(self):
        asked = (9, 1, "04A1B2C3", "start")
        self.assertEqual(find(self.reporter.card(*asked), "verdict"), [(9, "no-opinion")])
        self.welcomed()
        self.assertEqual(sent(self.reporter.card(*asked))[0]["request"], 9)
        for decision, expected in [("accepted", "accepted"), ("yes", "no-opinion"), (None, "no-opinion"), ([], "no-opinion")]:
            heard = self.hear(type="verdict", request=9, decision=decision)
            self.assertEqual(find(heard, "verdict"), [(9, expected)])

    def test_nonsense_of_the_server_does_nothing(self):
        self.welcomed()
        for text in ["", "{", "null", "[]", "7", '{"type":7}', '{"type":[]}', "[" * 100_000]:
            self.assertEqual(self.reporter.frame(40, text), [], text[:10])
        for request in [-1, 1.5, 1e300, True, "1", None]:
            self.assertEqual(self.hear(type="stop", request=request, transaction=1), [])
            self.assertEqual(self.hear(type="verdict", request=request, decision="accepted"), [])


if __name__ == "__main__":
    unittest.main()
