/**
 * Whether plain loads are neither made before one that comes earlier, nor before a locked instruction that does:
 * on x86-64 they are not (Intel SDM, volume 3, section 9.2.2), and V8 keeps the order of what it compiles.
 */
export const LOADS_ARE_ORDERED: boolean = process.arch === 'x64';

/**
 * A word as it is after whatever this thread has loaded and stored atomically before. Where the processor
 * keeps that order by itself it is a plain load: `Atomics.load` is a call, which costs each message more.
 */
export function loadInOrder(words: Int32Array, at: number): number {
  return LOADS_ARE_ORDERED ? (words[at] as number) : Atomics.load(words, at);
}
