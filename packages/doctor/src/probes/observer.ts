/** What is at the beginning of a page that has arrived. */
export interface Sight {
  readonly value: number;
  /** The physical page, where it can be known. */
  readonly frame?: number | undefined;
  /** How many pages of a mapping were there after only the first of them was touched. */
  readonly presentPages?: number | undefined;
}

/**
 * Whoever takes what comes out of a hop: {@link OtherProcess}, or for a quick look this very process.
 *
 * Every method rejects with `SYSTEM_CALL_FAILED` if the call fails there.
 */
export interface Observer extends Disposable {
  /** Who it is, for the evidence. */
  readonly name: string;
  /** False once it cannot take anything any more. */
  readonly usable: boolean;
  /** Takes a page out of a pipe or socket with read(2), into memory of its own. */
  read(fd: number): Promise<Sight>;
  /** Takes a page out of a pipe with vmsplice(2). */
  vmsplice(fd: number): Promise<Sight>;
  /** Maps the first `byteLength` bytes of a file, and touches the first page alone. */
  map(fd: number, byteLength: number): Promise<Sight>;
  /** Looks once more at what it took or mapped last. */
  look(): Promise<Sight>;
}
