import type { Logger } from 'pino';
import { nearMatches } from '../../config/near-match.ts';
import { messageOf } from '../../errors.ts';
import { code, escapeMrkdwn, link, localTime, mention } from '../../report/slack-blocks.ts';
import { onCallLines } from './answer-on-call.ts';
import type { CommandDesk, DeskAnswer, StartedTriage, UmbrellaPlace } from './command-desk.ts';
import type { Membership } from './membership.ts';
import { parseCommand, type SlackCommand } from './parse-command.ts';

export type Asked = {
  text: string;
  userId: string;
  channelId: string;
  /** The same for a repeated delivery of the same command. */
  requestId: string;
};

export type Desks = {
  desk: CommandDesk;
  membership: Membership;
  logger: Logger;
  /** What keeps the bot from answering anything, in words for people; null: nothing that is known. */
  whyUnable: () => string | null;
};

/** Longest wait for all of it, milliseconds: Slack shows an error of its own after 3 s. The desk gives up earlier. */
const ANSWER_DEADLINE_MS = 2500;
/** Slack cuts longer messages; an ephemeral answer this long is not read anyway. */
const MAX_LINES = 40;

/** The answer to one command as mrkdwn text. Never throws: whoever asked must hear what happened. */
export async function answerCommand(asked: Asked, { desk, membership, logger, whyUnable }: Desks): Promise<string> {
  const command = parseCommand(asked.text);
  try {
    return await withDeadline(answer(command, asked, desk, membership), ANSWER_DEADLINE_MS);
  } catch (thrown) {
    logger.error({ err: thrown, command: command.kind, requestId: asked.requestId }, 'a command could not be answered');
    return `🟠 I can't answer right now (${escapeMrkdwn(whyUnable() ?? messageOf(thrown))}). ${whatHappened(command)}`;
  }
}

async function answer(command: SlackCommand, asked: Asked, desk: CommandDesk, membership: Membership): Promise<string> {
  switch (command.kind) {
    case 'triage':
      if (!(await membership.mayPostTo(asked.channelId))) return NOT_IN_CHANNEL;
      return await answerTriage(command, asked, desk);
    case 'help':
      return HELP;
    case 'list':
      return await answerList(desk);
    case 'status':
      return answerLines(await desk.status(command.incident), command.incident ?? '', desk);
    case 'baseline':
      return answerLines(await desk.baseline(command.verb, command.service, asked.userId), command.service, desk);
    case 'history':
      return answerLines(await desk.history(command.service), command.service, desk);
    case 'postmortem':
      return answerLines(await desk.postmortem(command.incident), command.incident, desk);
    case 'oncall':
      return cutLines(onCallLines(await desk.onCall()));
    case 'silence': {
      const { service, seconds, reason } = command;
      return answerLines(
        await desk.silence({ verb: 'set', service, seconds, reason, by: asked.userId }),
        service,
        desk,
      );
    }
    case 'silence-end': {
      const { service } = command;
      return answerLines(await desk.silence({ verb: 'end', service, by: asked.userId }), service, desk);
    }
    case 'silence-list':
      return answerLines(await desk.silence({ verb: 'list' }), '', desk);
    case 'misread':
      return `I did not understand that: ${escapeMrkdwn(command.why)}. Try ${code(`/memtriage ${command.tryThis}`)}.`;
  }
}

type TriageCommand = Extract<SlackCommand, { kind: 'triage' }>;

async function answerTriage(command: TriageCommand, asked: Asked, desk: CommandDesk): Promise<string> {
  const { service, takeSnapshot } = command;
  const started = await desk.startTriage({
    service,
    symptom: 'asked',
    openedBy: asked.userId,
    channelId: asked.channelId,
    sinceSeconds: command.sinceSeconds ?? desk.defaultSinceSeconds(service),
    takeSnapshot,
    requestId: asked.requestId,
  });
  return describeStart(started, service, asked, desk);
}

