/**
 * koffi for each processor and C library by a name in full, for the reason that `prebuilt.cts` of
 * `@pageferry/linux-napi` gives. What bundles into one file reads `koffi-of-bundle.ts` instead.
 */
const BINARIES: Readonly<Record<string, () => unknown>> = {
  'arm64-glibc': () => require('@koromix/koffi-linux-arm64/linux_arm64/koffi.node'),
  'arm64-musl': () => require('@koromix/koffi-linux-arm64/musl_arm64/koffi.node'),
  'loong64-glibc': () => require('@koromix/koffi-linux-loong64/linux_loong64/koffi.node'),
  'riscv64-glibc': () => require('@koromix/koffi-linux-riscv64/linux_riscv64d/koffi.node'),
  'x64-glibc': () => require('@koromix/koffi-linux-x64/linux_x64/koffi.node'),
  'x64-musl': () => require('@koromix/koffi-linux-x64/musl_x64/koffi.node'),
};

/**
 * Loads koffi.
 *
 * @throws what keeps it from loading; `MODULE_NOT_FOUND` if it is not installed.
 */
function requireKoffi(arch: string, libc: string): unknown {
  const load = BINARIES[`${arch}-${libc}`];
  if (load === undefined) throw new Error(`there is no koffi for ${arch} with ${libc}`);
  return load();
}

export = { requireKoffi };
