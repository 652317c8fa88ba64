import type { z } from 'zod';
import type { FileStore } from '../files.ts';
import { isObject, type JsonObject, objectIn, objectsIn, stringIn } from '../json.ts';
import { asObjects, type MethodAnswer, refuse } from '../method.ts';
import { MessageBlocks, ViewContent } from './blocks.ts';
import { codePoints } from './text.ts';

/** One reason why blocks are refused. `pointer` is a JSON pointer such as `/blocks/0/text/text`. */
export type BlockProblem = { pointer: string; code: string; message: string };

/**
 * A message's blocks may take about 13,000 characters of JSON in total. Undocumented; bolt-js#2509 measured 13,297
 * of Markdown text and 13,172 beside a divider, bolt-js#2867 was refused at 11,341 of text in many small blocks.
 */
const MESSAGE_BLOCKS_CHARACTERS = 13_000;
const VIEW_BYTES = 250_000;
const CHARTS_IN_A_MESSAGE = 2;

/** What is wrong with the blocks of a message; nothing when the list is empty. */
export function blockProblems(blocks: unknown): readonly BlockProblem[] {
  const parsed = MessageBlocks.safeParse(blocks);
  const list = asObjects(blocks) ?? [];
  const shape = parsed.success ? [] : parsed.error.issues.map((issue) => toProblem(issue, '/blocks'));
  return [...shape, ...repeatedIds(list, '/blocks'), ...tooManyCharts(list)];
}

export function viewProblems(view: unknown): readonly BlockProblem[] {
  const parsed = ViewContent.safeParse(view);
  const shape = parsed.success ? [] : parsed.error.issues.map((issue) => toProblem(issue, '/view'));
  return [...shape, ...repeatedIds(objectsIn(view, 'blocks'), '/view/blocks')];
}

/** The refusal of a message with these blocks, or null. */
export function refuseBlocks(blocks: unknown, files: FileStore): MethodAnswer | null {
  if (asObjects(blocks) === null) return refuse('invalid_blocks_format');
  const problems = [...blockProblems(blocks), ...filesNotReady(asObjects(blocks) ?? [], files)];
  if (problems.length > 0) return refuse('invalid_blocks', listed(problems));
  return codePoints(JSON.stringify(blocks)) > MESSAGE_BLOCKS_CHARACTERS ? refuse('msg_blocks_too_long') : null;
}

export function refuseView(view: unknown): MethodAnswer | null {
  if (!isObject(view)) return refuse('invalid_arguments');
  const problems = viewProblems(view);
  if (problems.length > 0) return refuse('invalid_arguments', listed(problems));
  return Buffer.byteLength(JSON.stringify(view)) > VIEW_BYTES ? refuse('view_too_large') : null;
}

function listed(problems: readonly BlockProblem[]): JsonObject {
  const errors = problems.map(({ message, pointer }) => `${message} [json-pointer:${pointer}]`);
  return { errors, response_metadata: { messages: errors.map((error) => `[ERROR] ${error}`) } };
}

function toProblem(issue: z.core.$ZodIssue, root: string): BlockProblem {
  const pointer = [root, ...issue.path.map(String)].join('/');
  const parent = [root, ...issue.path.slice(0, -1).map(String)].join('/');
  if (issue.code === 'unrecognized_keys') {
    return { pointer, code: 'additional_property', message: `invalid additional property: ${issue.keys.join(', ')}` };
  }
  if (issue.code === 'invalid_type' && issue.message.includes('undefined')) {
    return { pointer: parent, code: 'missing_field', message: `missing required field: ${String(issue.path.at(-1))}` };
  }
  if (issue.code === 'invalid_union') {
    return { pointer, code: 'unsupported_type', message: 'unsupported type, or not allowed on this surface' };
  }
  return { pointer, code: issue.code, message: issue.message };
}

function repeatedIds(blocks: readonly JsonObject[], root: string): readonly BlockProblem[] {
  const problems: BlockProblem[] = [];
  const blockIds = new Set<string>();
  blocks.forEach((block, index) => {
    const pointer = `${root}/${index}`;
    const blockId = stringIn(block, 'block_id');
    if (blockId !== null && blockIds.has(blockId)) {
      const message = `\`block_id\` ${blockId} already exists in another block`;
      problems.push({ pointer: `${pointer}/block_id`, code: 'duplicate_block_id', message });
    }
    if (blockId !== null) blockIds.add(blockId);
    problems.push(...repeatedActions(block, pointer));
  });
  return problems;
}

function repeatedActions(block: JsonObject, pointer: string): readonly BlockProblem[] {
  const seen = new Set<string>();
  return objectsIn(block, 'elements').flatMap((element, index) => {
    const actionId = stringIn(element, 'action_id');
    if (actionId === null) return [];
    if (!seen.has(actionId)) {
      seen.add(actionId);
      return [];
    }
    const message = `\`action_id\` ${actionId} already exists in this block`;
    return [{ pointer: `${pointer}/elements/${index}/action_id`, code: 'duplicate_action_id', message }];
  });
}

function tooManyCharts(blocks: readonly JsonObject[]): readonly BlockProblem[] {
  const charts = blocks.filter((block) => block['type'] === 'data_visualization').length;
  if (charts <= CHARTS_IN_A_MESSAGE) return [];
  return [{ pointer: '/blocks', code: 'too_many_charts', message: 'no more than 2 data_visualization blocks allowed' }];
}

/** An image of an uploaded file is refused until Slack has looked at the file (node-slack-sdk#2170). */
function filesNotReady(blocks: readonly JsonObject[], files: FileStore): readonly BlockProblem[] {
  return blocks.flatMap((block, index) => {
    const id = stringIn(objectIn(block, 'slack_file'), 'id');
    const file = id === null ? null : files.find(id);
    if (id === null || (file !== null && files.isReady(file))) return [];
    return [{ pointer: `/blocks/${index}/slack_file`, code: 'invalid_slack_file', message: 'invalid slack file' }];
  });
}
