import { siteAddress } from './links.js';
import { pagesOf, titleOf } from './pages.js';

/** The order of the guide. What is not there yet is left out; what is not named here comes at its end. */
const GUIDE = [
  'getting-started',
  'installing',
  'choosing-a-backend',
  'transfer-contract',
  'zero-copy',
  'keeping-messages',
  'workers',
  'containers',
  'runtimes',
  'bundling',
  'testing',
  'diagnostics',
  'troubleshooting',
  'reliability',
];

/** What is for those who want to know how it works, or to change it. */
const INSIDE = [
  'architecture',
  'glossary',
  'kernel-facts',
  'shared-memory-layout',
  'values',
  'adding-a-backend',
];

/**
 * The sidebar: every page that there is, once.
 *
 * @param {string} root the repository.
 * @param {readonly { name: string, link: string }[]} reference the packages of the reference.
 */
export function sidebarOf(root, reference) {
  const pages = pagesOf(root);
  const entry = (/** @type {string} */ page) => ({
    text: titleOf(root, page),
    link: siteAddress(page),
  });
  const inFolder = (/** @type {RegExp} */ path) =>
    pages.filter((page) => path.test(page)).map(entry);
  const doc = (/** @type {string} */ name) => `docs/${name}.md`;
  const docs = pages.filter((page) => /^docs\/[^/]+\.md$/.test(page));
  const inside = INSIDE.map(doc).filter((page) => docs.includes(page));
  const guide = [...new Set([...GUIDE.map(doc), ...docs])].filter(
    (page) => docs.includes(page) && !inside.includes(page),
  );
  return [
    { text: 'Guide', items: [...guide.map(entry), ...inFolder(/^docs\/(examples|compare)\//)] },
    { text: 'Packages', collapsed: true, items: inFolder(/^packages\//) },
    {
      text: 'Reference',
      collapsed: true,
      items: reference.map(({ name, link }) => ({ text: name, link })),
    },
    {
      text: 'Inside',
      collapsed: true,
      items: [
        ...inside.map(entry),
        ...inFolder(/^(apps|benchmarks)\//),
        ...inFolder(/^CONTRIBUTING\.md$/),
      ],
    },
    { text: 'Decisions', collapsed: true, items: inFolder(/^docs\/decisions\//) },
  ];
}
