import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadConfig } from '../../src/main/load-config.ts';

let directory = '';
let configFile = '';

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mt-config-'));
  configFile = join(directory, 'memtriage.yaml');
});

afterEach(() => rm(directory, { recursive: true, force: true }));

test('a file is read, a byte order mark or Windows line ends do no harm', async () => {
  await writeFile(configFile, '\uFEFFservices:\r\n  checkout: { sockets: sockets }\r\n');
  const config = await loadConfig({ configFile });
  expect(config.services.get('checkout')?.sockets).toBe(join(directory, 'sockets'));
});

test('a missing file names the ways to go on', async () => {
  await expect(loadConfig({ configFile })).rejects.toMatchObject({
    exitCode: 78,
    message: `there is no configuration file ${configFile}`,
    tryThis: expect.stringContaining('npm run demo'),
  });
});

test('a directory in its place is told', async () => {
  await expect(loadConfig({ configFile: directory })).rejects.toMatchObject({
    exitCode: 78,
    message: expect.stringContaining("can't be read"),
  });
});

test.skipIf(process.getuid?.() === 0)(
  'a file that may not be read is told (not as root, who may read all)',
  async () => {
    await writeFile(configFile, '');
    await chmod(configFile, 0);
    await expect(loadConfig({ configFile })).rejects.toMatchObject({
      exitCode: 78,
      tryThis: expect.stringContaining('readable'),
    });
  },
);

test('all problems come in one error, each with its place', async () => {
  await writeFile(configFile, 'slak: {}\nservices:\n  checkout: { sockets: /s, limit: 2GB }\n');
  await expect(loadConfig({ configFile })).rejects.toMatchObject({
    exitCode: 78,
    message: [
      'the configuration has 2 problems:',
      `${configFile}:1:1 slak: found the unknown key "slak", expected slack (one of slack, prometheus, http, sampling, policy, kubernetes, runbooks, snapshot, services, teams)`,
      `${configFile}:3:28 services.checkout.limit: found "2GB", expected a size such as 512MiB or 2GiB`,
    ].join('\n'),
  });
});
