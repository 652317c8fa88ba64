import { pino } from 'pino';
import { openRedis } from '../../adapters/redis/connection.ts';
import { isSiteAlive } from '../../adapters/redis/heartbeat.ts';
import { readSchemaVersion, SCHEMA_VERSION, tooNew } from '../../adapters/redis/schema-version.ts';
import { readServerInfo, settingsWarnings } from '../../adapters/redis/server-info.ts';
import { type CheckFinding, fromError, good, warning } from './finding.ts';

/** Connects as a role does: an embedded server is adopted, or started for the moment. `sites`: those that need a collector. */
export async function checkRedis(
  url: string | null,
  configDir: string,
  sites: readonly string[],
): Promise<CheckFinding[]> {
  try {
    const handle = await openRedis({ url, configDir, logger: pino({ level: 'silent' }) });
    try {
      const redis = handle.command();
      const info = await readServerInfo(redis);
      const version = await readSchemaVersion(redis, handle.prefix);
      const startedAt = performance.now();
      await redis.ping();
      const milliseconds = (performance.now() - startedAt).toFixed(1);
      const silent: string[] = [];
      for (const site of sites) if (!(await isSiteAlive(redis, handle.prefix, site))) silent.push(site);
      return [
        good(`${handle.describe()}: version ${info.version}, answers in ${milliseconds} ms`),
        ...(version > SCHEMA_VERSION ? [fromError(tooNew(version))] : []),
        ...settingsWarnings(info).map((text) => warning(text, 'Change it in the configuration of Redis')),
        ...silent.map((site) =>
          warning(`site ${site}: no collector is running`, `Start \`memtriage collector --site ${site}\` there`),
        ),
      ];
    } finally {
      await handle.close();
    }
  } catch (error) {
    return [fromError(error)];
  }
}
