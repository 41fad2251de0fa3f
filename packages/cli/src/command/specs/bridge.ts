import type { CommandSpec } from '../spec.js';

/** `pageferry bridge`. */
export const bridge: CommandSpec = {
  name: 'bridge',
  summary: 'Carry what a sender sends to receivers on other hosts, over NATS',
  usage: 'FROM TO',
  count: [2, 2],
  completes: ['endpoint', 'endpoint'],
  options: {
    json: { help: 'print one JSON object a line: each change, and the counters in the end' },
    servers: { value: 'LIST', help: 'NATS servers, with commas (NATS_URL, or localhost:4222)' },
    credentials: { value: 'FILE', help: 'a .creds file for the NATS servers' },
    patience: {
      value: 'MS',
      help: 'how long NATS servers may not reach it before it is dead (5000)',
    },
    allow: { value: 'LIST', help: 'endpoints that may be bridged, with commas; * is any text' },
    drop: { help: 'miss messages when behind, rather than hold the sender up' },
    nobody: {
      value: 'WHAT',
      help: 'what messages do while nobody is at the other end (wait)',
      choices: ['wait', 'drop'],
    },
    'max-messages': { value: 'N', help: 'hold at most so many messages (64)' },
    'max-bytes': { value: 'N', help: 'hold at most so many bytes of messages (16777216)' },
    'stream-bytes': { value: 'N', help: 'let the NATS stream have at most so many (268435456)' },
    once: { help: 'end when the sender has, rather than wait for the next one' },
    transport: {
      value: 'NAME',
      help: 'of the end on this host, instead of the best one',
      choices: ['shared-mmap', 'vmsplice-napi', 'vmsplice-ffi', 'socket'],
    },
  },
  notes: [
    'FROM and TO are a name or a path on this host, or nats:SUBJECT. Messages, their order, tags, and the end of the sender arrive as they are. Each is given back to its sender once the other side has it.',
    'What fails is tried again, with growing pauses, and said. A bridge to NATS that was killed and is started again goes on where it was, if the sender keeps its last messages (history).',
  ],
  examples: [
    ['bridge frames nats:camera.frames', 'what is sent here reaches other hosts'],
    ['bridge nats:camera.frames frames', 'and on those it is received as `frames`'],
    ['bridge frames nats:frames --drop --nobody drop', 'without holding anybody up'],
    ["bridge frames nats:a.frames --allow 'frames,nats:a.*'", 'if these may be bridged'],
  ],
  load: () => import('../../commands/bridge.js'),
};
