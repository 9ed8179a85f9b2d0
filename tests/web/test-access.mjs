// The pages without a mouse and without eyes: what the browser tells a screen reader, and where the Tab key leads.
import assert from 'node:assert/strict';
import { settled, until, visit } from './pages.mjs';
import { makeWorld } from './world.mjs';

export const tests = [];
const test = (fact, run) => tests.push([fact, run]);
const every = (world) => ({
  approvals: '/approvals', 'what is over': '/approvals?show=over', 'an approval': `/approvals/${world.waiting.id}`, 'an approval by two': `/approvals/${world.approvals[1].id}`, 'one that is not theirs': `/approvals/${world.approvals[2].id}`,
  sessions: '/sessions', 'a session': `/sessions/${world.report.id}`, 'an open session': `/sessions/${world.holder.id}`, search: '/statements', overview: '/overview', policy: '/policy', connections: '/connections', 'turned away': '/turned-away', 'who saw': '/who-saw', 'who saw a column': '/who-saw?column=customers.*',
});
const pressed = new Set(['button', 'link', 'textbox', 'searchbox', 'combobox', 'checkbox', 'slider', 'radio', 'spinbutton', 'Date']);
const named = new Set([...pressed, 'dialog', 'navigation', 'search', 'table', 'region', 'complementary', 'form', 'img', 'image']);

/** The tree that Chromium hands to a screen reader: names are as it computes them. */
async function readerTree(page) {
  const session = await page.context().newCDPSession(page);
  await session.send('Accessibility.enable');
  const { nodes } = await session.send('Accessibility.getFullAXTree');
  await session.detach();
  return nodes.filter((node) => !node.ignored).map((node) => ({
    role: node.role?.value ?? '', name: node.name?.value?.trim() ?? '',
  }));
}

test('a screen reader is told a name of everything that can be pressed, filled or gone to, and headings without a gap, on every page', async (browser) => {
  const world = makeWorld();
  const { page, server, end } = await visit(browser, '/approvals', { world });
  for (const [what, path] of Object.entries(every(world))) {
    await page.goto(server.origin + path);
    await settled(page);
    const tree = await readerTree(page);
    assert.deepEqual(tree.filter((node) => named.has(node.role) && !node.name), [], `${what}: nothing is without a name`);
    assert.ok(tree.some((node) => pressed.has(node.role)) && tree.length > 30, `${what}: there is a tree`);
    for (const [role, n] of [['main', 1], ['navigation', 1]]) assert.equal(tree.filter((node) => node.role === role).length, n, `${what}: ${role}`);
    const levels = await page.locator('h1, h2, h3, h4').evaluateAll((all) => all.filter((one) => one.checkVisibility()).map((one) => Number(one.tagName[1])));
    assert.equal(levels.filter((level) => level === 1).length, 1, what);
    levels.forEach((level, i) => assert.ok(level <= (levels[i - 1] ?? 0) + 1, `${what}: a heading of level ${level} behind one of ${levels[i - 1]}`));
    const twice = await page.evaluate(() => [...document.querySelectorAll('[id]')].map((one) => one.id).filter((one, i, all) => all.indexOf(one) !== i));
    assert.deepEqual(twice, [], `${what}: no id is there twice`);
    assert.equal(await page.locator('html').getAttribute('lang'), 'en');
  }
  await end();
});

/** Tabs through the page from its beginning: what has the focus, whether it is seen, and whether the order is that of the page. */
async function walk(page) {
  await page.evaluate(() => {
    window.walked = [document.querySelector('.skip')];
    window.walked[0].focus();
  });
  for (let i = 0; i < 600; i++) {
    await page.keyboard.press('Tab');
    const go = await page.evaluate(() => {
      const element = document.activeElement;
      if (element === window.walked.at(-1)) return true; /* a date has several fields */
      if (!element || element === document.body || window.walked.includes(element)) return false;
      window.walked.push(element);
      return true;
    });
    if (!go) break;
  }
  return page.evaluate(() => {
    const usable = 'a[href], button:not(:disabled), input:not(:disabled), select:not(:disabled), textarea:not(:disabled), summary, [tabindex="0"]';
    const short = (one) => one.outerHTML.slice(0, 100);
    const missed = [...document.querySelectorAll(usable)].filter((one) => one.checkVisibility({ visibilityProperty: true }) && one.tabIndex >= 0 && !window.walked.includes(one)).map(short);
    const back = window.walked.filter((one, i) => i && !(window.walked[i - 1].compareDocumentPosition(one) & Node.DOCUMENT_POSITION_FOLLOWING)).map(short);
    return { n: window.walked.length, missed, back };
  });
}

test('the Tab key leads through everything that can be used, in the order of the page, and where it is can be seen', async (browser) => {
  const world = makeWorld();
  world.sessions.splice(5);
  const { page, server, end } = await visit(browser, '/approvals', { world });
  for (const [what, path] of Object.entries(every(world))) {
    await page.goto(server.origin + path);
    await settled(page);
    const { n, missed, back } = await walk(page);
    assert.ok(n > 12, `${what}: ${n} places`);
    assert.deepEqual(missed, [], `${what}: everything is come to`);
    assert.deepEqual(back, [], `${what}: nowhere does it jump back`);
    const unseen = await page.evaluate(() => {
      const drawn = (style) => (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2) || style.boxShadow !== 'none';
      return window.walked.filter((one) => {
        one.focus({ focusVisible: true });
        const field = one.closest('label, .filter-first');
        return ![getComputedStyle(one), getComputedStyle(one, '::after'), ...(field ? [getComputedStyle(field)] : [])].some(drawn);
      }).map((one) => one.outerHTML.slice(0, 100));
    });
    assert.deepEqual(unseen, [], `${what}: the focus can be seen`);
  }
  await end();
});

test('an approver decides by keyboard alone: to the request, through what it says, to the reason, to the button', async (browser) => {
  const world = makeWorld();
  const { page, end } = await visit(browser, '/approvals', { world });
  await settled(page);
  await page.keyboard.press('j');
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: /^Approve/ }).waitFor();
  const at = () => page.evaluate(() => document.activeElement?.tagName + (document.activeElement?.className ?? ''));
  for (let i = 0; i < 40 && !(await at()).startsWith('TEXTAREA'); i++) await page.keyboard.press('Tab');
  await page.keyboard.type('they are archived, j k ? / and all');
  for (let i = 0; i < 5 && !(await at()).endsWith('approve'); i++) await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await page.locator('.head').getByText('approved').waitFor();
  const decided = world.approvals.filter((one) => one.decisions.some((decision) => decision.reason === 'they are archived, j k ? / and all'));
  assert.equal(decided.length, 1);
  assert.equal(decided[0].state, 'approved');
  await end();
});

test('a dialogue takes the focus, keeps it, and gives it back', async (browser) => {
  const world = makeWorld();
  const { page, end } = await visit(browser, `/sessions/${world.holder.id}`, { world });
  const button = page.getByRole('button', { name: 'End it…' });
  await button.focus();
  await page.keyboard.press('Enter');
  await page.getByRole('dialog', { name: 'End this session now' }).waitFor();
  for (let i = 0; i < 8; i++) {
    await page.keyboard.press('Tab');
    assert.ok(await page.evaluate(() => document.activeElement === document.body || document.activeElement.closest('dialog')), 'it stays within');
  }
  await page.keyboard.press('Escape');
  await until('the focus is where it was', () => button.evaluate((one) => one === document.activeElement));
  await end();
});
