/** The chart block (docs.slack.dev changelog, 2026-06-16). */
import { z } from 'zod';
import { few, Id, limited } from './text.ts';

const Point = z.strictObject({ label: limited(20), value: z.number() });
const Series = z.strictObject({ name: limited(20), data: few(Point, 20) });
const AxisConfig = z.strictObject({
  categories: few(limited(20), 20),
  x_label: limited(50).optional(),
  y_label: limited(50).optional(),
});

const Chart = z
  .strictObject({
    type: z.enum(['line', 'bar', 'area', 'pie']),
    series: few(Series, 12),
    axis_config: AxisConfig.optional(),
  })
  .superRefine(({ series, axis_config: axes }, context) => {
    if (axes === undefined) return;
    series.forEach(({ data }, index) => {
      if (data.length === axes.categories.length) return;
      context.addIssue({
        code: 'custom',
        message: 'must have one value per category',
        path: ['series', index, 'data'],
      });
    });
  });

export const DataVisualization = z.strictObject({
  type: z.literal('data_visualization'),
  block_id: Id.optional(),
  title: limited(50),
  chart: Chart,
});
