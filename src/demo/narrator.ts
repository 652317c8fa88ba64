import { setTimeout as wait } from 'node:timers/promises';

/** Tells the person at the terminal what happens. */
export class Narrator {
  readonly #out: NodeJS.WritableStream;
  readonly #startedAt = Date.now();

  constructor(out: NodeJS.WritableStream) {
    this.#out = out;
  }

  say(text: string): void {
    const seconds = Math.round((Date.now() - this.#startedAt) / 1000);
    this.#out.write(`[${String(seconds).padStart(3)} s] ${text}\n`);
  }

  detail(text: string): void {
    for (const line of text.split('\n')) this.#out.write(`        ${line}\n`);
  }

  show(title: string, text: string): void {
    this.#out.write(`\n--- ${title} ---\n${text}\n---\n\n`);
  }

  /** Lets time pass, and says so every few seconds. */
  async countDown(seconds: number, what: string, signal: AbortSignal): Promise<void> {
    const every = 5;
    for (let left = seconds; left > 0; left -= every) {
      this.detail(`${what}, asking in ${left} s`);
      await wait(Math.min(every, left) * 1000, undefined, { signal });
    }
  }
}
