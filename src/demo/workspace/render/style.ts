/** How words are made to stand out; every function returns text of the same visible width. */
export type Style = {
  bold: (text: string) => string;
  dim: (text: string) => string;
  italic: (text: string) => string;
  strike: (text: string) => string;
  link: (text: string) => string;
  good: (text: string) => string;
  bad: (text: string) => string;
};

const same = (text: string): string => text;

export const PLAIN: Style = { bold: same, dim: same, italic: same, strike: same, link: same, good: same, bad: same };

function sgr(on: number, off: number): (text: string) => string {
  return (text) => `\u001b[${on}m${text}\u001b[${off}m`;
}

/** For a terminal that shows ANSI sequences. */
export const ANSI: Style = {
  bold: sgr(1, 22),
  dim: sgr(2, 22),
  italic: sgr(3, 23),
  strike: sgr(9, 29),
  link: sgr(4, 24),
  good: sgr(32, 39),
  bad: sgr(31, 39),
};
