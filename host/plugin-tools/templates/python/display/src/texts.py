"""The texts, without anything of the contract: tested natively. Esperanto, the first few messages."""

from typing import Optional

TEXTS = {
    "indication.available": "Preta: enmetu la ŝtopilon aŭ montru vian karton",
    "indication.authorising": "Via karto estas kontrolata",
    "indication.charging": "Ŝargado",
    "indication.finishing": "Finita: vi povas elpreni la ŝtopilon",
    "signal.accepted": "Karto akceptita",
    "signal.rejected": "Karto ne akceptita",
    "session.energy": "{kwh} kWh ŝargitaj",
}


def render(message_id: str, values: dict[str, str]) -> Optional[str]:
    """The text, or None if it is not known or a value is missing; the station then shows its own English."""
    text = TEXTS.get(message_id)
    if text is None:
        return None
    try:
        return text.format_map(values)
    except KeyError:
        return None
