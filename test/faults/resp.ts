/** Where one frame of Redis' protocol ends (RESP2 and RESP3), and the words of a command. Nothing is decoded further. */

const CR = 0x0d;
const NONE = -1;

/** Offset behind the frame that begins at `from`; -1: it is not all there yet. */
export function endOfFrame(bytes: Buffer, from: number): number {
  const line = bytes.indexOf('\r\n', from, 'latin1');
  if (line === NONE) return NONE;
  const type = String.fromCharCode(bytes[from] ?? CR);
  const size = Number(bytes.toString('latin1', from + 1, line));
  const next = line + 2;
  if ('$=!'.includes(type)) {
    const end = size < 0 ? next : next + size + 2;
    return end <= bytes.length ? end : NONE;
  }
  if (!'*~>%|'.includes(type)) return next;
  return endOfFrames(bytes, next, type === '%' || type === '|' ? 2 * size : size);
}

function endOfFrames(bytes: Buffer, from: number, count: number): number {
  let end = from;
  for (let i = 0; i < count; i += 1) {
    end = endOfFrame(bytes, end);
    if (end === NONE) return NONE;
  }
  return end;
}

/** Pushed by the server on its own account: no answer to anything. */
export function isPush(frame: Buffer): boolean {
  return frame[0] === '>'.charCodeAt(0);
}

/** The words of a command frame: an array of bulk strings. */
export function wordsOf(frame: Buffer): string[] {
  const words: string[] = [];
  let at = frame.indexOf('\r\n') + 2;
  while (at < frame.length) {
    const line = frame.indexOf('\r\n', at);
    const size = Number(frame.toString('latin1', at + 1, line));
    words.push(frame.toString('utf8', line + 2, line + 2 + size));
    at = line + 2 + size + 2;
  }
  return words;
}

/** Cuts a stream into whole frames. */
export function createFramer(): (chunk: Buffer) => Buffer[] {
  let rest = Buffer.alloc(0);
  return (chunk) => {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const frames: Buffer[] = [];
    let at = 0;
    for (let end = endOfFrame(bytes, at); end !== NONE && at < bytes.length; end = endOfFrame(bytes, at)) {
      frames.push(bytes.subarray(at, end));
      at = end;
    }
    rest = Buffer.from(bytes.subarray(at));
    return frames;
  };
}
