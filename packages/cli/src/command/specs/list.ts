import type { CommandSpec } from '../spec.js';

/** `pageferry list`. */
export const list: CommandSpec = {
  name: 'list',
  summary: 'Show what is open: whose it is, how many receive, how much, and who is behind',
  usage: '[PATH...]',
  count: [0, Number.MAX_SAFE_INTEGER],
  completes: ['file'],
  options: {
    json: { help: 'print one JSON array, with every counter' },
    names: { help: 'print the names alone, and ask nobody' },
    for: { value: 'MS', help: 'measure rates for so long; 0 for none (250)' },
    timeout: { value: 'MS', help: 'wait so long for an answer (1000)' },
  },
  notes: [
    'A PATH is an endpoint, or a folder of endpoints. Without one it is the folder of names of this user.',
    'Who listens is asked for its counters. That makes no receiver, and touches no message. Exit status 1 if nobody listens at a PATH that is no folder.',
  ],
  examples: [
    ['list', 'what this user has open'],
    ['list ./frames.sock /run/app', 'an endpoint, and all that are in a folder'],
    ["list --json | jq '.[] | select(.messagesBehind > 100)'", 'for programs'],
  ],
  load: () => import('../../commands/list.js'),
};
