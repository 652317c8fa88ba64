/** The demonstration's service: a real Python HTTP server, and real traffic to it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { CommandError, EXIT_UNAVAILABLE } from '../errors.ts';
import { childEnvironment } from '../main/environment.ts';
import { probePath } from '../main/probe-path.ts';

const SOURCES = fileURLToPath(new URL('../../src/demo/checkout', import.meta.url));
const START_DEADLINE_MS = 10_000;
const STOP_DEADLINE_MS = 5000;
/** Orders a second, and the size of each: what is kept for ever grows by about 0.4 MB/s in release v2. */
const ORDERS_PER_SECOND = 60;
const ORDER_BYTES = 20_000;

export type CheckoutService = { pid: number; release: string; stop(): Promise<void> };

/** Starts one release and sends orders to it until it is stopped. */
export async function startCheckout(release: string, sockets: string): Promise<CheckoutService> {
  const python = spawn('python3', ['-m', 'app.server'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      ...childEnvironment(),
      PYTHONPATH: `${probePath()}:${SOURCES}`,
      MEMTRIAGE_SOCKET_DIR: sockets,
      MEMTRIAGE_RELEASE: release,
      PYTHONDONTWRITEBYTECODE: '1',
    },
  });
  const port = await readPort(python);
  const stopTraffic = sendOrders(port);
  return {
    pid: python.pid ?? 0,
    release,
    async stop() {
      stopTraffic();
      await end(python);
    },
  };
}

async function readPort(python: ChildProcess): Promise<number> {
  if (python.stdout === null) throw new Error('the service was started without a pipe');
  const lines = createInterface({ input: python.stdout });
  const signal = AbortSignal.timeout(START_DEADLINE_MS);
  try {
    const [line]: unknown[] = await once(lines, 'line', { signal });
    return Number(line);
  } catch {
    python.kill('SIGKILL');
    throw new CommandError(
      EXIT_UNAVAILABLE,
      'the Python service did not start',
      'Check that `python3 -V` says 3.8 or later.',
    );
  }
}

/** A steady rate; an order that can't be delivered is dropped, as a customer would give up. */
function sendOrders(port: number): () => void {
  const agent = new Agent({ keepAlive: true, maxSockets: 4 });
  const body = Buffer.alloc(ORDER_BYTES, 'x');
  const timer = setInterval(() => {
    const order = request({ port, host: '127.0.0.1', method: 'POST', path: '/orders', agent, timeout: 2000 });
    order.on('response', (response) => response.resume());
    order.on('error', () => {});
    order.end(body);
  }, 1000 / ORDERS_PER_SECOND);
  return () => {
    clearInterval(timer);
    agent.destroy();
  };
}

/** Asks a child to end, then makes it; resolves when it is gone. */
export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_DEADLINE_MS);
  await gone;
  clearTimeout(timer);
}
