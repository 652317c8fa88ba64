import { pino } from 'pino';
import { afterEach, expect, test } from 'vitest';
import { createPrometheus } from '../../src/adapters/prometheus/prometheus.ts';
import { freePort, startHttp, type TestServer } from './server.ts';

const logger = pino({ level: 'silent' });
const EMPTY = JSON.stringify({
  status: 'success',
  data: { resultType: 'vector', result: [{ metric: {}, value: [1, '7'] }] },
});
let server: TestServer | null = null;

afterEach(async () => {
  await server?.close();
  server = null;
});

function ask(url: string, deadlineSeconds = 10, signal = new AbortController().signal) {
  return createPrometheus({ url, services: new Map(), logger, deadlineSeconds }).queryInstant('up', signal);
}

async function answerWith(...replies: [status: number, body: string][]) {
  const left = [...replies];
  let asked = 0;
  server = await startHttp((_, response) => {
    asked += 1;
    const [status, body] = left.shift() ?? replies.at(-1) ?? [500, ''];
    response.writeHead(status).end(body);
  });
  return { answer: await ask(server.url), asked };
}

test('a server that fails twice is asked a third time', async () => {
  expect(await answerWith([503, ''], [502, 'bad gateway'], [200, EMPTY])).toEqual({
    answer: { outcome: 'ok', value: [{ labels: {}, value: 7 }] },
    asked: 3,
  });
});

test('a server that goes on failing is given up after three times', async () => {
  const { answer, asked } = await answerWith([500, 'oops']);
  expect(answer).toMatchObject({ outcome: 'error', who: 'upstream', why: expect.stringContaining('HTTP 500') });
  expect(asked).toBe(3);
});

test.each([
  ['a page of something else', 200, '<html>', 'operator', 'does not answer like Prometheus'],
  [
    'JSON of something else',
    200,
    '{"status":"success","data":{"rows":[]}}',
    'operator',
    'does not answer like Prometheus',
  ],
  ['a refused access', 401, 'Unauthorized', 'operator', 'refuses access'],
  [
    'a query that is too dear',
    503,
    '{"status":"error","errorType":"timeout","error":"query timed out"}',
    'upstream',
    'did not answer within',
  ],
  [
    'a wrong query',
    400,
    '{"status":"error","errorType":"bad_data","error":"parse error"}',
    'operator',
    'refuses the query: parse error',
  ],
] as const)('%s is told at once, to the one who can help', async (_, status, body, who, why) => {
  const { answer, asked } = await answerWith([status, body]);
  expect(answer).toMatchObject({ outcome: 'error', who, why: expect.stringContaining(why) });
  expect(asked).toBe(1);
});

test('a server that is slow is given up at the deadline', async () => {
  server = await startHttp(() => {});
  const startedAt = Date.now();
  expect(await ask(server.url, 0.3)).toMatchObject({
    outcome: 'error',
    who: 'upstream',
    why: expect.stringContaining('within 0.3 s'),
  });
  expect(Date.now() - startedAt).toBeLessThan(2000);
});

test('an answer that never ends is given up at the deadline', async () => {
  server = await startHttp((_, response) => void response.writeHead(200).write('{"status":'));
  expect(await ask(server.url, 0.3)).toMatchObject({ why: expect.stringContaining('within 0.3 s') });
});

test('a server that is not there is told with its address', async () => {
  const url = `http://127.0.0.1:${await freePort()}`;
  expect(await ask(url)).toMatchObject({
    outcome: 'error',
    who: 'upstream',
    why: expect.stringMatching(/can't be reached: .*ECONNREFUSED/),
    tryThis: expect.stringContaining('prometheus.url'),
  });
});

test('an abort ends the wait', async () => {
  server = await startHttp(() => {});
  const stop = new AbortController();
  const asking = ask(server.url, 10, stop.signal);
  stop.abort(new Error('shutting down'));
  await expect(asking).rejects.toThrow('shutting down');
});

test('an answer that the server calls not whole is not taken for a whole one', async () => {
  const warnings = ['no StoreAPIs matched for this query'];
  const { answer } = await answerWith([200, JSON.stringify({ ...JSON.parse(EMPTY), warnings })]);
  expect(answer).toMatchObject({ outcome: 'inconclusive', why: expect.stringContaining('no StoreAPIs matched') });

  const values = Array.from({ length: 40 }, (_, i) => [Date.now() / 1000 - 600 + i * 15, i === 39 ? '0' : '5e8']);
  const data = { resultType: 'matrix', result: [{ metric: { pod: 'a' }, values }] };
  await server?.close();
  server = await startHttp((_, response) => response.end(JSON.stringify({ status: 'success', data, warnings })));
  const metrics = { rss: 'sum(rss)', limit: null, oomKills: null, release: null, traffic: null };
  const services = new Map([['checkout', { limitBytes: null, metrics }]]);
  const memory = await createPrometheus({ url: server.url, services, logger }).readMemory(
    'checkout',
    600,
    new AbortController().signal,
  );
  expect(memory).toMatchObject({ value: { sourceNote: expect.stringContaining('no StoreAPIs matched') } });
  // Zeros are no memory.
  expect(memory.outcome === 'ok' && memory.value.instances[0]?.samples.at(-1)?.[1]).toBe(5e8);
});
