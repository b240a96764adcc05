// A second central system, unrelated to the first: npm `ocpp-rpc` in strict mode, with its own framing and schemas.
//
// Speaks the same commands and events as ../peer/peer.py (see its README.md), but only `answer`, `call` and `quit`.
"use strict";

const readline = require("node:readline");
const { RPCServer } = require("ocpp-rpc");

const SUBPROTOCOL = "ocpp1.6";

const answers = {
  BootNotification: () => ({ status: "Accepted", currentTime: now(), interval: 300 }),
  Heartbeat: () => ({ currentTime: now() }),
  Authorize: () => ({ idTagInfo: { status: "Accepted" } }),
  StartTransaction: () => ({ idTagInfo: { status: "Accepted" }, transactionId: nextTransaction++ }),
  StopTransaction: () => ({ idTagInfo: { status: "Accepted" } }),
  StatusNotification: () => ({}),
  MeterValues: () => ({}),
  SecurityEventNotification: () => ({}),
  DataTransfer: () => ({ status: "UnknownVendorId" }),
};

let nextTransaction = 7001;
let station = null;

function now() {
  return new Date().toISOString();
}

function emit(event, fields) {
  process.stdout.write(JSON.stringify({ event, ...fields }) + "\n");
}

function connected(client) {
  if (station) emit("violation", { what: "a second connection while the first is open", frame: "" });
  station = client;
  emit("open", { path: client.handshake.request.url, subprotocol: client.protocol, authorization: null });
  client.on("close", () => {
    if (station === client) station = null;
    emit("close", {});
  });
  client.on("strictValidationFailure", ({ error, outbound, messageId, method }) => {
    const what = `${method}: ${error.message} ${JSON.stringify(error.details ?? {})}`;
    emit(outbound ? "mistake" : "violation", { what, frame: String(messageId) });
  });
  client.on("badMessage", ({ buffer, error }) => {
    emit("violation", { what: `not a frame: ${error.message}`, frame: String(buffer) });
  });
  client.handle(({ method, params, messageId }) => {
    emit("call", { id: messageId, action: method, payload: params });
    const answer = answers[method];
    if (!answer) {
      emit("violation", { what: `unknown action ${method}`, frame: JSON.stringify(params) });
      return {};
    }
    const payload = answer();
    emit("answered", { id: messageId, action: method, payload });
    return payload;
  });
}

async function call({ id, action, payload }) {
  if (!station) {
    emit("unsent", { text: action });
    return;
  }
  try {
    emit("result", { id, action, payload: await station.call(action, payload) });
  } catch (error) {
    emit("error", { id, action, code: error.rpcErrorCode ?? error.constructor.name, description: error.message });
  }
}

async function main() {
  const server = new RPCServer({ protocols: [SUBPROTOCOL], strictMode: true });
  server.auth((accept) => accept());
  server.on("client", connected);
  const http = await server.listen(0, "127.0.0.1");
  emit("listening", { port: http.address().port });
  const lines = readline.createInterface({ input: process.stdin });
  for await (const line of lines) {
    const command = JSON.parse(line);
    if (command.do === "answer") answers[command.action] = () => command.payload;
    else if (command.do === "call") call(command);
    else if (command.do === "quit") break;
    else emit("mistake", { what: `no such command: ${command.do}` });
  }
  await server.close({ force: true });
  process.exit(0);
}

main();
