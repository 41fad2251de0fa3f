import { type ConnectOptions, checkOptions, PageferryError, type Transport } from '@pageferry/core';
import { createPort, type Port } from '@pageferry/messages';
import { type Invitation, takeInvitation } from './invitation.js';
import { importTransport } from './mechanism.js';
import { connectToParent, leaveMeeting, removeIfParentDies } from './orphan.js';

/** Options of {@link parentPort}: those of `Transport.connect`, without the endpoint. */
export interface ParentPortOptions extends Omit<ConnectOptions, 'endpoint'> {
  /** The parent's transport, where its package is called otherwise than `@pageferry/` and its name. */
  readonly transport?: Transport | undefined;
  /** What else the transport's `connect` takes. */
  readonly [option: string]: unknown;
}

let port: Promise<Port> | undefined;

/** Where this process has met its parent. */
let meeting = 'fd:';

/**
 * The port to whoever has started this process or thread by `fork` or `forkThread`. Each call has the same one; the options
 * are those of the first.
 *
 * The process stays alive until the port is closed or the parent is gone, unless `port.unref()` was called.
 *
 * @throws `NOT_SUPPORTED` if this process or thread was started otherwise, or the parent's transport is not here;
 *   `TRANSPORT_MISMATCH` if another one is given; `PEER_DIED` if the parent has died meanwhile; and as `Transport.connect`.
 */
export function parentPort(options: ParentPortOptions = {}): Promise<Port> {
  port ??= connect(options);
  return port;
}

async function connect(given: ParentPortOptions): Promise<Port> {
  const { transport, ...options } = checkOptions(given);
  const invitation = takeInvitation();
  if (invitation === undefined) {
    throw new PageferryError(
      'NOT_SUPPORTED',
      'this process was not started by fork or forkThread of @pageferry/workers',
    );
  }
  const theirs = await agreedOn(invitation, transport);
  const { endpoint, channel, taken } = invitation;
  if (taken !== undefined) Atomics.store(new Int32Array(taken), 0, 1);
  const settings = { ...channel, ...options, endpoint };
  const found = createPort(
    await connectToParent(endpoint, options.signal, (signal) =>
      theirs.connect({ ...settings, signal }),
    ),
  );
  meeting = endpoint;
  removeIfParentDies(endpoint, found.channel);
  return found;
}

/** For a program that exits when its port has closed: leaves nothing of a parent that has died. */
export async function leaveParent(): Promise<void> {
  await leaveMeeting(meeting);
}

async function agreedOn(
  { transport: name, module }: Invitation,
  ours: Transport | undefined,
): Promise<Transport> {
  if (ours === undefined) return importTransport(module, name);
  if (ours.name === name) return ours;
  throw new PageferryError(
    'TRANSPORT_MISMATCH',
    `the parent uses the transport '${name}', not '${ours.name}'`,
  );
}
