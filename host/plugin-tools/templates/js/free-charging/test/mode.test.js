import assert from 'node:assert/strict';
import { test } from 'node:test';

import { freeCharging } from '../src/mode.js';

const NOW = { monotonicMs: 1n, wallMs: null };

function started(start, report) {
  const plugin = freeCharging(() => {});
  const settings = [
    { key: 'start', value: start },
    { key: 'report', value: report },
  ];
  const behaviour = plugin.start(NOW, settings);
  const decide = (kind, value) => plugin.authorize(NOW, { requestId: 1n, token: { kind, value } }).decision;
  return { behaviour, decide };
}

test('a plug starts by itself and needs no card', () => {
  const { behaviour, decide } = started('plug', 'nothing');
  assert.deepEqual(behaviour.startOnPlug, { value: 'FREE', kind: 'fixed' });
  assert.equal(decide('fixed', 'FREE'), 'accepted');
  assert.equal(decide('rfid', '04A1B2C3'), 'no-opinion');
});

test('any card starts and nothing else does', () => {
  const { behaviour, decide } = started('card', 'status');
  assert.equal(behaviour.startOnPlug, null);
  assert.equal(behaviour.reporting, 'status-only');
  assert.equal(decide('rfid', '04A1B2C3'), 'accepted');
  assert.equal(decide('central', '04A1B2C3'), 'no-opinion');
});

test('a setting that is not understood accepts nobody', () => {
  for (const [start, report] of [['whatever', 'nothing'], ['plug', 'constructor'], [undefined, undefined]]) {
    const { behaviour, decide } = started(start, report);
    assert.equal(behaviour.startOnPlug, null);
    assert.equal(decide('fixed', 'FREE'), 'no-opinion');
    assert.equal(decide('rfid', '04A1B2C3'), 'no-opinion');
  }
});
