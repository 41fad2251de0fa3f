import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Application, LogLevel } from 'typedoc';
import { fragmentsOf } from './links.js';

/** The folder of the reference within the site's content. */
const REFERENCE = 'reference';

/**
 * What a published package exports under one name.
 *
 * @typedef {object} Entry
 * @property {string} name as a program imports it, such as `@pageferry/core/contract`.
 * @property {string} types the path of its declarations, which carry the doc comments.
 */

/**
 * @param {string} root the repository, built.
 * @returns {{ entries: Entry[], packages: string[] }}
 */
function exportsOf(root) {
  const manifests = readdirSync(join(root, 'packages')).map((folder) => ({
    folder: join(root, 'packages', folder),
    ...JSON.parse(readFileSync(join(root, 'packages', folder, 'package.json'), 'utf8')),
  }));
  const published = manifests.filter((manifest) => manifest.private !== true);
  return {
    packages: published.map(({ name }) => name),
    entries: published.flatMap(({ name, folder, exports }) =>
      Object.entries(exports)
        .filter(([, target]) => target.types !== undefined)
        .map(([key, target]) => ({
          name: name + key.slice(1),
          types: join(folder, target.types),
        })),
    ),
  };
}

/**
 * All that the packages export, and the program that reads it.
 *
 * @param {string} root the repository, built.
 * @param {string[]} packages whose exports must all have a doc comment.
 * @param {string} [out] the folder to write to.
 */
async function convert(root, packages, out = '') {
  const { entries } = exportsOf(root);
  const app = await Application.bootstrapWithPlugins(
    /** @type {import('typedoc').TypeDocOptions} */ ({
      plugin: ['typedoc-plugin-markdown'],
      // What one name exports again is explained where it is made: so the package that exports them all comes last.
      entryPoints: entries.map(({ types }) => types).toSorted((a, b) => order(a) - order(b)),
      tsconfig: join(import.meta.dirname, '../tsconfig.reference.json'),
      basePath: root,
      outputs: [{ name: 'markdown', path: out }],
      name: 'Reference',
      readme: 'none',
      // The declarations were checked when they were built.
      skipErrorChecking: true,
      excludePrivate: true,
      excludeExternals: true,
      externalPattern: ['**/node_modules/**'],
      disableSources: true,
      logLevel: LogLevel.Warn,
      packagesRequiringDocumentation: packages,
      validation: {
        notExported: false,
        invalidLink: false,
        rewrittenLink: false,
        notDocumented: true,
        unusedMergeModuleWith: false,
      },
      // One page for each name that is imported from.
      outputFileStrategy: 'modules',
      entryFileName: 'index.md',
      hidePageHeader: true,
      hideBreadcrumbs: true,
      useCodeBlocks: true,
      parametersFormat: 'list',
    }),
  );
  const project = await app.convert();
  if (project === undefined) throw new Error('typedoc cannot read what the packages export');
  const names = new Map(entries.map(({ name, types }) => [nameInTypedoc(root, types), name]));
  for (const child of project.children ?? []) child.name = names.get(child.name) ?? child.name;
  return { app, project, entries };
}

/** @param {string} types */
function order(types) {
  return Number(/packages\/pageferry\/|contract\/index\.d\.ts$/.test(types));
}

/**
 * What typedoc calls the module of a file.
 *
 * @param {string} root
 * @param {string} types
 */
function nameInTypedoc(root, types) {
  return types.slice(join(root, '/').length).replace(/(\/index)?\.d\.ts$/, '');
}

/**
 * Writes the reference, in Markdown.
 *
 * @param {string} root the repository, built.
 * @param {string} content the folder of the site's content.
 */
export async function writeReference(root, content) {
  const { app, project } = await convert(root, [], join(content, REFERENCE));
  await app.generateOutputs(project);
  mendFragments(join(content, REFERENCE));
}

/**
 * Where an interface and a method of another one make the same fragment (`SenderStats`, `Sender.stats`), the generator
 * gives a number to the one that is linked to, and none to its heading.
 *
 * @param {string} folder
 */
function mendFragments(folder) {
  const pages = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name));
  const texts = new Map(pages.map((page) => [page, readFileSync(page, 'utf8')]));
  const fragments = new Map(pages.map((page) => [page, fragmentsOf(texts.get(page) ?? '')]));
  for (const [page, text] of texts) {
    const mended = text.replace(/\]\(([^()#\s]*)#([\w-]+?)-\d+\)/g, (whole, path, plain) => {
      const known = fragments.get(path === '' ? page : join(dirname(page), path));
      const [, fragment = ''] = /#(.+)\)$/.exec(whole) ?? [];
      return known?.has(plain) && !known.has(fragment) ? `](${path}#${plain})` : whole;
    });
    writeFileSync(page, mended);
  }
}

/**
 * The pages of the reference, by name and link.
 *
 * @param {string} root the repository.
 */
export function referencePages(root) {
  return exportsOf(root).entries.map(({ name }) => ({ name, link: `/${REFERENCE}/${name}` }));
}

/**
 * What needs no comment of its own: how the language disposes of things and goes through them, which is the same
 * everywhere, and the members of a type that has no name, which the comment of the whole explains. typedoc does
 * not see the comments of members that are made optional by another type.
 */
const EXPLAINED =
  /\.\[(?:dispose|asyncDispose|iterator|asyncIterator)\] |\.__type\.|\.(?:un)?cork /;

/**
 * The exports of packages that have no doc comment, as sentences.
 *
 * @param {string} root the repository, built.
 * @returns {Promise<string[]>}
 */
export async function undocumented(root) {
  const { app, project } = await convert(root, exportsOf(root).packages);
  /** @type {string[]} */
  const sentences = [];
  app.logger.validationWarning = (/** @type {string} */ text) => {
    if (!EXPLAINED.test(text)) sentences.push(text);
  };
  app.validate(project);
  return sentences;
}
