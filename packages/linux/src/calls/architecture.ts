/** `O_DIRECT` (open(2)): the flag's number differs between processor architectures. */
export const O_DIRECT: number =
  process.arch === 'arm64' || process.arch === 'arm' ? 0o200000 : 0o40000;
