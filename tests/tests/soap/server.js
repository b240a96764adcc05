//! A central system made from the service description by the npm package `soap`; nothing of OCPP is written here.
//!
//! Usage: server.js WSDL [CERTIFICATE KEY]. It listens on a free port of 127.0.0.1, over TLS if it has a certificate, and
//! prints the port. Every request it understood is one line of JSON on standard output, as the package decoded it. Lines
//! on standard input say what to answer: `{"operation": O, "answer": {...}}` (the text `@now` becomes the time), or
//! `"fault": {"code": "Sender", "subcode": "SecurityError", "reason": R}`, or `"hangup": true` to break the connection.
'use strict';

const fs = require('fs');
const http = require('http');
const https = require('https');
const readline = require('readline');
const soap = require('soap');

const wsdl = fs.readFileSync(process.argv[2], 'utf8');
const answers = new Map();
const say = (event) => process.stdout.write(JSON.stringify(event) + '\n');

/** An answer with the time in it. */
function dated(answer) {
  const now = new Date().toISOString();
  return JSON.parse(JSON.stringify(answer), (_key, value) => (value === '@now' ? now : value));
}

/** Every operation of the port gets the same handler: report what was understood, answer as told. */
function operation(name) {
  return (args, _callback, headers, request) => {
    const { answer, fault, hangup } = answers.get(name) || { answer: {} };
    if (hangup) {
      say({ event: 'hangup', operation: name, args, headers });
      request.socket.destroy();
      return {};
    }
    say({ event: 'request', operation: name, args, headers, authorization: request.headers.authorization });
    if (!fault) return dated(answer);
    throw {
      Fault: {
        Code: { Value: 'soap:' + fault.code, Subcode: { Value: 'tns:' + fault.subcode } },
        Reason: { Text: fault.reason },
        statusCode: 500,
      },
    };
  };
}

const names = [...wsdl.matchAll(/operation name="(\w+)"/g)].map((match) => match[1]);
const port = Object.fromEntries([...new Set(names)].map((name) => [name, operation(name)]));
const service = { CentralSystemService: { CentralSystemServiceSoap12: port } };

const nothing = (_request, response) => response.writeHead(404).end();
const [, , , certificate, key] = process.argv;
const server = certificate
  ? https.createServer({ cert: fs.readFileSync(certificate), key: fs.readFileSync(key) }, nothing)
  : http.createServer(nothing);
server.listen(0, '127.0.0.1', () => {
  const options = { path: '/cs', services: service, xml: wsdl, forceSoap12Headers: true };
  const listener = soap.listen(server, options);
  // The package does not do WS-Addressing by itself; it offers this hook.
  listener.addSoapHeader((method, _args, headers) => ({
    'wsa:Action': `/${method}Response`,
    'wsa:RelatesTo': headers && headers.MessageID && (headers.MessageID.$value || headers.MessageID),
  }), '', 'wsa', 'http://www.w3.org/2005/08/addressing');
  say({ event: 'listening', port: server.address().port });
});

readline.createInterface({ input: process.stdin })
  .on('line', (line) => {
    const told = JSON.parse(line);
    answers.set(told.operation, told);
    say({ event: 'told' });
  })
  .on('close', () => process.exit(0));
