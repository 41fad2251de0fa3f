import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** Lengths of the headers of a 64-bit ELF file, elf(5). */
const HEADER_BYTES = 64;
const SEGMENT_BYTES = 56;
const SECTION_BYTES = 64;

/** The type of a section that has no bytes in the file. */
const SHT_NOBITS = 8;

/**
 * Whether a shared library ends before it should: a copy or a download that was interrupted. The dynamic loader maps
 * what the headers promise, and touches pages that the file does not have, which ends the process (SIGBUS).
 *
 * False for what is no ELF file of 64 bits and little-endian, and for what cannot be read: the loader refuses both.
 */
export function isCutOff(path: string): boolean {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch {
    return false;
  }
  try {
    return endsEarly(fd, Number(fstatSync(fd, { bigint: true }).size));
  } catch {
    return false;
  } finally {
    closeSync(fd);
  }
}

/** Where something begins in the file, and how long it is there, in bytes. */
type Extent = readonly [offset: number, byteLength: number];

function endsEarly(fd: number, size: number): boolean {
  const header = read(fd, [0, Math.min(size, HEADER_BYTES)]);
  const magic = '\x7fELF\x02\x01';
  // The beginning of one is one, too.
  if (header.length < HEADER_BYTES) return magic.startsWith(header.toString('latin1', 0, 6));
  if (header.toString('latin1', 0, 6) !== magic) return false;
  const fits = ([offset, byteLength]: Extent): boolean => offset + byteLength <= size;
  const segments: Extent = [numberAt(header, 32), SEGMENT_BYTES * header.readUInt16LE(56)];
  const sections: Extent = [numberAt(header, 40), SECTION_BYTES * header.readUInt16LE(60)];
  if (!fits(segments) || !fits(sections)) return true;
  const segmentExtent = (at: Buffer): Extent => [numberAt(at, 8), numberAt(at, 32)];
  const sectionExtent = (at: Buffer): Extent => [
    numberAt(at, 24),
    at.readUInt32LE(4) === SHT_NOBITS ? 0 : numberAt(at, 32),
  ];
  return !(
    entriesOf(read(fd, segments), SEGMENT_BYTES).every((entry) => fits(segmentExtent(entry))) &&
    entriesOf(read(fd, sections), SECTION_BYTES).every((entry) => fits(sectionExtent(entry)))
  );
}

function read(fd: number, [offset, byteLength]: Extent): Buffer {
  const bytes = Buffer.alloc(byteLength);
  return bytes.subarray(0, readSync(fd, bytes, 0, byteLength, offset));
}

function entriesOf(table: Buffer, byteLength: number): readonly Buffer[] {
  return Array.from({ length: table.length / byteLength }, (_, index) =>
    table.subarray(index * byteLength, (index + 1) * byteLength),
  );
}

function numberAt(bytes: Buffer, offset: number): number {
  return Number(bytes.readBigUInt64LE(offset));
}
