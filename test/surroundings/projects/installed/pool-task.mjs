// The module of a pool: it adds the bytes of a task.
export default function sum(/** @type {Uint8Array} */ bytes) {
  return bytes.reduce((before, byte) => before + byte, 0);
}
