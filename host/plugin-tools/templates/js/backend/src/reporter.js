// Backend adapter: reports to a server in JSON over WebSocket. README.md lists the messages.
//
// Nothing of a transaction is lost or doubled. The station hands over an entry of its journal; the answer says "taken"
// (`advance`) and "keep this frame" (`enqueue`), which the station commits together. The frame is sent, again after every
// loss of the link and every restart, always with the same id, until the server has confirmed the id (`dequeue`).

const NAME = '{{name}}';
const URL = 'ws://127.0.0.1:9000/report';
// Pause before the next try to connect; it doubles.
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;
// The server has this long for a welcome and for a confirmation.
const PATIENCE_MS = 30_000;
// Its messages have no more brackets. A parser in a component dies of deeply nested JSON: its stack is small.
const MOST_BRACKETS = 16;
const DECISIONS = ['accepted', 'blocked', 'expired', 'invalid', 'concurrent'];
// Prefix of the keys under which the store has the transactions that are reported.
const REPORTED = 'transaction-';

const command = (tag, val) => ({ tag, val });
const state = (registration, detail) => command('state', { registration, detail, lastError: null });
const isCount = (value) => Number.isSafeInteger(value) && value >= 0;

function parse(text) {
  if (text.split(/[[{]/, MOST_BRACKETS + 2).length > MOST_BRACKETS + 1) return null;
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function wordFor(connector) {
  if (connector.fault != null) return 'faulted';
  if (connector.transaction != null) return connector.charging;
  if (!connector.operative) return 'unavailable';
  if (connector.finishing) return 'finishing';
  if (connector.plugged || connector.authorized) return 'preparing';
  return connector.reserved ? 'reserved' : 'available';
}

function energyWh(reading) {
  const total = ({ measurand, phase }) => measurand === 'energy-import-register-wh' && phase == null;
  return reading.samples.find(total)?.value;
}

// The contract's interface `adapter`.
//
// 64-bit numbers come as Number or BigInt and go as Number; JSON knows Numbers only. An absent `option` is null or
// undefined: compare with `==`. Inputs and events that are not known are left alone: later contracts have more.
export function reporter(log) {
  let station = { identity: '', boot: 0, model: '', firmware: '' };
  let url = URL;
  let link = 'down'; // then `connecting`, `greeting`, `welcome`
  let pause = FIRST_PAUSE_MS;
  let outbox = [];
  const reported = new Set();
  const words = new Map();

  const wake = (now, ms) => command('wake-at', Number(now.monotonicMs) + ms);
  const send = (message) => command('send', JSON.stringify(message));
  const status = ({ evse, connector, word }) => send({ type: 'status', evse, connector, status: word });
  // While the server owes an answer, it is waited for; the adapter has one timer.
  const awaited = (now) => (outbox.length > 0 ? wake(now, PATIENCE_MS) : command('wake-at', null));

  function connect() {
    link = 'connecting';
    const request = {
      url: `${url}/${encodeURIComponent(station.identity)}`,
      subprotocols: [],
      basicAuth: null,
      keepAliveS: 30,
      timeoutS: 30,
    };
    return [command('connect', request), command('wake-at', null), state('connecting', url)];
  }

  function greet(now) {
    link = 'greeting';
    const { identity, boot, model, firmware } = station;
    const hello = { type: 'hello', station: identity, boot, model, firmware };
    return [send(hello), wake(now, PATIENCE_MS), state('connecting', 'waiting for the welcome')];
  }

  function welcomed(now, message) {
    if (link !== 'greeting') return [];
    link = 'welcome';
    pause = FIRST_PAUSE_MS;
    return [
      ...(isCount(message.time_ms) ? [command('set-clock', message.time_ms)] : []),
      ...[...words.values()].map(status),
      ...outbox.map((frame) => command('send', frame.text)),
      awaited(now),
      state('registered', `reports to ${url}`),
    ];
  }

  function lost(now, detail) {
    link = 'down';
    const again = wake(now, pause);
    pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
    return [again, state('offline', detail)];
  }

  function timer() {
    if (link === 'down') return connect();
    return link === 'connecting' ? [] : [command('disconnect', 'the server does not answer')];
  }

  // Keeps a message until the server has confirmed it.
  function keep(now, id, message) {
    const { type, ...rest } = message;
    const frame = { id, text: JSON.stringify({ type, id, ...rest }) };
    outbox.push(frame);
    const kept = command('enqueue', frame);
    return link === 'welcome' ? [kept, command('send', frame.text), awaited(now)] : [kept];
  }

  function begin(now, id, started, at) {
    const transaction = Number(started.transaction);
    reported.add(transaction);
    return [
      command('store', { key: REPORTED + transaction, value: new Uint8Array([1]) }),
      ...keep(now, id, {
        type: 'started',
        transaction,
        evse: started.evseId,
        connector: started.connectorId,
        card: started.token.value,
        meter_wh: Number(started.meterStartWh),
        time_ms: at.wallMs == null ? null : Number(at.wallMs),
      }),
    ];
  }

  function journal(now, { seq, at, event }) {
    const taken = command('advance', Number(seq));
    const id = `j${seq}`;
    const time_ms = at.wallMs == null ? null : Number(at.wallMs);
    switch (event.tag) {
      case 'started':
        return event.val.silent ? [taken] : [taken, ...begin(now, id, event.val, at)];
      case 'metered': {
        const [transaction, reading] = [Number(event.val[0]), event.val[1]];
        const energy = energyWh(reading);
        if (energy == null || !reported.has(transaction)) return [taken];
        return [taken, ...keep(now, id, { type: 'energy', transaction, meter_wh: Number(energy), time_ms })];
      }
      case 'ended': {
        const transaction = Number(event.val.transaction);
        if (!reported.delete(transaction)) return [taken];
        const { meterStopWh, reason } = event.val;
        return [
          taken,
          command('store', { key: REPORTED + transaction, value: null }),
          ...keep(now, id, { type: 'ended', transaction, meter_wh: Number(meterStopWh), reason, time_ms }),
        ];
      }
      default:
        return [taken];
    }
  }

  function confirmed(now, id) {
    if (link !== 'welcome' || !outbox.some((frame) => frame.id === id)) return [];
    outbox = outbox.filter((frame) => frame.id !== id);
    return [command('dequeue', id), awaited(now)];
  }

  const verdict = (requestId, decision) =>
    command('verdict', { requestId, decision, group: null, expiresWallMs: null, limitMa: null, reason: null });

  function frame(now, text) {
    const message = parse(text);
    switch (message?.type) {
      case 'welcome':
        return welcomed(now, message);
      case 'ack':
        return confirmed(now, message.id);
      case 'verdict':
        if (!isCount(message.request)) return [];
        return [verdict(message.request, DECISIONS.find((known) => known === message.decision) ?? 'no-opinion')];
      case 'stop':
        if (!isCount(message.request) || !isCount(message.transaction)) return [];
        return [command('request-stop', { requestId: message.request, transaction: message.transaction })];
      default:
        log('warn', 'the server said something that is not understood');
        return [];
    }
  }

  // Without the server there is no opinion, so that others may have one.
  function authorize({ requestId, evseId, token, purpose }) {
    if (link !== 'welcome') return [verdict(requestId, 'no-opinion')];
    const request = Number(requestId);
    return [send({ type: 'card', request, evse: evseId ?? null, card: token.value, purpose })];
  }

  // Remembers it, and says whether it is news.
  function noted(connector) {
    const { evseId, connectorId } = connector;
    const [key, word] = [`${evseId}/${connectorId}`, wordFor(connector)];
    const isNews = words.get(key)?.word !== word;
    words.set(key, { evse: evseId, connector: connectorId, word });
    return isNews && link === 'welcome' ? [status(words.get(key))] : [];
  }

  function changed(setting) {
    if (setting.key !== 'url' || setting.value === url) return [];
    url = setting.value;
    return link === 'down' ? connect() : [command('disconnect', 'the URL has changed')];
  }

  return {
    describe() {
      return {
        name: NAME,
        version: '0.1.0',
        summary: 'Reports to a server in JSON',
        capabilities: ['net.connect', 'authorize', 'station.stop', 'clock.set'],
        settings: [{ key: 'url', defaultValue: URL, summary: 'where the server is; the identity is appended' }],
      };
    },

    start(now, context) {
      const { identity, bootCount, cursor, settings, connectors, transactions, store } = context;
      station = { identity, boot: Number(bootCount), model: context.station.model, firmware: context.station.firmware };
      url = settings.find((setting) => setting.key === 'url')?.value ?? URL;
      outbox = context.outbox.map(({ id, text }) => ({ id, text }));
      for (const { key } of store) {
        if (key.startsWith(REPORTED)) reported.add(Number(key.slice(REPORTED.length)));
      }
      connectors.forEach(noted);
      // A transaction whose start is behind us and that we do not know: we were added in the middle of it.
      const unknown = transactions.filter(
        (running) => !running.silent && cursor >= running.startSeq && !reported.has(Number(running.transaction)),
      );
      const late = unknown.flatMap((running) => begin(now, `t${running.transaction}`, running, running.started));
      return [...late, ...(context.link == null ? connect() : greet(now))];
    },

    handle(now, input) {
      switch (input.tag) {
        case 'timer':
          return timer();
        case 'link-up':
          return greet(now);
        case 'link-down':
          return lost(now, input.val.detail);
        case 'frame':
          return frame(now, input.val);
        case 'journal':
          return journal(now, input.val);
        case 'connector':
          return noted(input.val);
        case 'authorize':
          return authorize(input.val);
        case 'outcome':
          if (link !== 'welcome') return [];
          return [send({ type: 'done', request: Number(input.val.requestId), result: input.val.kind })];
        case 'setting-changed':
          return changed(input.val);
        default:
          return [];
      }
    },
  };
}
