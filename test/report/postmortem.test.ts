import { describe, expect, it } from 'vitest';
import type { Rollback } from '../../src/incident/rollback.ts';
import { approve } from '../../src/incident/rollback-decisions.ts';
import { type Proposal, propose } from '../../src/incident/rollback-moves.ts';
import { mitigationPhrase } from '../../src/report/mitigation-text.ts';
import { type PostmortemFacts, renderPostmortem } from '../../src/report/postmortem.ts';
import { anIncident, aReport } from '../slack/reports.ts';

const AT = Date.parse('2026-11-22T10:01:00Z');
const MIB = 1024 ** 2;
const PROPOSAL: Proposal = {
  incident: 'M-12',
  service: 'checkout',
  site: 'local',
  from: 'v812',
  to: 'v811',
  approvers: ['U0BOB'],
  approvalsNeeded: 1,
  isTierZero: false,
  reportedAt: '2026-11-22T10:00:00Z',
  before: { rssBytes: 2000 * MIB, growth: { bytesPerHour: 164 * MIB, low: 150 * MIB, high: 178 * MIB } },
  guards: [{ name: 'fresh data', state: 'green', evidence: 'the newest sample is 15 s old' }],
  secondsToLimit: null,
  secondsToRollBack: null,
};

function recovered(): { rollback: Rollback; trail: PostmortemFacts['trail'] } {
  const proposed = propose(null, PROPOSAL, AT, false);
  const press = {
    userId: 'U0BOB',
    version: 0,
    permission: 'allowed',
    guards: PROPOSAL.guards,
    answers: null,
    approvalsNeeded: 1,
  } as const;
  const { move } = approve(proposed?.after ?? null, press, AT + 60_000);
  if (proposed === null || move === null) throw new Error('the rollback was not approved');
  const act = {
    startedAt: '2026-11-22T10:02:10Z',
    endedAt: '2026-11-22T10:03:00Z',
    outcome: 'done',
    message: '2 of 2 instances run v811',
  } as const;
  const proof = {
    judgedAt: '2026-11-22T10:33:00Z',
    instancesChanged: 2,
    instances: 2,
    after: { rssBytes: 800 * MIB, growth: { bytesPerHour: 0, low: -2 * MIB, high: 2 * MIB } },
    secondsToMitigation: 240,
    message: 'RSS is back at its baseline',
  };
  return { rollback: { ...move.after, state: 'recovered', act, proof }, trail: [...proposed.audit, ...move.audit] };
}

describe('a postmortem', () => {
  it('tells timeline, evidence, figures, decisions and what is left to do, in this order', () => {
    const text = renderPostmortem({ incident: anIncident({ state: 'closed' }), report: aReport(), ...recovered() });
    const chapters = text.split('\n').filter((line) => line.startsWith('#'));
    expect(chapters).toEqual([
      '# Postmortem M-12: checkout',
      '## Timeline (UTC)',
      '## Evidence',
      '## Figures',
      '## Decisions',
      '## Guards at the last decision',
      '## Follow-ups',
    ]);
    const times = [...text.matchAll(/^- `(\S+ \S+)`/gm)].map(([, time]) => Date.parse(`${time}Z`));
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(text).toContain('Time to mitigation: 4 min.');
    expect(text).toMatch(
      /`2026-11-22 10:02:00` approved by U0BOB: checkout v812 -&gt; v811, approval 1 of 1; fresh data green/,
    );
    expect(text).toMatch(/\| Before the rollback \| RSS 1\.95 GiB, \+164 MiB\/h/);
    expect(text).toMatch(/\| After it \| RSS 800 MiB/);
    expect(text).toContain('- [ ] Keep v812 from going out again until it is fixed');
  });

  it('of one of many that were killed at once names their umbrella', () => {
    const incident = anIncident({ umbrella: 'U-3', isListed: true });
    const text = renderPostmortem({ incident, report: aReport(), rollback: null, trail: [] });
    expect(text).toContain('One of many services that were killed at once: U-3.');
  });

  it('without report and rollback says so, and makes nothing up', () => {
    const text = renderPostmortem({ incident: anIncident(), report: null, rollback: null, trail: [] });
    expect(text).toContain('- No report was made.');
    expect(text).toContain('- Nobody decided anything.');
    expect(text).not.toMatch(/null|undefined|NaN/);
  });

  it('lets no name or reason out of its place', () => {
    const evil = '\n# Forged\n| a | b |\n[x](http://evil) <script> @here `code` **bold** \u202e';
    const entry = { at: '2026-11-22T10:05:00Z', who: evil, what: 'declined', why: evil };
    const report = aReport({ service: evil, recommendation: { ...aReport().recommendation, reasons: [evil] } });
    const text = renderPostmortem({ incident: anIncident({ service: evil }), report, rollback: null, trail: [entry] });
    expect(text.split('\n').filter((line) => /^#? ?Forged|^# /.test(line))).toHaveLength(1);
    expect(text).not.toMatch(/<script|[^\\]\]\(http|@here|[^\\]\*\*bold|\u202e/);
    expect(text).not.toMatch(/^\| a \|/m);
  });
});

it('history tells what was done and how long it took', () => {
  expect(mitigationPhrase(recovered().rollback)).toBe('rollback v812 → v811 recovered, 4 min to mitigation');
});
