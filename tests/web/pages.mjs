// Steps that several tests share.
import assert from 'node:assert/strict';
import { serve } from './server.mjs';
import { makeWorld } from './world.mjs';

/** A server with a world of its own, and a page of it; complaints of either end the test. */
export async function visit(browser, path, { change = () => {}, context = {}, world = makeWorld(), prepare = () => {} } = {}) {
  change(world);
  const server = await serve(world);
  const tab = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...context });
  const page = await tab.newPage();
  page.setDefaultTimeout(60_000);
  const complaints = [];
  const elsewhere = [];
  let expected = 0;
  page.on('console', (message) => {
    // Chromium tells of every answer that is no success; those are what some tests are about.
    if (['error', 'warning'].includes(message.type()) && !/Failed to load resource|net::ERR/.test(message.text())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.stack));
  page.on('dialog', (dialog) => {
    complaints.push(`a dialogue: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(server.origin)) elsewhere.push(request.url());
  });
  await prepare(page);
  await page.goto(server.origin + path);
  const self = {
    server, world, page, tab, complaints, elsewhere,
    expectComplaints: () => (expected = Infinity),
    async end() {
      await tab.close();
      await server.close();
      assert.deepEqual(server.broken, [], 'the contract was kept');
      if (!expected) assert.deepEqual(complaints, [], 'the console is quiet');
      assert.deepEqual(elsewhere, [], 'no other host was asked');
    },
  };
  return self;
}

/** Until a condition holds; a minute at most. */
export async function until(what, condition) {
  for (const end = Date.now() + 60_000; Date.now() < end; ) {
    if (await condition()) return;
    await new Promise((done) => setTimeout(done, 25));
  }
  assert.fail(`it never was so that ${what}`);
}

export const settled = (page) => page.waitForFunction(() => document.querySelector('main h1') && !document.querySelector('.waiting'));

/** What is wide enough to make the page scroll sideways. */
export const overflow = (page) =>
  page.evaluate(() => {
    const wide = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= wide) return [];
    return [...document.querySelectorAll('body *')]
      .filter((element) => element.getBoundingClientRect().right > wide + 1 && getComputedStyle(element).position !== 'fixed')
      .slice(0, 5)
      .map((element) => `${element.tagName}.${element.className} to ${Math.round(element.getBoundingClientRect().right)}`);
  });

/** Texts whose contrast with what is behind them is under 4.5 (WCAG 2.2, 1.4.3). */
export const faint = (page) =>
  page.evaluate(() => {
    const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    const rgba = (color) => {
      canvas.clearRect(0, 0, 1, 1);
      canvas.fillStyle = color;
      canvas.fillRect(0, 0, 1, 1);
      const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
      return [r, g, b, a / 255];
    };
    const over = (top, under) => [0, 1, 2].map((i) => top[i] * top[3] + under[i] * (1 - top[3])).concat(1);
    const light = ([r, g, b]) => {
      const [x, y, z] = [r, g, b].map((v) => ((v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
      return 0.2126 * x + 0.7152 * y + 0.0722 * z;
    };
    const found = new Set();
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const element = node.parentElement;
      if (!node.nodeValue.trim() || !element.checkVisibility({ checkOpacity: true }) || element.closest('.hidden, .skip, :disabled, .said, noscript, option, [data-faint]')) continue;
      const layers = [];
      for (let at = element; at; at = at.parentElement) layers.push(rgba(getComputedStyle(at).backgroundColor));
      const back = layers.reverse().reduce((under, top) => over(top, under), [255, 255, 255, 1]);
      const ink = over(rgba(getComputedStyle(element).color), back);
      const [a, b] = [light(ink), light(back)].sort((x, y) => y - x);
      const ratio = (a + 0.05) / (b + 0.05);
      if (ratio < 4.5) found.add(`${ratio.toFixed(2)} ${element.tagName}.${element.className}: ${node.nodeValue.trim().slice(0, 40)}`);
    }
    return [...found];
  });
