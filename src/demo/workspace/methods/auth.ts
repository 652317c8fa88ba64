import { z } from 'zod';
import { blockProblems, viewProblems } from '../block-kit/problems.ts';
import { BOT_ID, BOT_USER_ID, TEAM_DOMAIN, TEAM_ID } from '../directory.ts';
import { isObject } from '../json.ts';
import { answer, botMethod, type MethodTable, refuse, Structure } from '../method.ts';

export const authMethods: MethodTable = {
  'api.test': {
    token: 'none',
    run: ({ token: _token, ...args }) => ('error' in args ? refuse(String(args['error']), { args }) : answer({ args })),
  },
  'auth.test': botMethod(z.object({}), (_args, { directory, origin }) =>
    answer({
      url: `${origin}/`,
      team: TEAM_DOMAIN,
      team_id: TEAM_ID,
      user: directory.user(BOT_USER_ID)?.name,
      user_id: BOT_USER_ID,
      bot_id: BOT_ID,
      is_enterprise_install: false,
    }),
  ),
  'apps.connections.open': {
    token: 'app',
    run: (_args, { sockets }) => answer({ url: sockets.newUrl() }),
  },
  'blocks.validate': botMethod(
    z.object({ blocks: Structure.optional(), message: Structure.optional(), view: Structure.optional() }),
    ({ blocks, message, view }) => {
      const given = [blocks, message, view].filter((value) => value !== undefined);
      if (given.length !== 1) return refuse('invalid_arguments');
      const list = isObject(message) ? message['blocks'] : blocks;
      const problems = view === undefined ? blockProblems(list) : viewProblems(view);
      return problems.length === 0 ? answer() : refuse('invalid_blocks', { errors: problems });
    },
  ),
};
