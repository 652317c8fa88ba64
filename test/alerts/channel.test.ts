/** Messages of other bots, from a real workspace's event to the thread. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createIncidentBook } from '../../src/adapters/redis/incident-book.ts';
import { shortConfig } from '../support/stage.ts';
import { alertmanagerMessage, robustaMessage } from './bot-messages.ts';
import { CHANNEL, openRig, type Rig, WAIT } from './bot-rig.ts';

const ALERTS = 'C0ALERTS';
const webhook = { botId: 'B0AM', username: 'Alertmanager', channel: ALERTS };
const FIRING = '[FIRING:1] PodOOMKilled checkout (page)';
const GROWING = '[FIRING:1] MemoryHigh checkout (page)';

const config = (sockets: string): string =>
  shortConfig(sockets).replace('channel: C0ONCALL', `channel: C0ONCALL, readAlerts: [${ALERTS}, ${CHANNEL}]`);

function start(): Promise<Rig> {
  return openRig(config, {
    tellsOfMessages: true,
    channels: [
      { id: CHANNEL, name: 'oncall' },
      { id: ALERTS, name: 'alerts' },
      { id: 'C0OTHER', name: 'other' },
    ],
    // Slack's own are a minute and five.
    eventRetryDelaysMs: Array.from({ length: 60 }, () => 500),
  });
}

async function readings(rig: Rig): Promise<Record<string, number>> {
  const text = await (await fetch(await rig.url('/metrics'))).text();
  const found = text.matchAll(/^memtriage_channel_messages_total\{reading="([\w-]+)"\} (\d+)$/gm);
  return Object.fromEntries([...found].map(([, reading = '', count]) => [reading, Number(count)]));
}

/** As stored: the root follows later. */
async function counted(rig: Rig): Promise<{ kills: number; others: number }> {
  const client = rig.redis.connect();
  const incident = await createIncidentBook(client, '{memtriage}', Date.now).find('M-1');
  client.disconnect();
  return { kills: incident?.alerts?.kills?.count ?? 0, others: incident?.alerts?.others?.count ?? 0 };
}

