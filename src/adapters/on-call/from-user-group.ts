import { ok } from '../../errors.ts';
import type { MembersOf, RotaSource } from './rota-source.ts';

/** Whoever is in a user group of Slack now, such as one that another tool keeps at the present shift. */
export function fromUserGroup(groupId: string, membersOf: MembersOf): RotaSource {
  return {
    name: `user group ${groupId}`,
    async readRota(known) {
      const members = await membersOf(groupId);
      if (members.outcome !== 'ok') return members;
      const group = members.value.map((userId) => ({ userId, name: userId, email: null }));
      return ok({ shifts: [], group, known, problems: [] });
    },
  };
}
