import { randomUUID } from 'node:crypto';
import { extname } from 'node:path';
import type { JsonObject } from './json.ts';

export type StoredFile = {
  id: string;
  name: string;
  title: string;
  altText: string;
  length: number;
  /** Null until the bytes were uploaded. */
  bytes: Buffer | null;
  /** Epoch milliseconds from when Slack knows its type and can show it; null until the upload was completed. */
  readyAt: number | null;
};

/** Completing an upload returns before the file can be shown (slack-github-action#413). */
const PROCESSING_MS = 200;

const MIME_TYPES: Readonly<Record<string, string>> = {
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
  '.html': 'text/html',
  '.csv': 'text/csv',
  '.txt': 'text/plain',
};

export type FileStore = {
  reserve: (file: { name: string; length: number; altText: string }) => StoredFile;
  /** False when nobody asked for this upload, or the length isn't the announced one. */
  receive: (id: string, bytes: Buffer) => boolean;
  complete: (id: string, title: string | null) => StoredFile | null;
  find: (id: string) => StoredFile | null;
  isReady: (file: StoredFile) => boolean;
};

export function createFileStore(now: () => number): FileStore {
  const files = new Map<string, StoredFile>();
  return {
    reserve: ({ name, length, altText }) => {
      const id = `F${randomUUID().replaceAll('-', '').slice(0, 10).toUpperCase()}`;
      const file = { id, name, title: name, altText, length, bytes: null, readyAt: null };
      files.set(id, file);
      return file;
    },
    receive: (id, bytes) => {
      const file = files.get(id);
      if (file === undefined || bytes.length !== file.length) return false;
      files.set(id, { ...file, bytes });
      return true;
    },
    complete: (id, title) => {
      const file = files.get(id);
      if (file === undefined || file.bytes === null) return null;
      const done = { ...file, title: title ?? file.title, readyAt: now() + PROCESSING_MS };
      files.set(id, done);
      return done;
    },
    find: (id) => files.get(id) ?? null,
    isReady: ({ readyAt }) => readyAt !== null && now() >= readyAt,
  };
}

export function mimeTypeOf({ name }: StoredFile): string {
  return MIME_TYPES[extname(name).toLowerCase()] ?? 'application/octet-stream';
}

/** A file in the shape of the Web API. Its type is empty until Slack has looked at it. */
export function toApiFile(file: StoredFile, isReady: boolean, origin: string): JsonObject {
  const type = isReady
    ? { mimetype: mimeTypeOf(file), filetype: extname(file.name).slice(1) }
    : { mimetype: '', filetype: '' };
  const url = `${origin}/files/${file.id}/${encodeURIComponent(file.name)}`;
  return {
    id: file.id,
    name: file.name,
    title: file.title,
    size: file.length,
    ...type,
    alt_txt: file.altText,
    url_private: url,
  };
}
