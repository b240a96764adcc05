//! A central system made from the service description by the npm package `soap`; nothing of OCPP is written here.
//!
//! Usage: server.js WSDL. It listens on a free port of 127.0.0.1 and prints it. Every request it understood is one line
//! of JSON on standard output, as the package decoded it. Lines on standard input say what to answer:
//! `{"operation": O, "answer": {...}}`, or `"fault": {"code": "Sender", "subcode": "SecurityError", "reason": R}`.
'use strict';

const fs = require('fs');
const http = require('http');
const readline = require('readline');
const soap = require('soap');

const wsdl = fs.readFileSync(process.argv[2], 'utf8');
const answers = new Map();
const say = (event) => process.stdout.write(JSON.stringify(event) + '\n');

/** Every operation of the port gets the same handler: report what was understood, answer as told. */
function operation(name) {
  return (args, _callback, headers) => {
    say({ event: 'request', operation: name, args, headers });
    const { answer, fault } = answers.get(name) || { answer: {} };
    if (!fault) return answer;
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

const server = http.createServer((_request, response) => response.writeHead(404).end());
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
