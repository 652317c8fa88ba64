import { z } from 'zod';
import { failed, type Outcome, ok } from '../errors.ts';
import { cut, OptionalTime } from './bounded.ts';

/** A release went out. `at`: RFC 3339. */
export const Deploy = z.object({ schema: z.literal(1), service: z.string(), release: z.string(), at: z.string() });
export type Deploy = z.infer<typeof Deploy>;

const ForeignDeploy = z.object({
  service: z.string().trim().min(1),
  release: z.coerce.string().trim().min(1),
  at: OptionalTime,
});

/** `{service, release, at?}`; without `at`, it is now (`receivedAt`, RFC 3339). */
export function parseDeploy(body: unknown, receivedAt: string): Outcome<Deploy> {
  const parsed = ForeignDeploy.safeParse(body);
  if (!parsed.success) {
    const wrong = parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'the body'}: ${message}`);
    const example = '{"service":"checkout","release":"v812","at":"2026-11-22T10:00:00Z"}';
    return failed('user', cut(`this is no deploy: ${wrong.join('; ')}`), `Send ${example}; \`at\` may be left out`);
  }
  const { service, release, at } = parsed.data;
  return ok({ schema: 1, service: cut(service), release: cut(release), at: at ?? receivedAt });
}
