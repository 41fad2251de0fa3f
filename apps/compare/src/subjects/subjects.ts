import { hasNatsServer } from '@pageferry/testkit/nats-server';
import type { Case } from '../plan/cases.js';
import { movesOn } from '../plan/scenarios.js';
import { type Backend, backends } from './backends.js';
import { channelSubject } from './channel-subject.js';
import { limitSubjects } from './limits.js';
import type { Subject } from './subject.js';

/** `max_payload` of a server that is not told another one. */
const MAX_PAYLOAD = 1024 * 1024;

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

/** What goes to other hosts, and the client that it is made of. They are compared with each other alone. */
const ACROSS = [
  channelSubject({
    name: 'nats',
    kind: 'pageferry',
    description: 'the same contract over NATS with JetStream',
    channel: { module: moduleOf('nats'), settings: { storage: 'file' } },
    takesPart: isAcross,
    load: findNatsServer,
  }),
  channelSubject({
    name: 'nats-client',
    kind: 'node',
    description: 'the plain NATS client with the same guarantees',
    channel: { module: moduleOf('nats-client'), settings: { storage: 'file' } },
    // What is longer than one message of a server it would have to cut up.
    takesPart: (each) => isAcross(each) && each.payloadBytes <= MAX_PAYLOAD,
    load: findNatsServer,
  }),
];

/** What brings bytes to another process of this host. */
const ON_THIS_HOST = [...PAGEFERRY, ...PLAIN_NODE, ...OTHERS, ...limitSubjects].map(
  (subject): Subject => ({
    ...subject,
    takesPart: (each) => !isAcross(each) && subject.takesPart(each),
  }),
);

/** Every subject, in the order in which it runs and is shown. */
export const subjects: readonly Subject[] = [...ON_THIS_HOST, ...ACROSS];

function isAcross({ scenario }: Case): boolean {
  return scenario === 'across';
}

/** @throws where there is no server to start. */
async function findNatsServer(): Promise<void> {
  if (!hasNatsServer) throw new Error('no nats-server is installed');
}

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
