// A server to try the plugin with. It writes every message that must not be lost into received.jsonl, each once.
//
// node receiver.js [PORT]               waits for stations, at port 9000 of this machine
// curl http://127.0.0.1:9000/stop/1     asks them to end transaction 1

import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';

const CARDS = ['04A1B2C3'];
const RECEIVED = 'received.jsonl';
const LONGEST = 1 << 20;
const [TEXT, CLOSE, PING, PONG] = [1, 8, 9, 10];

// Every connection, with the station that has said hello on it.
const stations = new Map();
let requests = 0;

// Station and id of what was written, also before this program was started.
function isReceived(station, id) {
  const lines = existsSync(RECEIVED) ? readFileSync(RECEIVED, 'utf8').split('\n').filter((line) => line !== '') : [];
  return lines.map((line) => JSON.parse(line)).some((entry) => entry.station === station && entry.id === id);
}

function keep(station, message) {
  if (isReceived(station, message.id)) {
    console.log(`again, and known: ${message.id}`);
  } else {
    appendFileSync(RECEIVED, `${JSON.stringify({ station, ...message })}\n`);
  }
}

// What a message is answered with.
function answer(socket, message) {
  switch (message.type) {
    case 'hello':
      stations.set(socket, message.station);
      return { type: 'welcome', time_ms: Date.now() };
    case 'card': {
      const good = CARDS.includes(message.card) && message.purpose !== 'stop';
      return { type: 'verdict', request: message.request, decision: good ? 'accepted' : 'invalid' };
    }
    case 'started':
    case 'energy':
    case 'ended':
      // Written first: what is confirmed is forgotten by the station.
      keep(stations.get(socket), message);
      return { type: 'ack', id: message.id };
    default:
      return null;
  }
}

function send(socket, opcode, payload) {
  const long = Buffer.from([126, payload.length >> 8, payload.length & 255]);
  const length = payload.length < 126 ? Buffer.from([payload.length]) : long;
  socket.write(Buffer.concat([Buffer.from([0x80 | opcode]), length, payload]));
}

const say = (socket, message) => send(socket, TEXT, Buffer.from(JSON.stringify(message)));

// The first frame of what has arrived, and the rest; null if it is not whole.
function readFrame(bytes) {
  if (bytes.length < 2) return null;
  let [length, at] = [bytes[1] & 127, 2];
  const size = { 126: 2, 127: 8 }[length] ?? 0;
  if (bytes.length < at + size) return null;
  if (size > 0) length = size === 2 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  if (!(bytes[0] & 0x80) || length > LONGEST) throw new Error('a frame in parts, or too long a one');
  at += size + 4;
  if (bytes.length < at + length) return null;
  const mask = bytes.subarray(at - 4, at);
  const payload = Buffer.from(bytes.subarray(at, at + length)).map((byte, i) => byte ^ mask[i % 4]);
  return { opcode: bytes[0] & 15, payload, rest: bytes.subarray(at + length) };
}

function take(socket, { opcode, payload }) {
  if (opcode === TEXT) {
    const message = JSON.parse(payload.toString());
    const reply = answer(socket, message);
    if (reply !== null) say(socket, reply);
    console.log(JSON.stringify(message));
  } else if (opcode === PING) {
    send(socket, PONG, payload);
  } else if (opcode === CLOSE) {
    send(socket, CLOSE, payload);
    socket.end();
  }
}

const server = createServer((request, response) => {
  const stop = /^\/stop\/([0-9]+)$/.exec(request.url);
  if (stop) {
    requests += 1;
    for (const socket of stations.keys()) say(socket, { type: 'stop', request: requests, transaction: Number(stop[1]) });
  }
  response.writeHead(stop ? 204 : 404).end();
});

server.on('upgrade', (request, socket) => {
  const key = `${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
  const accept = createHash('sha1').update(key).digest('base64');
  const upgrade = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade';
  socket.write(`${upgrade}\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
  let bytes = Buffer.alloc(0);
  socket.on('data', (more) => {
    try {
      bytes = Buffer.concat([bytes, more]);
      for (let frame = readFrame(bytes); frame !== null; frame = readFrame(bytes)) {
        bytes = frame.rest;
        take(socket, frame);
      }
    } catch (error) {
      console.log(`a connection ends: ${error}`);
      socket.destroy();
    }
  });
  socket.on('error', () => socket.destroy());
  socket.on('close', () => stations.delete(socket));
});

server.listen(Number(process.argv[2] ?? 9000), '127.0.0.1', () => {
  console.log(`waits at ws://127.0.0.1:${server.address().port}/report`);
});
