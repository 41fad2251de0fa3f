import type { CommandSpec } from '../spec.js';

/** `pageferry tap`. */
export const tap: CommandSpec = {
  name: 'tap',
  summary: 'Look into what a sender sends, without holding anybody up',
  usage: 'NAME',
  count: [1, 1],
  completes: ['endpoint'],
  options: {
    json: { help: 'print one JSON object a line' },
    bytes: { value: 'N', help: 'show so many bytes of a message (64)' },
    sample: { value: 'N', help: 'show at most so many messages an interval (8)' },
    interval: { value: 'MS', help: 'between two lines of rates (1000)' },
    count: { value: 'N', help: 'end after so many messages' },
    wait: { help: 'tap also a transport whose receivers can hold up the sender' },
  },
  notes: [
    'Rates and sizes are those of the sender, for all messages. Of the messages themselves some are shown: when more come than --sample, the tap leaves until the next interval, so that it costs the sender next to nothing.',
    'While it looks, the tap is one of the receivers, which may miss messages and cannot hold up the sender. A sender without any other receiver sends to it.',
  ],
  examples: [
    ['tap frames', 'rates, and some messages as hexadecimal numbers'],
    ['tap frames --bytes 0', 'numbers and sizes alone'],
    ["tap frames --json | jq -r 'select(.data) | .data' | base64 -d", 'for programs'],
  ],
  load: () => import('../../commands/tap.js'),
};
