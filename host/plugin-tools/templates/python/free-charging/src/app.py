"""What the component exports. `wit_world` is made from the contract when the component is built."""

import wit_world
from wit_world.exports.mode import Behaviour, Reporting
from wit_world.imports import log
from wit_world.imports.types import Decision, Manifest, SettingSpec, Token, TokenKind, Verdict

from mode import FREE, FreeForAll

KINDS = {TokenKind.RFID: "rfid", TokenKind.FIXED: "fixed"}
REPORTING = {
    "nothing": Reporting.NOTHING,
    "status": Reporting.STATUS_ONLY,
    "transactions": Reporting.TRANSACTIONS,
}


# Here and not in `Mode`: every call makes a new one.
MODE = FreeForAll({})


class Mode(wit_world.exports.Mode):
    """The contract's interface `mode`."""

    def describe(self) -> Manifest:
        return Manifest(
            name="{{name}}",
            version="0.1.0",
            summary="Everybody charges for free",
            capabilities=["authorize"],
            settings=[
                SettingSpec("start", "plug", "what begins a charge: plug or card"),
                SettingSpec("report", "nothing", "what the backend hears: nothing, status or transactions"),
            ],
        )

    def start(self, now, settings) -> Behaviour:
        global MODE
        MODE = FreeForAll({setting.key: setting.value for setting in settings})
        if not MODE.understood:
            log.log(log.Level.ERROR, "`start` or `report` is not understood; nobody is accepted")
        on_plug = MODE.starts_on_plug
        return Behaviour(
            start_on_plug=Token(FREE, TokenKind.FIXED) if on_plug else None,
            reporting=REPORTING[MODE.report],
            report_as=None,
            remote_stop=MODE.report != "nothing",
            token_stops=not on_plug,
        )

    def authorize(self, now, request) -> Verdict:
        kind = KINDS.get(request.token.kind, "other")
        accepted = MODE.accepts(kind, request.token.value)
        return Verdict(
            request_id=request.request_id,
            decision=Decision.ACCEPTED if accepted else Decision.NO_OPINION,
            group=None,
            expires_wall_ms=None,
            limit_ma=None,
            reason=None,
        )
