/** Messages of other bots in the channels of `slack.readAlerts`: those that are alerts are stored like those of webhooks. */
import type { Metrics } from '../adapters/metrics/metrics.ts';
import type { AlertEpisodes } from '../adapters/redis/alert-episodes.ts';
import type { ChannelReader } from '../adapters/slack/slack-app.ts';
import type { Alert } from '../alert/alert.ts';
import { readChannelEvent } from '../alert/channel-event.ts';
import { readEvent } from '../alert/read-message.ts';
import { placedInTime } from './alert-times.ts';
import type { DeskWorld } from './desk-world.ts';

export type ChannelReaderParts = {
  world: Pick<DeskWorld, 'config' | 'logger'>;
  episodes: AlertEpisodes;
  /** Resolves when they are stored; those that were stored before are left as they are. */
  storeAlerts: (alerts: readonly Alert[]) => Promise<void>;
  metrics: Pick<Metrics, 'countChannelMessage'>;
};

/** Null: no channel is to be read. What is no alert, or of no service, makes no noise: it is counted. */
export function createChannelReader({
  world,
  episodes,
  storeAlerts,
  metrics,
}: ChannelReaderParts): ChannelReader | null {
  const { config, logger } = world;
  const channels = new Set(config.slack.readAlerts);
  if (channels.size === 0) return null;
  return {
    async take(event, { botId, botUserId }) {
      const read = readChannelEvent(event, { channels, ownBotId: botId, ownUserId: botUserId });
      if (read === null) return;
      const reading = readEvent(read, config.services.values());
      metrics.countChannelMessage(reading.kind);
      const { channelId, ts, botId: author } = read.post;
      logger.debug(
        { channelId, ts, author, edited: read.kind === 'edited', reading: reading.kind },
        'a message of a bot',
      );
      if (reading.kind !== 'alert') return;
      const { alert } = reading;
      const at = read.kind === 'edited' ? read.at : ts;
      await storeAlerts(alert.isMoment === true ? [alert] : await placedInTime(alert, at, episodes));
    },
  };
}
