/** Starts the name of everything that the suite creates and that shows up in `/proc`. */
export const NAME_PREFIX = 'pageferry-conformance';
