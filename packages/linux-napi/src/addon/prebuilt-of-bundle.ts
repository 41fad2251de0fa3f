/** What a bundler gets in the place of `prebuilt.cts`: addons are files beside the bundle, or are not there. */
export default { loadPrebuilt: (_platform: string): unknown => undefined };
