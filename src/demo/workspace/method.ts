import { z } from 'zod';
import { isObject, type JsonObject, parseJson } from './json.ts';
import type { World } from './world.ts';

/** What a Web API method answers; `body` and `details` are merged into the JSON beside `ok` and `error`. */
export type MethodAnswer =
  | { ok: true; body: JsonObject }
  | { ok: false; error: string; details: JsonObject; status: number };

export type Method = {
  /** The kind of token it takes; `none`: it may be called without. */
  token: 'bot' | 'app' | 'none';
  run: (args: JsonObject, world: World) => MethodAnswer;
};

export type MethodTable = Readonly<Record<string, Method>>;

export function answer(body: JsonObject = {}): MethodAnswer {
  return { ok: true, body };
}

/** A refusal. The Web API refuses with status 200; response URLs and uploads use the status of HTTP. */
export function refuse(error: string, details: JsonObject = {}, status = 200): MethodAnswer {
  return { ok: false, error, details, status };
}

/** A bot method whose arguments are read by `schema`; unreadable ones are answered as Slack does. */
export function botMethod<S extends z.ZodType>(
  schema: S,
  run: (args: z.output<S>, world: World) => MethodAnswer,
): Method {
  return {
    token: 'bot',
    run: (args, world) => {
      const parsed = schema.safeParse(args);
      return parsed.success ? run(parsed.data, world) : refuse('invalid_arguments', explain(parsed.error));
    },
  };
}

function explain(error: z.ZodError): JsonObject {
  const messages = error.issues.map((issue) => {
    const name = issue.path.map(String).join('/');
    const isMissing = issue.code === 'invalid_type' && issue.message.includes('undefined');
    return isMissing ? `[ERROR] missing required field: ${name}` : `[ERROR] invalid value [json-pointer:/${name}]`;
  });
  return { response_metadata: { messages } };
}

/** Arguments arrive as JSON values or, form-encoded, as text. */
export const Flag = z.preprocess((value) => value === true || value === 'true' || value === '1', z.boolean());
export const Count = z.coerce.number().int().positive();
export const Text = z.coerce.string();
/** An object or array that form encoding carries as JSON text; what isn't JSON stays text. */
export const Structure = z
  .unknown()
  .transform((value) => (typeof value === 'string' ? (parseJson(value) ?? value) : value));

export function asObjects(value: unknown): readonly JsonObject[] | null {
  return Array.isArray(value) && value.every(isObject) ? value : null;
}
