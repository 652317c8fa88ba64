import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { locateMemoryCgroup, readMemoryCgroup, readMemoryRoom } from '../../src/adapters/procfs/cgroup.ts';

const V1_MOUNTS = [
  '31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755',
  '32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu',
  '35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory',
  '41 31 0:38 / /sys/fs/cgroup/unified rw,relatime shared:4 - cgroup2 cgroup2 rw',
].join('\n');
const V2_MOUNTS = '30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate';

describe('where the memory of a process is accounted', () => {
  test('v2: the one path of the unified hierarchy', () => {
    expect(locateMemoryCgroup('0::/system.slice/checkout.service\n', V2_MOUNTS)).toEqual({
      version: 2,
      path: '/sys/fs/cgroup/system.slice/checkout.service',
      mountPoint: '/sys/fs/cgroup',
    });
  });

  test('v1 beside an empty unified hierarchy: the memory controller', () => {
    expect(locateMemoryCgroup('4:memory:/pod/a:b\n1:cpu:/x\n0::/y\n', V1_MOUNTS)).toEqual({
      version: 1,
      path: '/sys/fs/cgroup/memory/pod/a:b',
      mountPoint: '/sys/fs/cgroup/memory',
    });
  });

  test('a container that sees its own subtree: the path below it, or the mount itself', () => {
    const mounts = V1_MOUNTS.replace('0:32 / /sys', '0:32 /docker/abc /sys');
    expect(locateMemoryCgroup('4:memory:/docker/abc/child\n', mounts)?.path).toBe('/sys/fs/cgroup/memory/child');
    expect(locateMemoryCgroup('4:memory:/docker/abc\n', mounts)?.path).toBe('/sys/fs/cgroup/memory');
    expect(locateMemoryCgroup('4:memory:/elsewhere\n', mounts)?.path).toBe('/sys/fs/cgroup/memory');
    expect(locateMemoryCgroup('0::/../other\n', V2_MOUNTS)?.path).toBe('/sys/fs/cgroup');
  });

  test('nothing where no memory hierarchy is mounted, or nothing can be read', () => {
    expect(locateMemoryCgroup('0::/x\n', '')).toBeNull();
    expect(locateMemoryCgroup('', V2_MOUNTS)).toBeNull();
    expect(readMemoryCgroup(2 ** 22 + 1)).toBeNull();
  });
});

describe('what a limit leaves', () => {
  async function hierarchy(files: Record<string, string>): Promise<string> {
    const home = await mkdtemp(join(tmpdir(), 'mt-cgroup-'));
    homes.push(home);
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(home, path)), { recursive: true });
      await writeFile(join(home, path), text);
    }
    return home;
  }
  const homes: string[] = [];
  afterEach(async () => {
    for (const home of homes.splice(0)) await rm(home, { recursive: true });
  });

  test('v2: the tightest of all ancestors, cache counted as room, and whether a kill takes the group', async () => {
    const home = await hierarchy({
      'memory.max': 'max\n',
      'memory.current': '900000000\n',
      'pod/memory.max': '500000000\n',
      'pod/memory.current': '450000000\n',
      'pod/memory.stat': 'anon 1\ninactive_file 20000000\n',
      'pod/memory.oom.group': '1\n',
      'pod/app/memory.max': '400000000\n',
      'pod/app/memory.current': '100000000\n',
      'pod/app/memory.stat': 'inactive_file 0\n',
      'pod/app/memory.events': 'low 0\noom_kill 2\n',
    });
    expect(readMemoryRoom({ version: 2, path: `${home}/pod/app`, mountPoint: home })).toEqual({
      limitBytes: 500_000_000,
      headroomBytes: 70_000_000,
      killsGroup: true,
      oomKills: 2,
    });
  });

  test('v1, and nothing where no limit is set', async () => {
    const home = await hierarchy({
      'memory.limit_in_bytes': '9223372036854771712\n',
      'memory.usage_in_bytes': '5\n',
      'app/memory.limit_in_bytes': '300000000\n',
      'app/memory.usage_in_bytes': '250000000\n',
      'app/memory.stat': 'total_inactive_file 1000000\n',
      'app/memory.oom_control': 'under_oom 0\noom_kill 1\n',
    });
    const app = { version: 1, path: `${home}/app`, mountPoint: home } as const;
    expect(readMemoryRoom(app)).toMatchObject({ headroomBytes: 51_000_000, killsGroup: false, oomKills: 1 });
    expect(readMemoryRoom({ ...app, path: home })).toBeNull();
  });
});
