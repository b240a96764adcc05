import assert from 'node:assert/strict';
import { test } from 'node:test';

import { authorizer } from '../src/authorizer.js';

const START_OF_2030 = 1893456000n;

function decide(cards, token, wallMs) {
  const plugin = authorizer(() => {});
  plugin.start({ monotonicMs: 1n, wallMs }, { settings: [{ key: 'cards', value: cards }] });
  const request = { requestId: 7n, token: { kind: 'rfid', ...token } };
  const input = { tag: 'authorize', val: { request, stage: 'first', secure: false } };
  const { verdict } = plugin.handle({ monotonicMs: 2n, wallMs }, input);
  assert.equal(verdict.requestId, 7n);
  return verdict.decision;
}

test('a card on the list is accepted and any other left to others', () => {
  assert.equal(decide('04A1B2C3', { value: '04A1B2C3' }, null), 'accepted');
  assert.equal(decide('04a1b2c3', { value: '04A1B2C3' }, null), 'accepted');
  assert.equal(decide('04A1B2C3', { value: 'DEADBEEF' }, null), 'no-opinion');
  assert.equal(decide('04A1B2C3', { value: '04A1B2C3', kind: 'central' }, null), 'no-opinion');
});

test('a card with an end is accepted until then', () => {
  const cards = `0A0E9B83@${START_OF_2030}`;
  const end = START_OF_2030 * 1000n;
  assert.equal(decide(cards, { value: '0A0E9B83' }, end - 1n), 'accepted');
  assert.equal(decide(cards, { value: '0A0E9B83' }, end), 'expired');
  for (const unknown of [null, undefined]) {
    assert.equal(decide(cards, { value: '0A0E9B83' }, unknown), 'no-opinion');
  }
});

test('nobody else is ever accepted', () => {
  const odd = ['', ' ', '@', '0', 'null', 'undefined', 'constructor', '__proto__', '04A1B2C3 ', '04A1B2C3@1'];
  for (const value of odd) {
    for (const cards of ['', '04A1B2C3', '* null @ 04A1B2C3@x']) {
      assert.equal(decide(cards, { value }, null), 'no-opinion', `${value} with ${cards}`);
    }
  }
});
