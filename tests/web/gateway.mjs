// What people see of a real gateway (gateway.py starts it): each fact builds on the one before, as a day does.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { openBrowser } from './browser.mjs';
import { settled, until } from './pages.mjs';

/** The index follows the record in a thread of its own: what is searched or counted is what that has come to when it is asked. */
const shown = (page, path, locate) =>
  until(`${path} shows what happened`, async () => {
    await page.goto(base + path);
    await settled(page);
    return (await locate().count()) > 0;
  });

const { base, agent, person: herself } = JSON.parse(readFileSync(0, 'utf8'));
const pictures = process.argv[2]; /* a folder, for who wants to look */
if (pictures) mkdirSync(pictures, { recursive: true });
const browser = await openBrowser();
const complaints = [];
const children = [];
let passed = 0;
let failed = 0;

/** An agent's psql, which waits where the gateway does. */
const psql = (...commands) => psqlAs(agent, ...commands);
function psqlAs(who, ...commands) {
  const child = spawn('psql', ['-X', '-q', ...commands.flatMap((command) => ['-c', command])], { env: { ...process.env, ...who } });
  children.push(child);
  const self = { child, out: '', err: '', status: undefined };
  child.stdout.on('data', (part) => (self.out += part));
  child.stderr.on('data', (part) => (self.err += part));
  self.ended = new Promise((done) => child.on('close', (status) => done((self.status = status))));
  return self;
}

/** The link in the NOTICE of a held statement. */
async function linkOf(client) {
  await until(`the agent has a link: ${client.err}`, () => /http:\/\/\S+\/approvals\/\w+/.test(client.err) || client.status !== undefined);
  const found = /http:\/\/\S+\/approvals\/\w+/.exec(client.err);
  assert.ok(found, `${client.out}${client.err}`);
  return found[0];
}

/** A browser in which somebody signs in at the provider, and comes to the page that they asked for. */
async function person(name, url, context = {}) {
  const tab = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...context });
  const page = await tab.newPage();
  page.setDefaultTimeout(60_000);
  page.on('pageerror', (error) => complaints.push(`${name}: ${error.stack}`));
  page.on('console', (message) => {
    if (message.type() === 'error' && page.url().startsWith(base) && !/Failed to load resource|net::ERR/.test(message.text())) complaints.push(`${name}: ${message.text()}`);
  });
  await page.goto(url);
  await page.getByRole('link', { name: 'Sign in' }).click();
  await page.locator('input[name=login]').fill(name);
  await page.locator('input[name=password]').fill('any');
  await page.locator('button[type=submit]').click();
  await page.locator('input[name=prompt][value=consent]').waitFor({ state: 'attached' });
  await page.locator('button[type=submit]').click();
  await page.waitForURL(url);
  await settled(page);
  return page;
}

const shoot = async (page, name) => {
  if (pictures) await page.screenshot({ path: `${pictures}/${name}.png`, fullPage: true });
};

