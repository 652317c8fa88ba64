import { connect } from 'node:net';

/** Fields that the tests read; which of them a reply has depends on the verb. */
type Result = {
  pid: number;
  startTicks: number;
  token: string;
  containers: { path: string; type: string; length: number; lengthDiff: number }[];
  pymalloc: { usedBytes: number } | null;
  isTracing: boolean;
};
export type Reply = { protocol: number; ok: boolean; code?: string; why?: string; result: Result };

/** Writes raw bytes to a probe's socket and resolves with the reply that came until it hung up. */
export function send(path: string, bytes: string | Buffer, options: { halfOpen?: boolean } = {}): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path });
    let received = '';
    socket.on('connect', () => (options.halfOpen === true ? socket.write(bytes) : socket.end(bytes)));
    socket.on('data', (chunk) => (received += String(chunk)));
    socket.on('error', reject);
    socket.on('close', () => (received === '' ? reject(new Error('no reply')) : resolve(JSON.parse(received))));
  });
}

export function ask(path: string, request: object): Promise<Reply> {
  return send(path, `${JSON.stringify({ protocol: 1, ...request })}\n`, { halfOpen: true });
}
