/** Alerts whose sender tells no time get that of their episode: copies are one alert, and what fires anew is another one. */
import type { AlertEpisodes } from '../adapters/redis/alert-episodes.ts';
import type { Alert } from '../alert/alert.ts';
import { NO_TIME } from '../alert/generic.ts';
import { toTime } from '../alert/read-message.ts';

/** A sender tries again within that time when it got no answer; its end may have come in between. Seconds. */
const OVERTAKEN_SECONDS = 60;

/** Those that have a time of their own are left as they are. `nowMs`: when they came in, epoch milliseconds. */
export async function withTimes(
  alerts: readonly Alert[],
  episodes: AlertEpisodes,
  nowMs: number,
): Promise<readonly Alert[]> {
  const at = (nowMs / 1000).toFixed(6);
  const timed = await Promise.all(
    alerts.map(async (alert) =>
      alert.startsAt === NO_TIME ? await placedInTime(alert, at, episodes, OVERTAKEN_SECONDS) : [alert],
    ),
  );
  return timed.flat();
}

/**
 * With the beginning of what it tells of; a beginning that comes after its end brings that end along. `at`: seconds with
 * six digits, as in Slack. `overtakenSeconds`: so long after an end that nothing began, a beginning belongs to that end.
 */
export async function placedInTime(
  alert: Alert,
  at: string,
  episodes: AlertEpisodes,
  overtakenSeconds: number = 0,
): Promise<readonly Alert[]> {
  const { since, isOver } = await episodes.note(alert.fingerprint, alert.status, at, overtakenSeconds);
  const placed: Alert = { ...alert, startsAt: toTime(since) };
  return isOver && alert.status === 'firing' ? [placed, { ...placed, status: 'resolved' }] : [placed];
}
