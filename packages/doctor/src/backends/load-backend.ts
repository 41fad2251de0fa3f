import type { ReceiverOptions, SenderOptions, Transport } from '@pageferry/core';
import { socketTransport } from '@pageferry/socket';
import { loadBinding } from '../bindings/bindings.js';
import { importIfInstalled } from '../bindings/optional-package.js';
import { type BackendEntry, FALLBACK } from './table.js';

/**
 * Imports a backend.
 *
 * @throws `NotInstalled`, `SYSTEM_CALL_FAILED` (`EMFILE`), or what keeps it from loading here.
 */
export async function loadBackend(entry: BackendEntry): Promise<Transport> {
  // Loaded from the start: it must be there when, say, no file can be opened any more.
  if (entry === FALLBACK) return socketTransport;
  if (process.platform !== 'linux' && !entry.anySystem) throw new Error('it is for Linux');
  const exports = await importIfInstalled(entry.packageName);
  const transport = (exports as Record<string, unknown>)[entry.exportName];
  if (transport === undefined) {
    throw new Error(`${entry.packageName} has no export ${entry.exportName}`);
  }
  const whole = transport as Transport;
  return entry.takesBinding && !(await napiLoads()) ? overFfi(whole) : whole;
}

async function napiLoads(): Promise<boolean> {
  try {
    await loadBinding('napi');
    return true;
  } catch {
    return false;
  }
}

/** The same transport, over FFI unless its user says otherwise. */
function overFfi(transport: Transport): Transport {
  const binding = 'ffi';
  return {
    ...transport,
    createSender: (options) => transport.createSender({ binding, ...options } as SenderOptions),
    createReceiver: (options) =>
      transport.createReceiver({ binding, ...options } as ReceiverOptions),
  };
}
