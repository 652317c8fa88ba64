import type { OnCall } from '../../config/config.ts';
import { fromCalendar } from './from-calendar.ts';
import { fromPagerDuty } from './from-pagerduty.ts';
import { fromRotation } from './from-rotation.ts';
import { fromUserGroup } from './from-user-group.ts';
import type { MembersOf, RotaSource } from './rota-source.ts';

export type RotaAccess = { pagerDuty: { token: string | null; url: string }; membersOf: MembersOf };

export function rotaSourceOf(onCall: OnCall, timezone: string, { pagerDuty, membersOf }: RotaAccess): RotaSource {
  switch (onCall.source) {
    case 'rotation':
      return fromRotation(onCall, timezone);
    case 'ics':
      return fromCalendar(onCall, timezone);
    case 'pagerduty':
      return fromPagerDuty({ schedule: onCall.schedule, ...pagerDuty });
    case 'userGroup':
      return fromUserGroup(onCall.group, membersOf);
  }
}
