"""Run with `python3 -m unittest discover --start-directory tests`."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "src"))

from mode import FreeForAll  # noqa: E402


class FreeForAllTest(unittest.TestCase):
    def test_plug_starts_by_itself_and_needs_no_card(self):
        mode = FreeForAll({"start": "plug", "report": "nothing"})
        self.assertTrue(mode.starts_on_plug)
        self.assertTrue(mode.accepts("fixed", "FREE"))
        self.assertFalse(mode.accepts("rfid", "04A1B2C3"))

    def test_any_card_starts_and_nothing_else_does(self):
        mode = FreeForAll({"start": "card", "report": "status"})
        self.assertFalse(mode.starts_on_plug)
        self.assertTrue(mode.accepts("rfid", "04A1B2C3"))
        self.assertFalse(mode.accepts("other", "04A1B2C3"))

    def test_setting_that_is_not_understood_accepts_nobody(self):
        for settings in [{}, {"start": "plug"}, {"start": "card", "report": "whatever"}]:
            mode = FreeForAll(settings)
            self.assertFalse(mode.starts_on_plug)
            self.assertFalse(mode.accepts("fixed", "FREE"))
            self.assertFalse(mode.accepts("rfid", "04A1B2C3"))


if __name__ == "__main__":
    unittest.main()
