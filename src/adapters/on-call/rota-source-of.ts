import type { OnCall } from '../../config/config.ts';
import { fromCalendar } from './from-calendar.ts';
import { fromPagerDuty } from './from-pagerduty.ts';
import { fromRotation } from './from-rotation.ts';
import type { RotaSource } from './rota-source.ts';

export type PagerDutyAccess = { token: string | null; url: string };

export function rotaSourceOf(onCall: OnCall, timezone: string, pagerDuty: PagerDutyAccess): RotaSource {
  switch (onCall.source) {
    case 'rotation':
      return fromRotation(onCall, timezone);
    case 'ics':
      return fromCalendar(onCall, timezone);
    case 'pagerduty':
      return fromPagerDuty({ schedule: onCall.schedule, ...pagerDuty });
  }
}
