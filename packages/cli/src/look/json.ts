import { behindOf, type Look } from './look.js';

/** An endpoint for programs: one flat object, without what is not known. */
export function toJson(look: Look): Record<string, unknown> {
  const { report, ...rest } = look;
  const { counters, peers, peerCount, waitsFor } = report ?? {};
  return { ...rest, ...counters, messagesBehind: behindOf(look), peerCount, peers, waitsFor };
}
