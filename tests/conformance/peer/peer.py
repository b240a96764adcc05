"""A central system that the conformance tests direct, line by line.

It knows no test case: it answers what it was told to answer, sends what it was told to send, reports every frame, and
checks every frame in both directions against the schemas of the `ocpp` package and against the framing rules. Commands
come as JSON lines on standard input, events leave as JSON lines on standard output. See README.md beside this file.
"""

import argparse
import asyncio
import collections
import datetime
import json
import re
import ssl
import sys

import ocpp.messages
from ocpp.exceptions import OCPPError
from ocpp.messages import Call, CallError, CallResult
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.frames import Opcode

SUBPROTOCOL = "ocpp1.6"
VERSION = "1.6"
MAX_ID = 36
MAX_FRAME = 1 << 20
# A test may send a frame far larger than any station accepts.
MAX_COMMAND = 16 << 20

# Error codes as the 1.6 JSON specification spells them.
ERROR_CODES = {
    "NotImplemented",
    "NotSupported",
    "InternalError",
    "ProtocolError",
    "SecurityError",
    "FormationViolation",
    "PropertyConstraintViolation",
    "OccurenceConstraintViolation",
    "TypeConstraintViolation",
    "GenericError",
}

TRANSACTION_MESSAGES = {"StartTransaction", "StopTransaction", "MeterValues"}

# Keys that hold a point in time, in every message of the protocol.
TIME_KEYS = {"timestamp", "currentTime", "expiryDate", "retrieveDate", "startTime", "stopTime"}
TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$")

DEFAULT_ANSWERS = {
    "BootNotification": {"status": "Accepted", "currentTime": "now", "interval": 300},
    "Heartbeat": {"currentTime": "now"},
    "Authorize": {"idTagInfo": {"status": "Accepted"}},
    "StartTransaction": {"idTagInfo": {"status": "Accepted"}, "transactionId": "next"},
    "StopTransaction": {"idTagInfo": {"status": "Accepted"}},
    "DataTransfer": {"status": "UnknownVendorId"},
    "SignCertificate": {"status": "Accepted"},
}


def emit(event, **fields):
    """Reports one event to the test."""
    sys.stdout.write(json.dumps({"event": event, **fields}, default=float) + "\n")
    sys.stdout.flush()


def violation(what, frame=""):
    """Reports that the station broke the standard; the test fails unless it expected exactly that."""
    emit("violation", what=what, frame=str(frame)[:2000])


def now():
    """Wall clock as the protocol writes it."""
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Connection(ServerConnection):
    """A connection that reports the station's pings; the library answers them."""

    def process_event(self, event):
        if getattr(event, "opcode", None) == Opcode.PING:
            emit("ping")
        super().process_event(event)


class Answers:
    """What to answer to which action: a queue of single answers, then a standing one."""

    def __init__(self):
        self.once = {}
        self.standing = {}
        self.next_transaction = 1001

    def set(self, command):
        action = command["action"]
        times = command.get("times")
        if times is None:
            self.standing[action] = command
        else:
            self.once.setdefault(action, []).extend([command] * times)

    def take(self, action):
        if self.once.get(action):
            return self.once[action].pop(0)
        if action in self.standing:
            return self.standing[action]
        return {"payload": DEFAULT_ANSWERS.get(action, {})}

    def fill(self, payload):
        """Puts the time and the next transaction number where a payload asks for them."""
        filled = dict(payload)
        if filled.get("currentTime") == "now":
            filled["currentTime"] = now()
        if filled.get("transactionId") == "next":
            filled["transactionId"] = self.next_transaction
            self.next_transaction += 1
        return filled


