import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readPackages } from '../scripts/check-packages.js';
import { inOrderOfRelease, neededBy } from '../scripts/release/order.js';
import { ROOT } from '../scripts/release/pack.js';
import { PACKAGES } from '../scripts/test-install/sections/installers.js';

const OMITTED = [
  // One of its dependencies asks for Node 22 in its manifest, and runs on 20: yarn 1 refuses it there.
  '@pageferry/nats',
  // It needs a vitest, and is for the authors of transports.
  '@pageferry/conformance',
];

test('every published package is installed with every package manager, by its name or with another', () => {
  const manifests = inOrderOfRelease(readPackages(join(ROOT, 'packages')));
  const installed = PACKAGES.flatMap((name) => neededBy(manifests, name).map((each) => each.name));
  const missing = manifests.map(({ name }) => name).filter((name) => !installed.includes(name));
  expect(missing).toEqual(OMITTED);
});
