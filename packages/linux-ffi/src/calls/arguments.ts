import { types } from 'node:util';

/*
 * Checks of arguments, the same for every driver: a foreign function interface would convert what it
 * can, or take the address of what it should not. A wrong type is a mistake of the program, and so a
 * TypeError; `position` counts from 1.
 */

/** @throws TypeError for anything but an integer of 32 bits. */
export function expectInt(value: number, position: number): void {
  if (typeof value !== 'number' || (value | 0) !== value) {
    throw wrongType(position, 'an integer of 32 bits');
  }
}

/** @throws TypeError for anything but an integer up to 2^53. */
export function expectSafeInteger(value: number, position: number): void {
  if (!Number.isSafeInteger(value)) throw wrongType(position, 'a safe integer');
}

/** @throws TypeError for anything but true and false. */
export function expectBoolean(value: boolean, position: number): void {
  if (typeof value !== 'boolean') throw wrongType(position, 'a boolean');
}

/** @throws TypeError for anything but a string. */
export function expectString(value: string, position: number): void {
  if (typeof value !== 'string') throw wrongType(position, 'a string');
}

/** @throws TypeError for anything but a function. */
export function expectFunction(value: unknown, position: number): void {
  if (typeof value !== 'function') throw wrongType(position, 'a function');
}

/** @throws TypeError for anything but an ArrayBuffer. */
export function expectArrayBuffer(value: ArrayBuffer, position: number): void {
  if (!types.isArrayBuffer(value)) throw wrongType(position, 'an ArrayBuffer');
}

/** @throws TypeError for anything but an Int32Array. */
export function expectInt32Array(value: Int32Array, position: number): void {
  if (!types.isInt32Array(value)) throw wrongType(position, 'an Int32Array');
}

/** @throws TypeError for anything but a BigInt64Array. */
export function expectBigInt64Array(value: BigInt64Array, position: number): void {
  if (!types.isBigInt64Array(value)) throw wrongType(position, 'a BigInt64Array');
}

/** @throws TypeError for anything but a Float64Array. */
export function expectFloat64Array(value: Float64Array, position: number): void {
  if (!types.isFloat64Array(value)) throw wrongType(position, 'a Float64Array');
}

/**
 * Bytes, an offset and a length, which take three arguments from `position` on. Whether they fit
 * together is another question.
 *
 * @throws TypeError for a wrong type of any of them.
 */
export function expectBytes(
  bytes: Uint8Array,
  offset: number,
  length: number,
  position: number,
): void {
  if (!types.isUint8Array(bytes)) throw wrongType(position, 'a Uint8Array');
  expectSafeInteger(offset, position + 1);
  expectSafeInteger(length, position + 2);
}

/** Whether `length` bytes from `offset` lie within `bytes`. */
export function lieWithin(byteLength: number, offset: number, length: number): boolean {
  return offset >= 0 && length >= 0 && offset <= byteLength && length <= byteLength - offset;
}

function wrongType(position: number, expected: string): TypeError {
  const error = new TypeError(`argument ${position} must be ${expected}`);
  return Object.assign(error, { code: 'ERR_INVALID_ARG_TYPE' });
}
