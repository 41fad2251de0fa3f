import {
  type Channel,
  type ConnectOptions,
  type Listener,
  type ListenOptions,
  PageferryError,
  type Receiver,
  type ReceiverOptions,
  type Sender,
  type SenderOptions,
  type Transport,
} from '@pageferry/core';
import { connectBest, openBestListener, openBestReceiver, openBestSender } from '@pageferry/doctor';

/**
 * Every backend of this workspace by name. Each is imported when it is asked for, so that one that
 * does not load here (no compiler, another platform) harms none of the others.
 */
const BACKENDS = {
  'shared-mmap': async (): Promise<Transport> =>
    (await import('@pageferry/shared-mmap')).sharedMmap,
  'vmsplice-napi': async (): Promise<Transport> =>
    (await import('@pageferry/vmsplice-napi')).vmspliceNapi,
  'vmsplice-ffi': async (): Promise<Transport> =>
    (await import('@pageferry/vmsplice-ffi')).vmspliceFfi,
  socket: async (): Promise<Transport> => (await import('@pageferry/socket')).socketTransport,
};

/** What brings bytes to another host, through servers that both sides reach. Its endpoints begin with its name. */
const ACROSS = {
  nats: async (servers: readonly string[] | undefined): Promise<Transport> => {
    const { natsTransport } = await import('@pageferry/nats');
    return natsTransport(servers === undefined ? {} : { servers: [...servers] });
  },
};

/** The name of a transport between hosts, as users type it. */
export type AcrossName = keyof typeof ACROSS;

/** All of them. */
export const acrossNames = Object.keys(ACROSS) as readonly AcrossName[];

/** The name of a backend, as users type it. */
export type BackendName = keyof typeof BACKENDS;

/** All backends, best first. */
export const backendNames = Object.keys(BACKENDS) as readonly BackendName[];

/** The best one here for a sender or a listener; for a receiver or a channel, whatever the other side uses. */
export const AUTOMATIC = 'auto';

/** A backend, what goes across hosts, or the choice of one. */
export type BackendChoice = BackendName | AcrossName | typeof AUTOMATIC;

/** Where servers of a transport between hosts are; `undefined` for those of this host. */
export type Servers = readonly string[] | undefined;

/** How one side came to its transport. */
export interface Way {
  /** Name of the backend. */
  readonly name: string;
  readonly transport: Transport;
  /** Why this one, for each backend that was considered. Empty where the user chose. */
  readonly reasons: readonly string[];
}

/** Opens a sender over the backend that the user named, or over the best one. */
export async function openSender(
  backend: BackendChoice,
  options: SenderOptions,
  servers?: Servers,
): Promise<Way & { readonly sender: Sender }> {
  if (backend === AUTOMATIC) return openBestSender(options);
  const transport = await loadBackend(backend, servers);
  const sender = await transport.createSender(options);
  return { name: backend, transport, reasons: [], sender };
}

/** Opens a receiver over the backend that the user named, or over the one that the sender uses. */
export async function openReceiver(
  backend: BackendChoice,
  options: ReceiverOptions,
  servers?: Servers,
): Promise<Way & { readonly receiver: Receiver }> {
  if (backend === AUTOMATIC) return openBestReceiver(options);
  const transport = await loadBackend(backend, servers);
  const receiver = await transport.createReceiver(options);
  return { name: backend, transport, reasons: [], receiver };
}

/** Opens a listener over the backend that the user named, or over the best one that has channels. */
export async function openListener(
  backend: BackendChoice,
  options: ListenOptions,
  servers?: Servers,
): Promise<Way & { readonly listener: Listener }> {
  if (backend === AUTOMATIC) return openBestListener(options);
  const transport = await loadBackend(backend, servers);
  const listener = await transport.listen(options);
  return { name: backend, transport, reasons: [], listener };
}

/** Opens a channel over the backend that the user named, or over the one that the listener uses. */
export async function openChannel(
  backend: BackendChoice,
  options: ConnectOptions,
  servers?: Servers,
): Promise<Way & { readonly channel: Channel }> {
  if (backend === AUTOMATIC) return connectBest(options);
  const transport = await loadBackend(backend, servers);
  const channel = await transport.connect(options);
  return { name: backend, transport, reasons: [], channel };
}

/**
 * Loads one backend.
 *
 * @throws `BINDING_UNAVAILABLE` if its package cannot be loaded.
 */
async function loadBackend(name: BackendName | AcrossName, servers: Servers): Promise<Transport> {
  try {
    return await (isAcross(name) ? ACROSS[name](servers) : BACKENDS[name]());
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new PageferryError('BINDING_UNAVAILABLE', `${name} does not load: ${why}`, { cause });
  }
}

/** True for what goes to other hosts. */
export function isAcross(name: BackendChoice): name is AcrossName {
  return name in ACROSS;
}

/** What `sender.stats().method` says of senders that hand over their pages. */
const WITHOUT_COPY = ['shared-memory', 'vmsplice'];

/** What it says of senders that write what they have put together first. */
const TWICE = ['publish'];

/**
 * How often a sender copies each byte out of the loan: not at all where it hands over pages, once
 * where it writes.
 *
 * @param method what `sender.stats().method` says, because a kernel may refuse the better way.
 */
export function senderCopies(method: string): number {
  if (TWICE.includes(method)) return 2;
  return WITHOUT_COPY.includes(method) ? 0 : 1;
}
