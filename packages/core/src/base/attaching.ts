import { checkDescriptor } from '../check-descriptor.js';
import { invalidArgument } from '../checks.js';
import type { AttachedDescriptor, ReceivedDescriptor } from '../contract/descriptors.js';
import { PageferryError } from '../errors.js';

/** Who makes duplicates; see `Outbox.duplicate`. */
interface Duplicating {
  duplicate?(fd: number): ReceivedDescriptor;
}

const ADVICE = {
  end: 'readEnd',
  instead: 'pass its FileHandle, or what openSync() returned',
} as const;

/** The error of a transport that passes no descriptors. */
export function passesNoDescriptors(): PageferryError {
  return new PageferryError(
    'NOT_SUPPORTED',
    'this transport passes no descriptors (its capability maxDescriptors is 0): use shared-mmap, or @pageferry/fd-socket',
  );
}

/**
 * The numbers of descriptors that are to travel with a message.
 *
 * @param before how many it has already.
 * @param most how many it may have.
 * @throws `NOT_SUPPORTED`, `INVALID_ARGUMENT`.
 */
export function checkAttached(
  argument: string,
  descriptors: readonly AttachedDescriptor[],
  before: number,
  most: number,
): readonly number[] {
  if (most === 0) throw passesNoDescriptors();
  if (!Array.isArray(descriptors)) {
    throw invalidArgument(argument, descriptors, 'an array of descriptors');
  }
  if (before + descriptors.length > most) {
    const many = before + descriptors.length;
    throw invalidArgument(argument, many, `at most ${most} descriptors with one message`);
  }
  // Other than `map` it does not leave holes out.
  return Array.from(descriptors, (each) => checkDescriptor(argument, each, ADVICE));
}

/** Duplicates of all of them, or an error and none. @throws `SYSTEM_CALL_FAILED`. */
export function duplicateAll(
  fds: readonly number[],
  duplicating: Duplicating,
): readonly ReceivedDescriptor[] {
  const duplicates: ReceivedDescriptor[] = [];
  try {
    for (const fd of fds) {
      const duplicate = duplicating.duplicate?.(fd);
      if (duplicate === undefined) throw passesNoDescriptors();
      duplicates.push(duplicate);
    }
    return duplicates;
  } catch (error) {
    for (const duplicate of duplicates) duplicate.close();
    throw error;
  }
}
