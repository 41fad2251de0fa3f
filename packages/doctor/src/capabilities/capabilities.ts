import type { LinuxCalls } from '@pageferry/linux';
import type { BindingReport } from '../bindings/bindings.js';
import { sparing } from '../probes/sparing.js';
import { askSystemCalls } from './ask-system-calls.js';
import { examineLimits, type Limits } from './limits.js';
import { examineMemory, type Memory } from './memory.js';
import { examinePipes, type Pipes } from './pipes.js';
import { examinePlatform, type Platform } from './platform.js';
import { type CallAnswer, killersAmong, type SeccompMode, seccompMode } from './system-calls.js';

/** What this machine allows this process. What is `undefined` could not be found out. */
export interface SystemCapabilities {
  /** System, kernel, libc, Node, and which container this is. */
  readonly platform: Platform;
  /** Whether a filter decides which system calls may be made. */
  readonly seccomp: SeccompMode;
  /** What each system call answers that a transport needs. */
  readonly systemCalls: readonly CallAnswer[];
  /** How large pipes may be, and how much of them is in use. */
  readonly pipes: Pipes | undefined;
  /** Huge pages, seals, and limits of memory. */
  readonly memory: Memory;
  /** Limits of this process. */
  readonly limits: Limits;
  /** Which bindings load, and why the others do not. */
  readonly bindings: readonly BindingReport[];
}

/**
 * Finds out what this machine allows this process.
 *
 * @param calls what makes the calls, where there is a binding.
 * @param bindings what became of each of them.
 */
export async function examineCapabilities(
  calls: LinuxCalls | undefined,
  bindings: readonly BindingReport[],
): Promise<SystemCapabilities> {
  const systemCalls = calls === undefined ? [] : await askSystemCalls(calls);
  return {
    platform: examinePlatform(),
    seccomp: seccompMode(),
    systemCalls,
    pipes: calls === undefined ? undefined : examinePipes(calls),
    memory: examineMemory(calls && sparing(calls, killersAmong(systemCalls))),
    limits: examineLimits(),
    bindings,
  };
}
