import type { CommandSpec } from '../spec.js';

/** `pageferry top`. */
export const top: CommandSpec = {
  name: 'top',
  summary: 'Watch what is open: rates, their history, and who holds whom up',
  usage: '[PATH...]',
  count: [0, Number.MAX_SAFE_INTEGER],
  completes: ['file'],
  options: {
    json: { help: 'print one JSON array a line for each look' },
    interval: { value: 'MS', help: 'between two looks (1000)' },
    count: { value: 'N', help: 'end after so many looks' },
  },
  notes: [
    'Keys: up and down (or k and j) choose an endpoint, whose receivers are shown below; s sorts by the next column; space stops and goes on; q ends.',
    'Without a terminal it prints a line for each endpoint and look.',
  ],
  examples: [
    ['top', 'until q is pressed'],
    ['top --count 5 --interval 200 | cat', 'five looks as plain lines'],
  ],
  load: () => import('../../commands/top.js'),
};
