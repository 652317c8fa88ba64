import { describe, expect, test } from 'vitest';
import { locateMemoryCgroup, readMemoryCgroup } from '../../src/adapters/procfs/cgroup.ts';

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
