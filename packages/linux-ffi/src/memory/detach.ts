import { type ReadableByteStreamController, ReadableStream } from 'node:stream/web';

/**
 * Takes the memory away from a buffer and from every view of it, without copying it: they have length
 * 0 from then on. For buffers over foreign memory, which `structuredClone` copies (Node 20) or refuses.
 *
 * @returns false if the program forbids it (`markAsUntransferable`).
 */
export const detachBuffer: (buffer: ArrayBuffer) => boolean =
  'transfer' in ArrayBuffer.prototype ? detachByTransfer : detachByStream;

type Transferable = ArrayBuffer & { transfer(byteLength?: number): ArrayBuffer };

/** ES2024. The type declarations for the oldest supported Node do not have it. */
function detachByTransfer(buffer: ArrayBuffer): boolean {
  try {
    (buffer as Transferable).transfer(0);
    return true;
  } catch {
    return false;
  }
}

/** A stream of bytes takes over the memory of what is put into it (Streams standard, `enqueue`). Node's own: jsdom has none. */
function detachByStream(buffer: ArrayBuffer): boolean {
  // A stream refuses what is empty, and there is nothing to take away.
  if (buffer.byteLength === 0) return true;
  let controller: ReadableByteStreamController | undefined;
  new ReadableStream({
    type: 'bytes',
    start(given) {
      controller = given;
    },
  });
  controller?.enqueue(new Uint8Array(buffer));
  return buffer.byteLength === 0;
}

/**
 * A buffer that takes over the memory of one that the runtime keeps a book of: Node detaches the buffers
 * that Node-API has made when a thread ends, and from 24 on ends the process at one that the program has
 * marked as untransferable. It does not know a buffer that took over.
 */
export function takeOver(buffer: ArrayBuffer): ArrayBuffer {
  return 'transfer' in buffer ? (buffer as Transferable).transfer() : buffer;
}
