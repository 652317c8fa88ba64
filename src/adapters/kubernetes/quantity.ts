/** Amounts as Kubernetes writes them. */
import { z } from 'zod';

const KIBI = 1024;
/** https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/ */
const SUFFIXES: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: KIBI,
  Mi: KIBI ** 2,
  Gi: KIBI ** 3,
  Ti: KIBI ** 4,
  Pi: KIBI ** 5,
  Ei: KIBI ** 6,
};
const WRITTEN = /^([+-]?(?:\d+(?:\.\d*)?|\.\d+))(?:([KMGTPE]i|[numkMGTPE])|[eE]([+-]?\d{1,2}))?$/;

/** `512Mi`, `1.5G`, `128974848000m`, `12e6` -> bytes, rounded up as Kubernetes does; null: it is no quantity. */
export function parseQuantity(text: string): number | null {
  const [, digits, suffix, exponent] = WRITTEN.exec(text.trim()) ?? [];
  if (digits === undefined) return null;
  const factor = suffix === undefined ? 10 ** Number(exponent ?? 0) : (SUFFIXES[suffix] ?? 1);
  return Math.ceil(Number(digits) * factor);
}

/** Some servers write whole numbers without quotes. */
export const Quantity = z.union([z.string(), z.number()]).transform((written, context): number => {
  const bytes = parseQuantity(String(written));
  if (bytes !== null) return bytes;
  context.issues.push({ code: 'custom', message: 'no quantity of Kubernetes', input: written });
  return z.NEVER;
});
