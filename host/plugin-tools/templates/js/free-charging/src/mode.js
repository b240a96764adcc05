// Free-charging mode: everybody charges, and the backend hears as much as the setting `report` says.
//
// With `start` = `plug` a charge begins by itself at plug-in; with `card` any card begins it, and the same card ends it.
// A setting that is not understood accepts nobody.

const STARTS = ['plug', 'card'];
const REPORTS = new Map([
  ['nothing', 'nothing'],
  ['status', 'status-only'],
  ['transactions', 'transactions'],
]);
// Token of a charge that nobody presented a card for.
const FREE = { value: 'FREE', kind: 'fixed' };

// The contract's interface `mode`.
export function freeCharging(log) {
  let start = null;
  let reporting = null;

  function accepts(token) {
    if (start === null || reporting === null) return false;
    return start === 'plug' ? token.kind === FREE.kind && token.value === FREE.value : token.kind === 'rfid';
  }

  return {
    describe() {
      const spec = (key, defaultValue, summary) => ({ key, defaultValue, summary });
      return {
        name: '{{name}}',
        version: '0.1.0',
        summary: 'Everybody charges for free',
        capabilities: ['authorize'],
        settings: [
          spec('start', 'plug', 'what begins a charge: plug or card'),
          spec('report', 'nothing', 'what the backend hears: nothing, status or transactions'),
        ],
      };
    },

    start(_now, settings) {
      const setting = (key) => settings.find((known) => known.key === key)?.value;
      start = STARTS.find((known) => known === setting('start')) ?? null;
      reporting = REPORTS.get(setting('report')) ?? null;
      if (start === null || reporting === null) {
        log('error', '`start` or `report` is not understood; nobody is accepted');
      }
      const startsOnPlug = start === 'plug' && reporting !== null;
      return {
        startOnPlug: startsOnPlug ? FREE : null,
        reporting: reporting ?? 'transactions',
        reportAs: null,
        remoteStop: reporting !== 'nothing',
        tokenStops: !startsOnPlug,
      };
    },

    authorize(_now, request) {
      return {
        requestId: request.requestId,
        decision: accepts(request.token) ? 'accepted' : 'no-opinion',
        group: null,
        expiresWallMs: null,
        limitMa: null,
        reason: null,
      };
    },
  };
}
