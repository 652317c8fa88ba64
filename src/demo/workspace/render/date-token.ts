/** `<!date^seconds^format^link|fallback>` as a client shows it (docs: formatting message text, date formatting). */
const FORMATS: Readonly<Record<string, Intl.DateTimeFormatOptions>> = {
  date_num: { year: 'numeric', month: '2-digit', day: '2-digit' },
  date: { year: 'numeric', month: 'long', day: 'numeric' },
  date_short: { year: 'numeric', month: 'short', day: 'numeric' },
  date_long: { weekday: 'long', year: 'numeric', month: 'long', day: 'numeric' },
  date_pretty: { year: 'numeric', month: 'long', day: 'numeric' },
  date_short_pretty: { year: 'numeric', month: 'short', day: 'numeric' },
  date_long_pretty: { weekday: 'long', year: 'numeric', month: 'long', day: 'numeric' },
  time: { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' },
  time_secs: { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' },
};

/** `token` is what follows `!date^`. Anything unreadable shows the fallback, as in Slack. */
export function formatDateToken(token: string, fallback: string, timeZone: string): string {
  const [seconds = '', format = ''] = token.split('^');
  const at = Number(seconds) * 1000;
  if (!Number.isFinite(at) || seconds === '' || format === '') return fallback;
  return format.replace(/\{(\w+)\}/g, (whole, name: string) => {
    if (name === 'ago') return agoOf(at, Date.now());
    const options = FORMATS[name];
    return options === undefined ? whole : new Intl.DateTimeFormat('en', { ...options, timeZone }).format(at);
  });
}

function agoOf(at: number, now: number): string {
  const minutes = Math.round((now - at) / 60_000);
  return minutes < 60 ? `${minutes} minutes ago` : `${Math.round(minutes / 60)} hours ago`;
}

/** 14:02 in the person's zone. */
export function clockTime(at: number, timeZone: string): string {
  return new Intl.DateTimeFormat('en', { ...FORMATS['time'], timeZone }).format(at);
}
