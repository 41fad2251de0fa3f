const CHOSEN = new URL('chosen.js', import.meta.url).href;
const HERE = new URL('.', import.meta.url).href;

/** @type {import('node:module').ResolveHook} */
export function resolve(specifier, context, nextResolve) {
  const replaced = specifier === '@pageferry/shared-mmap' && !context.parentURL?.startsWith(HERE);
  return replaced ? { url: CHOSEN, shortCircuit: true } : nextResolve(specifier, context);
}
