import assert from 'node:assert/strict';
import { test } from 'node:test';

import { language } from '../src/language.js';

const NOW = { monotonicMs: 1n, wallMs: null };

function render(id, values = {}) {
  const list = Object.entries(values).map(([name, value]) => ({ name, value }));
  return language.render(NOW, { id, arguments: list });
}

test('a message has its text and its values', () => {
  assert.deepEqual(render('signal.accepted'), { language: 'eo', text: 'Karto akceptita' });
  assert.equal(render('session.energy', { kwh: '7.3' }).text, '7.3 kWh ŝargitaj');
});

test('what it cannot say is left to the station', () => {
  for (const id of ['fault.RCMB', 'constructor', '']) assert.equal(render(id), null);
  assert.equal(render('session.energy'), null, 'a value is missing');
});
