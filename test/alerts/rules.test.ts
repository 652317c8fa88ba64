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

function rulesOf(file: string) {
  return RuleFile.parse(parse(readFileSync(`${DIRECTORY}/${file}`, 'utf8'))).groups.flatMap((group) => group.rules);
}

describe.skipIf(!hasPromtool)('the rules for Prometheus (needs promtool)', () => {
  it.each([
    ['fire for kills and growth, and for nothing that looks like them', 'rules.yaml'],
    ['about memtriage itself fire for what hinders it, and not while it works', 'memtriage.yaml'],
  ])('%s', (_, file) => {
    const { stdout, stderr, status } = spawnSync('promtool', ['test', 'rules', `test/alerts/rules/${file}`], {
      encoding: 'utf8',
    });
    expect(`${stdout}${stderr}`).not.toContain('FAILED');
    expect(status).toBe(0);
  });
});

it('each rule about services says what it is about', () => {
  const files = readdirSync(DIRECTORY).filter((file) => file.endsWith('.rules.yaml'));
  const rules = files.flatMap((file) => rulesOf(file));
  expect(rules.length).toBeGreaterThan(3);
  for (const { alert, labels } of rules) expect(classifyAlert('', labels), alert).toBe(labels['memtriage_kind']);
});
