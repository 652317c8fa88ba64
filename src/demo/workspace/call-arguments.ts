import { isObject, type JsonObject, parseJson } from './json.ts';

/** The arguments of a Web API call, from the query and a body in any of the encodings Slack takes. */
export function readArguments(contentType: string, body: Buffer, query: URLSearchParams): JsonObject {
  const fromQuery = Object.fromEntries(query);
  if (contentType.startsWith('application/json')) {
    const json = parseJson(body.toString('utf8'));
    return { ...fromQuery, ...(isObject(json) ? json : {}) };
  }
  if (contentType.startsWith('multipart/form-data')) {
    const fields = readMultipart(contentType, body).map(
      ({ name, content }) => [name, content.toString('utf8')] as const,
    );
    return { ...fromQuery, ...Object.fromEntries(fields) };
  }
  return { ...fromQuery, ...Object.fromEntries(new URLSearchParams(body.toString('utf8'))) };
}

/** The bytes of an uploaded file: the first part of a form, or the body itself. */
export function readUpload(contentType: string, body: Buffer): Buffer {
  if (!contentType.startsWith('multipart/form-data')) return body;
  return readMultipart(contentType, body)[0]?.content ?? Buffer.alloc(0);
}

function readMultipart(contentType: string, body: Buffer): readonly { name: string; content: Buffer }[] {
  const boundary = /boundary="?([^";]+)"?/.exec(contentType)?.[1];
  if (boundary === undefined) return [];
  const separator = Buffer.from(`--${boundary}`);
  const parts: { name: string; content: Buffer }[] = [];
  let from = body.indexOf(separator);
  while (from !== -1) {
    const to = body.indexOf(separator, from + separator.length);
    if (to === -1) break;
    const part = body.subarray(from + separator.length + 2, to - 2);
    const headEnd = part.indexOf('\r\n\r\n');
    const name = /name="([^"]*)"/.exec(part.subarray(0, headEnd).toString('utf8'))?.[1];
    if (name !== undefined) parts.push({ name, content: part.subarray(headEnd + 4) });
    from = to;
  }
  return parts;
}
