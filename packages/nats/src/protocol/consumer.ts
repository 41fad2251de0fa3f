import { nuid } from '@nats-io/transport-node';
import { type BehindPolicy, POLICIES } from '../options.js';

/** What the name of a receiver's consumer begins with. */
const PREFIX = 'receiver';

/** A name for the consumer of a receiver, which says what becomes of messages while it is behind. */
export function consumerName(policy: BehindPolicy): string {
  return `${PREFIX}_${policy}_${nuid.next()}`;
}

/** The policy of the receiver whose consumer has this name; `undefined` if it is no receiver's. */
export function policyOf(name: string): BehindPolicy | undefined {
  const [prefix, policy] = name.split('_');
  return prefix === PREFIX ? POLICIES.find((known) => known === policy) : undefined;
}
