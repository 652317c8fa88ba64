import { afterEach, beforeEach, expect, test } from 'vitest';
import { isSignedBy, sign } from '../../src/adapters/rollback/signature.ts';
import { untilEnd } from '../../src/adapters/rollback/until-end.ts';
import { createWebhookExecutor } from '../../src/adapters/rollback/webhook.ts';
import { startDeployer } from './deployer.ts';
import { aContext, anOrder } from './order.ts';

const SECRET = 'a secret of the deployer';
let deployer: Awaited<ReturnType<typeof startDeployer>>;

beforeEach(async () => {
  deployer = await startDeployer(SECRET);
});
afterEach(() => deployer.close());

function executor(secret = SECRET) {
  return createWebhookExecutor({ url: deployer.url, secret, deadlineSeconds: 20, pollSeconds: 0.05 });
}

const KEY = anOrder().key;

test('gives the signed order once, tells of its progress, and ends with it', async () => {
  const { context, told } = aContext();
  const end = executor().act(anOrder(), context);
  await expect.poll(() => told.at(-1), { timeout: 10_000 }).toBe('1 of 3 pods');
  const known = deployer.orders.get(KEY);
  expect(known?.order).toMatchObject({ action: 'rollback', from: 'v2', to: 'v1', approved_by: ['U0BOB'] });
  if (known !== undefined) Object.assign(known, { state: 'done', message: '3 of 3 pods run v1' });
  expect(await end).toEqual({ state: 'done', message: '3 of 3 pods run v1' });
  expect(deployer.requests.filter((line) => line.startsWith('POST'))).toEqual([`POST /rollback ${KEY}`]);
});

test('a dry run gives no order', async () => {
  const { outcome } = await executor().dryRun(anOrder(), AbortSignal.timeout(10_000));
  expect(outcome).toEqual({ outcome: 'ok', value: 'would' });
  expect(deployer.orders.size).toBe(0);
});

test('a wrong secret is refused by the other side, and nothing was changed', async () => {
  deployer.forge((method) => (method === 'POST' ? { status: 401, body: { message: 'wrong signature' } } : null));
  const end = await executor().act(anOrder(), aContext().context);
  expect(end).toMatchObject({ state: 'failed', message: expect.stringMatching(/HTTP 401.*nothing was changed/) });
  deployer.forge(() => null);
  // Without the secret nothing that is answered can be believed either.
  expect(await executor('another secret').act(anOrder(), aContext().context)).toMatchObject({ state: 'unknown' });
  expect(deployer.orders.size).toBe(0);
});

type Reply = ReturnType<Parameters<typeof deployer.forge>[0]>;
const forgeries: Record<string, { reply: Reply; why: RegExp }> = {
  'is not signed': { reply: { status: 202, body: accepted('/status/x'), secret: null }, why: /not signed/ },
  'is signed with another secret': {
    reply: { status: 202, body: accepted('/status/x'), secret: 'forged' },
    why: /signature of its answer is wrong/,
  },
  'points to another host': {
    reply: { status: 202, body: accepted('http://127.0.0.1:9/status') },
    why: /another origin/,
  },
  'is about another order': {
    reply: { status: 202, body: { ...accepted('/status/x'), idempotency_key: 'M-1/rollback/1' } },
    why: /another order/,
  },
  'sends us elsewhere': {
    reply: { status: 302, body: '', headers: { location: 'http://127.0.0.1:9/' } },
    why: /HTTP 302/,
  },
  'says done at once': { reply: { status: 200, body: { state: 'done' } }, why: /HTTP 200 where 202 was agreed/ },
  'never ends': { reply: { status: 202, body: 'x'.repeat(100_000) }, why: /larger than 64 KiB/ },
  'is broken': { reply: { status: 500, body: '' }, why: /HTTP 500 three times/ },
};

function accepted(statusUrl: string) {
  return { idempotency_key: KEY, status_url: statusUrl };
}

for (const [what, { reply, why }] of Object.entries(forgeries)) {
  test(`an answer that ${what} is not believed: a person is asked`, async () => {
    deployer.forge((method) => (method === 'POST' ? reply : null));
    const { context, receipt } = aContext();
    const end = await executor().act(anOrder(), context);
    expect(end).toMatchObject({ state: 'unknown', message: expect.stringMatching(why) });
    expect(receipt.text).toBe(null);
  });
}

test('a forged end is not believed: the true one is waited for', async () => {
  const { context, told } = aContext();
  const end = executor().act(anOrder(), context);
  await expect.poll(() => told.at(-1), { timeout: 10_000 }).toBe('1 of 3 pods');
  const lie = { idempotency_key: KEY, state: 'done', message: 'all is well' };
  let lies = 2;
  deployer.forge((method) => {
    lies -= 1;
    return method === 'GET' && lies >= 0 ? { status: 200, body: lie, secret: 'forged' } : null;
  });
  await expect
    .poll(() => told.some((text) => /signature of its answer is wrong/.test(text)), { timeout: 10_000 })
    .toBe(true);
  Object.assign(deployer.orders.get(KEY) ?? {}, { state: 'failed', message: 'v1 does not start' });
  expect(await end).toEqual({ state: 'failed', message: 'v1 does not start' });
});

test('after a crash the order is followed by its address, or given again under its key', async () => {
  const first = aContext();
  const act = executor().act(anOrder(), first.context);
  act.catch(() => {});
  await expect.poll(() => first.told.at(-1), { timeout: 10_000 }).toBe('1 of 3 pods');
  first.stop.abort(new Error('crashed'));
  await expect(act).rejects.toThrow('aborted');
  const next = aContext(first.receipt);
  expect(await executor().status(anOrder(), next.context)).toMatchObject({ state: 'under-way' });
  expect(await executor().status(anOrder(), aContext().context)).toMatchObject({
    state: 'not-begun',
    mayBeDone: true,
  });
  Object.assign(deployer.orders.get(KEY) ?? {}, { state: 'done' });
  expect(await executor().act(anOrder(), aContext().context)).toMatchObject({ state: 'done' });
  expect(deployer.orders.size).toBe(1);
});

test('an end is waited for while looks fail now and then, and not while they fail one after the other', async () => {
  const patience = { everySeconds: 0.001, deadlineSeconds: 10, failuresAllowed: 2 };
  let looks = 0;
  const look = async () => {
    looks += 1;
    if (looks % 3 !== 0) throw new Error('HTTP 503');
    return { state: looks < 12 ? ('under-way' as const) : ('done' as const), message: `look ${looks}` };
  };
  const { context } = aContext();
  expect(await untilEnd(look, context, patience)).toEqual({ state: 'done', message: 'look 12' });
  const never = () => Promise.reject(new Error('HTTP 503'));
  expect(await untilEnd(never, context, patience)).toMatchObject({ state: 'unknown' });
});

test('a signature is of one body and one moment', () => {
  const now = Date.parse('2026-11-22T10:00:00Z');
  const signature = sign(SECRET, '{}', now);
  expect(isSignedBy(SECRET, '{}', signature, now + 299_000)).toBe(true);
  expect(isSignedBy(SECRET, '{}', signature, now + 302_000)).toBe(false);
  expect(isSignedBy(SECRET, '{} ', signature, now)).toBe(false);
  expect(isSignedBy('another', '{}', signature, now)).toBe(false);
  expect(isSignedBy(SECRET, '{}', `${signature},v1=00`, now)).toBe(false);
});
