import { channel, subscribe } from 'node:diagnostics_channel';
import { debuglog } from 'node:util';
import type { DiagnosticsEvents } from '../contract/diagnostics.js';

type Name = keyof DiagnosticsEvents;

const channels = {
  'pageferry:connect': channel('pageferry:connect'),
  'pageferry:disconnect': channel('pageferry:disconnect'),
  'pageferry:cut-off': channel('pageferry:cut-off'),
  'pageferry:drop': channel('pageferry:drop'),
  'pageferry:fallback': channel('pageferry:fallback'),
  'pageferry:stall': channel('pageferry:stall'),
  'pageferry:bridge': channel('pageferry:bridge'),
} satisfies Record<Name, unknown>;

// `NODE_DEBUG=pageferry` prints all of it on standard error.
const print = debuglog('pageferry');
if (print.enabled) {
  for (const name of Object.keys(channels)) {
    subscribe(name, (event) => print('%s %o', name.replace('pageferry:', ''), event));
  }
}

/** Whether somebody wants to know. */
export function isWatched(name: Name): boolean {
  return channels[name].hasSubscribers;
}

/**
 * Tells whoever has subscribed. Never throws: what a subscriber throws is an uncaught exception of its own.
 *
 * @param tell makes the event; only called if somebody wants to know.
 */
export function publish<N extends Name>(name: N, tell: () => DiagnosticsEvents[N]): void {
  if (channels[name].hasSubscribers) channels[name].publish(tell());
}

/** The endpoint as events have it: none where it is not known. */
export function named(endpoint: string | undefined): { readonly endpoint?: string } {
  return endpoint === undefined || endpoint === '' ? {} : { endpoint };
}
