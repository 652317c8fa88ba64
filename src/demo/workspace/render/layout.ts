/** Lines of a given width: measuring, wrapping, columns and tables. Widths are terminal cells. */

const ANSI_SEQUENCE = new RegExp(`${String.fromCodePoint(27)}\\[\\d+m`, 'g');
const ZERO_WIDTH = /^[\p{Mark}\p{Cf}]+$/u;
/** Emoji, and the scripts whose letters take two cells. U+FE0F asks for the emoji form of a sign. */
const WIDE =
  /\p{Emoji_Presentation}|\u{fe0f}|\p{Script=Han}|\p{Script=Hiragana}|\p{Script=Katakana}|\p{Script=Hangul}/u;
const GRAPHEMES = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** How many cells the text takes. */
export function widthOf(text: string): number {
  let width = 0;
  for (const { segment } of GRAPHEMES.segment(text.replace(ANSI_SEQUENCE, ''))) {
    if (ZERO_WIDTH.test(segment)) continue;
    width += WIDE.test(segment) ? 2 : 1;
  }
  return width;
}

export function padEnd(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - widthOf(text)));
}

function padStart(text: string, width: number): string {
  return ' '.repeat(Math.max(0, width - widthOf(text))) + text;
}

/** Breaks a line between words; its own indentation and bullet are kept for what follows. A longer word stays whole. */
export function wrap(line: string, width: number): readonly string[] {
  if (widthOf(line) <= width) return [line];
  const hanging = /^\s*(?:[•◦▪▎]|\d+\.)?\s*/u.exec(line)?.[0] ?? '';
  const indent = hanging.includes('▎') ? hanging : ' '.repeat(widthOf(hanging));
  const lines: string[] = [];
  let current = hanging;
  let isEmpty = true;
  for (const word of line.slice(hanging.length).split(/ /)) {
    if (!isEmpty && widthOf(current) + 1 + widthOf(word) > width) {
      lines.push(current.trimEnd());
      current = indent;
      isEmpty = true;
    }
    current += isEmpty ? word : ` ${word}`;
    isEmpty = false;
  }
  return [...lines, current.trimEnd()];
}

export function wrapAll(lines: readonly string[], width: number): readonly string[] {
  return lines.flatMap((line) => wrap(line, width));
}

/** Two cells of text side by side, as Slack lays out the fields of a section. */
export function sideBySide(left: readonly string[], right: readonly string[], width: number): readonly string[] {
  const column = Math.floor((width - 2) / 2);
  const [a, b] = [wrapAll(left, column), wrapAll(right, column)];
  return Array.from({ length: Math.max(a.length, b.length) }, (_, row) =>
    `${padEnd(a[row] ?? '', column)}  ${b[row] ?? ''}`.trimEnd(),
  );
}

/** Rows with aligned columns; numbers stand to the right. The first row is the header. */
export function table(
  rows: readonly (readonly string[])[],
  decorateHeader: (line: string) => string,
): readonly string[] {
  const columns = Math.max(0, ...rows.map((row) => row.length));
  const indices = Array.from({ length: columns }, (_, column) => column);
  const widths = indices.map((column) => Math.max(...rows.map((row) => widthOf(row[column] ?? ''))));
  const areNumbers = indices.map((column) => rows.slice(1).every((row) => /^[-+\d]/.test(row[column] ?? '')));
  return rows.map((row, index) => {
    const cells = indices.map((column) => {
      const pad = areNumbers[column] === true ? padStart : padEnd;
      return pad(row[column] ?? '', widths[column] ?? 0);
    });
    const line = cells.join('  ').trimEnd();
    return index === 0 ? decorateHeader(line) : line;
  });
}
