import { type LinuxCalls, systemCallError } from '@pageferry/linux';

/**
 * Bytes of a mapping in an `ArrayBuffer` of their own, which can be taken away (`detach`) from whoever
 * kept a view of it, without ending the mapping.
 *
 * @throws `SYSTEM_CALL_FAILED`, where the binding cannot.
 */
export function aliasOf(
  calls: LinuxCalls,
  buffer: ArrayBuffer,
  offset: number,
  byteLength: number,
): Uint8Array {
  const alias = calls.alias(buffer, offset, byteLength);
  if (typeof alias === 'number') throw systemCallError('alias', alias, 'guard');
  return new Uint8Array(alias);
}
