import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseRunbook } from '../../src/config/parse-runbook.ts';
import { renderProblems } from '../../src/config/problems.ts';
import { type Runbook, selectRunbook } from '../../src/runbook/runbook.ts';

describe('a runbook', () => {
  it('of memtriage itself is valid and runs the four steps in order', () => {
    const parsed = parseRunbook(readFileSync('runbooks/memory.yaml', 'utf8'));
    expect(parsed).toMatchObject({ runbook: { runbook: 'memory' } });
    const steps = 'runbook' in parsed ? parsed.runbook.steps.map(({ step }) => step) : [];
    expect(steps).toEqual(['capture', 'compare', 'snapshot', 'evaluate']);
  });

  it("takes a team's own query and note", () => {
    expect(parseRunbook(OWN)).toMatchObject({
      runbook: {
        steps: [
          { step: 'query', expect: { max: 0.05 } },
          { step: 'note', links: ['https://wiki.example.com/x'] },
        ],
      },
    });
  });

  it.each([
    ['a step that does not exist', 'step: query', 'step: querry', /own\.yaml:\d+:\d+ steps\[0\]/],
    ['an unknown key', 'promql:', 'promq1:', /own\.yaml:6:5 steps\[0\]\.promq1: found the unknown key "promq1"/],
    ['a query that expects nothing', '{ max: 0.05 }', '{}', /steps\[0\]\.expect.*min or max/],
    ['a link that is no web address', 'https://wiki.example.com/x', 'javascript:alert(1)', /links/],
    ['a symptom nobody knows', '[asked]', '[unwell]', /symptoms\[0\]/],
    ['broken YAML', '[asked]', '[asked', /valid YAML/],
    ['a range without numbers in it', '{ max: 0.05 }', '{ min: 2, max: 1 }', /steps\[0\]\.expect.*min below max/],
  ])('is refused for %s, with the place', (_what, right, wrong, message) => {
    const parsed = parseRunbook(OWN.replace(right, wrong));
    expect('problems' in parsed ? renderProblems('own.yaml', parsed.problems) : 'accepted').toMatch(message);
  });
});

describe('the order of steps', () => {
  const steps = (...names: string[]) => {
    const lines = names.map(
      (step) => `  - { step: ${step}, why: y${step === 'moves' ? ', moves: [{ move: roll-back }]' : ''} }`,
    );
    const parsed = parseRunbook(['runbook: own', 'symptoms: [asked]', 'steps:', ...lines, ''].join('\n'));
    return 'problems' in parsed ? renderProblems('own.yaml', parsed.problems) : 'accepted';
  };

  it.each([
    [
      'an evaluation of what was not measured yet',
      ['evaluate', 'capture', 'compare'],
      /own\.yaml:4.*steps\[0\].*after capture and compare/,
    ],
    ['moves before the verdict that they are for', ['capture', 'moves', 'evaluate'], /steps\[1\].*after evaluate/],
    ['a step whose second result nobody would see', ['capture', 'moves', 'evaluate', 'moves'], /steps\[3\].*only once/],
  ])('is refused for %s', (_what, names, message) => {
    expect(steps(...names)).toMatch(message);
  });

  it('is free else', () => {
    expect(steps('snapshot', 'compare', 'capture', 'evaluate', 'moves')).toBe('accepted');
    expect(steps('capture')).toBe('accepted');
  });
});

describe('selectRunbook', () => {
  const general = book('general', ['asked', 'oom-kill']);
  const forCheckout = { ...book('for-checkout', ['asked']), services: ['checkout'] };
  const special = book('special', ['oom-kill']);

  it.each([
    ['the one that names the service', 'checkout', null, 'asked', 'for-checkout'],
    ['the general one for another service', 'billing', null, 'asked', 'general'],
    ['the general one when the specific one is for another symptom', 'checkout', null, 'oom-kill', 'general'],
    ['the one that the service asks for, whatever the symptom', 'billing', 'special', 'asked', 'special'],
    ['the general one when the service asks for one that is not there', 'billing', 'gone', 'asked', 'general'],
    ['none when none fits the symptom', 'billing', null, 'memory-growth', undefined],
  ] as const)('takes %s', (_what, name, runbook, symptom, expected) => {
    expect(selectRunbook([forCheckout, general, special], { name, runbook }, symptom)?.runbook).toBe(expected);
  });
});

function book(name: string, symptoms: Runbook['symptoms']): Runbook {
  return { runbook: name, symptoms, steps: [{ step: 'capture', why: 'because' }] };
}

const OWN = `runbook: own
symptoms: [asked]
steps:
  - step: query
    title: Share of failed payments
    promql: sum(rate(failed[5m])) / sum(rate(all[5m]))
    expect: { max: 0.05 }
    why: A retry storm fills the queue.
  - step: note
    title: Who knows
    text: The payments team.
    links: [https://wiki.example.com/x]
`;
