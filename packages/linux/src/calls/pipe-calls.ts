/**
 * Pipes, and what moves between them: pipe(7), splice(2). See {@link LinuxCalls} for the conventions.
 */
export interface PipeCalls {
  /** pipe2(2). Writes the read end to `descriptors[0]` and the write end to `descriptors[1]`. */
  pipe2(descriptors: Int32Array, flags: number): number;
  /**
   * vmsplice(2): appends references to the pages of `bytes[offset, offset + length)` to a pipe.
   * Returns how many bytes were taken, which may be fewer than `length`.
   *
   * The pages belong to the pipe's readers until the last of them has dropped them: what is written
   * to the memory before that is seen by the readers. The pages stay alive even if the memory is
   * unmapped in the meantime.
   */
  vmsplice(fd: number, bytes: Uint8Array, offset: number, length: number, flags: number): number;
  /** splice(2) without offsets. Returns bytes moved; 0 is the end of the input. */
  splice(fromFd: number, toFd: number, length: number, flags: number): number;
  /** tee(2): duplicates what is in one pipe into another. Returns bytes duplicated. */
  tee(fromFd: number, toFd: number, length: number, flags: number): number;
  /** fcntl(2) `F_GETPIPE_SZ`: capacity of the pipe in bytes. */
  getPipeSize(fd: number): number;
  /** fcntl(2) `F_SETPIPE_SZ`. Returns the capacity that was set, which may be larger. */
  setPipeSize(fd: number, byteLength: number): number;
}
