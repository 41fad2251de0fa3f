import {
  type Channel,
  type ChannelSideOptions,
  invalidArgument,
  isPageferryError,
  PageferryError,
  type Transport,
  type WaitOptions,
} from '@pageferry/core';

/** A channel to a child, without an endpoint path. What `channelPair()` of the Linux backends resolves to. */
export interface ChannelPair {
  /** The child's end. */
  readonly childs: {
    readonly fd: number;
    /** Gives the descriptor up without closing it. */
    release(): number;
    close(): void;
  };
  /** Waits until the child has connected. The channel is the caller's. @throws as `Listener.accept`. */
  accept(options?: WaitOptions): Promise<Channel>;
  /** Gives up whatever was not accepted. */
  close(): Promise<void>;
}

/** What a backend takes for this side of a channel, beyond what all of them take. */
export type ChannelSettings = ChannelSideOptions & Readonly<Record<string, unknown>>;

/** What carries the messages to a child. */
export interface MechanismOptions {
  /** Default: shared memory where its package is installed and loads, else the socket's. */
  readonly transport?: Transport | undefined;
  /**
   * Makes a pair for the child to inherit: then there is no endpoint path. Default: what the transport's package
   * exports under this name; without that, child and parent meet in a temporary folder.
   */
  readonly channelPair?: ((options: never) => Promise<ChannelPair>) | undefined;
  /**
   * The module that exports the transport, as the child imports it: a URL, or what a package is called. Default:
   * `@pageferry/` and the transport's name.
   */
  readonly transportModule?: string | URL | undefined;
}

/** A transport, and how it is named to a child. */
export interface Mechanism {
  readonly transport: Transport;
  readonly channelPair: ((options: never) => Promise<ChannelPair>) | undefined;
  /** What the child imports. */
  readonly module: string;
}

/** Tried in this order. */
const DEFAULTS = ['@pageferry/shared-mmap', '@pageferry/socket'];

/**
 * The mechanisms to try, one after the other.
 *
 * @throws `INVALID_ARGUMENT`; `NOT_SUPPORTED` if none was given and none is installed.
 */
export async function findMechanisms(options: MechanismOptions): Promise<readonly Mechanism[]> {
  const { transport, channelPair, transportModule } = options;
  if (transport !== undefined && !isTransport(transport)) {
    throw invalidArgument('transport', transport, 'a transport that has channels');
  }
  if (channelPair !== undefined) {
    if (typeof channelPair !== 'function') {
      throw invalidArgument('channelPair', channelPair, 'a function');
    }
    if (transport === undefined) {
      throw invalidArgument('transport', transport, 'that of channelPair');
    }
  }
  if (transport !== undefined) {
    const module = String(transportModule ?? `@pageferry/${transport.name}`);
    const pair = channelPair ?? (await importOrNothing(module))?.['channelPair'];
    return [{ transport, module, channelPair: pair as Mechanism['channelPair'] }];
  }
  const modules = transportModule === undefined ? DEFAULTS : [String(transportModule)];
  const found: Mechanism[] = [];
  for (const module of modules) {
    const exports =
      transportModule === undefined ? await importOrNothing(module) : await import(module);
    const theirs = exports && transportIn(exports);
    if (theirs !== undefined) {
      found.push({ transport: theirs, module, channelPair: exports['channelPair'] });
    }
  }
  if (found.length > 0) return found;
  throw new PageferryError(
    'NOT_SUPPORTED',
    `there is no transport: install ${DEFAULTS[0]}, or give one (${modules.join(', ')})`,
  );
}

/**
 * What a child has been told to connect with.
 *
 * @param name of the transport, which the module has to export.
 * @throws `NOT_SUPPORTED`.
 */
export async function importTransport(module: string, name: string): Promise<Transport> {
  let exports: object;
  try {
    exports = (await import(module)) as object;
  } catch (cause) {
    throw new PageferryError(
      'NOT_SUPPORTED',
      `the parent uses '${name}', and ${module} does not load here: give parentPort the transport, or fork a transportModule`,
      { cause },
    );
  }
  const transport = transportIn(exports, name);
  if (transport !== undefined) return transport;
  throw new PageferryError('NOT_SUPPORTED', `${module} exports no transport '${name}'`);
}

/** Runs `attempt` with one mechanism after the other, as long as the binding of one does not load. */
export async function withFirstThatLoads<T>(
  mechanisms: readonly Mechanism[],
  attempt: (mechanism: Mechanism) => Promise<T>,
): Promise<T> {
  for (const mechanism of mechanisms.slice(0, -1)) {
    try {
      return await attempt(mechanism);
    } catch (error) {
      if (!isPageferryError(error, 'BINDING_UNAVAILABLE')) throw error;
    }
  }
  return attempt(mechanisms.at(-1) as Mechanism);
}

async function importOrNothing(module: string): Promise<Record<string, never> | undefined> {
  try {
    return (await import(module)) as Record<string, never>;
  } catch {
    return undefined;
  }
}

function transportIn(exports: object, name?: string): Transport | undefined {
  const transports = Object.values(exports).filter(isTransport);
  return name === undefined ? transports[0] : transports.find((each) => each.name === name);
}

function isTransport(value: unknown): value is Transport {
  const { name, listen, connect } = (value ?? {}) as Partial<Transport>;
  return typeof name === 'string' && typeof listen === 'function' && typeof connect === 'function';
}
