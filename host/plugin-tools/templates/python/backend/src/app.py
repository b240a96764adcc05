"""Backend adapter: what the component exports. `wit_world` is made from the contract when the component is built;
`componentize-py --wit-path wit --world backend bindings .bindings` shows an editor what is in it.

Inputs and events that are not known are left alone: later contracts have more.
"""

from enum import Enum

import wit_world
from wit_world.exports import adapter as wit
from wit_world.imports import log
from wit_world.imports.types import Decision, Manifest, SettingSpec, StoreWrite, Verdict

from reporter import URL, Begun, Reporter, Station

NAME = "{{name}}"


def record(kind, **values):
    """A record of the contract; what is not given is absent."""
    return kind(**(dict.fromkeys(kind.__annotations__) | values))


def connect(url):
    return record(wit.ConnectRequest, url=url, subprotocols=[], keep_alive_s=30, timeout_s=30)


def verdict(value):
    request, decision = value
    decision = Decision[decision.upper().replace("-", "_")]
    return record(Verdict, request_id=request, decision=decision)


def state(value):
    registration, detail = value
    return wit.AdapterState(wit.Registration[registration.upper()], detail, None)


COMMANDS = {
    "advance": wit.Command_Advance,
    "store": lambda value: wit.Command_Store(StoreWrite(*value)),
    "enqueue": lambda value: wit.Command_Enqueue(wit.DurableFrame(*value)),
    "dequeue": wit.Command_Dequeue,
    "connect": lambda url: wit.Command_Connect(connect(url)),
    "disconnect": wit.Command_Disconnect,
    "send": wit.Command_Send,
    "wake-at": wit.Command_WakeAt,
    "set-clock": wit.Command_SetClock,
    "verdict": lambda value: wit.Command_Verdict(verdict(value)),
    "request-stop": lambda value: wit.Command_RequestStop(wit.StopRequest(*value)),
    "state": lambda value: wit.Command_State(state(value)),
}


def contract(commands):
    return [COMMANDS[word](value) for word, value in commands]


def word(value: Enum) -> str:
    """As the contract spells it."""
    return value.name.lower().replace("_", "-")


def connector(reporter, status):
    if status.fault is not None:
        shown = "faulted"
    elif status.transaction is not None:
        shown = word(status.charging)
    elif not status.operative:
        shown = "unavailable"
    elif status.finishing:
        shown = "finishing"
    elif status.plugged or status.authorized:
        shown = "preparing"
    else:
        shown = "reserved" if status.reserved else "available"
    return reporter.connector(status.evse_id, status.connector_id, shown)


def begun(what, at):
    return Begun(
        transaction=what.transaction,
        evse=what.evse_id,
        connector=what.connector_id,
        card=what.token.value,
        meter_wh=what.meter_start_wh,
        time_ms=at.wall_ms,
        silent=what.silent,
    )


def energy_wh(reading):
    total = wit.Measurand.ENERGY_IMPORT_REGISTER_WH
    found = (sample.value for sample in reading.samples if sample.measurand == total and sample.phase is None)
    return next(found, None)


def journal(reporter, now_ms, entry):
    seq, at = entry.seq, entry.at
    match entry.event:
        case wit.JournalEvent_Started(what):
            return reporter.began(now_ms, seq, begun(what, at))
        case wit.JournalEvent_Metered((transaction, reading)):
            return reporter.metered(now_ms, seq, transaction, energy_wh(reading), at.wall_ms)
        case wit.JournalEvent_Ended(what):
            reason = word(what.reason)
            return reporter.ended(now_ms, seq, what.transaction, what.meter_stop_wh, reason, at.wall_ms)
        case _:
            return reporter.other(seq)


def handle(reporter, now_ms, input):
    match input:
        case wit.Input_Timer():
            return reporter.timer()
        case wit.Input_LinkUp(_):
            return reporter.link_up(now_ms)
        case wit.Input_LinkDown(down):
            return reporter.link_down(now_ms, down.detail)
        case wit.Input_Frame(text):
            return reporter.frame(now_ms, text)
        case wit.Input_Journal(entry):
            return journal(reporter, now_ms, entry)
        case wit.Input_Connector(status):
            return connector(reporter, status)
        case wit.Input_Authorize(asked):
            return reporter.card(asked.request_id, asked.evse_id, asked.token.value, word(asked.purpose))
        case wit.Input_Outcome(outcome):
            return reporter.done(outcome.request_id, word(outcome.kind))
        case wit.Input_SettingChanged(setting) if setting.key == "url":
            return reporter.url_changed(setting.value)
        case _:
            return []


# Here and not in `Adapter`: every call makes a new one.
REPORTER = Reporter(Station("", 0))


class Adapter(wit_world.exports.Adapter):
    """The contract's interface `adapter`."""

    def describe(self) -> Manifest:
        return Manifest(
            name=NAME,
            version="0.1.0",
            summary="Reports to a server in JSON",
            capabilities=["net.connect", "authorize", "station.stop", "clock.set"],
            settings=[SettingSpec("url", URL, "where the server is; the identity is appended")],
        )

    def start(self, now, context) -> list[wit.Command]:
        global REPORTER
        settings = {setting.key: setting.value for setting in context.settings}
        who = context.station
        REPORTER = Reporter(
            Station(context.identity, context.boot_count, who.model, who.firmware),
            url=settings.get("url", URL),
            outbox=[(frame.id, frame.text) for frame in context.outbox],
            store=[entry.key for entry in context.store],
            warn=lambda text: log.log(log.Level.WARN, text),
        )
        for status in context.connectors:
            connector(REPORTER, status)
        behind = [begun(what, what.started) for what in context.transactions if context.cursor >= what.start_seq]
        return contract(REPORTER.start(now.monotonic_ms, context.link is not None, behind))

    def handle(self, now, input) -> list[wit.Command]:
        return contract(handle(REPORTER, now.monotonic_ms, input))