let dora;
let ida;
let session;
const facts = [
  ['an agent’s DELETE of every row waits; the approver signs in at the provider by the link that the agent got, and sees text, count and who asks', async (day) => {
    day.agent = psql("SET application_name = '<img src=x onerror=alert(1)>'", "SET postern.prompt = 'Remove orders that <script>alert(1)</script> nobody needs.'", 'DELETE FROM orders');
    const link = await linkOf(day.agent);
    dora = await person('dora', link, { viewport: { width: 390, height: 844 } });
    const text = await dora.locator('main').innerText();
    for (const part of ['DELETE FROM orders', '1,000 rows', 'There is no WHERE', 'cart-agent', 'bob', 'many', 'dba', 'Remove orders that <script>alert(1)</script> nobody needs.'])
      assert.ok(text.includes(part), `${part} in ${text}`);
    assert.equal(day.agent.status, undefined, 'the agent waits');
    await shoot(dora, 'approval-phone');
  }],
  ['the approver approves, and the agent’s driver has its result', async (day) => {
    await dora.getByLabel(/^Reason/).fill('they are archived');
    await dora.getByRole('button', { name: /Approve/ }).click();
    await day.agent.ended;
    assert.equal(day.agent.status, 0, day.agent.err);
    await dora.locator('.head').getByText('approved and run').waitFor();
    await dora.getByText('they are archived').waitFor();
    session = await dora.locator('a[href^="/sessions/"]').first().getAttribute('href');
  }],
  ['an auditor finds the session, and in it who asked, who decided and why, and that it ran', async () => {
    ida = await person('ida', `${base}/sessions`);
    await ida.locator(`a[href="${new URL(session, base).pathname}"]`).waitFor();
    await ida.goto(base + session);
    await ida.getByText('End of the session').waitFor();
    const text = await ida.locator('main').textContent();
    for (const part of ['DELETE FROM orders', 'asked', 'approved', 'dora', 'they are archived', 'used', 'agents-on-orders/many', 'DELETE 1000', '<img src=x onerror=alert(1)>'])
      assert.ok(text.includes(part), `${part} in ${text}`);
    await shoot(ida, 'session');
  }],
  ['a denial reaches the agent with its reason', async (day) => {
    await dora.setViewportSize({ width: 1280, height: 900 });
    await dora.goto(`${base}/approvals`);
    await dora.getByText('Nothing waits').waitFor();
    day.agent = psql('TRUNCATE staging');
    await dora.locator('.inbox-mine').waitFor();
    await shoot(dora, 'approvals');
    await dora.locator('.inbox-link').click();
    await dora.getByRole('button', { name: 'Deny' }).click();
    await dora.getByText('The rule wants a reason').waitFor();
    await dora.getByLabel(/^Reason/).fill('ask the data team');
    await dora.getByRole('button', { name: 'Deny' }).click();
    await day.agent.ended;
    assert.match(day.agent.err, /approval was denied by dora: ask the data team/);
    await dora.locator('.head').getByText('denied').waitFor();
  }],
  ['what the agent gives up on is withdrawn before the approver’s eyes', async (day) => {
    day.agent = psql('TRUNCATE staging');
    await dora.goto(await linkOf(day.agent));
    await dora.getByRole('button', { name: /Approve/ }).waitFor();
    day.agent.child.kill('SIGKILL');
    await dora.locator('.head').getByText('withdrawn').waitFor();
    assert.equal(await dora.getByRole('button', { name: /Approve/ }).count(), 0);
  }],
  ['what the agent cancels is withdrawn, and both are told', async (day) => {
    day.agent = psql('TRUNCATE staging');
    await dora.goto(await linkOf(day.agent));
    await dora.getByRole('button', { name: /Approve/ }).waitFor();
    day.agent.child.kill('SIGINT');
    await dora.locator('.head').getByText('withdrawn').waitFor();
    await dora.getByText('The client cancelled it').waitFor();
    assert.equal(await dora.getByRole('button', { name: /Approve|Deny/ }).count(), 0);
    await day.agent.ended;
    assert.match(day.agent.err, /canceling statement due to user request/);
  }],
  ['what nobody decides in time expires, and a link to it says so', async (day) => {
    day.agent = psql('DELETE FROM brief WHERE id = 1');
    const link = await linkOf(day.agent);
    await dora.goto(link);
    await dora.locator('.head').getByText('expired').waitFor();
    await day.agent.ended;
    assert.match(day.agent.err, /nobody approved this in time/);
    await dora.goto(link);
    await dora.locator('.head').getByText('expired').waitFor();
    assert.equal(await dora.getByRole('button', { name: /Approve|Deny/ }).count(), 0);
  }],
  ['who is in none of the groups sees no button, but why', async (day) => {
    day.agent = psql('TRUNCATE staging');
    const link = await linkOf(day.agent);
    await ida.goto(link);
    await ida.locator('.cannot').waitFor();
    assert.match(await ida.locator('.cannot').innerText(), /none of the groups/);
    assert.equal(await ida.getByRole('button', { name: /Approve|Deny/ }).count(), 0);
    await dora.goto(link);
    await dora.getByLabel(/^Reason/).fill('fine');
    await dora.getByRole('button', { name: /Approve/ }).click();
    await day.agent.ended;
    assert.equal(day.agent.status, 0, day.agent.err);
  }],
  ['of two people who decide at once one does; the other is told, and the agent has one answer', async (day) => {
    day.agent = psql('TRUNCATE staging');
    const link = await linkOf(day.agent);
    const dana = await person('dana', link);
    await dora.goto(link);
    const answers = [];
    let both;
    const sent = new Promise((done) => (both = done));
    let waiting = 0;
    /* Each decision is kept back until the other is on its way too. */
    for (const page of [dora, dana]) {
      await page.route('**/decide', async (route) => {
        if (++waiting === 2) both();
        await sent;
        const answer = await route.fetch();
        answers.push(answer.status());
        await route.fulfill({ response: answer });
      });
      await page.getByLabel(/^Reason/).fill('now');
    }
    await Promise.all([dora.getByRole('button', { name: /Approve/ }).click(), dana.getByRole('button', { name: 'Deny' }).click()]);
    await day.agent.ended;
    await until('both were answered', () => answers.length === 2);
    assert.deepEqual(answers.sort(), [200, 409]);
    const end = day.agent.status === 0 ? 'approved and run' : 'denied';
    if (day.agent.status) assert.match(day.agent.err, /approval was denied by dana: now/);
    for (const page of [dora, dana]) {
      await page.locator('.head').getByText(end).waitFor();
      assert.equal(await page.getByRole('button', { name: /Approve|Deny/ }).count(), 0);
      await page.unroute('**/decide');
    }
    day.link = link;
    await dana.context().close();
  }],
  ['a link that was decided shows what became of it, and the same decision once more is refused', async (day) => {
    await dora.goto(day.link);
    await dora.getByText('What became of it').waitFor();
    assert.equal(await dora.getByRole('button', { name: /Approve|Deny/ }).count(), 0);
    const path = `${base}/v1/approvals/${day.link.split('/').at(-1)}`;
    const { digest } = await (await dora.request.get(path)).json();
    const { csrf } = await (await dora.request.get(`${base}/v1/me`)).json();
    const again = await dora.request.post(`${path}/decide`, { data: { approve: true, digest, reason: 'again' }, headers: { 'X-CSRF-Token': csrf, Origin: base } });
    assert.equal(again.status(), 409, await again.text());
  }],
  ['who asks sees their own request and no button, and is refused where they decide by hand', async (day) => {
    day.agent = psqlAs(herself, 'TRUNCATE staging');
    const link = await linkOf(day.agent);
    await dora.goto(link);
    await dora.locator('.cannot').waitFor();
    assert.match(await dora.locator('.cannot').innerText(), /request of their own/);
    assert.equal(await dora.getByRole('button', { name: /Approve|Deny/ }).count(), 0);
    const path = `${base}/v1/approvals/${link.split('/').at(-1)}`;
    const { digest } = await (await dora.request.get(path)).json();
    const { csrf } = await (await dora.request.get(`${base}/v1/me`)).json();
    const tried = await dora.request.post(`${path}/decide`, { data: { approve: true, digest, reason: 'mine' }, headers: { 'X-CSRF-Token': csrf, Origin: base } });
    assert.equal(tried.status(), 403, await tried.text());
    assert.equal(day.agent.status, undefined, 'it waits still');
    day.agent.child.kill('SIGKILL');
    await dora.locator('.head').getByText('withdrawn').waitFor();
  }],
  ['what changes while it waits is undone and asked anew, and says so', async (day) => {
    day.filled = psql("INSERT INTO orders (status, amount) SELECT 'old', g FROM generate_series(1, 200) g");
    assert.equal(await day.filled.ended, 0, day.filled.err);
    day.agent = psql("DELETE FROM orders WHERE status = 'old'");
    const first = await linkOf(day.agent);
    await dora.goto(first);
    await dora.locator('.summary').getByText('200 rows').waitFor();
    const more = psql("INSERT INTO orders (status, amount) VALUES ('old', 0)");
    assert.equal(await more.ended, 0, more.err);
    await dora.getByRole('button', { name: /Approve/ }).click();
    await until('the agent is told of a second request', () => (day.agent.err.match(/\/approvals\/\w+/g) ?? []).some((link) => !first.endsWith(link)));
    const second = day.agent.err.match(/http:\/\/\S+\/approvals\/\w+/g).find((link) => link !== first);
    await dora.getByRole('link', { name: 'It is asked for anew' }).click();
    await dora.waitForURL(second);
    await dora.goto(first);
    await dora.getByRole('link', { name: 'It is asked for anew' }).click();
    await dora.waitForURL(second);
    await dora.locator('.summary').getByText('201 rows').waitFor();
    await dora.getByText('It was asked before and something has changed').waitFor();
    await dora.getByRole('button', { name: /Approve/ }).click();
    await day.agent.ended;
    assert.equal(day.agent.status, 0, day.agent.err);
  }],
  ['an open session is followed as it goes on', async () => {
    const child = spawn('psql', ['-X', '-q'], { env: { ...process.env, ...agent, PGAPPNAME: 'followed' } });
    children.push(child);
    child.stdin.write("SELECT 'the first';\n");
    await ida.goto(`${base}/sessions?live=true`);
    await ida.locator('tbody tr', { hasText: 'followed' }).locator('.row-link').click();
    await ida.getByText('the first').first().waitFor();
    await ida.getByText('The session is open').waitFor();
    child.stdin.write("SELECT g AS n FROM generate_series(1, 3) g;\nDROP TABLE orders;\n");
    let text = '';
    await until('three rows and a refusal came by themselves', async () => {
      text = await ida.locator('.transcript').textContent();
      return text.includes('generate_series') && text.includes('agents change rows, not tables') && text.includes('SELECT 3');
    });
    assert.deepEqual(await ida.locator('.step', { hasText: 'generate_series' }).locator('tbody td').allTextContents(), ['1', '2', '3']);
    await shoot(ida, 'session-live');
    child.stdin.end();
    await ida.getByText('End of the session').waitFor();
  }],
  ['search, overview, policy and connections tell of the same day', async () => {
    await shown(ida, '/statements?verdict=deny', () => ida.locator('.hit', { hasText: 'DROP TABLE orders' }));
    await shoot(ida, 'statements');
    await shown(ida, '/overview', () => ida.getByRole('link', { name: 'cart-agent' }));
    await ida.locator('.tiles').waitFor();
    await shoot(ida, 'overview');
    await ida.goto(`${base}/policy`);
    await ida.getByLabel('A statement. It is judged, not run.').fill('DROP TABLE orders');
    await ida.getByRole('button', { name: /Explain/ }).click();
    await ida.locator('.answer').getByText('agents change rows, not tables').waitFor();
    assert.ok((await ida.getByLabel('The policies in force').innerText()).includes('no-drop'));
    await shoot(ida, 'policy');
    await ida.goto(`${base}/connections`);
    await ida.getByRole('heading', { name: 'everything' }).waitFor();
  }],
  ['signing out ends it', async () => {
    await dora.goto(`${base}/connections`);
    await settled(dora);
    await dora.getByRole('button', { name: 'Sign out' }).click();
    await until('the API knows her no more', async () => (await dora.request.get(`${base}/v1/me`)).status() === 401);
  }],
  ['pages come compressed, are kept by their names, and are guarded; other paths are nothing', async () => {
    const first = await fetch(`${base}/approvals`);
    assert.equal(first.status, 200);
    assert.match(first.headers.get('content-security-policy'), /require-trusted-types-for 'script'/);
    assert.equal(first.headers.get('x-frame-options'), 'DENY');
    assert.equal(first.headers.get('content-encoding'), 'gzip');
    const script = /src="(\/assets\/[^"]+)"/.exec(await first.text())[1];
    const asset = await fetch(base + script);
    assert.match(asset.headers.get('cache-control'), /immutable/);
    const again = await fetch(base + script, { headers: { 'if-none-match': asset.headers.get('etag') } });
    assert.equal(again.status, 304);
    assert.equal((await fetch(`${base}/assets/nothing.js`)).status, 404);
    assert.equal((await fetch(`${base}/approvals/a/b`)).status, 404);
  }],
  ['no page complained', async () => assert.deepEqual(complaints, [])],
];

const day = {};
for (const [fact, run] of facts) {
  const at = Date.now();
  try {
    await run(day);
    passed++;
    console.log(`ok    ${fact} (${((Date.now() - at) / 1000).toFixed(1)} s)`);
  } catch (error) {
    failed++;
    console.log(`FAIL  ${fact}\n      ${String(error.stack).slice(0, 3000).replaceAll('\n', '\n      ')}`);
  }
}
for (const child of children) child.kill('SIGKILL');
await browser.close();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed || !passed ? 1 : 0);
