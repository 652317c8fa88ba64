import { describe, expect, it } from 'vitest';
import { decidePage, PAGING_TABLE, type PageCase } from '../../src/oncall/paging.ts';

const TROUBLES = ['oom', 'critical', 'warning', 'none'] as const;
const CLOCKS = ['now', 'before-close', 'can-wait', 'unknown'] as const;
const BOTH = [true, false];

const ALL: PageCase[] = TROUBLES.flatMap((trouble) =>
  CLOCKS.flatMap((clock) =>
    BOTH.flatMap((isStaffed) =>
      BOTH.flatMap((isTimeUp) => BOTH.map((isAskedFor) => ({ trouble, clock, isStaffed, isTimeUp, isAskedFor }))),
    ),
  ),
);
const decided = (picked: (one: PageCase) => boolean): string[] => [...new Set(ALL.filter(picked).map(decidePage))];

describe('the paging table', () => {
  it('pages for every OOM kill, whatever else is so', () => {
    expect(decided(({ trouble }) => trouble === 'oom')).toEqual(['page']);
  });

  it('pages for what is critical; where somebody asked, they are waited for first', () => {
    expect(decided(({ trouble, isAskedFor }) => trouble === 'critical' && !isAskedFor)).toEqual(['page']);
    expect(decided(({ trouble, isAskedFor }) => trouble === 'critical' && isAskedFor)).toEqual(['page-unless-taken']);
  });

  it('tells nobody of no trouble', () => {
    expect(decided(({ trouble }) => trouble === 'none')).toEqual(['thread']);
  });

  it('never wakes anybody for a warning off-hours before the last moment at which one could act', () => {
    const offHours = (one: PageCase): boolean => one.trouble === 'warning' && !one.isStaffed;
    expect(decided((one) => offHours(one) && !one.isTimeUp).toSorted()).toEqual(['recheck', 'thread']);
    expect(decided((one) => offHours(one) && one.isTimeUp && one.clock === 'now')).toEqual(['page']);
    expect(decided((one) => offHours(one) && one.clock !== 'now')).toEqual(['thread']);
  });

  it('raises a warning at work only when it would kill before somebody is back', () => {
    const atWork = (one: PageCase): boolean => one.trouble === 'warning' && one.isStaffed;
    expect(decided((one) => atWork(one) && (one.clock === 'now' || one.clock === 'before-close'))).toEqual(['raise']);
    expect(decided((one) => atWork(one) && (one.clock === 'can-wait' || one.clock === 'unknown'))).toEqual(['thread']);
  });

  it('has no row that nothing reaches', () => {
    const reached = new Set(
      ALL.map((one) =>
        PAGING_TABLE.findIndex(({ when }) =>
          Object.entries(when).every(([key, allowed]) => {
            const value = Object.entries(one).find(([name]) => name === key)?.[1];
            return allowed.some((option) => option === value);
          }),
        ),
      ),
    );
    expect([...reached].toSorted((a, b) => a - b)).toEqual(PAGING_TABLE.map((_, index) => index));
  });
});
