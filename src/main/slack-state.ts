import type { SlackAnswer } from '../adapters/slack/slack-web.ts';
import { formatDuration } from '../units.ts';

/** What was heard of Slack last. */
export function createSlackState() {
  let okAtMs: number | null = null;
  let trouble: string | null = null;
  return {
    note(method: string, answer: SlackAnswer): void {
      if (answer.kind === 'ok') okAtMs = Date.now();
      trouble = answer.kind === 'ok' ? null : `${method} ${troubleWords(answer)}`;
    },
    describe(): string {
      const last =
        okAtMs === null ? 'has not answered yet' : `answered ${formatDuration((Date.now() - okAtMs) / 1000)} ago`;
      return trouble === null ? last : `${last}, since then: ${trouble}`;
    },
  };
}

function troubleWords(answer: Exclude<SlackAnswer, { kind: 'ok' }>): string {
  switch (answer.kind) {
    case 'rate-limited':
      return `must wait ${answer.retryAfterSeconds} s`;
    case 'refused':
      return `was refused (${answer.error})`;
    case 'unanswered':
      return `had no answer (${answer.why})`;
  }
}
