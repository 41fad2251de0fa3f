#!/usr/bin/env node
/**
 * Loads `pageferry-doctor` in parts. Node opens all files that an import leads to at about the same
 * time, which are more than a process may have open that has few descriptors: and that is one of the
 * things that the doctor is asked to find out.
 */
import { omitExperimentalWarnings } from './no-experimental-warnings.js';

omitExperimentalWarnings();
await import('@pageferry/core');
await import('@pageferry/linux');
await import('../probes/probe-hops.js');
await import('../verdict/advice.js');
await import('./command.js');
