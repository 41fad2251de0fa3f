import type { CommandSpec } from '../spec.js';

/** `pageferry send`. */
export const send: CommandSpec = {
  name: 'send',
  summary: 'Send messages: files, lines, or standard input as one',
  usage: 'NAME [FILE...]',
  count: [1, Number.MAX_SAFE_INTEGER],
  completes: ['endpoint', 'file'],
  options: {
    json: { help: 'say in the end, as JSON, what was sent' },
    text: { value: 'TEXT', help: 'send this' },
    lines: { help: 'send each line of what is read as a message' },
    tag: { value: 'N', help: 'the tag of each message (0)' },
    repeat: { value: 'N', help: 'send all of it so many times (1)' },
    receivers: { value: 'N', help: 'wait for so many receivers first (1)' },
    timeout: { value: 'MS', help: 'give up a wait after so long' },
    transport: {
      value: 'NAME',
      help: 'instead of the best one of this machine',
      choices: ['shared-mmap', 'vmsplice-napi', 'vmsplice-ffi', 'socket'],
    },
  },
  notes: ['It ends when receivers are done with everything. NAME must be free: this is a sender.'],
  examples: [
    ["send greetings --text 'hello'", 'one message'],
    ['send frames *.png', 'a message for each file'],
    ['send lines --lines < /var/log/syslog', 'a message for each line'],
  ],
  load: () => import('../../commands/send.js'),
};

/** `pageferry receive`. */
export const receive: CommandSpec = {
  name: 'receive',
  summary: 'Receive messages, and write them to standard output',
  usage: 'NAME',
  count: [1, 1],
  completes: ['endpoint'],
  options: {
    json: { help: 'print one JSON object a line, with the bytes in base64' },
    lines: { help: 'write a line feed after each message' },
    hex: { help: 'write messages as hexadecimal numbers' },
    count: { value: 'N', help: 'end after so many messages' },
    timeout: { value: 'MS', help: 'give up a wait for the sender after so long' },
  },
  notes: [
    'It gets every message from the moment it has joined, over the transport of the sender. Exit status 1 if the sender dies.',
  ],
  examples: [
    ['receive lines --lines', 'each message as a line'],
    ['receive frames --count 1 > frame.png', 'the next message as a file'],
  ],
  load: () => import('../../commands/receive.js'),
};
