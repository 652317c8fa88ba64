/**
 * For people: that Redis does not answer, with what the server itself said (LOADING, NOPERM, out of memory). What
 * ioredis says of a connection that is lost is of its own making, and helps nobody.
 */
export function describeNoAnswer(thrown: unknown): string {
  const said = thrown instanceof Error && thrown.name === 'ReplyError' ? ` (${thrown.message})` : '';
  return `Redis does not answer${said}`;
}
