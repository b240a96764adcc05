"""Authorizer: the cards of the setting `cards` may charge.

Whatever is not on the list gets no opinion, so that the next authorizer or the backend may judge it. `wit_world` is made
from the contract when the component is built; `componentize-py --wit-path wit --world authorizer bindings .bindings` shows
an editor what is in it.
"""

import wit_world
from componentize_py_types import Ok
from wit_world.exports.judge import (
    Answer,
    Input_Authorize,
    Input_Request,
    Input_SettingChanged,
)
from wit_world.imports import log
from wit_world.imports.types import Decision, Manifest, SettingSpec, TokenKind, Verdict

from cards import NO_OPINION, Cards

NAME = "{{name}}"

DECISIONS = {
    "accepted": Decision.ACCEPTED,
    "expired": Decision.EXPIRED,
    "no-opinion": Decision.NO_OPINION,
}


def answer(verdict=None, reply=None) -> Answer:
    return Answer(
        verdict=verdict,
        consumed=False,
        store=[],
        wake_at=None,
        show=None,
        present_on_plug=None,
        reply=reply,
    )


# Here and not in `Judge`: every call makes a new one.
CARDS = Cards("")


class Judge(wit_world.exports.Judge):
    """The contract's interface `judge`."""

    def describe(self) -> Manifest:
        return Manifest(
            name=NAME,
            version="0.1.0",
            summary="Accepts the cards of its setting",
            capabilities=["authorize"],
            settings=[
                SettingSpec(
                    key="cards",
                    default_value="",
                    summary="UIDs that may charge, separated by blanks; UID@SECONDS until then only",
                )
            ],
        )

    def start(self, now, context) -> Answer:
        for setting in context.settings:
            self.set(setting)
        return answer()

    def handle(self, now, input) -> Answer:
        match input:
            case Input_Authorize(question):
                return answer(verdict=self.judge(now, question.request))
            case Input_SettingChanged(setting):
                self.set(setting)
                return answer()
            case Input_Request(_):
                return answer(reply=Ok(f"{len(CARDS)} cards on the list"))
            case _:
                return answer()

    def set(self, setting) -> None:
        global CARDS
        if setting.key == "cards":
            CARDS = Cards(setting.value, lambda text: log.log(log.Level.WARN, text))

    def judge(self, now, request) -> Verdict:
        opinion = NO_OPINION
        if request.token.kind == TokenKind.RFID:
            opinion = CARDS.opinion(request.token.value, now.wall_ms)
        accepted = opinion.decision == "accepted"
        return Verdict(
            request_id=request.request_id,
            decision=DECISIONS[opinion.decision],
            group=None,
            expires_wall_ms=opinion.until_ms,
            limit_ma=None,
            reason=f"on the list of {NAME}" if accepted else None,
        )
