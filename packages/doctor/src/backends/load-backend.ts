import type { Transport } from '@pageferry/core';
import { socketTransport } from '@pageferry/socket';
import { importBackend } from './import-backend.js';
import type { BackendEntry } from './table.js';

/**
 * Imports a backend.
 *
 * @throws `NotInstalled`, `SYSTEM_CALL_FAILED` (`EMFILE`), or what keeps it from loading here.
 */
export async function loadBackend(entry: BackendEntry): Promise<Transport> {
  // Loaded from the start: it must be there when, say, no file can be opened any more.
  if (entry.packageName === undefined) return socketTransport;
  if (process.platform !== 'linux' && !entry.anySystem) throw new Error('it is for Linux');
  const exports = await importBackend(entry.packageName);
  const transport = (exports as Record<string, unknown>)[entry.exportName];
  if (transport === undefined) {
    throw new Error(`${entry.packageName} has no export ${entry.exportName}`);
  }
  return transport as Transport;
}
