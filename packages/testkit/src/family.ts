import type { Transport } from '@pageferry/core';
import type { LinuxCalls, OwnedFd } from '@pageferry/linux';

/** A connected pair of sockets. */
export interface SocketPair {
  /** Stays in this process. */
  readonly ours: OwnedFd;
  /** Is the child's. */
  readonly childs: OwnedFd;
}

/** A transport whose processes are parent and child, and where the child finds it. */
export interface Family {
  readonly transport: Transport;
  /** The module that the child imports. */
  readonly moduleUrl: string;
  /** What of that module is the transport. */
  readonly exportName: string;
  /** The system calls that the test itself makes. */
  readonly calls: LinuxCalls;
  /** Opens a pair whose ends the transport takes as the endpoint `fd:N`. */
  readonly openSocketPair: (calls: LinuxCalls) => SocketPair;
}
