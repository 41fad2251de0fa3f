import { EndpointPath, LONGEST_PATH } from '@pageferry/core';
import { afterEach, describe, expect, test, vi } from 'vitest';

const goTo = (folder: string) => vi.spyOn(process, 'cwd').mockReturnValue(folder);

afterEach(() => {
  vi.restoreAllMocks();
});

describe('the path of an endpoint (11.20)', () => {
  test('stays the same file wherever the process goes', () => {
    goTo('/first');
    const place = new EndpointPath('./deep/endpoint');
    goTo('/second');
    expect(place.given).toBe('./deep/endpoint');
    expect(place.absolute).toBe('/first/./deep/endpoint');
    expect(place.address(107)).toBe('/first/./deep/endpoint');
  });

  test('is taken as it was given where only that fits', () => {
    goTo('/first/deep');
    const place = new EndpointPath('./short');
    expect(place.address(10)).toBe('./short');
    goTo('/first');
    expect(place.address(15)).toBe('deep/short');
  });

  test('that is absolute is never shortened: others would not find it', () => {
    goTo('/first');
    expect(new EndpointPath('/first/endpoint').address(10)).toBe('/first/endpoint');
  });

  test('is ENDPOINT_TOO_LONG if it fits into no address, in bytes and not in characters', () => {
    goTo('/first');
    const longest = `/${'é'.repeat((LONGEST_PATH - 1) / 2)}`;
    expect(new EndpointPath(longest).address()).toBe(longest);
    for (const path of [`${longest}x`, `./${'x'.repeat(LONGEST_PATH - 1)}`]) {
      expect(() => new EndpointPath(path)).toThrow(
        expect.objectContaining({ code: 'ENDPOINT_TOO_LONG' }),
      );
    }
    // What would be too long from the root fits from here.
    expect(new EndpointPath('./'.padEnd(LONGEST_PATH, 'x')).address()).toHaveLength(LONGEST_PATH);
  });

  test('leaves `..` to the kernel, which follows links', () => {
    goTo('/first');
    expect(new EndpointPath('link/../endpoint').absolute).toBe('/first/link/../endpoint');
  });

  test('that is relative to a folder that is gone is a typed error', () => {
    vi.spyOn(process, 'cwd').mockImplementation(() => {
      throw Object.assign(new Error('ENOENT: uv_cwd'), { code: 'ENOENT' });
    });
    expect(() => new EndpointPath('./endpoint')).toThrow(
      expect.objectContaining({ code: 'ENDPOINT_INVALID' }),
    );
    expect(new EndpointPath('/endpoint').absolute).toBe('/endpoint');
  });
});
