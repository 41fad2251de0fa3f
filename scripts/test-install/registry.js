// A registry of packages on loopback: what is published into it is installed from it, and what it does not have is
// looked for in another one, if there is one.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { buffer } from 'node:stream/consumers';

/** When everything was published: some package managers hold back what is new. */
const LONG_AGO = '2026-01-01T00:00:00.000Z';

/**
 * @typedef {object} Registry
 * @property {string} url ends with a slash.
 * @property {() => string[]} published the tarballs that it has, as `name@version`.
 * @property {() => Promise<void>} close Ends it, and forgets what was published.
 */

/**
 * What it keeps of a package: its document, and its tarballs by the names of their files.
 *
 * @typedef {object} Package
 * @property {any} document
 * @property {Map<string, Buffer>} tarballs
 */

/**
 * Starts a registry on a free port.
 *
 * @param {object} [options]
 * @param {string} [options.upstream] the registry for what is not here; without it, that is not found.
 * @returns {Promise<Registry>}
 */
export async function startRegistry({ upstream } = {}) {
  /** @type {Map<string, Package>} */
  const packages = new Map();
  const server = createServer(async (request, response) => {
    try {
      const path = decodeURIComponent(
        new URL(request.url ?? '/', 'http://localhost').pathname.slice(1),
      );
      if (request.method === 'PUT') {
        const refused = add(
          packages,
          JSON.parse((await buffer(request)).toString()),
          urlOf(server),
        );
        response.writeHead(refused ? 403 : 201, { 'content-type': 'application/json' });
        response.end(JSON.stringify(refused ? { error: refused } : { ok: true }));
        return;
      }
      const found = find(packages, path);
      if (found instanceof Buffer) {
        response.writeHead(200, { 'content-type': 'application/octet-stream' }).end(found);
      } else if (found !== undefined) {
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(found));
      } else if (upstream !== undefined) {
        const location = new URL(request.url?.slice(1) ?? '', upstream).href;
        response.writeHead(302, { location }).end();
      } else {
        response
          .writeHead(404, { 'content-type': 'application/json' })
          .end('{"error":"not found"}');
      }
    } catch (error) {
      response.writeHead(500, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ error: String(error) }));
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: urlOf(server),
    published: () =>
      [...packages].flatMap(([name, { document }]) =>
        Object.keys(document.versions).map((version) => `${name}@${version}`),
      ),
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

/** @param {import('node:http').Server} server */
function urlOf(server) {
  const address = server.address();
  if (address === null || typeof address === 'string')
    throw new Error('the registry does not listen');
  return `http://127.0.0.1:${address.port}/`;
}

/**
 * Adds what `npm publish` sends. A version that is there stays as it is, as in every registry.
 *
 * @param {Map<string, Package>} packages
 * @param {any} sent
 * @param {string} url
 * @returns {string | undefined} why not.
 */
function add(packages, sent, url) {
  const { document, tarballs } = packages.get(sent.name) ?? {
    document: { name: sent.name, versions: {}, 'dist-tags': {}, time: {} },
    tarballs: new Map(),
  };
  const bytes = Object.entries(sent._attachments).map(([file, { data }]) => ({
    file: file.split('/').at(-1) ?? file,
    bytes: Buffer.from(data, 'base64'),
  }));
  for (const [version, manifest] of Object.entries(sent.versions)) {
    if (version in document.versions) {
      return `You cannot publish over the previously published versions: ${version}.`;
    }
    const [first] = bytes;
    if (first === undefined) throw new Error('there is no tarball');
    const integrity = `sha512-${createHash('sha512').update(first.bytes).digest('base64')}`;
    const shasum = createHash('sha1').update(first.bytes).digest('hex');
    tarballs.set(first.file, first.bytes);
    const tarball = `${url}${sent.name}/-/${first.file}`;
    document.versions[version] = { ...manifest, dist: { integrity, shasum, tarball } };
    document.time[version] = LONG_AGO;
  }
  Object.assign(document['dist-tags'], sent['dist-tags']);
  packages.set(sent.name, { document, tarballs });
  return undefined;
}

/**
 * @param {Map<string, Package>} packages
 * @param {string} path `name`, `name/version` or `name/-/file`, of which a name may have a scope.
 */
function find(packages, path) {
  const [, name = '', rest] = /^((?:@[^/]+\/)?[^/]+)(?:\/(.+))?$/.exec(path) ?? [];
  const found = packages.get(name);
  if (found === undefined || rest === undefined) return found?.document;
  if (rest.startsWith('-/')) return found.tarballs.get(rest.split('/').at(-1) ?? '');
  return found.document.versions[found.document['dist-tags'][rest] ?? rest];
}
