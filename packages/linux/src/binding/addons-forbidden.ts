import { lackedPermission } from '@pageferry/core';

/**
 * Why Node has not loaded an addon, where it may load none whatever the file; `undefined` where that is not the reason.
 *
 * @param cause what Node said.
 */
export function whyNoAddons(cause: unknown): string | undefined {
  const isForbidden =
    (cause as NodeJS.ErrnoException).code === 'ERR_DLOPEN_DISABLED' ||
    lackedPermission(cause) === '--allow-addons';
  if (!isForbidden) return undefined;
  return 'this Node may load no addons (--no-addons, or --permission without --allow-addons)';
}
