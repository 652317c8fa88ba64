import { isObject, type JsonObject, objectIn, objectsIn, stringIn } from './json.ts';

/** An interactive element and the block it stands in. */
export type Element = { blockId: string; element: JsonObject };

/** Every element with an `action_id`, in nested blocks too. */
export function elementsOf(blocks: readonly JsonObject[]): readonly Element[] {
  return blocks.flatMap((block) => {
    const blockId = stringIn(block, 'block_id') ?? '';
    const accessory = [objectIn(block, 'accessory'), objectIn(block, 'element')].filter((found) => found !== null);
    const own = [...objectsIn(block, 'elements'), ...objectsIn(block, 'actions'), ...accessory];
    const here = own
      .filter((element) => stringIn(element, 'action_id') !== null)
      .map((element) => ({ blockId, element }));
    return [...here, ...elementsOf(objectsIn(block, 'child_blocks')), ...elementsOf(carouselCards(block))];
  });
}

function carouselCards(block: JsonObject): readonly JsonObject[] {
  return block['type'] === 'carousel' ? objectsIn(block, 'elements') : [];
}

export function findElement(blocks: readonly JsonObject[], actionId: string): Element {
  const all = elementsOf(blocks);
  const found = all.find(({ element }) => element['action_id'] === actionId);
  if (found !== undefined) return found;
  const there = all.map(({ element }) => String(element['action_id'])).join(', ');
  throw new Error(`there is nothing called ${actionId} to press here, only: ${there === '' ? 'nothing' : there}`);
}

/** The `actions` entry of a press; `value` picks an option, or overrides what the button carries. */
export function toAction({ blockId, element }: Element, value: string | undefined, actionTs: string): JsonObject {
  const { type, action_id: actionId, text, style } = element;
  const common = { type, action_id: actionId, block_id: blockId, action_ts: actionTs };
  if (type === 'button') {
    const carried = value ?? stringIn(element, 'value');
    return {
      ...common,
      text,
      ...(style === undefined ? {} : { style }),
      ...(carried === null ? {} : { value: carried }),
    };
  }
  return { ...common, ...stateOf(element, value ?? '') };
}

/** What a person put into an element, in the shape of `view.state.values`. */
export function stateOf(element: JsonObject, value: string): JsonObject {
  const type = stringIn(element, 'type') ?? '';
  if (type.endsWith('users_select')) return { type, selected_user: value };
  if (type.endsWith('conversations_select')) return { type, selected_conversation: value };
  if (type.endsWith('channels_select')) return { type, selected_channel: value };
  if (type === 'datepicker') return { type, selected_date: value };
  if (type === 'timepicker') return { type, selected_time: value };
  if (type === 'datetimepicker') return { type, selected_date_time: Number(value) };
  if (type === 'checkboxes' || type === 'multi_static_select') {
    return { type, selected_options: value === '' ? [] : value.split(',').map((one) => optionOf(element, one)) };
  }
  const hasOptions = Array.isArray(element['options']) || Array.isArray(element['option_groups']);
  return hasOptions ? { type, selected_option: optionOf(element, value) } : { type, value };
}

function optionOf(element: JsonObject, value: string): JsonObject {
  const groups = objectsIn(element, 'option_groups').flatMap((group) => objectsIn(group, 'options'));
  const options = [...objectsIn(element, 'options'), ...groups];
  const found = options.find((option) => isObject(option) && option['value'] === value);
  if (found !== undefined) return found;
  throw new Error(
    `"${value}" is not among the options: ${options.map((option) => String(option['value'])).join(', ')}`,
  );
}
