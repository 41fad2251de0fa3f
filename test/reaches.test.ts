import { describe, expect, test } from 'vitest';
import { checkReaches, foreignReaches } from '../scripts/check-reaches.js';

const HERE = 'packages/vmsplice/test/inlet.test.ts';

describe("an import that reaches into another package's folders", () => {
  test('is nowhere', () => {
    const { count, wrong } = checkReaches();
    expect(count).toBeGreaterThan(300);
    expect(wrong).toEqual([]);
  });

  test.each([
    [HERE, "from '../../connection/test/support/folder.js'"],
    [HERE, "from '../../connection/dist/index.js'"],
    [HERE, "await import('../../connection/src/index.js')"],
    [HERE, "import '../../connection/dist/index.js'"],
    [HERE, "import '../../connection/bundle/index.js'"],
    [HERE, "require('@pageferry/connection/dist/index.js')"],
    ['packages/vmsplice/test/support/pair.ts', "from '../../../connection/dist/index.js'"],
    ['packages/vmsplice/test/programs/peer.mjs', "from '../../../../apps/demo/src/main.js'"],
    ['apps/demo/test/run.test.ts', "from '../../../packages/socket/test/support/raw.js'"],
    ['benchmarks/src/main.ts', "from '../../apps/compare/src/main.js'"],
    ['docs/examples/test/codes.test.ts', "from '../../../benchmarks/dist/main.js'"],
  ])('is reported: in %s, %s', (path, text) => {
    const [, specifier] = /'(.*)'/.exec(text) ?? [];
    expect(foreignReaches(path, `\n${text};`)).toEqual([
      `${path}:2: ${specifier} is inside another package: import what it exports`,
    ]);
  });

  test.each([
    [HERE, "from '../dist/receiving/inlet.js'"],
    [HERE, "from './support/pair.js'"],
    [HERE, "from '@pageferry/connection/internals'"],
    [HERE, "from 'node:test/reporters'"],
    ['docs/examples/test/codes.test.ts', "from './harness/stage.js'"],
  ])('is not: in %s, %s', (path, text) => {
    expect(foreignReaches(path, text)).toEqual([]);
  });
});
