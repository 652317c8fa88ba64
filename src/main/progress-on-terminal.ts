import type { IncidentThread } from '../triage/ports.ts';

/** Shows the steps on stderr when that is a terminal; the report itself is printed by the command. */
export function progressOnTerminal(stderr: NodeJS.WriteStream): IncidentThread {
  let told = '';
  return {
    async showProgress(_incident, { steps }) {
      const running = steps.find(({ state }) => state === 'running')?.step ?? '';
      if (stderr.isTTY && running !== told) stderr.write(`${running} ...\n`);
      told = running;
      await Promise.resolve();
    },
    publishReport: async () => await Promise.resolve(),
  };
}
