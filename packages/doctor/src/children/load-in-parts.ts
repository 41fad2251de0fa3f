/**
 * Loads one of the doctor's own programs in parts, for the reason that `command/main.ts` gives. The path of the
 * program is the first argument; it finds its own arguments as if it had been started itself.
 */
import { pathToFileURL } from 'node:url';

process.argv.splice(1, 1);
await import('@pageferry/core');
await import('@pageferry/linux');
await import(pathToFileURL(process.argv[1] ?? '').href);
