import type { FileCalls } from './file-calls.js';
import type { MemoryCalls } from './memory-calls.js';
import type { PipeCalls } from './pipe-calls.js';
import type { RuntimeServices } from './runtime-services.js';
import type { SocketCalls } from './socket-calls.js';
import type { WaitingCalls } from './waiting-calls.js';

/**
 * The Linux system calls that Pageferry's transports are written against, one method per call, in groups;
 * and apart from them what the runtime has to do for it. Bindings implement all of it
 * (`@pageferry/linux-napi` is one); a function takes the groups that it uses.
 *
 * Conventions, the same for every method:
 *
 * - **Result.** What the call returns, or `-errno` as a negative integer. No method throws for a
 *   failed call. {@link checkResult} turns a negative result into a typed error.
 * - **EINTR.** A binding repeats an interrupted call, but for `poll` that waits for a limited time,
 *   `pollMany` that waits, and `close` (close(2): on Linux the descriptor is gone even then). A poll
 *   that does not wait can be interrupted all the same, by a signal that arrives meanwhile; it is
 *   repeated.
 * - **Memory.** `bytes` with `offset` and `length` names the memory, in bytes. The kernel uses it
 *   only until the method returns, but for `vmsplice`, which see. Offsets and lengths must lie
 *   within `bytes`; a binding answers `-EFAULT` where they do not and touches nothing.
 * - **Descriptors.** Every descriptor that a method creates is close-on-exec.
 * - **Blocking.** Methods that may block do so only if the descriptor is in blocking mode; use
 *   non-blocking descriptors on the event loop. `…OnThread` methods run on libuv's thread pool.
 * - **Out-parameters** are typed arrays that the caller owns, so that no call has to allocate.
 */
export interface LinuxCalls
  extends PipeCalls,
    FileCalls,
    MemoryCalls,
    WaitingCalls,
    SocketCalls,
    RuntimeServices {
  /** Name of the binding: `napi`, `koffi`, `node-ffi`. */
  readonly binding: string;
}
