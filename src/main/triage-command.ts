import type { Verdict } from '../analysis/series.ts';
import type { Report } from '../report/report.ts';
import { renderReportText } from '../report/report-text.ts';
import { signalOfStop } from './shutdown.ts';
import { parseTriageArguments, type TriageArguments } from './triage-arguments.ts';
import { triageProcess } from './triage-process.ts';
import { triageService } from './triage-service.ts';

/** As monitoring plugins have them. */
const EXIT_OF = { healthy: 0, warning: 1, critical: 2, inconclusive: 3 } as const satisfies Record<Verdict, number>;

/** As shells have it for a command that was interrupted. */
const EXIT_STOPPED = 130;

/** `memtriage triage SERVICE|--pid PID`: the same runbook once, without Slack. The report goes to stdout. */
export async function triageCommand(args: readonly string[]): Promise<number> {
  const asked = parseTriageArguments(args);
  const signal = signalOfStop();
  const report = await triageTarget(asked, signal).catch((thrown: unknown) => {
    if (signal.aborted) return null;
    throw thrown;
  });
  if (report === null) return EXIT_STOPPED;
  process.stdout.write(asked.json ? `${JSON.stringify(report, null, 2)}\n` : renderReportText(report));
  return EXIT_OF[report.verdict];
}

async function triageTarget(asked: TriageArguments, signal: AbortSignal): Promise<Report> {
  const { target } = asked;
  if ('pid' in target) return await triageProcess(target.pid, asked, signal);
  return await triageService(target.service, asked, signal);
}
