/** JavaScriptCore compiles `Atomics.load` to an instruction that also writes: what may not be written then ends the process. */
const ATOMIC_LOADS_WRITE = process.versions['bun'] !== undefined;

/**
 * Whether plain loads are neither made before one that comes earlier, nor before a locked instruction that does, nor only
 * once for many turns of a loop: on x86-64 the processor keeps their order (Intel SDM, volume 3, section 9.2.2), and V8
 * that of what it compiles; it takes no element of a typed array to be as it was. JavaScriptCore may.
 */
const LOADS_ARE_ORDERED: boolean = process.arch === 'x64' && !ATOMIC_LOADS_WRITE;

/**
 * A word as it is after whatever this thread has loaded and stored atomically before. Where the processor
 * keeps that order by itself it is a plain load: `Atomics.load` is a call, which costs each message more.
 */
export function loadInOrder(words: Int32Array, at: number): number {
  return LOADS_ARE_ORDERED ? (words[at] as number) : Atomics.load(words, at);
}

/** For {@link keepOrder}: no other thread has it. */
const fence = new Int32Array(1);

/**
 * What comes before happens before what comes after, for plain loads and stores. On x86-64 the processor keeps
 * loads and stores each in order anyway. On ARM a releasing store comes after all before it, an acquiring load before
 * all after it, and these two in their order. One atomic exchange would not do: ARMv8.0 makes it of a load and a store
 * that let later accesses pass the store, and earlier ones the load (`memory-order.test.ts` of `@pageferry/shared-mmap`).
 */
export function keepOrder(): void {
  if (LOADS_ARE_ORDERED) return;
  Atomics.store(fence, 0, 0);
  Atomics.load(fence, 0);
}

/** As {@link loadInOrder}, of memory that this process may not write to. */
export function loadFromReadOnly(words: Int32Array, at: number): number {
  if (!ATOMIC_LOADS_WRITE) return loadInOrder(words, at);
  const word = words[at] as number;
  keepOrder();
  return word;
}