describe('a message of another bot', () => {
  let rig: Rig;
  beforeEach(async () => {
    rig = await start();
    await rig.workspace.waitForSockets(2, WAIT.timeout);
  });
  afterEach(async () => {
    await rig.close();
  });

  it('opens one thread in the channel of its service, is counted once however often it is delivered, and repeats are reminders', async () => {
    const { message, ack } = await rig.workspace.postAsBot({ ...webhook, ...alertmanagerMessage(FIRING) });
    expect(ack).toMatchObject({ acked: true });
    await rig.workspace.redeliver({ ts: message.ts });
    await rig.untilReported();
    expect(rig.root()).toMatch(/^🔴 checkout: OOM kill ×1 \(/);
    expect(rig.shown()).toContain('opened by Slack');
    await rig.workspace.postAsBot({ ...webhook, ...alertmanagerMessage(FIRING) });
    await rig.workspace.redeliver({ ts: message.ts });
    await rig.untilTaken();
    expect(await counted(rig)).toEqual({ kills: 1, others: 0 });
    expect(rig.roots()).toHaveLength(1);
    expect(rig.workspace.everPosted(ALERTS).filter(({ author }) => author === null)).toEqual([]);
  });

  it('that says it is over makes the thread quiet, and what fires then goes on in it', async () => {
    await rig.workspace.postAsBot({ ...webhook, ...alertmanagerMessage(FIRING) });
    await rig.untilReported();
    await rig.workspace.postAsBot({ ...webhook, ...alertmanagerMessage('[RESOLVED] PodOOMKilled checkout', false) });
    await vi.waitFor(() => expect(rig.root()).toMatch(/^🟢 checkout: quiet since .*OOM kill ×1/), WAIT);
    await rig.workspace.postAsBot({ ...webhook, ...alertmanagerMessage(FIRING) });
    await vi.waitFor(() => expect(rig.root()).toMatch(/^🔴 checkout: OOM kill ×2/), WAIT);
    expect(rig.roots()).toHaveLength(1);
  });

  it('that is edited to be over makes the thread quiet; other edits do nothing', async () => {
    const { message } = await rig.workspace.postAsBot({ ...webhook, ...alertmanagerMessage(GROWING) });
    await rig.untilReported();
    const edited = await rig.workspace.editAsBot(message, alertmanagerMessage('[FIRING:2] MemoryHigh checkout (page)'));
    await rig.untilTaken();
    expect(await counted(rig)).toEqual({ kills: 0, others: 1 });
    await rig.workspace.editAsBot(edited.message, alertmanagerMessage('[RESOLVED] MemoryHigh checkout', false));
    await vi.waitFor(() => expect(rig.root()).toMatch(/^🟢 checkout: quiet since .*memory alert ×1/), WAIT);
  });

  it('that a bot had taken and not stored when it was killed comes again, and opens one thread', async () => {
    const client = rig.redis.connect();
    await client.call('CLIENT', 'PAUSE', '600000', 'WRITE');
    const posted = rig.workspace.postAsBot({ ...webhook, ...alertmanagerMessage(FIRING) });
    await vi.waitFor(async () => expect(await readings(rig)).toEqual({ alert: 1 }), WAIT);
    await rig.restartBot();
    await client.call('CLIENT', 'UNPAUSE');
    client.disconnect();
    expect((await posted).ack).toMatchObject({ acked: false });
    await rig.untilReported();
    await vi.waitFor(() => expect(rig.root()).toContain('OOM kill ×1'), WAIT);
    expect(rig.roots()).toHaveLength(1);
  });
});

describe('what people, we ourselves and forty bots say', () => {
  let rig: Rig;
  beforeAll(async () => {
    rig = await start();
    await rig.workspace.waitForSockets(2, WAIT.timeout);
  });
  afterAll(async () => {
    await rig.close();
  });

  it('opens nothing, unless one of it is an alert of ours', async () => {
    const { workspace } = rig;
    for (const channel of [ALERTS, CHANNEL]) workspace.say({ user: 'U0ALICE', channel, text: FIRING });
    await workspace.postAsBot({ ...webhook, channel: 'C0OTHER', text: FIRING });
    const { message } = await workspace.postAsBot({ ...webhook, text: 'good morning' });
    await workspace.postAsBot({ ...webhook, text: FIRING, threadTs: message.ts });
    const bots = Array.from({ length: 40 }, (_, i) => ({ botId: `B0BOT${i}`, username: null, channel: ALERTS }));
    await Promise.all(
      bots.flatMap((bot, i) => [
        workspace.postAsBot({ ...bot, text: `Nightly report ${i}: checkout memory 1.2 GiB, no OOMKilled pods` }),
        workspace.postAsBot({ ...bot, ...alertmanagerMessage(`[FIRING:${i}] MemoryHigh basket (<!channel>)`) }),
        workspace.postAsBot({ ...bot, text: `<!channel> \u202e${'memory OOMKilled checkout '.repeat(1500)}` }),
      ]),
    );
    await vi.waitFor(async () => expect(await readings(rig)).toEqual({ 'no-alert': 81, unplaced: 40 }), WAIT);
    await rig.untilTaken();
    expect(
      [...workspace.everPosted(CHANNEL), ...workspace.everPosted(ALERTS)].filter(
        ({ user }) => user === workspace.botUserId,
      ),
    ).toEqual([]);

    const pod = 'checkout-7d4f9c6b5d-x2v7k';
    const title = `Pod ${pod} in namespace shop OOMKilled results <!channel>`;
    await workspace.postAsBot({
      botId: 'B0ROBUSTA',
      username: null,
      channel: ALERTS,
      ...robustaMessage(title, { Pod: pod }),
    });
    await rig.untilReported();
    expect(rig.root()).toMatch(new RegExp(`OOM kill ×1 .*${pod}`));
    await vi.waitFor(() => expect(rig.shown()).toContain('told by Slack'), WAIT);
    expect(JSON.stringify(workspace.everPosted(CHANNEL).map(({ text, blocks }) => [text, blocks]))).not.toContain(
      '<!channel>","',
    );
    // Its own messages in a channel that is read were told to it, and are none of these.
    expect(await readings(rig)).toEqual({ alert: 1, 'no-alert': 81, unplaced: 40 });
    expect(rig.roots()).toHaveLength(1);
  });
});
