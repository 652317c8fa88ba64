/** Addresses of reports that stand in Slack: whoever has one may read that report until it expires, and nothing else. */
import { createHmac, hkdfSync } from 'node:crypto';
import { isSame } from './bearer.ts';

const LIFE_SECONDS = 7 * 86_400;
/** The same address for so long: an address that moved with every look would edit the message each time. */
const STEP_SECONDS = 3600;

export type ReportLinks = {
  /** Valid for seven days, less an hour at the most. */
  linkTo: (incidentId: string) => string;
  /** Whether the query of a request was made by `linkTo` for this incident and has not expired. In constant time. */
  isValid: (incidentId: string, query: URLSearchParams) => boolean;
};

/**
 * `secret`: any of the environment's; the key is derived from it, so that a link tells nothing about it.
 * `publicUrl`: how people reach the bot, without a slash at its end.
 */
export function createReportLinks(secret: string, publicUrl: string, now: () => number = Date.now): ReportLinks {
  const key = Buffer.from(hkdfSync('sha256', secret, '', 'memtriage report links 1', 32));
  const sign = (incidentId: string, until: string): string =>
    createHmac('sha256', key).update(`${incidentId} ${until}`).digest('base64url');
  return {
    linkTo(incidentId) {
      const until = String(Math.floor(now() / 1000 / STEP_SECONDS) * STEP_SECONDS + LIFE_SECONDS);
      return `${publicUrl}/incidents/${incidentId}?until=${until}&sig=${sign(incidentId, until)}`;
    },
    isValid(incidentId, query) {
      const until = query.get('until') ?? '';
      const isSigned = isSame(query.get('sig') ?? '', sign(incidentId, until));
      return isSigned && /^\d{1,12}$/.test(until) && Number(until) > now() / 1000;
    },
  };
}