function describeStart(started: StartedTriage, service: string, asked: Asked, desk: CommandDesk): string {
  switch (started.kind) {
    case 'started': {
      const { id, channelId } = started.incident;
      const place = channelId === null || channelId === asked.channelId ? 'this channel' : `<#${channelId}>`;
      return `⏳ Triage of *${escapeMrkdwn(service, 80)}* started as ${escapeMrkdwn(id, 20)}. I'll post it in ${place}.`;
    }
    case 'running': {
      const { incident, permalink, channelId, startedBy } = started;
      const where = channelId === null ? '' : ` in <#${channelId}>`;
      const thread = permalink === null ? where : `: ${link(permalink, 'open the thread')}`;
      return `Already running: ${escapeMrkdwn(incident.id, 20)} for *${escapeMrkdwn(service, 80)}*, started by ${mention(startedBy)}${thread}. Nothing new was started.${umbrellaWords(started.umbrella)}`;
    }
    case 'looks-again': {
      const { incident, permalink } = started;
      const where = incident.channelId === null ? '' : ` in <#${incident.channelId}>`;
      const thread = permalink === null ? where : `: ${link(permalink, 'open the thread')}`;
      return `⏳ ${escapeMrkdwn(incident.id, 20)} of *${escapeMrkdwn(service, 80)}* is open already; I look again in its thread${thread}.${umbrellaWords(started.umbrella)}`;
    }
    case 'unknown-service':
      return unknownService(service, desk);
    case 'not-stored':
      return `🟠 Nothing was started: ${escapeMrkdwn(started.why)}. ${escapeMrkdwn(started.tryThis)}`;
  }
}

function umbrellaWords(umbrella: UmbrellaPlace | null): string {
  if (umbrella === null) return '';
  const { id, permalink } = umbrella;
  const place = permalink === null ? escapeMrkdwn(id, 20) : link(permalink, id);
  return ` It is one of many services that were killed at once: ${place}; it has a thread of its own now.`;
}

async function answerList(desk: CommandDesk): Promise<string> {
  const services = await desk.listServices();
  if (services.length === 0) return 'No service is configured. Add one under `services:` in memtriage.yaml.';
  const lines = services.map(({ service, team, summary }) => {
    const owner = team === null ? '' : ` (${escapeMrkdwn(team, 60)})`;
    return `• ${code(service, 80)}${owner} ${shownLine(summary)}`;
  });
  return cutLines([`*${services.length} services*`, ...lines]);
}

function answerLines(found: DeskAnswer, asked: string, desk: CommandDesk): string {
  if ('outcome' in found) return `🟠 ${escapeMrkdwn(found.why)}. ${escapeMrkdwn(found.tryThis)}`;
  if (found.kind === 'unknown-service') return unknownService(asked, desk);
  return cutLines([`*${shownLine(found.title)}*`, ...found.lines.map(shownLine)]);
}

const MOMENT = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?Z/g;
const USER_ID = /(?<![\w@-])[UW](?=[A-Z0-9]*\d)[A-Z0-9]{4,20}(?![\w-])/g;

/** Times in the reader's zone, and people by their names: only the asker sees an answer, so nobody is woken by it. */
function shownLine(line: string): string {
  return escapeMrkdwn(line, 600).replace(MOMENT, localTime).replace(USER_ID, mention);
}

function unknownService(service: string, desk: CommandDesk): string {
  const near = nearMatches(service, desk.serviceNames()).map((name) => code(name, 80));
  const guess = near.length === 0 ? '' : ` Did you mean ${near.join(', ')}?`;
  return `I don't know *${escapeMrkdwn(service, 80)}*.${guess} ${code('/memtriage list')} shows all services. Nothing was started.`;
}

function whatHappened({ kind }: SlackCommand): string {
  const unsure = kind === 'triage' || kind === 'baseline' || kind === 'silence' || kind === 'silence-end';
  return unsure
    ? `It may or may not have been taken; ${code('/memtriage status')} tells, or ask again in a minute: asking twice is safe.`
    : 'Ask again in a minute.';
}

function cutLines(lines: readonly string[]): string {
  const shown = lines.slice(0, MAX_LINES);
  return [...shown, ...(lines.length > MAX_LINES ? [`… and ${lines.length - MAX_LINES} more`] : [])].join('\n');
}

async function withDeadline<T>(work: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

const NOT_IN_CHANNEL =
  "🟠 I'm not in this channel, so I could not post the thread, and nothing was started. Invite me (`/invite @memtriage`) and ask again.";

const HELP = [
  '*Why does a Python service hold so much memory, and should it be rolled back?*',
  '`/memtriage checkout` triages the service `checkout`; the answer comes as a thread',
  '`/memtriage checkout --since 6h --no-snapshot` looks back 6 h and leaves the process alone',
  '`/memtriage list` all services · `/memtriage status` open cases and health · `/memtriage status M-12` one case',
  '`/memtriage baseline show|set|revert checkout` the last healthy memory',
  '`/memtriage silence checkout 2h known batch run` fewer messages for a while · `silence list` · `silence end checkout`',
  '`/memtriage history checkout` earlier cases · `/memtriage postmortem M-12` one as a document · `/memtriage oncall` who is on call now and next, and gaps',
  'In a thread, where slash commands do not work, mention the bot with the same words.',
].join('\n');
