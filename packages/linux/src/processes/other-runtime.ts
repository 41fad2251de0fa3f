/**
 * The JavaScript runtime, with its version, where it is not Node but says that it is (`Bun 1.4.5`, `Deno 2.9.6`);
 * `undefined` on Node itself.
 *
 * Both answer for Node's modules, and load addons; what lies below, such as libuv, is another matter.
 */
export function otherRuntime(): string | undefined {
  const { bun, deno } = process.versions;
  if (bun !== undefined) return `Bun ${bun}`;
  return deno === undefined ? undefined : `Deno ${deno}`;
}
