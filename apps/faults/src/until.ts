/** How long anything may take that a stopped or busy machine could hold up, in milliseconds. */
const PATIENCE = 120_000;

/** Bounds every wait of this suite. Nothing is decided by it but that a wait has no end. */
export const LIMIT = { timeout: PATIENCE } as const;

/** Waits until `isSo` says true; false if it never does. */
export async function until(isSo: () => boolean): Promise<boolean> {
  const end = performance.now() + PATIENCE;
  while (!isSo()) {
    if (performance.now() > end) return false;
    await pause(1);
  }
  return true;
}

/** Lets others have their turn for at least so many milliseconds. */
export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
