import type { Directory } from './directory.ts';
import type { EphemeralStore } from './ephemerals.ts';
import type { FileStore } from './files.ts';
import type { MessageStore } from './messages.ts';
import type { SocketHub } from './sockets.ts';
import type { ViewStore } from './views.ts';

/** Everything the workspace holds, for the methods that read and change it. */
export type World = {
  /** Epoch milliseconds. */
  now: () => number;
  /** `http://127.0.0.1:PORT`. */
  origin: string;
  tokens: { bot: string; app: string };
  directory: Directory;
  messages: MessageStore;
  ephemerals: EphemeralStore;
  views: ViewStore;
  files: FileStore;
  sockets: SocketHub;
};
