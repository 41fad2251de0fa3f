import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Window } from 'happy-dom';
import { createMarkdownRenderer } from 'vitepress';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { drawDiagrams } from '../src/diagrams.js';
import { pagesOf } from '../src/pages.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const BLOCK = /^```mermaid\n(.*?)^```$/gms;
const blocks = pagesOf(ROOT).flatMap((page) =>
  [...readFileSync(join(ROOT, page), 'utf8').matchAll(BLOCK)].map(([, source = '']) => ({
    page,
    source,
  })),
);

// Mermaid makes texts safe with what a browser has.
const browser = new Window();
beforeAll(() => {
  vi.stubGlobal('window', browser);
  vi.stubGlobal('document', browser.document);
});
afterAll(async () => {
  vi.unstubAllGlobals();
  await browser.happyDOM.close();
});

test('there are diagrams', () => {
  expect(blocks.length).toBeGreaterThan(5);
});

test.each(blocks)('mermaid can read what $page has', async ({ source }) => {
  const { default: mermaid } = await import('mermaid');
  expect(await mermaid.parse(source)).toMatchObject({
    diagramType: expect.stringMatching(/^(flowchart|sequence)/),
  });
});

test('a diagram gets its source, and has it as a block of code inside; other code stays as it is', async () => {
  const source = 'flowchart TD\n  a["x & y"] -. "if {{ z }}" .-> b\n';
  const markdown = await createMarkdownRenderer(ROOT, { config: drawDiagrams });
  const html = markdown.render(`\`\`\`mermaid\n${source}\`\`\`\n\n\`\`\`js\n1;\n\`\`\`\n`);
  const diagrams = [...html.matchAll(/<MermaidDiagram source="([^"]*)">(.*?)<\/MermaidDiagram>/gs)];
  expect(diagrams.map(([, encoded = '']) => decodeURIComponent(encoded))).toEqual([source]);
  expect(diagrams[0]?.[2]).toMatch(/^<div class="language-mermaid.*<pre[^>]* v-pre[ =>]/s);
  expect(html.replace(/<MermaidDiagram.*<\/MermaidDiagram>/s, '')).toMatch(/class="language-js/);
});
