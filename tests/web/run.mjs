// Runs the tests of the pages and counts them; the last line is `N passed, N failed`. Names of files, or words of a
// fact, choose some.
import { openBrowser } from './browser.mjs';

const wanted = process.argv.slice(2);
const files = ['test-pages.mjs', 'test-access.mjs', 'test-hostile.mjs'];
const all = (await Promise.all(files.map((file) => import(`./${file}`)))).flatMap(({ tests }) => tests);
const chosen = all.filter(([fact]) => !wanted.length || wanted.some((words) => fact.includes(words)));
const browser = await openBrowser();
let passed = 0;
let failed = 0;
const began = Date.now();
async function work(queue) {
  for (let next = queue.shift(); next; next = queue.shift()) {
    const [fact, run] = next;
    const at = Date.now();
    try {
      await run(browser);
      passed++;
      console.log(`ok    ${fact} (${((Date.now() - at) / 1000).toFixed(1)} s)`);
    } catch (error) {
      failed++;
      console.log(`FAIL  ${fact}\n      ${String(error.stack).slice(0, 3000).replaceAll('\n', '\n      ')}`);
    }
  }
}
const queue = [...chosen];
await Promise.all([work(queue), work(queue)]);
await browser.close();
console.log(`${((Date.now() - began) / 1000).toFixed(0)} s`);
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed || !passed ? 1 : 0);
