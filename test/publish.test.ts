import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { run } from '../scripts/release/commands.js';
import { publish } from '../scripts/release/publish.js';
import { readTarballs } from '../scripts/release/tarball.js';
import { environmentFor } from '../scripts/test-install/packed.js';
import { type Registry, startRegistry } from '../scripts/test-install/registry.js';

describe('publishing tarballs', { timeout: 120_000 }, () => {
  let folder = '';
  let registry: Registry;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'pf-publish-'));
    registry = await startRegistry();
    for (const [name, dependencies] of Object.entries({ upper: { lower: '1.0.0' }, lower: {} })) {
      const from = join(folder, 'sources', name);
      mkdirSync(from, { recursive: true });
      const manifest = { name, version: '1.0.0', dependencies };
      writeFileSync(join(from, 'package.json'), JSON.stringify(manifest));
      await run(['npm', 'pack', '--pack-destination', folder], { cwd: from });
    }
  });
  afterEach(async () => {
    await registry.close();
    rmSync(folder, { recursive: true });
  });

  async function publishAll() {
    const env = environmentFor(registry, folder);
    const outcomes: string[] = [];
    for await (const { tarball, outcome } of publish(await readTarballs(folder), {
      cwd: folder,
      env,
    })) {
      outcomes.push(`${tarball.name}@${tarball.version} ${outcome}`);
    }
    return outcomes;
  }

  test('goes from below to above, and can be repeated', async () => {
    expect(await publishAll()).toEqual(['lower@1.0.0 published', 'upper@1.0.0 published']);
    expect(await publishAll()).toEqual(['lower@1.0.0 was there', 'upper@1.0.0 was there']);
    expect(registry.published()).toEqual(['lower@1.0.0', 'upper@1.0.0']);
  });

  test('fails with what npm says', async () => {
    const file = join(folder, 'nonsense.tgz');
    writeFileSync(file, 'nonsense');
    const options = { cwd: folder, env: environmentFor(registry, folder) };
    const publishing = publish([{ name: 'nonsense', version: '1.0.0', file }], options);
    await expect(publishing.next()).rejects.toThrow(/npm publish.*npm error/s);
    expect(registry.published()).toEqual([]);
  });
});
