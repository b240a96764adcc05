import assert from 'node:assert/strict';
import { test } from 'node:test';

import { reporter } from '../src/reporter.js';

const AT = { monotonicMs: 5_000n, wallMs: 1_893_456_000_000n };
const STARTED = {
  transaction: 7n,
  evseId: 1,
  connectorId: 1,
  token: { value: '04A1B2C3', kind: 'rfid' },
  meterStartWh: 1_500n,
  silent: false,
};

function context(changes = {}) {
  return {
    identity: 'CP 1',
    settings: [{ key: 'url', value: 'ws://127.0.0.1:9000/report' }],
    store: [],
    outbox: [],
    cursor: 4n,
    station: { model: 'M', firmware: '1' },
    connectors: [],
    transactions: [],
    link: null,
    bootCount: 3n,
    ...changes,
  };
}

// An adapter and what the station keeps for it.
function bench(changes) {
  const plugin = reporter(() => {});
  const outbox = new Map();
  let now = 1_000n;
  const take = (commands) => {
    for (const { tag, val } of commands) {
      if (tag === 'enqueue') outbox.set(val.id, val.text);
      if (tag === 'dequeue') outbox.delete(val);
    }
    return commands;
  };
  const handle = (tag, val) => take(plugin.handle({ monotonicMs: (now += 10n), wallMs: null }, { tag, val }));
  const commands = take(plugin.start({ monotonicMs: now, wallMs: null }, context(changes)));
  const hear = (message) => handle('frame', JSON.stringify(message));
  const entry = (seq, tag, val) => handle('journal', { seq, at: AT, event: { tag, val } });
  const welcomed = () => {
    handle('link-up', { subprotocol: null, secure: false });
    return hear({ type: 'welcome', time_ms: 1_893_456_000_000 });
  };
  return { commands, handle, hear, entry, welcomed, outbox };
}

const find = (commands, tag) => commands.filter((command) => command.tag === tag).map((command) => command.val);
const sent = (commands) => find(commands, 'send').map((text) => JSON.parse(text));

test('it connects, introduces the station and waits for the welcome', () => {
  const { commands, handle, hear } = bench();
  assert.equal(find(commands, 'connect')[0].url, 'ws://127.0.0.1:9000/report/CP%201');
  const hello = { type: 'hello', station: 'CP 1', boot: 3, model: 'M', firmware: '1' };
  assert.deepEqual(sent(handle('link-up', { subprotocol: null, secure: false })), [hello]);
  const welcome = hear({ type: 'welcome', time_ms: 1_893_456_000_000 });
  assert.deepEqual(find(welcome, 'set-clock'), [1_893_456_000_000]);
  assert.equal(find(welcome, 'state')[0].registration, 'registered');
});

test('an entry is taken and kept in one answer, sent again after a loss, and forgotten once confirmed', () => {
  const { handle, hear, entry, welcomed, outbox } = bench();
  welcomed();
  const taken = entry(5n, 'started', STARTED);
  assert.deepEqual(find(taken, 'advance'), [5]);
  assert.deepEqual([...outbox.keys()], ['j5']);
  assert.deepEqual(find(taken, 'send'), [outbox.get('j5')]);
  const again = outbox.get('j5');
  assert.ok(find(handle('link-down', { detail: 'gone' }), 'wake-at')[0] > 1_000);
  assert.equal(find(handle('timer'), 'connect').length, 1);
  assert.deepEqual(find(welcomed(), 'send'), [again]);
  hear({ type: 'ack', id: 'j5' });
  hear({ type: 'ack', id: 'j5' });
  assert.equal(outbox.size, 0);
});

test('what is behind it is reported and what it does not know is not', () => {
  const { entry, outbox } = bench();
  const energy = { samples: [{ measurand: 'energy-import-register-wh', phase: null, value: 1_600n }] };
  for (const [seq, tag, val] of [
    [5n, 'started', { ...STARTED, silent: true }],
    [6n, 'metered', [7n, energy]],
    [7n, 'ended', { transaction: 7n, meterStopWh: 1_700n, reason: 'local' }],
    [8n, 'security', 'a cabinet was opened'],
    [9n, 'of-a-later-contract', {}],
  ]) {
    assert.deepEqual(find(entry(seq, tag, val), 'advance'), [Number(seq)]);
  }
  assert.equal(outbox.size, 0);
  entry(10n, 'started', STARTED);
  entry(11n, 'metered', [7n, energy]);
  entry(12n, 'ended', { transaction: 7n, meterStopWh: 1_700n, reason: 'local' });
  const types = [...outbox.values()].map((text) => JSON.parse(text).type);
  assert.deepEqual(types, ['started', 'energy', 'ended']);
});

test('after a restart it goes on where it was', () => {
  const running = { ...STARTED, started: AT, startSeq: 3n };
  const outbox = [{ id: 'j4', text: '{"type":"energy","id":"j4"}' }];
  const store = [{ key: 'transaction-7', value: [1] }];
  const known = bench({ outbox, store, transactions: [running], link: { secure: false } });
  assert.equal(sent(known.commands)[0].type, 'hello');
  assert.equal(find(known.commands, 'enqueue').length, 0);
  assert.deepEqual(find(known.hear({ type: 'welcome' }), 'send'), [outbox[0].text]);
  const added = bench({ transactions: [running] });
  assert.deepEqual(find(added.commands, 'enqueue').map((frame) => frame.id), ['t7']);
});

test('a card is judged by the server, and by nobody while it is away', () => {
  const request = { requestId: 9n, evseId: 1, token: { value: '04A1B2C3', kind: 'rfid' }, purpose: 'start' };
  const { handle, hear, welcomed } = bench();
  assert.equal(find(handle('authorize', request), 'verdict')[0].decision, 'no-opinion');
  welcomed();
  assert.equal(sent(handle('authorize', request))[0].request, 9);
  const decide = (decision) => find(hear({ type: 'verdict', request: 9, decision }), 'verdict')[0].decision;
  assert.equal(decide('accepted'), 'accepted');
  for (const odd of ['', 'yes', null, undefined, true, 'constructor']) assert.equal(decide(odd), 'no-opinion');
});

test('nonsense of the server does nothing', () => {
  const { hear, handle, welcomed } = bench();
  welcomed();
  for (const text of ['', '{', 'null', '[]', '7', '{"type":7}', '['.repeat(100_000)]) assert.deepEqual(handle('frame', text), []);
  for (const request of [-1, 1.5, 1e300, '1', null]) {
    assert.deepEqual(hear({ type: 'stop', request, transaction: 1 }), []);
    assert.deepEqual(hear({ type: 'verdict', request, decision: 'accepted' }), []);
  }
  assert.deepEqual(handle('of-a-later-contract', {}), []);
});
