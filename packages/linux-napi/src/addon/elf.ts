/** What of the header and the dynamic section of a 64-bit little-endian ELF file is looked at. */
export interface ElfFile {
  /** The processor, by Node's name for it (`process.arch`), or `e_machine` as a number in words. */
  readonly arch: string;
  /** The libraries that it needs, by name (`DT_NEEDED`). */
  readonly needed: readonly string[];
  /** The symbol versions that it wants of them, such as `GLIBC_2.14` (`.gnu.version_r`). */
  readonly versions: readonly string[];
  /** The C library that it was linked with; undefined if it needs none that is known. */
  readonly libc: 'glibc' | 'musl' | undefined;
  /** Whether there is a table of symbols that loading does not need: it is not stripped. */
  readonly hasSymbolTable: boolean;
}

const ARCHES: Readonly<Record<number, string>> = {
  3: 'ia32',
  21: 'ppc64',
  22: 's390x',
  40: 'arm',
  62: 'x64',
  183: 'arm64',
  243: 'riscv64',
  258: 'loong64',
};

/** Types of sections. */
const SHT_SYMTAB = 2;
const SHT_DYNAMIC = 6;
const SHT_GNU_VERNEED = 0x6ffffffe;

const DT_NEEDED = 1n;

interface Section {
  readonly type: number;
  readonly offset: number;
  readonly size: number;
  /** Of the section with its strings. */
  readonly link: number;
}

/**
 * Reads an ELF file.
 *
 * @throws `Error` if it is none, or is cut off, or not of 64 bits and little-endian.
 */
export function readElf(file: Buffer): ElfFile {
  if (file.toString('latin1', 0, 6) !== '\x7fELF\x02\x01') {
    throw new Error('it is no ELF file of 64 bits and little-endian');
  }
  const machine = file.readUInt16LE(18);
  const sections = sectionsOf(file);
  const needed = neededOf(file, sections);
  return {
    arch: ARCHES[machine] ?? `processor ${machine}`,
    needed,
    versions: versionsOf(file, sections),
    libc: libcOf(needed),
    hasSymbolTable: sections.some(({ type }) => type === SHT_SYMTAB),
  };
}

/** glibc's is `libc.so.6` everywhere; musl's is `libc.so`, or `libc.musl-x86_64.so.1` on Alpine. */
function libcOf(needed: readonly string[]): ElfFile['libc'] {
  if (needed.includes('libc.so.6')) return 'glibc';
  return needed.some((name) => /^libc\.(so|musl-.*)$/.test(name)) ? 'musl' : undefined;
}

function sectionsOf(file: Buffer): readonly Section[] {
  const start = Number(file.readBigUInt64LE(40));
  const size = file.readUInt16LE(58);
  return Array.from({ length: file.readUInt16LE(60) }, (_, number) => {
    const at = start + number * size;
    return {
      type: file.readUInt32LE(at + 4),
      offset: Number(file.readBigUInt64LE(at + 24)),
      size: Number(file.readBigUInt64LE(at + 32)),
      link: file.readUInt32LE(at + 40),
    };
  });
}

function neededOf(file: Buffer, sections: readonly Section[]): readonly string[] {
  const dynamic = sections.find(({ type }) => type === SHT_DYNAMIC);
  if (dynamic === undefined) return [];
  const names: string[] = [];
  for (let at = dynamic.offset; at < dynamic.offset + dynamic.size; at += 16) {
    if (file.readBigInt64LE(at) !== DT_NEEDED) continue;
    names.push(stringAt(file, sections[dynamic.link], Number(file.readBigUInt64LE(at + 8))));
  }
  return names;
}

/** A list of libraries (`Elf64_Verneed`), each with a list of versions (`Elf64_Vernaux`). */
function versionsOf(file: Buffer, sections: readonly Section[]): readonly string[] {
  const section = sections.find(({ type }) => type === SHT_GNU_VERNEED);
  if (section === undefined) return [];
  const versions = new Set<string>();
  for (let library = section.offset, more = true; more; ) {
    for (let version = library + file.readUInt32LE(library + 8), another = true; another; ) {
      versions.add(stringAt(file, sections[section.link], file.readUInt32LE(version + 8)));
      const next = file.readUInt32LE(version + 12);
      version += next;
      another = next !== 0;
    }
    const next = file.readUInt32LE(library + 12);
    library += next;
    more = next !== 0;
  }
  return [...versions];
}

function stringAt(file: Buffer, strings: Section | undefined, index: number): string {
  if (strings === undefined) throw new Error('a section without its strings');
  const start = strings.offset + index;
  return file.toString('latin1', start, file.indexOf(0, start));
}
