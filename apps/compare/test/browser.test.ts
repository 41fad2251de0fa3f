/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
import { existsSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { renderReport } from '../dist/report/html.js';
import { inFolder } from './compare.js';
import { sampleResults } from './sample-results.js';

const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const SCENARIOS = ['handoff', 'work', 'discard', 'rtt', 'to-file'] as const;

// `apt-get install chromium`, or CHROMIUM=/path/to/one.
describe.skipIf(!existsSync(CHROMIUM))('in a browser, the report', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
  });
  afterAll(() => browser.close());

  /** Opens the report; fails on whatever goes wrong in it, or is loaded. */
  async function open(options: { width: number; dark?: boolean }) {
    const file = inFolder('report.html');
    writeFileSync(file, renderReport(sampleResults(SCENARIOS)));
    const page = await browser.newPage({
      viewport: { width: options.width, height: 800 },
      colorScheme: options.dark ? 'dark' : 'light',
    });
    const complaints: string[] = [];
    const requests: string[] = [];
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => complaints.push(message.text()));
    page.on('request', (request) => requests.push(request.url()));
    await page.goto(pathToFileURL(file).href);
    expect(complaints).toEqual([]);
    expect(requests).toEqual([pathToFileURL(file).href]);
    return page;
  }

  const column = (page: Page, index: number) =>
    page.locator(`#results tbody tr:visible td:nth-child(${index})`).allTextContents();

  it('sorts by a heading, in both directions', async () => {
    const page = await open({ width: 1100 });
    const heading = page.getByRole('columnheader', { name: 'GiB/s' });
    const rates = async () =>
      (await column(page, 5)).map((text) => Number.parseFloat(text)).filter((rate) => rate > 0);
    const inOrder = (all: readonly number[], sign: 1 | -1) =>
      all.every((rate, index) => index === 0 || sign * (rate - Number(all[index - 1])) >= 0);
    await heading.click();
    await expect.poll(async () => inOrder(await rates(), 1)).toBe(true);
    await heading.click();
    await expect.poll(async () => inOrder(await rates(), -1)).toBe(true);
    // Rows without a rate, which are the round trips, stay at the end.
    expect((await column(page, 1)).at(-1)).toBe('rtt');
    expect(await heading.getAttribute('aria-sort')).toBe('descending');
  });

  it('sorts with the keyboard alone', async () => {
    const page = await open({ width: 1100 });
    await page.locator('#results th', { hasText: 'subject' }).focus();
    await page.keyboard.press('Enter');
    const sorted = [...(await column(page, 2))].sort();
    await expect.poll(() => column(page, 2)).toEqual(sorted);
  });

  it('filters by scenario, size and name', async () => {
    const page = await open({ width: 1100 });
    await page.locator('select[name=scenario]').selectOption('work');
    await page.locator('select[name=size]').selectOption({ label: '64 KiB' });
    expect(new Set(await column(page, 1))).toEqual(new Set(['work']));
    expect(await column(page, 3)).toEqual(['64 KiB', '64 KiB', '64 KiB', '64 KiB']);
    await page.locator('input[name=subject]').fill('SOCKET');
    expect(await column(page, 2)).toEqual(['socket', 'unix-socket']);
    expect(await page.locator('#shown').textContent()).toBe('2 of 60 rows');
  });

  it('is as wide as a phone, with the plots for phones', async () => {
    const page = await open({ width: 390 });
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
    const plots = page.locator('#throughput .plot');
    expect(await plots.evaluateAll((all) => all.map((each) => each.clientHeight > 0))).toEqual([
      false,
      true,
    ]);
    expect(await page.locator('#throughput .legend li').first().isVisible()).toBe(true);
  });

  it('has words that can be read in the light and in the dark', async () => {
    for (const dark of [false, true]) {
      const page = await open({ width: 1100, dark });
      const contrasts = await page.evaluate(contrastOfTexts);
      // WCAG 2, level AA, for ordinary text.
      for (const [text, contrast] of contrasts) expect(contrast, text).toBeGreaterThan(4.5);
      expect(contrasts.length).toBeGreaterThan(50);
    }
  });

  it('shows everything but sorting and filtering without scripts', async () => {
    const file = inFolder('report.html');
    writeFileSync(file, renderReport(sampleResults(SCENARIOS)));
    const context = await browser.newContext({ javaScriptEnabled: false });
    const page = await context.newPage();
    await page.goto(pathToFileURL(file).href);
    expect(await page.locator('#throughput .wide svg').isVisible()).toBe(true);
    expect(await page.locator('#results tbody tr').count()).toBe(60);
  });
});

/** Runs in the page: the contrast of each visible text with the ground of the page. */
function contrastOfTexts(): [string, number][] {
  const channels = (color: string) => (color.match(/[\d.]+/g) ?? []).slice(0, 3).map(Number);
  const luminance = (color: string) => {
    const [r = 0, g = 0, b = 0] = channels(color).map((value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = luminance(getComputedStyle(document.body).backgroundColor);
  const contrasts: [string, number][] = [];
  for (const element of document.querySelectorAll('p, li, figcaption, td, th, h1, h2, svg text')) {
    const text = element.textContent?.trim() ?? '';
    if (text === '' || !element.checkVisibility()) continue;
    const style = getComputedStyle(element);
    const ink = luminance(element instanceof SVGElement ? style.fill : style.color);
    const [high, low] = ink > ground ? [ink, ground] : [ground, ink];
    contrasts.push([text, (high + 0.05) / (low + 0.05)]);
  }
  return contrasts;
}
