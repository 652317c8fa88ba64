import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { classifyAlert } from '../../src/alert/alert.ts';

const DIRECTORY = resolve('runbooks/prometheus');
const hasPromtool = spawnSync('promtool', ['--version']).status === 0;

const RuleFile = z.object({
  groups: z.array(
    z.object({ rules: z.array(z.object({ alert: z.string(), labels: z.record(z.string(), z.string()) })) }),
  ),
});

describe.skipIf(!hasPromtool)('the rules for Prometheus (needs promtool)', () => {
  it('fire for kills and growth, and for nothing that looks like them', () => {
    const { stdout, stderr, status } = spawnSync('promtool', ['test', 'rules', 'test/alerts/rules/rules.yaml'], {
      encoding: 'utf8',
    });
    expect(`${stdout}${stderr}`).not.toContain('FAILED');
    expect(status).toBe(0);
  });
});

it('each rule for Prometheus says what it is about', () => {
  const rules = readdirSync(DIRECTORY).flatMap((file) =>
    RuleFile.parse(parse(readFileSync(`${DIRECTORY}/${file}`, 'utf8'))).groups.flatMap((group) => group.rules),
  );
  expect(rules.length).toBeGreaterThan(3);
  for (const { alert, labels } of rules) expect(classifyAlert('', labels), alert).toBe(labels['memtriage_kind']);
});
