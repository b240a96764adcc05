"""Run with `python3 -m unittest discover --start-directory tests`."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "src"))

from texts import render  # noqa: E402


class TextsTest(unittest.TestCase):
    def test_message_has_its_text_and_its_values(self):
        self.assertEqual(render("signal.accepted", {}), "Karto akceptita")
        self.assertEqual(render("session.energy", {"kwh": "7.3"}), "7.3 kWh ŝargitaj")

    def test_what_it_cannot_say_is_left_to_the_station(self):
        self.assertIsNone(render("fault.RCMB", {"active": "true"}))
        self.assertIsNone(render("session.energy", {}), "a value is missing")


if __name__ == "__main__":
    unittest.main()
