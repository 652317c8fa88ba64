import type { JsonObject } from './json.ts';

/** How a call is made to fail. */
export type FaultKind =
  | { kind: 'rate-limit'; retryAfterSeconds: number }
  | { kind: 'http-500' }
  | { kind: 'http-503' }
  /** The connection is cut and nothing was done. */
  | { kind: 'drop-before' }
  /** The call is done and the connection is cut: the caller can't know. */
  | { kind: 'drop-after' }
  | { kind: 'slow'; ms: number }
  | { kind: 'platform-error'; error: string };

/**
 * Which calls fail, and how often. `method` is a Web API method, `response_url` or `upload`; all when absent.
 * Bounded by `times` (default: 1, or no bound where `when` decides).
 */
type FaultRule = FaultKind & {
  method?: string | RegExp;
  channel?: string;
  times?: number;
  when?: (args: JsonObject) => boolean;
};

export type Faults = {
  /** Returns how often the rule has struck so far. */
  add: (rule: FaultRule) => { struck(): number; remove(): void };
  clear: () => void;
};

export type FaultBox = Faults & {
  /** The fault that strikes this call, used up by asking. The oldest rule that fits wins. */
  take: (call: { method: string; channel: string | null; args: JsonObject }) => FaultKind | null;
};

export function createFaults(): FaultBox {
  const rules = new Set<{ rule: FaultRule; struck: number; times: number }>();
  return {
    add: (rule) => {
      const entry = { rule, struck: 0, times: rule.times ?? (rule.when === undefined ? 1 : Number.POSITIVE_INFINITY) };
      rules.add(entry);
      return { struck: () => entry.struck, remove: () => void rules.delete(entry) };
    },
    clear: () => rules.clear(),
    take: (call) => {
      for (const entry of rules) {
        if (entry.struck >= entry.times || !fits(entry.rule, call)) continue;
        entry.struck += 1;
        return entry.rule;
      }
      return null;
    },
  };
}

function fits(rule: FaultRule, call: { method: string; channel: string | null; args: JsonObject }): boolean {
  if (typeof rule.method === 'string' && rule.method !== call.method) return false;
  if (rule.method instanceof RegExp && !rule.method.test(call.method)) return false;
  if (rule.channel !== undefined && rule.channel !== call.channel) return false;
  return rule.when?.(call.args) ?? true;
}
