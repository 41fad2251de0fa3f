// Loaded before the programs of the pages: what they leave to their reader.
Object.assign(globalThis, {
  frame: new Uint8Array(100_000).fill(7),
  camera: { readInto: (/** @type {Uint8Array} */ bytes) => bytes.fill(7) },
  look: (/** @type {Uint8Array} */ bytes) => console.log(bytes[0]),
  show: (/** @type {Uint8Array} */ bytes) => console.log(bytes[0]),
});
