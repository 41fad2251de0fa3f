import type { Case } from '../plan/cases.js';
import { movesOn } from '../plan/scenarios.js';
import { type Backend, backends } from './backends.js';
import { channelSubject } from './channel-subject.js';
import { limitSubjects } from './limits.js';
import type { Subject } from './subject.js';

/** Pageferry's backends: they take part wherever their waits can do what is asked. */
const PAGEFERRY = Object.entries<Backend>(backends).map(([backend, about]) =>
  channelSubject({
    name: backend,
    kind: 'pageferry',
    description: about.description,
    channel: { module: moduleOf('pageferry'), settings: { backend } },
    requests: moduleOf('requests/pageferry'),
    takesPart: ({ waiting, scenario }) =>
      (about.polls || waiting !== 'spinning') && (about.aligned || scenario !== 'to-o-direct'),
    async load({ scenario }) {
      const { capabilities } = await about.load();
      if (scenario === 'request' && capabilities.maxChannels === 0) {
        throw new Error('this backend has no channels');
      }
    },
  }),
);

/** What plain Node offers. */
const PLAIN_NODE = [
  channelSubject({
    name: 'ipc-advanced',
    kind: 'node',
    description: "child.send, serialization 'advanced'",
    channel: { module: moduleOf('ipc-advanced'), settings: { serialization: 'advanced' } },
    requests: moduleOf('requests/ipc'),
    takesPart: isForMessages,
  }),
  channelSubject({
    name: 'ipc-json',
    kind: 'node',
    description: "child.send, serialization 'json', payload in base64",
    channel: { module: moduleOf('ipc-json'), settings: { serialization: 'json' } },
    takesPart: isForMessages,
  }),
  channelSubject({
    name: 'unix-socket',
    kind: 'node',
    description: 'node:net over a Unix socket',
    channel: { module: moduleOf('socket-stream'), settings: { over: 'unix' } },
    requests: moduleOf('requests/socket'),
    takesPart: isForStreams,
  }),
  channelSubject({
    name: 'tcp',
    kind: 'node',
    description: 'node:net over loopback TCP',
    channel: { module: moduleOf('socket-stream'), settings: { over: 'tcp' } },
    takesPart: isForStreams,
  }),
  channelSubject({
    name: 'stdio',
    kind: 'node',
    description: "a child's standard input",
    channel: { module: moduleOf('stdio'), settings: {} },
    takesPart: isForStreams,
  }),
];

/** What some would take instead. */
const OTHERS = [
  channelSubject({
    name: 'worker-transfer',
    kind: 'other',
    description: 'postMessage with a transfer list, to a thread of the same process',
    channel: { module: moduleOf('worker'), settings: { transfer: true } },
    requests: moduleOf('requests/worker'),
    takesPart: (each) => isForMessages(each) && each.receivers === 1,
  }),
  channelSubject({
    name: 'worker-copy',
    kind: 'other',
    description: 'postMessage without a transfer list, to a thread of the same process',
    channel: { module: moduleOf('requests/worker'), settings: { transfer: false } },
    requests: moduleOf('requests/worker'),
    // Small messages are sooner copied than transferred, which shows in requests.
    takesPart: ({ scenario }) => scenario === 'request',
  }),
  channelSubject({
    name: 'zeromq',
    kind: 'other',
    description: 'zeromq.js over ipc://, PUSH to PULL; requests from DEALER to ROUTER',
    channel: { module: moduleOf('zeromq'), settings: {} },
    requests: moduleOf('requests/zeromq'),
    takesPart: isForStreams,
    load: async () => {
      const name = 'zeromq'; // Optional: not a dependency.
      await import(name).catch(() => {
        throw new Error('not installed');
      });
    },
  }),
];

/** Every subject, in the order in which it runs and is shown. */
export const subjects: readonly Subject[] = [
  ...PAGEFERRY,
  ...PLAIN_NODE,
  ...OTHERS,
  ...limitSubjects,
];

/** Streams cannot poll, and plain Node has no memory that is aligned as O_DIRECT wants it. */
function isForStreams({ scenario, waiting }: Case): boolean {
  return waiting !== 'spinning' && scenario !== 'to-o-direct';
}

/** Channels of messages are not for bytes that only pass through. */
function isForMessages(each: Case): boolean {
  return isForStreams(each) && !movesOn(each.scenario);
}

function moduleOf(name: string): string {
  return new URL(`../channels/${name}.js`, import.meta.url).href;
}
