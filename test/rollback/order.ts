import type { ActContext, RollbackOrder } from '../../src/mitigation/executor.ts';

export function anOrder(over: Partial<RollbackOrder> = {}): RollbackOrder {
  return {
    schema: 1,
    key: 'M-12/rollback/1',
    incident: 'M-12',
    service: 'checkout',
    site: 'local',
    from: 'v2',
    to: 'v1',
    requestedBy: 'U0ALICE',
    approvedBy: ['U0BOB'],
    notAfter: '2999-01-01T00:00:00Z',
    ...over,
  };
}

/** What the collector gives an executor, with what it was told. The receipt outlives a crash: pass it on. */
export function aContext(receipt: { text: string | null } = { text: null }) {
  const told: string[] = [];
  const stop = new AbortController();
  const context: ActContext = {
    signal: stop.signal,
    progress: (text) => void told.push(text),
    receipt: {
      read: async () => receipt.text,
      write: async (text) => {
        receipt.text = text;
      },
    },
  };
  return { context, told, stop, receipt };
}
