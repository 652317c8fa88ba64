import { type JsonObject, objectIn, objectsIn, stringIn } from '../json.ts';
import { groupName, named, type Viewer } from './mrkdwn.ts';

/** A `rich_text` block as lines. */
export function richTextLines(block: JsonObject, viewer: Viewer): readonly string[] {
  return objectsIn(block, 'elements').flatMap((element) => elementLines(element, viewer));
}

function elementLines(element: JsonObject, viewer: Viewer): readonly string[] {
  switch (element['type']) {
    case 'rich_text_list':
      return objectsIn(element, 'elements').map((item, index) => {
        const indent = '  '.repeat(Number(element['indent'] ?? 0));
        const bullet = element['style'] === 'ordered' ? `${index + 1}.` : '•';
        return `${indent}${bullet} ${spans(item, viewer)}`;
      });
    case 'rich_text_quote':
      return spans(element, viewer)
        .split('\n')
        .map((line) => `▎ ${line}`);
    case 'rich_text_preformatted':
      return spans(element, viewer)
        .split('\n')
        .map((line) => `  ${line}`);
    default:
      return spans(element, viewer).replace(/\n$/, '').split('\n');
  }
}

function spans(element: JsonObject, viewer: Viewer): string {
  return objectsIn(element, 'elements')
    .map((span) => styled(spanText(span, viewer), objectIn(span, 'style'), viewer))
    .join('');
}

function spanText(span: JsonObject, { directory, style }: Viewer): string {
  const text = stringIn(span, 'text');
  switch (span['type']) {
    case 'user':
      return style.link(`@${directory.user(stringIn(span, 'user_id') ?? '')?.name ?? stringIn(span, 'user_id')}`);
    case 'channel':
      return style.link(
        `#${directory.channel(stringIn(span, 'channel_id') ?? '')?.name ?? stringIn(span, 'channel_id')}`,
      );
    case 'usergroup':
      return style.link(groupName(stringIn(span, 'usergroup_id') ?? '', undefined, directory));
    case 'emoji':
      return named(`:${stringIn(span, 'name')}:`);
    case 'link':
      return style.link(text ?? stringIn(span, 'url') ?? '');
    case 'broadcast':
      return `@${stringIn(span, 'range')}`;
    default:
      return text ?? '';
  }
}

function styled(text: string, style: JsonObject | null, viewer: Viewer): string {
  if (style?.['code'] === true) return `\`${text}\``;
  const bold = style?.['bold'] === true ? viewer.style.bold(text) : text;
  const italic = style?.['italic'] === true ? viewer.style.italic(bold) : bold;
  return style?.['strike'] === true ? viewer.style.strike(italic) : italic;
}
