import { connect } from 'node:net';

/** Writes raw bytes to a probe's socket and returns what came back until it hung up, parsed where it is JSON. */
export function send(path: string, bytes: string | Buffer, options: { halfOpen?: boolean } = {}): Promise<any> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path });
    let received = '';
    socket.on('connect', () => (options.halfOpen === true ? socket.write(bytes) : socket.end(bytes)));
    socket.on('data', (chunk) => (received += String(chunk)));
    socket.on('error', reject);
    socket.on('close', () => resolve(received === '' ? null : JSON.parse(received)));
  });
}

export function ask(path: string, request: object): Promise<any> {
  return send(path, `${JSON.stringify({ protocol: 1, ...request })}\n`, { halfOpen: true });
}
