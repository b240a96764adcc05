// Authorizer: the cards of the setting `cards` may charge.
//
// A card is a UID, or `UID@SECONDS`: good until that second since 1970. Whatever is not on the list gets no opinion, so
// that the next authorizer or the backend may judge it.

export const NAME = '{{name}}';

// Reads the list; what is not understood is reported and left out.
export function parseCards(text, log) {
  const cards = new Map();
  for (const entry of text.split(/\s+/).filter((word) => word !== '')) {
    const match = /^([0-9A-Fa-f]+)(?:@([0-9]{1,12}))?$/.exec(entry);
    if (match) {
      cards.set(match[1].toUpperCase(), match[2] === undefined ? null : Number(match[2]) * 1000);
    } else {
      log('warn', `not a card: ${entry}`);
    }
  }
  return cards;
}

// An answer that says nothing; every field has to be there.
export function answer(fields = {}) {
  return {
    verdict: null,
    consumed: false,
    store: [],
    wakeAt: null,
    show: null,
    presentOnPlug: null,
    reply: null,
    ...fields,
  };
}

// The contract's interface `judge`.
//
// 64-bit numbers come as Number or BigInt; the engine takes back what it gave, and Numbers, but traps on large BigInts of
// our own making. An absent `option` is null or undefined, depending on the engine: compare with `==`.
export function authorizer(log) {
  let cards = new Map();

  function set({ key, value }) {
    if (key === 'cards') cards = parseCards(value, log);
  }

  function judge(now, request) {
    const verdict = {
      requestId: request.requestId,
      decision: 'no-opinion',
      group: null,
      expiresWallMs: null,
      limitMa: null,
      reason: null,
    };
    // `has` first: a card that is not on the list is no card without an end.
    if (request.token.kind !== 'rfid' || !cards.has(request.token.value)) return verdict;
    const until = cards.get(request.token.value);
    if (until == null) {
      verdict.decision = 'accepted';
    } else if (now.wallMs == null) {
      // Nobody has told the station the time: better no opinion than a wrong one.
    } else if (Number(now.wallMs) < until) {
      verdict.decision = 'accepted';
      verdict.expiresWallMs = until;
    } else {
      verdict.decision = 'expired';
    }
    if (verdict.decision === 'accepted') verdict.reason = `on the list of ${NAME}`;
    return verdict;
  }

  return {
    describe() {
      return {
        name: NAME,
        version: '0.1.0',
        summary: 'Accepts the cards of its setting',
        capabilities: ['authorize'],
        settings: [
          {
            key: 'cards',
            defaultValue: '',
            summary: 'UIDs that may charge, separated by blanks; UID@SECONDS until then only',
          },
        ],
      };
    },

    start(_now, context) {
      context.settings.forEach(set);
      return answer();
    },

    handle(now, input) {
      switch (input.tag) {
        case 'authorize':
          return answer({ verdict: judge(now, input.val.request) });
        case 'setting-changed':
          set(input.val);
          return answer();
        case 'request':
          return answer({ reply: { tag: 'ok', val: `${cards.size} cards on the list` } });
        default:
          return answer();
      }
    },
  };
}
