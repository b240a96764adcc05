"""A server to try the plugin with. It writes every message that must not be lost into received.jsonl, each once.

python3 receiver.py [PORT]                    waits for stations, at port 9000 of this machine
curl http://127.0.0.1:9000/stop/1             asks them to end transaction 1
"""

import asyncio
import base64
import hashlib
import json
import sys
import time
from pathlib import Path

CARDS = {"04A1B2C3"}
RECEIVED = Path("received.jsonl")
LONGEST = 1 << 20
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10

# Every connection, with the station that has said hello on it.
stations: dict[asyncio.StreamWriter, str] = {}
requests = 0


def received() -> set[tuple[str, str]]:
    """Station and id of what was written, also before this program was started."""
    lines = RECEIVED.read_text().splitlines() if RECEIVED.exists() else []
    return {(entry["station"], entry["id"]) for entry in map(json.loads, lines)}


def keep(station: str, message: dict) -> None:
    if (station, message["id"]) in received():
        print(f"again, and known: {message['id']}", flush=True)
        return
    with RECEIVED.open("a") as file:
        file.write(json.dumps({"station": station} | message) + "\n")


def answers(writer: asyncio.StreamWriter, message: dict) -> list[dict]:
    """What a message is answered with."""
    match message["type"]:
        case "hello":
            stations[writer] = message["station"]
            return [{"type": "welcome", "time_ms": time.time_ns() // 1_000_000}]
        case "card":
            good = message["card"] in CARDS and message["purpose"] != "stop"
            decision = "accepted" if good else "invalid"
            return [{"type": "verdict", "request": message["request"], "decision": decision}]
        case "started" | "energy" | "ended":
            # Written first: what is confirmed is forgotten by the station.
            keep(stations[writer], message)
            return [{"type": "ack", "id": message["id"]}]
        case _:
            return []


def send(writer: asyncio.StreamWriter, opcode: int, payload: bytes) -> None:
    length = len(payload)
    short = bytes([length]) if length < 126 else b"\x7e" + length.to_bytes(2, "big")
    writer.write(bytes([0x80 | opcode]) + short + payload)


async def read_frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    first, second = await reader.readexactly(2)
    length = second & 0x7F
    if length > 125:
        length = int.from_bytes(await reader.readexactly(2 if length == 126 else 8), "big")
    if not first & 0x80 or length > LONGEST:
        raise ValueError("a frame in parts, or too long a one")
    mask = await reader.readexactly(4)
    masked = await reader.readexactly(length)
    return first & 15, bytes(byte ^ mask[i % 4] for i, byte in enumerate(masked))


async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        opcode, payload = await read_frame(reader)
        if opcode == TEXT:
            message = json.loads(payload)
            for answer in answers(writer, message):
                send(writer, TEXT, json.dumps(answer).encode())
            print(json.dumps(message), flush=True)
        elif opcode == PING:
            send(writer, PONG, payload)
        elif opcode == CLOSE:
            send(writer, CLOSE, payload)
            return
        await writer.drain()


def stop(transaction: int) -> None:
    global requests
    requests += 1
    message = {"type": "stop", "request": requests, "transaction": transaction}
    for writer in stations:
        send(writer, TEXT, json.dumps(message).encode())


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        path = head[0].split(" ")[1]
        headers = {key.lower(): value for key, _, value in (line.partition(": ") for line in head[1:])}
        key = headers.get("sec-websocket-key")
        if key is None:
            known = path.startswith("/stop/") and path[6:].isdecimal()
            if known:
                stop(int(path[6:]))
            status = "204 No Content" if known else "404 Not Found"
            writer.write(f"HTTP/1.1 {status}\r\nConnection: close\r\n\r\n".encode())
            return
        accept = base64.b64encode(hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()).decode()
        upgrade = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade"
        writer.write(f"{upgrade}\r\nSec-WebSocket-Accept: {accept}\r\n\r\n".encode())
        await talk(reader, writer)
    except (OSError, EOFError, ValueError, KeyError, asyncio.LimitOverrunError) as error:
        print(f"a connection ends: {error!r}", flush=True)
    finally:
        stations.pop(writer, None)
        writer.close()


async def main() -> None:
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 9000
    server = await asyncio.start_server(serve, "127.0.0.1", port)
    print(f"waits at ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/report", flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        pass
