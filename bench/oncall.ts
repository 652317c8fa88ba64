/** Simulated on-call weeks in full size: `bench/oncall.ts [--weeks 10000] [--seed 1000]`. Fails when anybody was paged in vain or missed. */
import { parseArgs } from 'node:util';
import { walkWeeks } from '../test/oncall/weeks.ts';

const { values } = parseArgs({
  options: { weeks: { type: 'string', default: '10000' }, seed: { type: 'string', default: '1000' } },
});
const began = Date.now();
const { wrong, ...told } = walkWeeks(Number(values.weeks), Number(values.seed));
process.stdout.write(`${JSON.stringify({ ...told, wrong: wrong.length, seconds: (Date.now() - began) / 1000 })}\n`);
process.stdout.write(
  wrong
    .slice(0, 20)
    .map((why) => `${why}\n`)
    .join(''),
);
process.exitCode = wrong.length === 0 ? 0 : 1;
