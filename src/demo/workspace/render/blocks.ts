import { isObject, type JsonObject, objectIn, objectsIn, stringIn } from '../json.ts';
import { chartLines } from './chart.ts';
import { sideBySide, table, wrapAll } from './layout.ts';
import { mrkdwnLines, plainLines, type Viewer } from './mrkdwn.ts';
import { richTextLines } from './rich-text.ts';

/** Blocks that stand close to the one before; all others get an empty line between. */
const CLOSE = new Set(['context', 'actions', 'context_actions']);

/** Blocks as the lines that a person reads, at most `viewer.width` wide where words allow. */
export function blocksLines(blocks: readonly JsonObject[], viewer: Viewer): readonly string[] {
  return blocks.flatMap((block, index) => {
    const lines = blockLines(block, viewer);
    const isClose = index === 0 || CLOSE.has(stringIn(block, 'type') ?? '');
    return isClose || lines.length === 0 ? lines : ['', ...lines];
  });
}

type Renderer = (block: JsonObject, viewer: Viewer) => readonly string[];

const RENDERERS: Readonly<Record<string, Renderer>> = {
  header: (block, viewer) => wrapAll(textLines(objectIn(block, 'text'), viewer), viewer.width).map(viewer.style.bold),
  section: sectionLines,
  context: (block, viewer) => {
    const line = objectsIn(block, 'elements')
      .map((element) => inlineText(element, viewer))
      .join('  ');
    return wrapAll(line.split('\n'), viewer.width).map(viewer.style.dim);
  },
  divider: (_block, { style, width }) => [style.dim('─'.repeat(width))],
  actions: (block, viewer) =>
    wrapAll(
      [
        objectsIn(block, 'elements')
          .map((one) => elementText(one, viewer))
          .join('  '),
      ],
      viewer.width,
    ),
  context_actions: (block, viewer) => [
    objectsIn(block, 'elements')
      .map((one) => elementText(one, viewer))
      .join('  '),
  ],
  image: (block) => [`[image: ${stringIn(block, 'alt_text')}]`],
  rich_text: (block, viewer) => wrapAll(richTextLines(block, viewer), viewer.width),
  markdown: (block, viewer) =>
    wrapAll(
      mrkdwnLines((stringIn(block, 'text') ?? '').replaceAll('**', '*').replace(/^#+ /gm, ''), viewer),
      viewer.width,
    ),
  data_visualization: chartLines,
  table: tableLines,
  data_table: (block, viewer) => [viewer.style.bold(stringIn(block, 'caption') ?? ''), ...tableLines(block, viewer)],
  container: (block, viewer) => {
    const title = textLines(objectIn(block, 'title'), viewer)[0] ?? '';
    const children = blocksLines(objectsIn(block, 'child_blocks'), { ...viewer, width: viewer.width - 2 });
    return [`▾ ${viewer.style.bold(title)}`, ...children.map((line) => (line === '' ? '' : `  ${line}`))];
  },
  plan: (block, viewer) => [
    viewer.style.bold(stringIn(block, 'title') ?? ''),
    ...objectsIn(block, 'tasks').flatMap((task) => taskLines(task, viewer)),
  ],
  task_card: taskLines,
  card: cardLines,
  carousel: (block, viewer) => objectsIn(block, 'elements').flatMap((card) => cardLines(card, viewer)),
  alert: (block, viewer) => textLines(objectIn(block, 'text'), viewer),
  input: (block, viewer) => [`${textLines(objectIn(block, 'label'), viewer).join(' ')}: [          ]`],
  file: (block) => [`[file ${stringIn(block, 'external_id')}]`],
  video: (block) => [`[video: ${stringIn(block, 'alt_text')}]`],
};

function blockLines(block: JsonObject, viewer: Viewer): readonly string[] {
  const type = stringIn(block, 'type') ?? '';
  return RENDERERS[type]?.(block, viewer) ?? [`[${type}]`];
}

function sectionLines(block: JsonObject, viewer: Viewer): readonly string[] {
  const text = wrapAll(textLines(objectIn(block, 'text'), viewer), viewer.width);
  const fields = objectsIn(block, 'fields').map((field) => textLines(field, viewer));
  const rows: string[] = [];
  for (let index = 0; index < fields.length; index += 2) {
    if (index > 0 && (fields[index]?.length ?? 0) > 1) rows.push('');
    rows.push(...sideBySide(fields[index] ?? [], fields[index + 1] ?? [], viewer.width));
  }
  const accessory = objectIn(block, 'accessory');
  return [...text, ...rows, ...(accessory === null ? [] : [elementText(accessory, viewer)])];
}

function textLines(text: JsonObject | null, viewer: Viewer): readonly string[] {
  const content = stringIn(text, 'text') ?? '';
  if (content === '') return [];
  return text?.['type'] === 'mrkdwn' ? mrkdwnLines(content, viewer) : plainLines(content);
}

function inlineText(element: JsonObject, viewer: Viewer): string {
  return element['type'] === 'image' ? `[${stringIn(element, 'alt_text')}]` : textLines(element, viewer).join('\n');
}

function elementText(element: JsonObject, viewer: Viewer): string {
  const label = (text: JsonObject | null): string => textLines(text, viewer).join(' ');
  switch (element['type']) {
    case 'button': {
      const button = `[${label(objectIn(element, 'text'))}]`;
      if (element['style'] === 'danger') return viewer.style.bad(button);
      return element['style'] === 'primary' ? viewer.style.good(button) : button;
    }
    case 'overflow':
      return '[⋯]';
    case 'image':
      return `[image: ${stringIn(element, 'alt_text')}]`;
    case 'feedback_buttons':
      return '[👍] [👎]';
    default: {
      const chosen = objectIn(objectIn(element, 'initial_option'), 'text');
      return `[${label(chosen ?? objectIn(element, 'placeholder')) || 'Select'} ▾]`;
    }
  }
}

function tableLines(block: JsonObject, viewer: Viewer): readonly string[] {
  const rows = Array.isArray(block['rows']) ? block['rows'] : [];
  const cells = rows.map((row) =>
    Array.isArray(row) ? row.filter(isObject).map((cell) => cellText(cell, viewer)) : [],
  );
  return table(cells, viewer.style.bold);
}

function cellText(cell: JsonObject, viewer: Viewer): string {
  if (cell['type'] === 'rich_text') return richTextLines(cell, viewer).join(' ');
  const number = cell['number'] ?? cell['value'];
  return stringIn(cell, 'text') ?? (typeof number === 'number' ? String(number) : '');
}

const TASK_MARKS: Readonly<Record<string, string>> = { pending: '◻', in_progress: '⏳', complete: '✅', error: '❌' };

function taskLines(task: JsonObject, viewer: Viewer): readonly string[] {
  const details = ['details', 'output'].flatMap((key) => {
    const block = objectIn(task, key);
    return block === null ? [] : richTextLines(block, viewer).map((line) => `   ${line}`);
  });
  return [`${TASK_MARKS[stringIn(task, 'status') ?? ''] ?? '◻'} ${stringIn(task, 'title')}`, ...details];
}

function cardLines(card: JsonObject, viewer: Viewer): readonly string[] {
  const [title, subtitle, body] = ['title', 'subtitle', 'body'].map((key) => textLines(objectIn(card, key), viewer));
  const buttons = objectsIn(card, 'actions').map((one) => elementText(one, viewer));
  const lines = [...(title ?? []).map(viewer.style.bold), ...(subtitle ?? []).map(viewer.style.dim), ...(body ?? [])];
  return wrapAll([...lines, ...(buttons.length > 0 ? [buttons.join('  ')] : [])], viewer.width);
}
