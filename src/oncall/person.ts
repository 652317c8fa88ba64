import type { Person, Rota } from './rota.ts';

/**
 * Slack's ids are upper case and have a digit; without asking for one, "WEEKLY" would be a user. At least 5 long: the
 * shortest real ones have 9, those of tests are shorter.
 */
const SLACK_ID = /(?<![A-Za-z0-9])(?=[A-Z0-9]*\d)[UW][A-Z0-9]{4,20}(?![A-Za-z0-9])/;
const EMAIL = /[^\s<>@:;,"'()]{1,64}@[A-Za-z0-9.-]{1,200}\.[A-Za-z]{2,24}/;
const MAX_NAME = 80;

/** Who a calendar event or a schedule's entry means: a Slack id in its title or its attendees, else an e-mail address. */
export function personOf(title: string, others: readonly string[]): Person {
  const texts = [title, ...others].map((text) => text.slice(0, 1000));
  const userId = texts.flatMap((text) => SLACK_ID.exec(text)?.[0] ?? [])[0] ?? null;
  const email = texts.flatMap((text) => EMAIL.exec(text)?.[0] ?? [])[0]?.toLowerCase() ?? null;
  const name = title.trim() === '' ? (email ?? userId ?? 'somebody without a name') : title.trim();
  return { userId, email, name: name.slice(0, MAX_NAME) };
}

/** Addresses of those whose Slack id is not known yet. */
export function unknownEmails({ shifts }: Rota): string[] {
  return [...new Set(shifts.flatMap(({ person }) => (person.userId === null ? (person.email ?? []) : [])))];
}

/** The rota with the Slack ids that were found by address; those that were not found become problems. */
export function withUserIds(rota: Rota, found: ReadonlyMap<string, string>): Rota {
  const missing = unknownEmails(rota).filter((email) => !found.has(email));
  return {
    ...rota,
    shifts: rota.shifts.map((shift) => {
      const { userId, email } = shift.person;
      const known = userId ?? (email === null ? null : (found.get(email) ?? null));
      return { ...shift, person: { ...shift.person, userId: known } };
    }),
    problems: [...rota.problems, ...missing.map((email) => `Slack knows nobody with the address ${email}`)],
  };
}
