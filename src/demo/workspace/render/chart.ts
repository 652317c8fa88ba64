import { type JsonObject, objectIn, objectsIn, stringIn } from '../json.ts';
import { padEnd, widthOf, wrap } from './layout.ts';
import type { Viewer } from './mrkdwn.ts';

const BARS = '▁▂▃▄▅▆▇█';

/** A chart as its numbers: per series the course of it and every value, then what the axes say. */
export function chartLines(block: JsonObject, { style, width }: Viewer): readonly string[] {
  const chart = objectIn(block, 'chart');
  const series = objectsIn(chart, 'series').map((one) => ({
    name: stringIn(one, 'name') ?? '',
    points: objectsIn(one, 'data').map((point) => ({
      label: stringIn(point, 'label') ?? '',
      value: Number(point['value']),
    })),
  }));
  const all = series.flatMap(({ points }) => points.map(({ value }) => value));
  const nameWidth = Math.max(0, ...series.map(({ name }) => widthOf(name)));
  const lines = series.flatMap(({ name, points }) => {
    const values = points.map(({ value }) => value);
    const shape = values.map((value) => barOf(value, Math.min(0, ...all), Math.max(...all))).join('');
    const head = `  ${padEnd(name, nameWidth)}  ${shape}  `;
    const indent = ' '.repeat(widthOf(head));
    return wrap(runs(values), Math.max(20, width - widthOf(head))).map(
      (text, index) => (index === 0 ? head : indent) + text,
    );
  });
  const axes = axesOf(objectIn(chart, 'axis_config'), series[0]?.points.map(({ label }) => label) ?? []);
  return [style.bold(stringIn(block, 'title') ?? 'chart'), ...lines, ...(axes === '' ? [] : [style.dim(`  ${axes}`)])];
}

function barOf(value: number, low: number, high: number): string {
  const share = high === low ? 0 : (value - low) / (high - low);
  return BARS[Math.round(share * (BARS.length - 1))] ?? '';
}

/** `1 2 3`; a line that stays level is told once. */
function runs(values: readonly number[]): string {
  const isLevel = values.length > 1 && values.every((value) => value === values[0]);
  return isLevel ? `${values[0]} throughout` : values.join(' ');
}

function axesOf(axes: JsonObject | null, labels: readonly string[]): string {
  const span = labels.length > 1 ? `${labels[0]} to ${labels.at(-1)}` : (labels[0] ?? '');
  return [span, stringIn(axes, 'x_label'), stringIn(axes, 'y_label')]
    .filter((part) => part !== null && part !== '')
    .join(' · ');
}