class Peer:
    """One central system with at most one station."""

    def __init__(self, arguments):
        self.arguments = arguments
        self.answers = Answers()
        self.station = None
        self.server = None
        self.port = arguments.port
        self.calls = {}  # id -> action of our calls without an answer
        self.closed_calls = set()  # ids of our calls that were answered
        self.seen = {}  # id -> text of the station's calls
        self.told = {}  # id -> answer to a transaction message, repeated for a repetition
        # Every frame is counted when it passes, and again when it was looked at; the test compares.
        self.passed = collections.Counter()
        self.open_call = None  # id of the station's call that we have not answered yet

    # Connections

    async def listen(self):
        context = None
        if self.arguments.cert:
            context = self.tls()
        self.server = await serve(
            self.handle,
            "127.0.0.1",
            self.port,
            ssl=context,
            subprotocols=None if self.arguments.no_subprotocol else [SUBPROTOCOL],
            max_size=MAX_FRAME,
            create_connection=Connection,
            ping_interval=None,
            process_request=self.inspect,
            compression=None,
        )
        self.port = self.server.sockets[0].getsockname()[1]
        emit("listening", port=self.port)

    def tls(self):
        """TLS as the test wants it; never less than a sensible server."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.arguments.ciphers:
            # The suites of TLS 1.3 cannot be chosen.
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            context.set_ciphers(self.arguments.ciphers)
        context.load_cert_chain(self.arguments.cert, self.arguments.key)
        if self.arguments.client_ca:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.arguments.client_ca)
        return context

    async def inspect(self, connection, request):
        """Looks at the opening handshake; may refuse it."""
        password = self.arguments.password
        offered = request.headers.get("Sec-WebSocket-Protocol", "")
        if SUBPROTOCOL not in [part.strip() for part in offered.split(",")]:
            violation(f"subprotocol {SUBPROTOCOL} not offered", offered)
        if password is not None and request.headers.get("Authorization") != password:
            emit("unauthorized", path=request.path)
            return connection.respond(401, "who are you?\n")
        return None

    async def handle(self, connection):
        if self.station is not None:
            violation("a second connection while the first is open")
        self.station = connection
        self.calls.clear()
        self.open_call = None
        emit(
            "open",
            path=connection.request.path,
            subprotocol=connection.subprotocol,
            authorization=connection.request.headers.get("Authorization"),
            **secured(connection.transport.get_extra_info("ssl_object")),
        )
        try:
            async for text in connection:
                await self.receive(text)
        except ConnectionClosed:
            pass
        finally:
            if self.station is connection:
                self.station = None
            emit("close", code=connection.close_code)

    # Frames from the station

    async def receive(self, text):
        self.passed["received"] += 1
        if not isinstance(text, str):
            violation("a binary frame", text)
            self.passed["received-refused"] += 1
            return
        try:
            message = ocpp.messages.unpack(text)
        except OCPPError as error:
            violation(f"not a frame: {error}", text)
            self.passed["received-refused"] += 1
            return
        if not isinstance(message.unique_id, str) or not 0 < len(message.unique_id) <= MAX_ID:
            violation("message id is no text of 1 to 36 characters", text)
        if isinstance(message, Call):
            await self.receive_call(message, text)
        elif isinstance(message, CallResult):
            await self.receive_result(message, text)
        else:
            self.receive_error(message, text)

    async def receive_call(self, call, text):
        valid = await self.check(call, text)
        emit("call", id=call.unique_id, action=call.action, payload=call.payload)
        if self.open_call is not None:
            violation("a second call before the first was answered", text)
        first = self.seen.setdefault(call.unique_id, text)
        if first != text:
            violation("a message id used for two different messages", text)
        told = self.told.get(call.unique_id)
        if told is not None:
            emit("repeated", id=call.unique_id, action=call.action)
            await self.send(told, "again")
            return
        if not valid:
            error = CallError(call.unique_id, "FormationViolation", "see the schema", {})
            await self.send(error.to_json(), "errors")
            return
        await self.answer(call)

    async def answer(self, call):
        command = self.answers.take(call.action)
        self.open_call = call.unique_id
        if command.get("silent"):
            # The station may give up waiting and go on, so this is not an open call.
            self.open_call = None
            return
        if command.get("delay_s"):
            asyncio.create_task(self.answer_later(call, command))
            return
        await self.answer_now(call, command)

    async def answer_later(self, call, command):
        await asyncio.sleep(command["delay_s"])
        await self.answer_now(call, command)

    async def answer_now(self, call, command):
        if self.open_call == call.unique_id:
            self.open_call = None
        if "raw" in command:
            await self.send(command["raw"].replace("{id}", call.unique_id), "wrong")
            return
        if "error" in command:
            error = CallError(call.unique_id, command["error"], command.get("description", ""), {})
            emit("answered", id=call.unique_id, action=call.action, code=command["error"])
            await self.send(error.to_json(), "errors")
            return
        result = CallResult(call.unique_id, self.answers.fill(command["payload"]), call.action)
        how = await self.look(result, command)
        text = result.to_json()
        if call.action in TRANSACTION_MESSAGES:
            self.told[call.unique_id] = text
        emit("answered", id=call.unique_id, action=call.action, payload=result.payload)
        await self.send(text, how)

    async def receive_result(self, result, text):
        action = self.calls.pop(result.unique_id, None)
        if action is None:
            what = "twice" if result.unique_id in self.closed_calls else "to no call of ours"
            violation(f"an answer {what}", text)
            self.passed["received-refused"] += 1
            return
        self.closed_calls.add(result.unique_id)
        result.action = action
        await self.check(result, text)
        emit("result", id=result.unique_id, action=action, payload=result.payload)

    def receive_error(self, error, text):
        self.passed["received-errors"] += 1
        action = self.calls.pop(error.unique_id, None)
        if action is None and error.unique_id not in ("-1", ""):
            violation("an error to no call of ours", text)
        self.closed_calls.add(error.unique_id)
        if error.error_code not in ERROR_CODES:
            violation(f"error code {error.error_code} is not one of the standard's", text)
        if len(json.loads(text)) != 5:
            violation("an error frame has five elements", text)
        emit(
            "error",
            id=error.unique_id,
            action=action,
            code=error.error_code,
            description=error.error_description,
        )

    # Checks

    async def check(self, message, text):
        """Checks a frame of the station; reports and returns whether it is valid."""
        self.passed["received-checked"] += 1
        try:
            await ocpp.messages.validate_payload(message, VERSION)
        except OCPPError as error:
            violation(f"{message.action}: {error} {error.details.get('cause', '')}", text)
            return False
        for path, value in times_in(message.payload):
            if not isinstance(value, str) or not TIME.match(value):
                violation(f"{message.action}: {path} is no RFC 3339 time with a zone", text)
        return True

    async def look(self, message, command):
        """Checks a frame of ours, so that a typing error in a test does not pass for a fault of the station; not if the
        test breaks the schema on purpose."""
        if command.get("unchecked"):
            return "wrong"
        try:
            await ocpp.messages.validate_payload(message, VERSION)
        except OCPPError as error:
            emit("mistake", what=f"{message.action}: {error} {error.details.get('cause', '')}")
        return "checked"

    # What the test wants

    async def send(self, text, how):
        self.passed["sent"] += 1
        self.passed[f"sent-{how}"] += 1
        if self.station is None:
            emit("unsent", text=text[:2000])
            return
        try:
            await self.station.send(text)
        except ConnectionClosed:
            emit("unsent", text=text[:2000])

    async def call(self, command):
        call = Call(command["id"], command["action"], command["payload"])
        how = await self.look(call, command)
        self.calls[call.unique_id] = call.action
        await self.send(json.dumps([2, call.unique_id, call.action, call.payload], default=float), how)

    async def ping(self):
        """Pings the station and reports its answer."""
        if self.station is None:
            emit("mistake", what="no station to ping")
            return
        await (await self.station.ping())
        emit("pong")

    async def go_offline(self):
        if self.server is not None:
            self.server.close(close_connections=True)
            await self.server.wait_closed()
            self.server = None
        emit("offline")

    async def obey(self, command):
        """Executes one command; returns whether to go on."""
        match command["do"]:
            case "answer":
                self.answers.set(command)
            case "call":
                await self.call(command)
            case "raw":
                if "id" in command:
                    self.calls[command["id"]] = command.get("action", "")
                if "hex" in command:
                    await self.station.send(bytes.fromhex(command["hex"]), text=True)
                else:
                    await self.send(command["text"], "wrong")
            case "ping":
                asyncio.create_task(self.ping())
            case "drop":
                if self.station is not None:
                    self.station.transport.abort()
            case "offline":
                await self.go_offline()
            case "online":
                for key in ("cert", "key", "client_ca", "ciphers", "no_subprotocol"):
                    if key in command:
                        setattr(self.arguments, key, command[key])
                await self.listen()
            case "count":
                emit("frames", **self.passed)
            case "password":
                self.arguments.password = command["header"]
            case "quit":
                await self.go_offline()
                return False
            case other:
                emit("mistake", what=f"no such command: {other}")
        return True


def secured(tls):
    """What TLS came to, and which certificate the station showed."""
    if tls is None:
        return {"tls": None}
    shown = tls.getpeercert() or {}
    names = {key: text for part in shown.get("subject", ()) for key, text in part}
    return {
        "tls": tls.version(),
        "cipher": tls.cipher()[0],
        "client": names.get("commonName"),
        "client_organization": names.get("organizationName"),
        "client_serial": shown.get("serialNumber"),
    }


def times_in(value, path=""):
    """Every value that is a point in time, with its path."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in TIME_KEYS:
                yield f"{path}.{key}", inner
            else:
                yield from times_in(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from times_in(inner, f"{path}[{index}]")


async def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--cert")
    parser.add_argument("--key")
    parser.add_argument("--client-ca", help="insist on a certificate that this authority signed")
    parser.add_argument("--ciphers", help="offer these suites of TLS 1.2 and nothing else")
    parser.add_argument("--no-subprotocol", action="store_true", help="agree to no subprotocol")
    parser.add_argument("--password", help="the Authorization header to insist on")
    peer = Peer(parser.parse_args())
    ocpp.messages.ASYNC_VALIDATION = False
    await peer.listen()
    lines = asyncio.StreamReader(limit=MAX_COMMAND)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        if not await peer.obey(json.loads(line)):
            break


if __name__ == "__main__":
    asyncio.run(main())
