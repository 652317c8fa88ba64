import type { CommandDesk } from '../../src/adapters/slack/command-desk.ts';

/** For tests in which nobody types a command. */
export const NO_COMMANDS: CommandDesk = {
  serviceNames: () => [],
  defaultSinceSeconds: () => 3600,
  startTriage: async () => ({ kind: 'unknown-service' }),
  listServices: async () => [],
  status: async () => ({ kind: 'unknown-service' }),
  baseline: async () => ({ kind: 'unknown-service' }),
  onCall: async () => [],
  silence: async () => ({ kind: 'unknown-service' }),
  postmortem: async () => ({ kind: 'unknown-service' }),
  history: async () => ({ kind: 'unknown-service' }),
};
