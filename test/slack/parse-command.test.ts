import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseCommand, type SlackCommand } from '../../src/adapters/slack/parse-command.ts';

function triage(service: string, changes: Partial<Extract<SlackCommand, { kind: 'triage' }>> = {}): SlackCommand {
  return { kind: 'triage', service, sinceSeconds: null, takeSnapshot: true, ...changes };
}

describe('what people type', () => {
  test.each<[text: string, command: SlackCommand]>([
    ['', { kind: 'help' }],
    ['   ', { kind: 'help' }],
    ['help', { kind: 'help' }],
    ['HELP', { kind: 'help' }],
    ['checkout', triage('checkout')],
    ['Checkout', triage('Checkout')],
    ['triage checkout', triage('checkout')],
    ['"checkout"', triage('checkout')],
    ['“checkout”', triage('checkout')],
    ['`checkout`', triage('checkout')],
    ['*checkout*', triage('checkout')],
    ['  checkout\u00a0--since\u00a06h ', triage('checkout', { sinceSeconds: 21_600 })],
    ['checkout --since=30m', triage('checkout', { sinceSeconds: 1800 })],
    ['checkout —since 1d', triage('checkout', { sinceSeconds: 86_400 })],
    ['checkout –no-snapshot', triage('checkout', { takeSnapshot: false })],
    ['--no-snapshot checkout', triage('checkout', { takeSnapshot: false })],
    ['check\u2011out', triage('check-out')],
    ['<https://checkout.example.com|checkout.example.com>', triage('checkout.example.com')],
    ['<http://checkout.io>', triage('checkout.io')],
    ['<#C0PAY|payments>', triage('payments')],
    ['<@U0ALICE|alice>', triage('alice')],
    ['a &amp; b', { kind: 'misread', why: 'one service at a time, found "&" as well', tryThis: 'a' }],
    ['list', { kind: 'list' }],
    ['list things', { kind: 'misread', why: 'one service at a time, found "things" as well', tryThis: 'list' }],
    ['status', { kind: 'status', incident: null }],
    ['status M-12', { kind: 'status', incident: 'M-12' }],
    ['status m12', { kind: 'status', incident: 'M-12' }],
    ['baseline set checkout', { kind: 'baseline', verb: 'set', service: 'checkout' }],
    ['history checkout', { kind: 'history', service: 'checkout' }],
    [
      'silence checkout 2h the nightly batch',
      { kind: 'silence', service: 'checkout', seconds: 7200, reason: 'the nightly batch' },
    ],
    ['silence list', { kind: 'silence-list' }],
    ['silence end checkout', { kind: 'silence-end', service: 'checkout' }],
    [
      'silence end 2h a service of that name',
      { kind: 'silence', service: 'end', seconds: 7200, reason: 'a service of that name' },
    ],
    ['oncall', { kind: 'oncall' }],
  ])('%j', (text, command) => {
    expect(parseCommand(text)).toEqual(command);
  });

  test.each([
    'status checkout',
    'baseline',
    'baseline checkout',
    'baseline drop checkout',
    'history',
    'silence checkout',
    'silence checkout tomorrow',
    'silence checkout 2h',
    'silence checkout 8d too long',
    'silence checkout 5s too short',
    'silence end',
    'checkout --since',
    'checkout --since yesterday',
    'checkout --since 1s',
    'checkout --since 400d',
    'checkout --force',
    'a b',
    '--no-snapshot',
  ])('%j is answered with what would have been understood', (text) => {
    const command = parseCommand(text);
    expect(command).toMatchObject({ kind: 'misread' });
    const example = command.kind === 'misread' ? command.tryThis : '';
    expect(parseCommand(example).kind).not.toBe('misread');
  });
});

test.each([
  ['baseline checkout', 'baseline show checkout'],
  ['baseline drop checkout', 'baseline show checkout'],
  ['silence end', 'silence end checkout'],
  ['silence end checkout now', 'silence end checkout'],
  ['silence list all', 'silence list'],
  ['baseline set checkout orders', 'baseline set checkout'],
  ['history checkout orders', 'history checkout'],
  ['status M-1 M-2', 'status M-12'],
  ['silence checkout', 'silence checkout 2h known batch run'],
])('%j is answered with %j', (text, tryThis) => {
  expect(parseCommand(text)).toMatchObject({ kind: 'misread', tryThis });
});

test('anything at all is understood or answered, never thrown', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 3000 }), (text) => {
      expect(() => parseCommand(text)).not.toThrow();
    }),
  );
});

test('a megabyte of text takes no time', () => {
  const began = performance.now();
  parseCommand('<@'.repeat(500_000));
  parseCommand(`${' '.repeat(1_000_000)}checkout`);
  expect(performance.now() - began).toBeLessThan(100);
});
