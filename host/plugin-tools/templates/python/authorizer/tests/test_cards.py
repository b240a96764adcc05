"""Run with `python3 -m unittest discover --start-directory tests`."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "src"))

from cards import Cards  # noqa: E402

START_OF_2030 = 1_893_456_000


class CardsTest(unittest.TestCase):
    def decide(self, cards, uid, wall_ms=None):
        return Cards(cards).opinion(uid, wall_ms).decision

    def test_card_on_the_list_is_accepted_and_any_other_left_to_others(self):
        self.assertEqual(self.decide("04A1B2C3", "04A1B2C3"), "accepted")
        self.assertEqual(self.decide("04a1b2c3", "04A1B2C3"), "accepted")
        self.assertEqual(self.decide("04A1B2C3", "DEADBEEF"), "no-opinion")

    def test_card_with_an_end_is_accepted_until_then(self):
        cards, end = f"0A0E9B83@{START_OF_2030}", START_OF_2030 * 1000
        self.assertEqual(self.decide(cards, "0A0E9B83", end - 1), "accepted")
        self.assertEqual(self.decide(cards, "0A0E9B83", end), "expired")
        self.assertEqual(self.decide(cards, "0A0E9B83", None), "no-opinion")

    def test_nobody_else_is_ever_accepted(self):
        odd = ["", " ", "@", "0", "None", "null", "04A1B2C3 ", "04A1B2C3@1", "٠٤"]
        for uid in odd:
            for cards in ["", "04A1B2C3", "* None @ 04A1B2C3@x ٠٤"]:
                self.assertEqual(self.decide(cards, uid, 0), "no-opinion", (uid, cards))

    def test_entry_that_is_no_card_is_reported(self):
        reported = []
        self.assertEqual(len(Cards("04A1B2C3 x @1", reported.append)), 1)
        self.assertEqual(reported, ["not a card: x", "not a card: @1"])


if __name__ == "__main__":
    unittest.main()
