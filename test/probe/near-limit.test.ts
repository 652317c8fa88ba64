import { writeFileSync } from 'node:fs';
import { afterAll, expect, it } from 'vitest';
import { readMemoryRoom, readOomKills } from '../../src/adapters/procfs/cgroup.ts';
import { readProcess } from '../../src/adapters/procfs/process.ts';
import { lookTwice } from '../../src/adapters/transports/look-twice.ts';
import { makeCgroup, removeCgroup, setLimit } from '../support/limited-cgroup.ts';
import { anyPython } from '../support/pythons.ts';
import { startTarget } from './target.ts';

const MIB = 1 << 20;
const cgroup = makeCgroup(1024 * MIB);

afterAll(async () => {
  if (cgroup !== null) await removeCgroup(cgroup.path);
});

it.skipIf(cgroup === null)(
  'a service 32 MiB below the limit of its cgroup is not killed: it is seen from outside and by its layers, the rest is refused with figures',
  async () => {
    if (cgroup === null) return;
    const target = await startTarget(anyPython().path, 'hidden_growth.py', { args: ['30000', 'waits'] });
    try {
      writeFileSync(`${cgroup.path}/cgroup.procs`, String(target.pid));
      // What it touched before is charged to where it was: the limit leaves 32 MiB over what it may still touch.
      setLimit(cgroup, 32 * MIB);
      const { target: subject, context } = await target.lookTarget();
      const outcome = await lookTwice(subject, { ...context, windowSeconds: 0.5, fork: true });
      if (outcome.outcome !== 'ok') throw new Error(outcome.why);
      const { layers, notes, rssBytes, process: seen } = outcome.value;
      expect(layers.find(({ layer }) => layer === 'python-objects')?.bytes).toBeGreaterThan(MIB);
      expect(layers.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(rssBytes);
      expect(notes.join(' ')).toMatch(/forked child: not measured, .* \d+ bytes are left before the limit/);
      expect(notes.join(' ')).toMatch(/containers: not measured, .* \d+ bytes are left before the limit/);
      expect(seen?.headroomBytes).toBeLessThanOrEqual(32 * MIB);
      expect(readMemoryRoom(cgroup)?.limitBytes).toBe(32 * MIB);
      expect(readProcess(target.pid)).not.toBeNull();
      expect(readOomKills(cgroup)).toBe(0);
    } finally {
      await target.end();
    }
  },
);
