import { join } from 'node:path';
import { defineConfig } from 'vitepress';
import { drawDiagrams } from '../src/diagrams.js';
import { REPOSITORY, slug } from '../src/links.js';
import { referencePages } from '../src/reference.js';
import { sidebarOf } from '../src/sidebar.js';

const root = join(import.meta.dirname, '../../..');

export default defineConfig({
  title: 'Pageferry',
  description: 'Hands memory from one process to another on one Linux host without copying it',
  lang: 'en',
  head: [['link', { rel: 'icon', href: 'data:,' }]],
  srcDir: 'content',
  outDir: 'dist',
  cacheDir: 'node_modules/.cache/vitepress',
  cleanUrls: true,
  markdown: { anchor: { slugify: slug }, config: drawDiagrams },
  themeConfig: {
    nav: [
      { text: 'Guide', link: '/docs/getting-started' },
      { text: 'Contract', link: '/docs/transfer-contract' },
      { text: 'Reference', link: '/reference/pageferry' },
      { text: 'Troubleshooting', link: '/docs/troubleshooting' },
    ],
    sidebar: sidebarOf(root, referencePages(root)),
    outline: [2, 3],
    // In the page, and not by a service.
    search: { provider: 'local' },
    socialLinks: [{ icon: 'github', link: REPOSITORY }],
  },
});
