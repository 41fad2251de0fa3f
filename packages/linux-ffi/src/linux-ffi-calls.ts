import type { LinuxCalls } from '@pageferry/linux';
import { createContext } from './calls/context.js';
import { fileCalls } from './calls/files.js';
import { memoryCalls } from './calls/memory.js';
import { messageCalls } from './calls/messages.js';
import { pipeCalls } from './calls/pipe.js';
import { socketCalls } from './calls/sockets.js';
import { waitingCalls } from './calls/waiting.js';
import type { Driver } from './drivers/driver.js';

/**
 * The system calls over a driver, for the thread that it belongs to.
 *
 * @throws what the driver throws if the C library lacks one of them.
 */
export function createLinuxCalls(driver: Driver): LinuxCalls {
  const context = createContext(driver);
  return {
    binding: driver.binding,
    ...pipeCalls(context),
    ...fileCalls(context),
    ...memoryCalls(context),
    ...waitingCalls(context),
    ...socketCalls(context),
    ...messageCalls(context),
  };
}
