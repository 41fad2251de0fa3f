#!/usr/bin/env node
/**
 * Loads the demo in parts. Node opens all files that an import leads to at about the same time, which are more
 * than a process may have open that has few descriptors.
 */
await import('@pageferry/core');
await import('@pageferry/linux');
await import('./command.js');
