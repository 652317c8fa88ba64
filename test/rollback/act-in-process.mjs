// Runs the program of a directory as the collector does, until it is killed.
import { join } from 'node:path';
import { createCommandExecutor } from '../../dist/adapters/rollback/command.js';

const [dir, key] = process.argv.slice(2);
const argv = [join(dir, 'rollback'), 'checkout', join(dir, 'seen')];
const executor = createCommandExecutor({ argv, environment: { PATH: process.env.PATH } });
const order = { schema: 1, key, incident: 'M-1', service: 'checkout', site: 'local', from: 'v2', to: 'v1' };
const receipt = { read: async () => null, write: async () => {} };
const context = { signal: new AbortController().signal, receipt, progress: (text) => process.stdout.write(text) };
await executor.act({ ...order, requestedBy: '', approvedBy: [] }, context);
