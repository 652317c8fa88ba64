import { z } from 'zod';
import { failed, type Outcome, ok } from '../errors.ts';
import { cut, Labels, OptionalTime } from './bounded.ts';

/** Can what this release does to stored data be undone by going back? */
const Migration = z.enum(['none', 'reversible', 'irreversible']);

/** A release went out. `at`: RFC 3339. Without `migration`, the pipeline does not tell. */
export const Deploy = z.object({
  schema: z.literal(1),
  service: z.string(),
  release: z.string(),
  at: z.string(),
  migration: Migration.optional(),
});
export type Deploy = z.infer<typeof Deploy>;

/** Of a time that is there but can't be read, "now" would be a guess that onsets of growth are then laid to. */
const Moment = z
  .unknown()
  .refine((at) => at == null || at === '' || OptionalTime.parse(at) !== null, 'expected a time in RFC 3339')
  .transform((at) => OptionalTime.parse(at))
  .optional();

const ForeignDeploy = z.object({
  service: z.string().trim().min(1),
  release: z.coerce.string().trim().min(1),
  at: Moment,
  migration: z.unknown().optional(),
  labels: Labels.optional(),
});

/** `{service, release, at?, migration? or labels.migration?}`; without `at`, it is now (`receivedAt`, RFC 3339). */
export function parseDeploy(body: unknown, receivedAt: string): Outcome<Deploy> {
  const parsed = ForeignDeploy.safeParse(body);
  if (!parsed.success) {
    const wrong = parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'the body'}: ${message}`);
    const example = '{"service":"checkout","release":"v812","at":"2026-11-22T10:00:00Z"}';
    return failed('user', cut(`this is no deploy: ${wrong.join('; ')}`), `Send ${example}; \`at\` may be left out`);
  }
  const { service, release, at, labels } = parsed.data;
  const migration = Migration.safeParse(parsed.data.migration ?? labels?.['migration']);
  return ok({
    schema: 1,
    service: cut(service),
    release: cut(release),
    at: at ?? receivedAt,
    ...(migration.success ? { migration: migration.data } : {}),
  });
}
