import type { CommandSpec } from '../spec.js';

/** `pageferry doctor`. It reads its options itself; these are for the help and the completion. */
export const doctor: CommandSpec = {
  name: 'doctor',
  summary: 'Find out what works on this machine, and what really copies',
  usage: '',
  count: [0, 0],
  completes: [],
  options: {
    json: { help: 'print one JSON object instead of tables' },
    folder: { value: 'PATH', help: 'probe the file system of this folder' },
  },
  examples: [['doctor', 'what works here, with evidence']],
  load: () => Promise.reject(new Error('it is loaded as a program of its own')),
};
