/** The text of one case and where it stands: `case 3, line 7`. `problem` where it is not even complete. */
export type FoundText = { text: string; place: string; problem: string | null };

/** A single case beyond this is not a recording of one service: refused rather than held in memory. Characters. */
const LONGEST_CASE = 256 * 1024 * 1024;

/**
 * Cuts a stream of JSON into its cases, holding one at a time: an object, an array of them, or one a line. Braces are
 * counted outside of strings. A `{` in the first column begins a case, and a line's end ends a string, so that a case
 * that is cut short does not take the ones after it along. Only in a case that begins with a `{` alone on its line,
 * as printers without indentation write it, is one in the first column its own where a value may stand.
 */
export async function* splitCases(chunks: AsyncIterable<string | Buffer>): AsyncGenerator<FoundText> {
  const decoder = new TextDecoder();
  const splitter = new CaseSplitter();
  for await (const chunk of chunks) {
    yield* splitter.push(typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true }));
  }
  yield* splitter.end();
}

class CaseSplitter {
  readonly #parts: string[] = [];
  #held = 0;
  #depth = 0;
  #inString = false;
  #isEscaped = false;
  #isLineStart = true;
  #line = 1;
  #startLine = 1;
  #found = 0;
  /** Its first line is a `{` alone. */
  #isSpread = false;
  /** The last character that is no white space. */
  #before = '';
  /** Text between cases that is none: an error of its own, told once a line. */
  #stray = '';

  *push(chunk: string): Generator<FoundText> {
    let from = 0;
    for (let i = 0; i < chunk.length; i += 1) {
      const char = chunk[i] ?? '';
      if (this.#depth > 0 && this.#isLineStart && char === '{' && !(this.#isSpread && '[,:'.includes(this.#before))) {
        this.#hold(chunk.slice(from, i));
        yield this.#take('the case ends in the middle');
      }
      const wasInside = this.#depth > 0;
      this.#step(char);
      if (!wasInside && this.#depth > 0) {
        from = i;
        this.#startLine = this.#line;
        this.#isSpread = false;
      } else if (this.#before === '{' && char === '\n' && this.#line === this.#startLine) {
        this.#isSpread = true;
      }
      if (char > ' ') this.#before = char;
      if (wasInside && this.#depth === 0) {
        this.#hold(chunk.slice(from, i + 1));
        yield this.#take(null);
      } else if (!wasInside && this.#depth === 0) {
        yield* this.#outside(char);
      }
      if (char === '\n') this.#line += 1;
      this.#isLineStart = char === '\n';
    }
    if (this.#depth > 0) this.#hold(chunk.slice(from));
    if (this.#held > LONGEST_CASE) yield this.#take('the case is larger than 256 Mi characters');
  }

  *end(): Generator<FoundText> {
    yield* this.#outside('\n');
    if (this.#depth > 0) yield this.#take('the case ends in the middle');
  }

  #step(char: string): void {
    if (this.#inString) {
      const closes = char === '\n' || (char === '"' && !this.#isEscaped);
      this.#isEscaped = char === '\\' && !this.#isEscaped;
      if (closes) this.#inString = false;
    } else if (char === '"' && this.#depth > 0) {
      this.#inString = true;
    } else if (char === '{') {
      this.#depth += 1;
    } else if (char === '}' && this.#depth > 0) {
      this.#depth -= 1;
    }
  }

  /** Brackets and commas of an array of cases, or something that is no case. */
  *#outside(char: string): Generator<FoundText> {
    if (char === '\n' && this.#stray.trim() !== '') {
      this.#found += 1;
      yield { text: '', place: this.#place(this.#line), problem: `not a case: ${this.#stray.trim().slice(0, 40)}` };
    }
    if (char === '\n') this.#stray = '';
    else if (!'[],\r\uFEFF'.includes(char) && this.#stray.length < 80) this.#stray += char;
  }

  #hold(text: string): void {
    this.#parts.push(text);
    this.#held += text.length;
  }

  #take(problem: string | null): FoundText {
    const text = this.#parts.join('');
    this.#parts.length = 0;
    this.#held = 0;
    this.#depth = 0;
    this.#inString = false;
    this.#isEscaped = false;
    this.#found += 1;
    return { text, place: this.#place(this.#startLine), problem };
  }

  #place(line: number): string {
    return `case ${this.#found}, line ${line}`;
  }
}
