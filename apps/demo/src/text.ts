/** A text that came from another process, as it can be shown on a terminal: control characters do nothing. */
export function readText(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes).replace(/(?!\t)\p{Cc}/gu, '\ufffd');
}

/** Writes a text into memory that has room for `Buffer.byteLength(text)`. */
export function writeText(text: string, memory: Uint8Array): void {
  new TextEncoder().encodeInto(text, memory);
}
