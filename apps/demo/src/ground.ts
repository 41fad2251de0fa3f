import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { counted } from '@pageferry/core';
import { hasNatsServer, NatsServer } from '@pageferry/testkit/nats-server';
import { TwoHosts } from '@pageferry/testkit/two-hosts';
import { type BackendChoice, isAcross, type Servers } from './backends.js';
import { DemoError } from './errors.js';

/** What stands in front of the commands of the sender and of the receiver. */
type Hosts = readonly [readonly string[], readonly string[]];

/** Two hosts, and servers that both of them reach. Disposing of it removes what was made for it. */
export interface Ground extends AsyncDisposable {
  readonly hosts: Hosts;
  readonly servers: readonly string[];
  /** From where to where. */
  readonly way: string;
  /** Lines on what is worth knowing of it. */
  readonly notes: readonly string[];
}

/** Where two commands of the demo meet. */
export interface Meeting {
  /** What tells them. */
  readonly meeting: readonly string[];
  readonly hosts: Hosts;
}

const HERE: Hosts = [[], []];

/** Where two commands meet: in a folder, or on two hosts. */
export function hereOrThere(
  backend: BackendChoice | string,
  folder: string,
  ground: Ground | undefined,
): Meeting {
  if (ground === undefined || !isAcross(backend as BackendChoice)) {
    const meeting = ['--backend', backend, '--endpoint', join(folder, 'endpoint')];
    return { meeting, hosts: HERE };
  }
  const { servers, hosts } = ground;
  // Others may use the servers, too.
  const endpoint = `pageferry-demo.${randomUUID()}`;
  const meeting = ['--across', backend, '--servers', servers.join(), '--endpoint', endpoint];
  return { meeting, hosts };
}

/**
 * Makes two hosts with a slow link between them, where this machine allows that, and starts a server on one of them.
 *
 * @param servers those that are to be used instead: then both sides are on this host, which is known to reach them.
 * @throws `NOT_INSTALLED` if there is no server to start.
 */
export async function openGround(servers: Servers, signal: AbortSignal): Promise<Ground> {
  if (servers !== undefined) {
    const notes = [`nats: both processes are on this host; the server is elsewhere: ${servers}`];
    const way = `to ${counted(servers.length, 'server')} and back`;
    return { hosts: HERE, servers, way, notes, [Symbol.asyncDispose]: async () => undefined };
  }
  if (!hasNatsServer) throw notInstalled();
  const { hosts, why } = await tryToMakeHosts();
  const [first, second] = hosts?.hosts ?? [];
  let server: NatsServer | undefined;
  const remove = async (): Promise<void> => {
    await server?.remove();
    await hosts?.remove();
  };
  try {
    server = await NatsServer.start('', undefined, first);
    signal.throwIfAborted();
  } catch (error) {
    await remove();
    throw error;
  }
  return {
    hosts: [first?.command ?? [], second?.command ?? []],
    servers: [server.url],
    way: hosts === undefined ? 'through a server on this host' : 'from one host to another',
    notes: [
      hosts === undefined
        ? `nats: over loopback, because two hosts cannot be made here: ${why}`
        : `nats: two network namespaces, ${first?.address} with the server, and ${second?.address}. ` +
          `The link: ${hosts.link}`,
    ],
    [Symbol.asyncDispose]: remove,
  };
}

async function tryToMakeHosts() {
  try {
    return { hosts: await TwoHosts.make(), why: undefined };
  } catch (error) {
    return { hosts: undefined, why: (error as Error).message };
  }
}

function notInstalled(): DemoError {
  return new DemoError(
    'NOT_INSTALLED',
    'there is no nats-server to start. Install it (Debian and Ubuntu: apt-get install nats-server; others: ' +
      'https://nats.io/download), or name servers that run already: --servers host:port',
  );
}
