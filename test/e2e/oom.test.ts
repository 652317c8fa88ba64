import { afterAll, describe, expect, it, vi } from 'vitest';
import { openRig, WAIT } from '../alerts/bot-rig.ts';
import { TOKEN } from '../support/bot-site.ts';
import { makeCgroup, removeCgroup } from '../support/limited-cgroup.ts';
import { HAS_SENDERS, openOomSite } from '../support/oom-site.ts';
import { anyPython } from '../support/pythons.ts';

const cgroup = makeCgroup(64 << 20);

afterAll(async () => {
  if (cgroup !== null) await removeCgroup(cgroup.path);
});

describe.skipIf(cgroup === null || !HAS_SENDERS)(
  'an OOM kill (needs a cgroup of our own, prometheus and alertmanager)',
  () => {
    it('by the kernel, told by the shipped rules in Prometheus and by Alertmanager, opens one thread with a report', async () => {
      if (cgroup === null) return;
      const rig = await openRig();
      try {
        const alertsUrl = await rig.url('/alerts/alertmanager');
        const site = await openOomSite(rig.stage, { alertsUrl, token: TOKEN, cgroup, python: anyPython().path });
        try {
          await site.kill('checkout');
          await vi.waitFor(
            () => expect(rig.root()).toMatch(/^🔴 checkout: OOM kill ×1 .*checkout-7f9c4d5b6-x2x4z/),
            WAIT,
          );
          await rig.untilReported();
          await vi.waitFor(() => expect(rig.shown()).toContain('app of checkout-7f9c4d5b6-x2x4z was OOM-killed'), WAIT);
          expect(rig.roots()).toHaveLength(1);
        } finally {
          await site.close();
        }
      } finally {
        await rig.close();
      }
    });
  },
);
