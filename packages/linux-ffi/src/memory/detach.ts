import { type ReadableByteStreamController, ReadableStream } from 'node:stream/web';

/**
 * Takes the memory away from a buffer and from every view of it, without copying it: they have length
 * 0 from then on. For buffers over foreign memory, which `structuredClone` copies (Node 20) or refuses.
 */
export const detachBuffer: (buffer: ArrayBuffer) => void =
  'transfer' in ArrayBuffer.prototype ? detachByTransfer : detachByStream;

/** ES2024. The type declarations for the oldest supported Node do not have it. */
function detachByTransfer(buffer: ArrayBuffer): void {
  (buffer as ArrayBuffer & { transfer(byteLength: number): ArrayBuffer }).transfer(0);
}

/** A stream of bytes takes over the memory of what is put into it (Streams standard, `enqueue`). Node's own: jsdom has none. */
function detachByStream(buffer: ArrayBuffer): void {
  let controller: ReadableByteStreamController | undefined;
  new ReadableStream({
    type: 'bytes',
    start(given) {
      controller = given;
    },
  });
  controller?.enqueue(new Uint8Array(buffer));
}
