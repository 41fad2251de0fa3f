/**
 * `Symbol.dispose` and `Symbol.asyncDispose`, also where the realm does not have them: Node 20 and 22
 * define both for the main context alone, so that in a context of `node:vm` (Jest) there are none.
 */
export const dispose: typeof Symbol.dispose = Symbol.dispose ?? Symbol.for('nodejs.dispose');

/** See {@link dispose}. */
export const asyncDispose: typeof Symbol.asyncDispose =
  Symbol.asyncDispose ?? Symbol.for('nodejs.asyncDispose');
