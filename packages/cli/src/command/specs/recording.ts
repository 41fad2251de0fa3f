import type { CommandSpec } from '../spec.js';

/** `pageferry record`. */
export const record: CommandSpec = {
  name: 'record',
  summary: 'Record messages to an MCAP file, or only what was last when something happens',
  usage: 'NAME --out FILE',
  count: [1, 1],
  completes: ['endpoint'],
  options: {
    out: { value: 'FILE', short: 'o', help: 'the file to write; it must not be there' },
    force: { help: 'write over a file that is there' },
    json: { help: 'say in the end, as JSON, what was recorded' },
    count: { value: 'N', help: 'end after so many messages' },
    drop: { help: 'miss messages rather than hold up the sender' },
    last: { value: 'N', help: 'flight recorder: keep the last N messages in memory' },
    on: {
      value: 'WHAT',
      help: 'and write them when this happens, several with commas',
      choices: ['death', 'stall', 'end'],
    },
    'stall-after': { value: 'MS', help: 'a stall is so long without a message (5000)' },
    'max-bytes': { value: 'N', help: 'keep at most so many bytes (268435456)' },
    timeout: { value: 'MS', help: 'give up a wait for the sender after so long' },
  },
  notes: [
    'Ctrl-C ends a recording in order. The file can be opened with Foxglove and other programs that read MCAP: the topic is NAME, the encoding is application/octet-stream, and tags other than 0 are in the topic NAME/tags.',
    'Without --drop it gets every message, and a slow disk holds up the sender. With --last nothing is written until something happens; what a sender that was killed had left in memory is in the file, too. It never holds up the sender.',
  ],
  examples: [
    ['record frames --out frames.mcap', 'until Ctrl-C, or until the sender closes'],
    ['record frames -o crash.mcap --last 1000 --on death,stall', 'a flight recorder'],
  ],
  load: () => import('../../commands/record.js'),
};

/** `pageferry replay`. */
export const replay: CommandSpec = {
  name: 'replay',
  summary: 'Send what was recorded, at its own pace or another',
  usage: 'FILE NAME',
  count: [2, 2],
  completes: ['file', 'endpoint'],
  options: {
    speed: { value: 'X', help: 'so many times as fast; 0 for as fast as can be (1)' },
    loop: { help: 'begin again at the end, until Ctrl-C' },
    topic: { value: 'TOPIC', help: 'of the file; needed where it has several' },
    receivers: { value: 'N', help: 'wait for so many receivers first (1)' },
    timeout: { value: 'MS', help: 'give up that wait after so long' },
    json: { help: 'say in the end, as JSON, what was sent' },
  },
  notes: [
    'NAME must be free: this is a sender. A file that was cut off is replayed as far as it goes.',
  ],
  examples: [
    ['replay frames.mcap frames', 'as it was'],
    ['replay frames.mcap frames --speed 4 --loop', 'four times as fast, again and again'],
  ],
  load: () => import('../../commands/replay.js'),
};
