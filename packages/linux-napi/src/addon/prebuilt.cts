/**
 * Every prebuilt addon by a name in full, each loaded when it is asked for. Programs that collect the files of an
 * application (`@vercel/nft`, ncc) read this file to know what belongs to it.
 *
 * What bundles into one file, and can do nothing with an addon, reads `prebuilt-of-bundle.ts` instead: see `imports` in
 * package.json.
 */
const PACKAGES: Readonly<Record<string, () => unknown>> = {
  'linux-arm64-gnu': () => require('@pageferry/linux-napi-linux-arm64-gnu'),
  'linux-arm64-musl': () => require('@pageferry/linux-napi-linux-arm64-musl'),
  'linux-x64-gnu': () => require('@pageferry/linux-napi-linux-x64-gnu'),
  'linux-x64-musl': () => require('@pageferry/linux-napi-linux-x64-musl'),
};

/**
 * Loads the prebuilt addon of a platform.
 *
 * @returns its exports; `undefined` if its package is not there.
 * @throws what keeps it from loading.
 */
function loadPrebuilt(platform: string): unknown {
  try {
    return PACKAGES[platform]?.();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return undefined;
    throw error;
  }
}

export = { loadPrebuilt };
