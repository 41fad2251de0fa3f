import { MessageChannel } from 'node:worker_threads';

/** An `ArrayBuffer` as it is from Node 22 on. */
type Shrinkable = ArrayBuffer & { transfer(byteLength: number): ArrayBuffer };

/**
 * Frees the memory of an `ArrayBuffer` that nobody reads any more at once: it is detached. V8 would do so when it has looked
 * through all of its heap, which it does after every few megabytes of such memory.
 */
export const freeMemory: (buffer: ArrayBuffer) => void =
  'transfer' in ArrayBuffer.prototype
    ? (buffer) => void (buffer as Shrinkable).transfer(0)
    : toNobody();

/** What is handed over to a port that is closed is gone. */
function toNobody(): (buffer: ArrayBuffer) => void {
  const { port1, port2 } = new MessageChannel();
  port1.close();
  port2.close();
  return (buffer) => port1.postMessage(undefined, [buffer]);
}
