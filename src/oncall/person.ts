import type { Person, Rota } from './rota.ts';

/**
 * Slack's ids are upper case and have a digit; without asking for one, "WEEKLY" would be a user. At least 5 long: the
 * shortest real ones have 9, those of tests are shorter.
 */
const SLACK_ID = /(?<![A-Za-z0-9])(?=[A-Z0-9]*\d)[UW][A-Z0-9]{4,20}(?![A-Za-z0-9])/g;
/** Letters and then digits may be a word with a number, such as "WEEK48"; ids are mixed, but for a few in a hundred. */
const MIXED = /^.\d|\d[A-Z]/;
const SHORTEST_REAL = 9;
const EMAIL = /[^\s<>@:;,"'()]{1,64}@[A-Za-z0-9.-]{1,200}\.[A-Za-z]{2,24}/;
const MAX_NAME = 80;

/** Who a calendar event or a schedule's entry means: a Slack id in its title or its attendees, else an e-mail address. */
export function personOf(title: string, others: readonly string[]): Person {
  const texts = [title, ...others].map((text) => text.slice(0, 1000));
  const email = texts.flatMap((text) => EMAIL.exec(text)?.[0] ?? [])[0]?.toLowerCase() ?? null;
  const ids = texts.flatMap((text) => text.match(SLACK_ID) ?? []);
  const perhaps = email === null ? ids.find((id) => id.length >= SHORTEST_REAL) : undefined;
  const userId = ids.find((id) => MIXED.test(id)) ?? perhaps ?? null;
  const name = title.trim() === '' ? (email ?? userId ?? 'somebody without a name') : title.trim();
  return { userId, email, name: name.slice(0, MAX_NAME) };
}

/** Addresses of those whose Slack id is not known yet. */
export function unknownEmails({ shifts }: Rota): string[] {
  return [...new Set(shifts.flatMap(({ person }) => (person.userId === null ? (person.email ?? []) : [])))];
}

/** Slack ids by address, of those that were matched. */
export function matchedEmails({ shifts }: Rota): Map<string, string> {
  return new Map(
    shifts.flatMap(({ person: { email, userId } }) => (email === null || userId === null ? [] : [[email, userId]])),
  );
}

/**
 * The rota with the Slack ids that were found by address (null: Slack knows nobody; absent: it did not tell); those that
 * were not found become problems.
 */
export function withUserIds(rota: Rota, found: ReadonlyMap<string, string | null>): Rota {
  const missing = unknownEmails(rota).filter((email) => found.get(email) == null);
  const why = (email: string): string =>
    found.has(email)
      ? `Slack knows nobody with the address ${email}`
      : `Slack did not tell who has the address ${email}`;
  return {
    ...rota,
    shifts: rota.shifts.map((shift) => {
      const { userId, email } = shift.person;
      const known = userId ?? (email === null ? null : (found.get(email) ?? null));
      return { ...shift, person: { ...shift.person, userId: known } };
    }),
    problems: [...rota.problems, ...missing.map(why)],
  };
}
