import { readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { runAnalyze } from '../../src/main/analyze.ts';

const FIXTURES = fileURLToPath(new URL('./fixtures/cases.json', import.meta.url));
const text = readFileSync(FIXTURES, 'utf8');
const cases: { name: string }[] = JSON.parse(text);

async function run(args: readonly string[], input: string | readonly string[] = '') {
  let stdout = '';
  let stderr = '';
  const code = await runAnalyze(args, {
    stdin: Readable.from(typeof input === 'string' ? [input] : input),
    stdout: (part) => (stdout += part),
    stderr: (part) => (stderr += part),
  });
  return { code, stdout, stderr };
}

const only = (name: string) => JSON.stringify(cases.find((each) => each.name.startsWith(name)));

describe('memtriage analyze', () => {
  it('answers every case of a file in its order, and exits with the worst verdict', async () => {
    const { code, stdout, stderr } = await run([FIXTURES, '--json']);
    const answers: { name: string; verdict: string }[] = JSON.parse(stdout);
    expect(answers.map(({ name }) => name)).toEqual(cases.map(({ name }) => name));
    expect(answers.some(({ verdict }) => verdict === 'critical')).toBe(true);
    expect({ code, stderr }).toEqual({ code: 2, stderr: '' });
  });

  it('reads one object, an array and one a line alike, however the stream is cut', async () => {
    const two = [only('leak-linear'), only('healthy-steady')];
    const whole = await run(['-', '--json'], `[${two.join(',')}]`);
    const lines = await run(['-', '--json'], `${two.join('\n')}\n`);
    const pieces = two.join('\n').match(/[\s\S]{1,997}/g) ?? [];
    const cut = await run(['-', '--json'], pieces);
    expect(lines.stdout).toBe(whole.stdout);
    expect(cut.stdout).toBe(whole.stdout);
    expect(JSON.parse((await run(['-', '--json'], only('healthy-steady'))).stdout)).toHaveLength(1);
  });

  it('reads what a printer wrote without indentation, and samples in any order', async () => {
    const leak: { now: number; pods: { samples: [number, number][] }[] } = JSON.parse(only('leak-linear') ?? '');
    const spread = JSON.stringify([leak, leak], null, 2).replaceAll(/^ +/gm, '');
    const answers = JSON.parse((await run(['-', '--json'], spread)).stdout);
    expect(answers).toHaveLength(2);
    const { now: _, ...undated } = leak;
    const backwards = { ...undated, pods: leak.pods.map((pod) => ({ ...pod, samples: pod.samples.toReversed() })) };
    const [back] = JSON.parse((await run(['-', '--json'], JSON.stringify(backwards))).stdout);
    expect({ verdict: back.verdict, leaking: back.leaking }).toEqual({ verdict: answers[0].verdict, leaking: true });
  });

  it('does not put a limit that is years away into a year', async () => {
    const leak = JSON.parse(only('leak-linear') ?? '');
    const [near, far] = [1, 2 ** 20].map((times) => JSON.stringify({ ...leak, limit_bytes: leak.limit_bytes * times }));
    const answers = JSON.parse((await run(['-', '--json'], `${near}\n${far}`)).stdout);
    expect(answers[0].timeToLimitSeconds).toMatchObject({ estimate: expect.any(Number) });
    expect(answers[1]).toMatchObject({ leaking: true, timeToLimitSeconds: null });
    expect(answers[1].reasons.join()).not.toContain('Reaches the limit');
  });

  it('exits 0 when all is healthy and 3 when the samples can not tell', async () => {
    expect((await run(['-'], only('healthy-steady'))).code).toBe(0);
    expect((await run(['-'], '{"now": 100, "samples": [[0, 1000000], [50, 1000000]]}')).code).toBe(3);
  });

  it('tells of bad cases with their place, answers the others, and exits 65', async () => {
    const bad = ['{"samples": 3}', only('healthy-steady'), 'what?', '{"samples": [[1, ', only('leak-linear')];
    const { code, stdout, stderr } = await run(['-', '--json'], bad.join('\n'));
    expect(JSON.parse(stdout)).toHaveLength(2);
    expect(code).toBe(65);
    expect(stderr).toContain('case 1, line 1: `samples`');
    expect(stderr).toContain('case 4, line 4: the case ends in the middle');
    expect(stderr).toContain('case 3, line 3: not a case: what?');
  });

  it('draws a line for people, with a chart, and no control characters from names', async () => {
    const named = JSON.stringify({ ...JSON.parse(only('leak-linear') ?? ''), name: 'red\u001b[31m' });
    const { stdout } = await run(['-'], named);
    expect(stdout).toMatch(/^critical +red\?\[31m +[▁▂▃▄▅▆▇█ ]{24} +Memory grows \+/);
    expect(stdout.trim().split('\n')).toHaveLength(1);
  });

  it('says how it is used, and what file it can not read', async () => {
    expect(await run([])).toMatchObject({ code: 64, stdout: '' });
    expect(await run(['a', 'b'])).toMatchObject({ code: 64 });
    const missing = await run(['/nonexistent/cases.json']);
    expect(missing).toMatchObject({ code: 69, stdout: '' });
    expect(missing.stderr).toContain('/nonexistent/cases.json');
    expect((await run(['-'], ' \n')).code).toBe(65);
  });
});
