import type { Driver } from '../drivers/driver.js';
import type { Errno } from './errno.js';

/** fcntl(2) with a number as its argument. */
export type Fcntl = (fd: number, command: number, argument: number) => number;

/**
 * Declares fcntl(2). It is variadic in C; on Linux an int is passed the same way to such a function
 * as to any other (System V ABI for x86-64, AAPCS64, RISC-V psABI).
 */
export function declareFcntl(driver: Driver, errno: Errno): Fcntl {
  const fcntl = driver.declare('fcntl', 'int', ['int', 'int', 'int']);
  return (fd, command, argument) => errno.repeat(() => fcntl(fd, command, argument));
}
