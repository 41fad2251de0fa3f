import { afterEach, describe, expect, test } from 'vitest';
import { type Registry, startRegistry } from '../scripts/test-install/registry.js';

describe('the registry on loopback', () => {
  let registry: Registry | undefined;
  afterEach(() => registry?.close());

  /** What `npm publish` sends. */
  function publish(url: string, name: string, version: string) {
    const tarball = Buffer.from(`the tarball of ${version}`);
    return fetch(`${url}${encodeURIComponent(name)}`, {
      method: 'PUT',
      body: JSON.stringify({
        name,
        versions: { [version]: { name, version } },
        'dist-tags': { latest: version },
        _attachments: { [`${name}-${version}.tgz`]: { data: tarball.toString('base64') } },
      }),
    });
  }

  test('has what was published, and its tarball', async () => {
    registry = await startRegistry();
    expect((await publish(registry.url, '@some/name', '1.0.0')).status).toBe(201);
    expect((await publish(registry.url, '@some/name', '1.1.0')).status).toBe(201);
    expect(registry.published()).toEqual(['@some/name@1.0.0', '@some/name@1.1.0']);

    for (const path of ['@some%2fname', '@some/name']) {
      const found = JSON.parse(await (await fetch(`${registry.url}${path}`)).text());
      expect(found['dist-tags']).toEqual({ latest: '1.1.0' });
      const { tarball, integrity } = found.versions['1.0.0'].dist;
      expect(integrity).toMatch(/^sha512-/);
      expect(await (await fetch(tarball)).text()).toBe('the tarball of 1.0.0');
    }
    const latest = JSON.parse(await (await fetch(`${registry.url}@some/name/latest`)).text());
    expect(latest.version).toBe('1.1.0');
  });

  test('does not take a version twice', async () => {
    registry = await startRegistry();
    await publish(registry.url, 'name', '1.0.0');
    const again = await publish(registry.url, 'name', '1.0.0');
    expect(again.status).toBe(403);
    expect(await again.text()).toContain('previously published');
  });

  test('has nothing else, if it is alone', async () => {
    registry = await startRegistry();
    expect((await fetch(`${registry.url}elsewhere`)).status).toBe(404);
  });

  test('sends elsewhere for what it does not have', async () => {
    registry = await startRegistry({ upstream: 'http://upstream.invalid/folder/' });
    const response = await fetch(`${registry.url}@some%2fname`, { redirect: 'manual' });
    expect(response.status).toBe(302);
    expect(response.headers.get('location')).toBe('http://upstream.invalid/folder/@some%2fname');
  });

  test('says what is wrong with what it does not understand', async () => {
    registry = await startRegistry();
    const response = await fetch(`${registry.url}name`, { method: 'PUT', body: 'nonsense' });
    expect(response.status).toBe(500);
    expect(await response.text()).toMatch(/JSON/);
  });
});
