import { afterEach, describe, expect, it } from 'vitest';
import { startWorkspace, type Workspace, type WorkspaceOptions } from '../../src/demo/workspace/workspace.ts';
import { type BoltApp, startSocketApp } from './bolt-app.ts';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function start(register: (app: BoltApp['app']) => void, options: WorkspaceOptions = {}): Promise<Workspace> {
  const workspace = await startWorkspace(options);
  closers.push(workspace.close);
  const app = await startSocketApp(workspace, register);
  closers.push(app.stop);
  return workspace;
}

const plain = (text: string) => ({ type: 'plain_text' as const, text });
const REASON = {
  type: 'input' as const,
  block_id: 'reason',
  label: plain('Reason'),
  element: { type: 'plain_text_input' as const, action_id: 'text' },
};
const DECLINE = {
  type: 'modal' as const,
  callback_id: 'decline',
  title: plain('Decline'),
  submit: plain('Decline'),
  blocks: [REASON],
};

describe('response URLs', () => {
  it('work five times, then never again', async () => {
    const errors: unknown[] = [];
    const workspace = await start((app) => {
      app.command('/memtriage', async ({ ack, respond }) => {
        await ack();
        for (let use = 1; use <= 6; use += 1)
          await respond(`answer ${use}`).catch((error: unknown) => errors.push(error));
      });
    });

    await workspace.command({ user: 'U0ALICE', channel: 'C0PAY', text: 'list' });

    await expect.poll(() => errors).toMatchObject([{ statusCode: 404 }]);
    expect(workspace.ephemerals('U0ALICE').map(({ text }) => text)).toEqual(
      [1, 2, 3, 4, 5].map((use) => `answer ${use}`),
    );
  });

  it('end after half an hour', async () => {
    let now = Date.now();
    let respondLater: () => Promise<unknown> = () => Promise.resolve();
    const workspace = await start(
      (app) => {
        app.command('/memtriage', async ({ ack, respond }) => {
          respondLater = () => respond('late');
          await ack();
        });
      },
      { now: () => now },
    );

    await workspace.command({ user: 'U0ALICE', channel: 'C0PAY', text: 'list' });
    now += 30 * 60_000 + 1;

    await expect(respondLater()).rejects.toMatchObject({ statusCode: 404 });
  });

  it('replace the message of a button, but not the command that has none', async () => {
    const workspace = await start((app) => {
      app.command('/memtriage', async ({ ack, respond }) => {
        await ack({
          text: 'did you mean',
          blocks: [{ type: 'actions', elements: [{ type: 'button', action_id: 'pick', text: plain('checkout') }] }],
        });
        await respond({ text: 'second', replace_original: true });
      });
      app.action('pick', async ({ ack, respond }) => {
        await ack();
        await respond({ text: 'picked', replace_original: true });
      });
    });

    const { response } = await workspace.command({ user: 'U0ALICE', channel: 'C0PAY', text: 'chekout' });
    await expect
      .poll(() => workspace.ephemerals('U0ALICE').map(({ text }) => text))
      .toEqual(['did you mean', 'second']);
    await workspace.press({ user: 'U0ALICE', channel: 'C0PAY', messageTs: response?.ts ?? '', actionId: 'pick' });

    await expect.poll(() => workspace.ephemerals('U0ALICE').map(({ text }) => text)).toEqual(['picked', 'second']);
  });
});

describe('modals', () => {
  it('open by the trigger of a press, once, and go through complaints to the end', async () => {
    const refused: unknown[] = [];
    const submitted: unknown[] = [];
    const workspace = await start((app) => {
      app.command('/memtriage', async ({ ack, body, client }) => {
        await ack();
        await client.views.open({ trigger_id: body.trigger_id, view: DECLINE });
        await client.views
          .open({ trigger_id: body.trigger_id, view: DECLINE })
          .catch((error: unknown) => refused.push(error));
      });
      app.view('decline', async ({ ack, view }) => {
        const reason = view.state.values['reason']?.['text']?.value ?? '';
        if (reason === 'no') return ack({ response_action: 'errors', errors: { reason: 'Tell more' } });
        submitted.push(reason);
        return ack();
      });
    });

    await workspace.command({ user: 'U0ALICE', channel: 'C0PAY', text: 'decline' });
    await expect.poll(() => refused).toMatchObject([{ data: { error: 'exchanged_trigger_id' } }]);
    await expect(workspace.submitView({ user: 'U0ALICE' })).rejects.toThrow('text is required');
    const complaint = await workspace.submitView({ user: 'U0ALICE', values: { text: 'no' } });
    expect(complaint).toMatchObject({ acked: true, errors: { reason: 'Tell more' } });
    expect(workspace.modal('U0ALICE')).toMatchObject({ content: { callback_id: 'decline' } });
    const done = await workspace.submitView({ user: 'U0ALICE', values: { text: 'a known batch' } });

    expect(done).toMatchObject({ acked: true, errors: null });
    expect(submitted).toEqual(['a known batch']);
    expect(workspace.modal('U0ALICE')).toBeNull();
  });

  it('are refused three seconds after the press', async () => {
    let now = Date.now();
    const refused: unknown[] = [];
    const workspace = await start(
      (app) => {
        app.command('/memtriage', async ({ ack, body, client }) => {
          await ack();
          now += 3001;
          await client.views
            .open({ trigger_id: body.trigger_id, view: DECLINE })
            .catch((error: unknown) => refused.push(error));
        });
      },
      { now: () => now },
    );

    await workspace.command({ user: 'U0ALICE', channel: 'C0PAY', text: 'decline' });

    await expect.poll(() => refused).toMatchObject([{ data: { error: 'expired_trigger_id' } }]);
  });

  it('shows the Home tab that the app publishes when a person opens it', async () => {
    const workspace = await start((app) => {
      app.event('app_home_opened', async ({ event, client }) => {
        const blocks = [{ type: 'section' as const, text: plain('no open incidents') }];
        await client.views.publish({ user_id: event.user, view: { type: 'home', blocks } });
      });
    });

    await workspace.openHome({ user: 'U0BOB' });

    await expect
      .poll(() => workspace.home('U0BOB')?.content['blocks'])
      .toMatchObject([{ text: plain('no open incidents') }]);
  });

  it('brings a message shortcut with the message it was used on', async () => {
    const workspace = await start((app) => {
      app.shortcut({ type: 'message_action', callback_id: 'memtriage_msg' }, async ({ ack, shortcut, respond }) => {
        await ack();
        await respond(`seen: ${shortcut.message.text}`);
      });
    });
    const { ts } = workspace.say({ user: 'U0BOB', channel: 'C0PAY', text: 'MemoryHigh checkout' });

    await workspace.messageShortcut({ user: 'U0ALICE', channel: 'C0PAY', messageTs: ts, callbackId: 'memtriage_msg' });

    await expect
      .poll(() => workspace.ephemerals('U0ALICE').map(({ text }) => text))
      .toEqual(['seen: MemoryHigh checkout']);
  });
});
