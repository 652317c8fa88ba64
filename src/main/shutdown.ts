import { messageOf } from '../errors.ts';

/** What a role has opened, closed in reverse order. */
export type Closers = {
  /** Registers how to close what was just opened. */
  add(name: string, close: () => Promise<unknown> | void): void;
  /** Closes everything, newest first, each within its share of the deadline. Never throws; tells what failed. */
  closeAll(): Promise<readonly { name: string; why: string }[]>;
};

/** Kubernetes grants 30 s by default after SIGTERM; the rest is for the process itself to end. */
export const SHUTDOWN_DEADLINE_MS = 25_000;

export function createClosers(deadlineMs: number = SHUTDOWN_DEADLINE_MS): Closers {
  const opened: { name: string; close: () => Promise<unknown> | void }[] = [];
  return {
    add(name, close) {
      opened.push({ name, close });
    },
    async closeAll() {
      const failures: { name: string; why: string }[] = [];
      const end = Date.now() + deadlineMs;
      for (const { name, close } of opened.splice(0).reverse()) {
        try {
          await within(Promise.resolve(close()), Math.max(500, end - Date.now()));
        } catch (error) {
          failures.push({ name, why: messageOf(error) });
        }
      }
      return failures;
    },
  };
}

async function within(closing: Promise<unknown>, milliseconds: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => reject(new Error(`did not close within ${Math.round(milliseconds / 1000)} s`)),
      milliseconds,
    );
  });
  try {
    await Promise.race([closing, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Aborted by SIGTERM or SIGINT; a second signal ends the process at once, as people who press Ctrl-C twice expect. */
export function signalOfStop(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(130);
      controller.abort(new Error(`stopped by ${name}`));
    });
  }
  return controller.signal;
}

/** Resolves when the signal is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
