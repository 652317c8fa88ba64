import { z } from 'zod';
import { failed, type Outcome, ok } from '../../errors.ts';
import { personOf } from '../../oncall/person.ts';
import { layShifts, type Shift, type Span } from '../../oncall/rota.ts';
import { fetchText } from './read-text.ts';
import type { RotaSource } from './rota-source.ts';

/** Entries of one page, PagerDuty's own maximum; and pages, so that no answer keeps us for ever. */
const PAGE_SIZE = 100;
const MAX_PAGES = 20;

const Entry = z.object({
  /** Null: for ever. */
  start: z.string().nullable(),
  end: z.string().nullable(),
  escalation_level: z.number().optional(),
  user: z.object({
    summary: z.string().nullish(),
    name: z.string().nullish(),
    email: z.string().nullish(),
    description: z.string().nullish(),
    job_title: z.string().nullish(),
  }),
});
const OnCalls = z.object({ oncalls: z.array(Entry), more: z.boolean().nullish() });

/**
 * A schedule of PagerDuty (`GET /oncalls`, REST API v2). The user's Slack id may stand in their name, title or
 * description; else Slack is asked by their e-mail address.
 */
export function fromPagerDuty({
  schedule,
  token,
  url,
}: {
  schedule: string;
  /** Null: MEMTRIAGE_PAGERDUTY_TOKEN is not set. */
  token: string | null;
  /** `https://api.pagerduty.com`, or that of another region. */
  url: string;
}): RotaSource {
  return {
    name: `PagerDuty schedule ${schedule}`,
    async readRota(known, signal) {
      if (token === null) {
        return failed(
          'operator',
          'PagerDuty needs a token',
          'Set MEMTRIAGE_PAGERDUTY_TOKEN (a read-only key is enough)',
        );
      }
      const shifts: Shift[] = [];
      for (let page = 0; page < MAX_PAGES; page += 1) {
        const answer = await readPage({ schedule, token, url }, known, page * PAGE_SIZE, signal);
        if (answer.outcome !== 'ok') return answer;
        shifts.push(...answer.value.oncalls.map((entry) => toShift(entry, known)));
        if (answer.value.more !== true) return ok({ shifts: layShifts(shifts, []), known, problems: [] });
      }
      const why = `PagerDuty has more than ${MAX_PAGES * PAGE_SIZE} entries for schedule ${schedule}`;
      return failed('operator', why, 'Give the team a schedule of its own');
    },
  };
}

async function readPage(
  { schedule, token, url }: { schedule: string; token: string; url: string },
  known: Span,
  offset: number,
  signal: AbortSignal,
): Promise<Outcome<z.infer<typeof OnCalls>>> {
  const query = new URLSearchParams({
    'schedule_ids[]': schedule,
    'include[]': 'users',
    since: new Date(known.fromMs).toISOString(),
    until: new Date(known.toMs).toISOString(),
    time_zone: 'UTC',
    limit: String(PAGE_SIZE),
    offset: String(offset),
  });
  const headers = { accept: 'application/vnd.pagerduty+json;version=2', authorization: `Token token=${token}` };
  const text = await fetchText({ url: `${url}/oncalls?${query.toString()}`, headers, signal, what: 'PagerDuty' });
  if (text.outcome !== 'ok') return text;
  const parsed = OnCalls.safeParse(parseJson(text.value));
  if (parsed.success) return ok(parsed.data);
  return failed(
    'upstream',
    'PagerDuty answered with something that is no list of on-calls',
    'Check MEMTRIAGE_PAGERDUTY_URL',
  );
}

function toShift({ start, end, user }: z.infer<typeof Entry>, known: Span): Shift {
  const name = user.name ?? user.summary ?? '';
  const fromMs = start === null ? known.fromMs : Date.parse(start);
  const toMs = end === null ? known.toMs : Date.parse(end);
  return { fromMs, toMs, person: personOf(name, [user.job_title ?? '', user.description ?? '', user.email ?? '']) };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
