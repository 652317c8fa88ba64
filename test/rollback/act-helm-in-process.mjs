// Rolls back by the helm of a directory as the collector does, until it is killed; tells its receipt.
import { join } from 'node:path';
import { createHelmExecutor } from '../../dist/adapters/rollback/helm.js';

const [dir, key] = process.argv.slice(2);
const place = { namespace: 'shop', release: 'checkout', context: null, program: join(dir, 'helm') };
const executor = createHelmExecutor({ ...place, environment: { PATH: process.env.PATH } });
const order = { schema: 1, key, incident: 'M-1', service: 'checkout', site: 'local', from: 'v2', to: 'v1' };
const receipt = { read: async () => null, write: async (text) => void process.stdout.write(text) };
const context = { signal: new AbortController().signal, receipt, progress: () => {} };
await executor.act({ ...order, requestedBy: '', approvedBy: [] }, context);
