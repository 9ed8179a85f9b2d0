// The pages on a scripted gateway. Each test is a sentence that states a fact.
import assert from 'node:assert/strict';
import { approval, id, makeWorld, Script, session } from './world.mjs';
import { faint, overflow, settled, until, visit } from './pages.mjs';

export const tests = [];
const test = (fact, run) => tests.push([fact, run]);
const bodyText = (page) => page.locator('body').innerText();
const every = (world) => ({
  approvals: '/approvals', 'what is over': '/approvals?show=over', 'an approval': `/approvals/${world.waiting.id}`, 'an approval by two': `/approvals/${world.approvals[1].id}`,
  sessions: '/sessions', 'a session': `/sessions/${world.report.id}`, search: '/statements', overview: '/overview', policy: '/policy', connections: '/connections', 'turned away': '/turned-away', 'who saw': '/who-saw', 'who saw a column': '/who-saw?column=customers.*',
});

test('the first page comes in under 100 kB', async (browser) => {
  const { page, server, end } = await visit(browser, '/');
  await settled(page);
  assert.ok(server.bytes > 10_000 && server.bytes < 100_000, `${server.bytes} bytes`);
  await end();
});

for (const [name, scheme, width] of [['wide and light', 'light', 1280], ['wide and dark', 'dark', 1280], ['on a phone of 360 pixels, light', 'light', 360], ['on a phone of 360 pixels, dark', 'dark', 360]])
  test(`every page stands ${name}: one heading, landmarks, contrast, nothing cut off`, async (browser) => {
    const world = makeWorld();
    const { page, server, end } = await visit(browser, '/approvals', { world, context: { colorScheme: scheme, viewport: { width, height: 800 } } });
    for (const [what, path] of Object.entries(every(world))) {
      await page.goto(server.origin + path);
      await settled(page);
      assert.equal(await page.locator('main').count(), 1, what);
      assert.equal(await page.locator('nav[aria-label]').count(), 1, what);
      assert.equal(await page.locator('h1').count(), 1, what);
      assert.match(await page.title(), /· Postern$/, what);
      assert.deepEqual(await overflow(page), [], `${what} is no wider than the screen`);
      if (width > 1000) assert.deepEqual(await faint(page), [], `${what} can be read`);
      const unnamed = await page.evaluate(() =>
        [...document.querySelectorAll('button, a, input, select, textarea')]
          .filter((one) => one.checkVisibility() && !(one.innerText || one.getAttribute('aria-label') || one.labels?.[0]?.innerText || one.textContent)?.trim())
          .map((one) => one.outerHTML.slice(0, 120)));
      assert.deepEqual(unnamed, [], `${what}: everything that can be pressed has a name`);
    }
    await end();
  });

test('who is not signed in is led to the provider and back to the page that was asked for', async (browser) => {
  const world = makeWorld();
  const { page, server, end } = await visit(browser, `/approvals/${world.waiting.id}?from=mail`, { world, change: (w) => (w.signedIn = false) });
  await page.getByRole('link', { name: 'Sign in' }).click();
  await page.getByRole('button', { name: /Approve/ }).waitFor();
  assert.ok(server.requests.some((one) => one === `GET /auth/sign-in?issuer=staff&to=${encodeURIComponent(`/approvals/${world.waiting.id}?from=mail`)}`), server.requests.join('\n'));
  assert.equal(new URL(page.url()).pathname, `/approvals/${world.waiting.id}`);
  await end();
});

test('where nobody can sign in, the page says what the configuration lacks', async (browser) => {
  const { page, end } = await visit(browser, '/', { change: (w) => ((w.signedIn = false), (w.signIn = { issuers: [] })) });
  await page.getByText('client_id').waitFor();
  await end();
});

test('a sign-in that failed says why, as text', async (browser) => {
  const { page, end } = await visit(browser, '/?problem=denied&detail=%3Cimg%20src%3Dx%3E%20not%20today', { change: (w) => (w.signedIn = false) });
  await page.getByText('<img src=x> not today').waitFor();
  await end();
});

test('signing out leads to the sign-in', async (browser) => {
  const { page, world, end } = await visit(browser, '/overview');
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('link', { name: 'Sign in' }).waitFor();
  assert.equal(world.signedIn, false);
  await end();
});

/* ---- who saw */

test('who saw a column is asked of the gateway by its address, and each answer leads to where it stands in its session', async (browser) => {
  const { page, server, world, end } = await visit(browser, '/who-saw');
  await page.getByText('Whose eyes were on it?').waitFor();
  assert.ok(!server.requests.some((one) => one.includes('/v1/who-saw')), 'nothing is asked, and so nothing recorded, before there is a column');
  await page.getByLabel('Column', { exact: true }).fill('customers.email');
  await page.getByLabel('Column', { exact: true }).press('Enter');
  await until('two are listed', async () => (await page.locator('tbody tr').count()) === 2);
  await page.getByLabel('Came out').selectOption('clear');
  await until('the one that saw it clear is listed', async () => (await page.locator('tbody tr').count()) === 1);
  assert.ok(server.requests.includes('GET /v1/who-saw?column=customers.email&state=clear'), server.requests.join('\n'));
  assert.match(await page.locator('tbody tr').innerText(), /alice@example.test/);
  await page.locator('tbody tr a').click();
  await page.waitForURL(`**/sessions/${world.report.id}?at=9`);
  await end();
});

test('that a table was read untraced is explained, and that there is more', async (browser) => {
  const { page, end } = await visit(browser, '/who-saw?column=customers.*', { change: (w) => (w.moreSights = true) });
  await page.getByText('which columns came out is not known').waitFor();
  await page.getByText('These are the newest').waitFor();
  await end();
});

test('a value that is looked for goes in a body, and stands in no address', async (browser) => {
  const { page, server, world, end } = await visit(browser, '/who-saw?column=public.customers.phone&who=alice%40example.test');
  await settled(page);
  const field = page.getByLabel('Who was shown this value of it');
  await field.fill('+49 30 1234567');
  await field.press('Enter');
  await page.getByText('the recordings were read').waitFor();
  await page.getByText('Of 12 rows').waitFor();
  await page.getByText('of 1 session cannot be read').waitFor();
  await page.getByRole('table', { name: 'Who was shown this value' }).getByText('bob@example.test').waitFor();
  assert.deepEqual(world.askedValues.map((one) => [one.column, one.value, one.who]), [['public.customers.phone', '+49 30 1234567', 'alice@example.test']]);
  assert.ok(!server.requests.some((one) => one.includes('1234567')) && !page.url().includes('1234567'));
  assert.equal(await page.evaluate(() => JSON.stringify(history.state) + JSON.stringify(localStorage) + JSON.stringify(sessionStorage)).then((kept) => kept.includes('1234567')), false);
  await page.getByLabel('Column', { exact: true }).fill('public.customers.name');
  await page.getByLabel('Column', { exact: true }).press('Enter');
  await until('an answer about another column is gone', async () => (await page.getByText('Of 12 rows').count()) === 0);
  await end();
});

test('who is no auditor is not led to it, and is told so where they come all the same', async (browser) => {
  const { page, end } = await visit(browser, '/who-saw?column=customers.email', { change: (w) => (w.me.roles = ['user']) });
  await page.getByRole('alert').waitFor();
  assert.equal(await page.getByRole('link', { name: 'Who saw' }).count(), 0);
  assert.equal(await page.getByLabel('Who was shown this value of it').count(), 0);
  await end();
});

/* ---- sessions */

test('filters are asked of the gateway, stand in the address, and can be cleared', async (browser) => {
  const { page, server, end } = await visit(browser, '/sessions');
  await settled(page);
  await page.getByLabel('Who', { exact: true }).fill('support-bot');
  await page.getByLabel('Who', { exact: true }).press('Enter');
  await page.getByLabel('Some statement was').selectOption('deny');
  await until('both filters are asked', async () => server.requests.includes('GET /v1/sessions?who=support-bot&verdict=deny'));
  await until('the list is the filtered one', async () => (await page.locator('tbody tr').allInnerTexts()).every((row) => row.includes('support-bot') && row.includes('refused')));
  assert.match(page.url(), /who=support-bot&verdict=deny/);
  await page.reload();
  await settled(page);
  assert.equal(await page.getByLabel('Who', { exact: true }).inputValue(), 'support-bot');
  await page.getByRole('button', { name: 'Clear' }).click();
  await until('all are there again', async () => (await page.locator('tbody tr').count()) === 50);
  await end();
});

test('a filter that nothing matches says how to widen it', async (browser) => {
  const { page, end } = await visit(browser, '/sessions?who=nobody');
  await page.getByText('No session matches').waitFor();
  await end();
});

test('a list goes on by its cursor', async (browser) => {
  const { page, server, end } = await visit(browser, '/sessions');
  await settled(page);
  assert.equal(await page.locator('tbody tr').count(), 50);
  await page.getByRole('button', { name: 'Show more' }).click();
  await until('the second page is there', async () => (await page.locator('tbody tr').count()) === 73);
  assert.ok(server.requests.includes('GET /v1/sessions?cursor=50'));
  assert.equal(await page.getByRole('button', { name: 'Show more' }).count(), 0);
  await end();
});

test('an empty page that is not the last one is gone on from', async (browser) => {
  const world = makeWorld();
  const { answer } = world;
  world.answer = (handler, call) => {
    const page = answer(handler, call);
    if (handler !== 'sessions_list' || Number(call.query.cursor ?? 0) >= 3) return page;
    return { items: [], next: String(Number(call.query.cursor ?? 0) + 1) };
  };
  const { page, server, end } = await visit(browser, '/sessions', { world });
  await page.locator('tbody tr').first().waitFor();
  assert.deepEqual([...new Set(server.requests.filter((one) => one.startsWith('GET /v1/sessions?cursor')))].sort(), ['1', '2', '3'].map((n) => `GET /v1/sessions?cursor=${n}`)); /* again where the stream was slower */
  await end();
});

test('sessions that begin and go on are seen at once', async (browser) => {
  const { page, server, end } = await visit(browser, '/sessions');
  await settled(page);
  await until('the stream is up', async () => server.listeners() > 0);
  const fresh = session(Date.now(), { principal: 'newcomer', live: true, ended: null, statements: 1 });
  server.tell('session', fresh);
  await page.locator('tbody tr').first().getByText('newcomer').waitFor();
  server.tell('session', { ...fresh, statements: 77, refused: 5, errors: 5 });
  await page.locator('tbody tr').first().getByText('5 refused').waitFor();
  await end();
});

test('what a filter of words cannot tell by itself is offered, not slipped in', async (browser) => {
  const { page, server, end } = await visit(browser, '/sessions?text=late');
  await settled(page);
  await until('the stream is up', async () => server.listeners() > 0);
  server.tell('session', session(Date.now(), { principal: 'newcomer', live: true, ended: null }));
  await page.getByText('1 session moved meanwhile').waitFor();
  assert.equal(await page.getByText('newcomer').count(), 0);
  await end();
});

test('after a loss the lists are read again', async (browser) => {
  const { page, server, world, end } = await visit(browser, '/sessions');
  await settled(page);
  await until('the stream is up', async () => server.listeners() > 0);
  world.sessions.push(session(Date.now(), { principal: 'unseen', live: true, ended: null }));
  server.tell('lost', {});
  await page.getByText('unseen').waitFor();
  await end();
});

test('a stream that breaks is said to be broken, and comes back', async (browser) => {
  const { page, server, world, end } = await visit(browser, '/sessions');
  await page.getByText('Live', { exact: true }).waitFor();
  world.sessions.push(session(Date.now(), { principal: 'meanwhile', live: true, ended: null }));
  server.down = true;
  server.dropStreams();
  await page.getByText('Reconnecting').waitFor();
  server.down = false;
  await page.getByText('Live', { exact: true }).waitFor();
  await page.getByText('meanwhile').waitFor();
  await end();
});

/* ---- one session */

test('a transcript shows prompts, statements, parameters, rows, verdicts, rules, masks and errors', async (browser) => {
  const world = makeWorld();
  const { page, end } = await visit(browser, `/sessions/${world.report.id}`, { world });
  await page.getByText('End of the session').waitFor();
  const text = await bodyText(page);
  for (const part of ['Write the monthly report', 'report-agent', 'alice@example.test', 'no-phones', 'contact-details', '42P01', 'relation "order_notes" does not exist', 'Allowed here: in part', '199022.95'])
    assert.ok(text.includes(part), part);
  assert.match(await page.locator('th.masked').innerText(), /^email\s*masked\s*text$/);
  assert.equal(await page.locator('td.masked').count(), 5);
  assert.deepEqual(await page.locator('.bound dd').allInnerTexts(), ['late', '300']);
  assert.equal(await page.locator('.step-body > .sql .sql-string').first().textContent(), "'chased'");
  assert.ok(await page.getByText('Your look at it is recorded').isVisible());
  await page.getByText('As it went to the server').click();
  await page.getByText('regexp_replace').waitFor();
  await end();
});

test('a link to one statement leads to it', async (browser) => {
  const world = makeWorld();
  const refused = world.scripts.get(world.report.id).events.find((event) => event.decision === 'deny').sequence;
  const { page, end } = await visit(browser, `/sessions/${world.report.id}?at=${refused}`, { world });
  const step = page.locator(`#s${refused}`);
  await until('it is the current one', async () => (await step.getAttribute('aria-current')) === 'step');
  await until('it is on the screen', () => step.evaluate((element) => {
    const box = element.getBoundingClientRect();
    return box.top >= 0 && box.top < innerHeight;
  }));
  await end();
});

test('a link to a statement leads to it also where its entries are there before the session', async (browser) => {
  const world = makeWorld();
  const refused = world.scripts.get(world.report.id).events.findLast((event) => event.sql && event.decision).sequence;
  const prepare = (page) => {
    const read = page.waitForResponse((response) => response.url().includes('/entries'));
    return page.route(new RegExp(`/v1/sessions/${world.report.id}$`), async (route) => {
      await (await read).finished();
      await new Promise((done) => setTimeout(done, 300)); // and were shown, if they could be
      await route.continue();
    });
  };
  const { page, end } = await visit(browser, `/sessions/${world.report.id}?at=${refused}`, { world, prepare });
  const step = page.locator(`#s${refused}`);
  await until('it is on the screen', () => step.evaluate((element) => {
    const box = element.getBoundingClientRect();
    return box.top >= 0 && box.top < innerHeight;
  }));
  await end();
});

test('a link into a long session reads from there, and what is before and behind on demand', async (browser) => {
  const world = makeWorld();
  const long = session(Date.now() - 3600_000, { statements: 1500 });
  const script = new Script(long);
  for (let i = 1; i <= 1500; i++) script.wait(20).run(`SELECT ${i}`, { took: 1 });
  world.sessions.push(long);
  world.scripts.set(long.id, script);
  const wanted = script.events.find((event) => event.sql === 'SELECT 700').sequence;
  const { page, end } = await visit(browser, `/sessions/${long.id}?at=${wanted}`, { world });
  await until('the step is there and on the screen', () => page.evaluate((name) => {
    const box = document.getElementById(name)?.getBoundingClientRect();
    return box && box.bottom > 0 && box.top < innerHeight;
  }, `s${wanted}`));
  const before = await page.locator('.step').count();
  assert.ok(before < 1400, `${before} steps are not all of them`);
  await page.getByRole('button', { name: 'Earlier entries' }).click();
  await until('earlier ones are there', async () => (await page.locator('.step').count()) > before);
  await end();
});

test('a session can be stepped through and played, by mouse, keyboard and slider', async (browser) => {
  const world = makeWorld();
  const { page, end } = await visit(browser, `/sessions/${world.report.id}`, { world });
  await page.getByText('End of the session').waitFor();
  const where = page.locator('.where');
  const stands = (words) => until(`it says ${words}`, async () => (await where.innerText()) === words);
  await stands('1 of 12');
  await page.getByRole('button', { name: 'One step on' }).click();
  await stands('2 of 12');
  await page.keyboard.press('j');
  await stands('3 of 12');
  await page.keyboard.press('k');
  await stands('2 of 12');
  await page.getByLabel('Step', { exact: true }).focus();
  await page.keyboard.press('End');
  await stands('12 of 12');
  await page.keyboard.press('Home');
  assert.match(await page.getByLabel('Step', { exact: true }).getAttribute('aria-valuetext'), /^1 of 12, \+00:00\.000/);
  await page.getByLabel('Speed').selectOption('50');
  await page.getByRole('button', { name: 'Play' }).click();
  await until('it has played to its end', async () => (await where.innerText()) === '12 of 12' && (await page.getByRole('button', { name: 'Play' }).count()) === 1);
  await end();
});

test('words are found within a session, in statements, values and messages', async (browser) => {
  const world = makeWorld();
  const { page, end } = await visit(browser, `/sessions/${world.report.id}`, { world });
  await page.getByText('End of the session').waitFor();
  const field = page.getByLabel('Search within this session');
  for (const [words, n] of [['CUSTOMER 28', '1 step'], ['contact details', '1 step'], ['chased', '2 steps'], ['zebra', 'none']]) {
    await field.fill(words);
    await page.locator('.player [role=status]').getByText(n, { exact: true }).waitFor();
  }
  await field.fill('chased');
  await field.press('Enter');
  await until('the first hit is the current step', async () => (await page.locator('[aria-current=step]').innerText()).includes('chased'));
  assert.equal(await page.evaluate(() => CSS.highlights.get('found')?.size), 2);
  await end();
});

test('a session downloads as it stands in the record', async (browser) => {
  const world = makeWorld();
  const { page, end } = await visit(browser, `/sessions/${world.report.id}`, { world });
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Download' }).click()]);
  assert.equal(download.suggestedFilename(), `postern-${world.report.id}.ndjson`);
  const parts = [];
  for await (const part of await download.createReadStream()) parts.push(part);
  const lines = Buffer.concat(parts).toString().trim().split('\n');
  assert.equal(lines.length, world.scripts.get(world.report.id).events.length);
  await end();
});

test('what an open session does appears at once, each of an entry’s rows, and nothing twice', async (browser) => {
  const world = makeWorld();
  const script = world.scripts.get(world.holder.id);
  const { page, server, end } = await visit(browser, `/sessions/${world.holder.id}`, { world });
  await page.getByText('The session is open').waitFor();
  await until('its stream is up', async () => server.listeners(world.holder.id) > 0);
  const known = script.events.length;
  script.wait(500).run('SELECT code FROM parts', { columns: [{ name: 'code', oid: 25, type: 'text' }], rows: [['bolt'], ['nut'], ['washer']] });
  for (const event of [script.events[known - 1], ...script.events.slice(known)]) server.tell('entry', event);
  await page.getByText('washer').waitFor();
  assert.deepEqual(await page.locator('.step').last().locator('tbody td').allInnerTexts(), ['bolt', 'nut', 'washer']);
  assert.equal(await page.locator('.step h2', { hasText: 'Approval' }).count(), 1);
  await end();
});

test('a session that ends between the reading of its page and the stream shows its last steps and its end, though nobody tells of it', async (browser) => {
  const world = makeWorld();
  const { page, server, end } = await visit(browser, '/connections', { world });
  const script = world.scripts.get(world.holder.id);
  for (let i = 1; i <= 100; i++) script.wait(20).run(`SELECT ${i}`); /* the end of the list is far below the screen */
  server.beforeStream = (session) => {
    if (session !== world.holder.id) return;
    script.wait(500).run('SELECT 1 AS last_one');
    script.add('end', { fields: { reason: 'terminate' } });
    Object.assign(world.holder, { live: false, ended: world.holder.last });
  };
  await page.goto(`${server.origin}/sessions/${world.holder.id}`);
  await page.getByText('End of the session').waitFor();
  assert.match(await page.locator('.transcript').textContent(), /last_one/);
  await until('its head says so too', async () => (await page.getByText('open', { exact: true }).count()) === 0 && (await page.getByRole('button', { name: 'End it…' }).count()) === 0);
  await end();
});

test('where the list knows of a session’s end before the record was read to it, the end is read', async (browser) => {
  const world = makeWorld();
  const { page, server, end } = await visit(browser, '/connections', { world });
  const script = world.scripts.get(world.holder.id);
  Object.assign(world.holder, { live: false, ended: world.holder.last });
  const { answer } = world;
  let pages = 0;
  world.answer = (handler, call) => {
    const given = answer(handler, call);
    if (handler !== 'sessions_entries' || ++pages > 2) return given;
    const next = String(script.sequence + 1);
    if (pages === 2) {
      script.wait(500).run('SELECT 1 AS last_one');
      script.add('end', { fields: { reason: 'terminate' } });
    }
    return { ...given, ended: false, next };
  };
  await page.goto(`${server.origin}/sessions/${world.holder.id}`);
  await page.getByText('End of the session').waitFor();
  assert.match(await page.locator('.transcript').textContent(), /last_one/);
  await end();
});

test('what happens between a list’s answer and the stream is in the list, and what is told before the answer is not undone by it', async (browser) => {
  const world = makeWorld();
  const { page, server, end } = await visit(browser, '/connections', { world });
  server.beforeStream = (session) => {
    if (session === null) world.sessions.push(globalThis.structuredClone({ ...world.report, id: id(Date.now()), principal: 'unseen', live: true, ended: null }));
  };
  await page.goto(`${server.origin}/sessions`);
  await page.getByText('unseen').first().waitFor();
  server.beforeStream = undefined;
  const { answer } = world;
  world.answer = async (handler, call) => {
    const given = await answer(handler, call);
    if (handler !== 'sessions_list' || world.told) return given;
    world.told = true;
    const before = globalThis.structuredClone(given);
    server.tell('session', session(Date.now(), { principal: 'told early', live: true, ended: null }));
    await until('the page has it', () => page.evaluate(() => new Promise((done) => setTimeout(() => done(true)))));
    return before;
  };
  await page.getByLabel('Connection').selectOption('orders');
  await page.getByText('told early').waitFor();
  await until('it is answered', () => world.told);
  await settled(page);
  assert.equal(await page.getByText('told early').count(), 1);
  await end();
});

test('rows past those that are shown are said to be there, and come on demand', async (browser) => {
  const world = makeWorld();
  const script = world.scripts.get(world.holder.id);
  script.run('SELECT n FROM numbers', { columns: [{ name: 'n', oid: 23, type: 'integer' }], rows: Array.from({ length: 450 }, (_, i) => [String(i)]) });
  const { page, end } = await visit(browser, `/sessions/${world.holder.id}`, { world });
  await page.getByRole('button', { name: '20 of 450 rows' }).click();
  await page.getByRole('button', { name: '200 of 450 rows' }).click();
  await until('all are there', async () => (await page.locator('.step').last().locator('tbody tr').count()) === 450);
  await end();
});

test('an open session is ended with a reason', async (browser) => {
  const world = makeWorld();
  const { page, end } = await visit(browser, `/sessions/${world.holder.id}`, { world });
  await page.getByRole('button', { name: 'End it…' }).click();
  await page.getByLabel('Reason, for the record').fill('ran away');
  await page.getByRole('button', { name: 'End it', exact: true }).click();
  await until('it is over', async () => (await page.getByRole('button', { name: 'End it…' }).count()) === 0);
  assert.deepEqual(world.killed, [[world.holder.id, 'ran away']]);
  await end();
});

test('who may not read a session learns so in words, and sees what they may', async (browser) => {
  const world = makeWorld();
  const { page, server, end } = await visit(browser, '/connections', { world });
  server.fail.set('sessions_entries', [403, 'What is in a session of others is for auditors.']);
  await page.goto(`${server.origin}/sessions/${world.report.id}`);
  await page.getByText('What is in a session of others is for auditors.').waitFor();
  assert.ok(await page.getByText('9 statements').isVisible());
  await end();
});

/* ---- approvals */

test('a held statement comes to the inbox at once, is announced, and counts in the title', async (browser) => {
  const { page, server, world, end } = await visit(browser, '/overview');
  await settled(page);
  await page.locator('.badge').getByText('2').waitFor();
  await until('the stream is up', async () => server.listeners() > 0);
  const one = approval(Date.now(), world.holder);
  world.approvals.push(one);
  server.tell('approval', one);
  await page.locator('.badge').getByText('3').waitFor();
  await page.locator('[role=status].said').getByText('A statement of cart-agent on orders waits for you').waitFor();
  assert.match(await page.title(), /^\(3\) Overview/);
  await page.getByRole('link', { name: /^Approvals/ }).click();
  await until('it is in the inbox', async () => (await page.locator('.inbox-mine').count()) === 3);
  server.tell('approval', Object.assign(one, { state: 'withdrawn', can_decide: false, cannot: 'This request was withdrawn.', why: 'The client disconnected.' }));
  await until('it is gone again', async () => (await page.locator('.inbox-mine').count()) === 2);
  await end();
});

test('an approver sees text, count, facts, who, for whom, why as claimed, and approves exactly that', async (browser) => {
  const world = makeWorld();
  const { page, server, end } = await visit(browser, `/approvals/${world.waiting.id}`, { world });
  await settled(page);
  const text = await bodyText(page);
  for (const part of ['DELETE FROM public.orders', '1,000 rows', 'There is no WHERE', 'cart-agent', 'bob@example.test', 'Remove carts that nobody has touched', 'claimed by the client, verified by nobody', 'whereless', 'dba', world.waiting.digest])
    assert.ok(text.includes(part), part);
  let sent;
  page.on('request', (request) => {
    if (request.method() === 'POST') sent = request;
  });
  await page.getByLabel(/^Reason/).fill('carts are archived');
  await page.getByRole('button', { name: /Approve/ }).click();
  await page.getByText('carts are archived').waitFor();
  assert.deepEqual(sent.postDataJSON(), { approve: true, digest: world.waiting.digest, reason: 'carts are archived' });
  assert.equal(world.waiting.state, 'approved');
  assert.equal(await page.getByRole('button', { name: /Approve/ }).count(), 0);
  server.tell('approval', Object.assign(world.waiting, { state: 'used' }));
  await page.locator('.head').getByText('approved and run').waitFor();
  await end();
});

test('a denial needs no more than a press, and says so', async (browser) => {
  const world = makeWorld();
  const { page, end } = await visit(browser, `/approvals/${world.waiting.id}`, { world });
  await page.getByRole('button', { name: 'Deny' }).click();
  await page.locator('.head').getByText('denied').waitFor();
  assert.equal(world.waiting.decisions[0].approve, false);
  await end();
});

test('where two rules hold a statement, each is shown with its groups and what it still lacks', async (browser) => {
  const world = makeWorld();
  const rules = [
    { policy: 'agents-on-orders', rule: 'whereless', by: ['dba'], approvals: 1, missing: 0, reason_required: false },
    { policy: 'protected', rule: 'payments', by: ['security', 'finance'], approvals: 2, missing: 1, reason_required: true },
  ];
  const one = approval(Date.now(), world.holder, { rules });
  world.approvals.push(one);
  const { page, end } = await visit(browser, `/approvals/${one.id}`, { world });
  await settled(page);
  const text = await page.locator('main').innerText();
  for (const words of ['2 rules hold it', 'whereless', 'payments', 'security', 'finance', '2 different people', '1 so far', 'with a reason']) assert.ok(text.includes(words), `${words} in: ${text}`);
  await end();
});

test('where the rule wants a reason nothing is sent without one; of two approvals the first is noted', async (browser) => {
  const world = makeWorld();
  const two = world.approvals[1];
  two.decisions = [];
  const { page, server, end } = await visit(browser, `/approvals/${two.id}`, { world });
  await page.getByRole('button', { name: /Approve/ }).click();
  await page.getByText('The rule wants a reason').waitFor();
  assert.equal(server.requests.filter((one) => one.startsWith('POST')).length, 0);
  assert.ok(await page.getByText('products_notify on public.products sends notifications').isVisible());
  await page.getByLabel('Reason', { exact: false }).fill('agreed');
  await page.getByRole('button', { name: /Approve/ }).click();
  await page.getByText('another is needed').waitFor();
  assert.equal(two.state, 'waiting');
  await page.getByText('You have decided already.').waitFor();
  await end();
});

test('what somebody else decided meanwhile is said in words and shown', async (browser) => {
  const world = makeWorld();
  const { page, end } = await visit(browser, `/approvals/${world.waiting.id}`, { world });
  await page.getByRole('button', { name: /Approve/ }).waitFor();
  Object.assign(world.waiting, { state: 'denied', can_decide: false, cannot: 'This request was decided already.', decisions: [{ who: 'bob@example.test', approve: false, reason: 'no', time: world.waiting.created }] });
  await page.getByRole('button', { name: /Approve/ }).click();
  await page.locator('.head').getByText('denied').waitFor();
  await page.getByText('bob@example.test denied').waitFor();
  assert.equal(world.waiting.decisions.length, 1);
  await end();
});

test('a text that was changed under the approver is refused by its digest', async (browser) => {
  const world = makeWorld();
  const { page, end } = await visit(browser, `/approvals/${world.waiting.id}`, { world });
  await page.getByRole('button', { name: /Approve/ }).waitFor();
  world.waiting.digest = 'f'.repeat(64);
  await page.getByRole('button', { name: /Approve/ }).click();
  await page.getByText('The statement is not the one that was shown.').waitFor();
  assert.equal(world.waiting.state, 'waiting');
  await end();
});

test('the requester sees no buttons but why', async (browser) => {
  const world = makeWorld();
  const { page, end } = await visit(browser, `/approvals/${world.approvals[2].id}`, { world });
  await page.getByText('Nobody decides on a request of their own.').waitFor();
  assert.equal(await page.getByRole('button', { name: /Approve|Deny/ }).count(), 0);
  assert.ok(await page.getByText('TRUNCATE does not say how many rows it removes.').isVisible());
  await end();
});

test('the time that is left counts down, and its end is shown', async (browser) => {
  const world = makeWorld();
  world.waiting.expires = new Date(Date.now() + 5000).toISOString();
  const { page, end } = await visit(browser, `/approvals/${world.waiting.id}`, { world });
  await page.getByText('time is over').waitFor();
  Object.assign(world.waiting, { state: 'expired', can_decide: false, cannot: 'This request has expired.' });
  await page.locator('.head').getByText('expired').waitFor();
  await end();
});

test('padding, direction marks, controls, look-alike letters and carriage returns are named where they stand', async (browser) => {
  const world = makeWorld();
  const hostile = ['DELETE FROM carts WHERE id = 7;', ' '.repeat(5000), '\n'.repeat(900), '\u202edrop\u202c \u001b[31m \u200bselect', "-- nothing to see\rDELETE FROM \u0430ccounts; \u2066x\u2069\u3164 'caf\u00e9' END"].join('');
  world.waiting.sql = hostile;
  const { page, end } = await visit(browser, `/approvals/${world.waiting.id}`, { world });
  await settled(page);
  const labels = await page.locator('.card-sql .odd').allInnerTexts();
  assert.deepEqual(labels, ['5000 blanks', '899 empty lines', 'RLO', 'PDF', 'ESC', 'ZWSP', 'CR', 'LRI', 'PDI', 'FILLER']);
  assert.deepEqual(await page.locator('.card-sql .odd-letter').allInnerTexts(), ['\u0430']);
  // PostgreSQL ends a comment at a carriage return: what follows is not coloured as one.
  assert.equal(await page.locator('.card-sql .sql-comment').innerText(), '-- nothing to see');
  const shown = await page.locator('.card-sql').innerText();
  for (const raw of ['\u202e', '\u001b', '\u200b', '\u2066', '\u3164']) assert.ok(!shown.includes(raw));
  assert.match(shown, /END\s+end of the text/);
  const warnings = await page.getByRole('list', { name: 'Look out' }).innerText();
  for (const part of ['2 long runs of blanks or empty lines', '4 marks that turn the direction of text', '2 control characters', '2 invisible or unusual characters', '1 letter that is not ASCII'])
    assert.ok(warnings.includes(part), `${part}: ${warnings}`);
  assert.equal(await page.locator('.card-sql pre').evaluate((element) => getComputedStyle(element).unicodeBidi), 'bidi-override');
  const inbox = await visit(browser, '/approvals', { world });
  await settled(inbox.page);
  for (const raw of ['\u202e', '\u001b', '\u200b', '\u2066']) assert.ok(!(await bodyText(inbox.page)).includes(raw));
  await inbox.end();
  await end();
});

test('the end of a long text is shown, what is between is said, and nothing is approved before all of it was shown', async (browser) => {
  const world = makeWorld();
  world.waiting.sql = `UPDATE a SET b = 1;\n${Array.from({ length: 3000 }, (_, i) => `-- line ${i}`).join('\n')}\nDROP TABLE accounts; -- the end`;
  world.waiting.beside = Array.from({ length: 500 }, (_, i) => `SELECT ${i};`).join('\n');
  const { page, end } = await visit(browser, `/approvals/${world.waiting.id}`, { world });
  await settled(page);
  assert.ok(await page.getByText('DROP').isVisible());
  const approve = page.getByRole('button', { name: /Approve/ });
  assert.ok(await approve.isDisabled());
  assert.ok(await page.getByRole('button', { name: 'Deny' }).isEnabled());
  await page.getByRole('button', { name: /[\d,]+ lines, [\d,]+ characters not shown here\. Show all/ }).first().click();
  assert.ok(await approve.isDisabled());
  await page.getByRole('button', { name: /not shown here\. Show all/ }).click();
  assert.ok(await approve.isEnabled());
  assert.ok((await page.locator('.card-sql').first().innerText()).includes('-- line 1500'));
  await end();
});

test('on a phone the buttons to decide are on the screen, large, and one under the thumb', async (browser) => {
  const world = makeWorld();
  const { page, end } = await visit(browser, `/approvals/${world.waiting.id}`, { world, context: { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true } });
  await settled(page);
  for (const name of [/Approve/, /Deny/]) {
    const box = await page.getByRole('button', { name }).boundingBox();
    assert.ok(box.height >= 48 && box.width >= 100, JSON.stringify(box));
    assert.ok(box.y + box.height <= 740, JSON.stringify(box));
  }
  await page.getByRole('button', { name: /Approve/ }).tap();
  await page.locator('.head').getByText('approved').waitFor();
  await end();
});

/* ---- search, policy, overview, connections */

test('search finds statements and leads to where they stand', async (browser) => {
  const { page, server, end } = await visit(browser, '/statements');
  await settled(page);
  await page.keyboard.press('/');
  await page.keyboard.type('phone');
  await page.keyboard.press('Enter');
  await until('it is asked', async () => server.requests.includes('GET /v1/statements?text=phone'));
  await until('only those are there', async () => (await page.locator('.hit').allInnerTexts()).every((hit) => hit.includes('phone')));
  await page.locator('.hit-link').first().click();
  await until('the session is open', async () => /\/sessions\/\w+\?at=\d+/.test(page.url()));
  await settled(page);
  await end();
});

test('a statement is explained: verdict, rule, facts, masks and what would be sent', async (browser) => {
  const { page, end } = await visit(browser, '/policy');
  await page.getByLabel('A statement. It is judged, not run.').fill('SELECT email FROM customers');
  await page.keyboard.press('Control+Enter');
  await page.locator('.answer').getByText('allowed').waitFor();
  const answer = await page.locator('.answer').innerText();
  for (const part of ['public.customers.email', 'regexp_replace', 'public.customers', 'read']) assert.ok(answer.includes(part), part);
  await page.getByLabel('A statement. It is judged, not run.').fill('DELETE FROM orders');
  await page.getByRole('button', { name: /Explain/ }).click();
  await page.locator('.answer').getByText('held').waitFor();
  assert.ok((await page.getByLabel('The policies in force').innerText()).includes('no-drop'));
  await end();
});

test('who is no auditor can explain for themselves, and is told that the policies’ text is not theirs', async (browser) => {
  const { page, server, end } = await visit(browser, '/policy', { change: (w) => (w.me.roles = ['user']) });
  await page.getByText('for auditors').waitFor();
  assert.equal(await page.getByLabel('As', { exact: true }).count(), 0);
  assert.ok(!server.requests.includes('GET /v1/policies'));
  await end();
});

test('the overview draws what ran, with its numbers for who cannot see it', async (browser) => {
  const { page, end } = await visit(browser, '/overview');
  await settled(page);
  assert.ok((await page.locator('.plot .bar').count()) > 90);
  await page.getByText('As a table').click();
  assert.ok((await page.locator('.plot-table tbody tr').count()) > 50);
  await page.getByRole('button', { name: 'A week' }).click();
  await until('the span stands in the address', async () => page.url().endsWith('?span=week'));
  await page.getByRole('button', { name: 'The record’s newest checkpoint' }).click();
  await page.getByRole('dialog').getByText('postern.example.test/log').first().waitFor();
  await page.keyboard.press('Escape');
  await end();
});

test('a login is made on demand, shown once, and is gone with its dialogue', async (browser) => {
  const { page, end } = await visit(browser, '/connections');
  await page.getByRole('button', { name: 'Get a login' }).click();
  await page.getByRole('button', { name: 'Show it' }).click();
  await until('it is there', async () => (await page.getByLabel('Password').inputValue()).startsWith('not-a-token'));
  assert.match(await page.getByLabel('User name').inputValue(), /^postern-/);
  await page.getByRole('button', { name: 'Close' }).click();
  assert.ok(!(await page.content()).includes('not-a-token'));
  await end();
});

test('a login that was shown can be ended where it stands', async (browser) => {
  const { page, world, end } = await visit(browser, '/connections');
  await page.getByRole('button', { name: 'Get a login' }).click();
  await page.getByRole('button', { name: 'Show it' }).click();
  await page.getByRole('button', { name: 'End it now' }).click();
  await page.getByText('The login is ended').waitFor();
  assert.deepEqual(world.ended, ['postern-6h01xh9magsah']);
  assert.equal(await page.getByRole('dialog').count(), 0);
  await end();
});

test('all of one’s logins can be ended, behind a question, and how many there were is said', async (browser) => {
  const { page, world, server, end } = await visit(browser, '/connections');
  await page.getByRole('button', { name: 'End my logins' }).click();
  await page.getByRole('button', { name: 'Close' }).click();
  assert.deepEqual(world.ended, []);
  await page.getByRole('button', { name: 'End my logins' }).click();
  server.fail.set('token_end', [503, 'not now']);
  await page.getByRole('button', { name: 'End them all' }).click();
  await page.getByRole('alert').getByText('not now').waitFor();
  server.fail.clear();
  await page.getByRole('button', { name: 'End them all' }).click();
  await page.getByText('3 logins ended').waitFor();
  assert.deepEqual(world.ended, ['all']);
  world.logins = 0;
  await page.getByRole('button', { name: 'End my logins' }).click();
  await page.getByRole('button', { name: 'End them all' }).click();
  await page.getByText('You had no logins').waitFor();
  await end();
});

test('an empty gateway says on every page what to do next', async (browser) => {
  const empty = (w) => {
    Object.assign(w, { sessions: [], approvals: [], statements: [], rejections: [], connections: [], policies: { ...w.policies, items: [], text: '' } });
    const overviewOf = w.overviewOf;
    w.overviewOf = (query) => ({ ...overviewOf(query), buckets: [], principals: [], relations: [], slow: [] });
  };
  const { page, server, end } = await visit(browser, '/approvals', { change: empty });
  for (const [path, words] of [['/approvals', 'Nothing waits'], ['/sessions', 'No session yet'], ['/statements', 'Nothing ran yet'], ['/overview', 'Nothing happened in this time'], ['/connections', 'No database is open to you'], ['/policy', 'There is no policy'], ['/turned-away', 'Nobody was turned away'], ['/who-saw', 'Whose eyes were on it?']]) {
    await page.goto(server.origin + path);
    await page.getByText(words).waitFor();
    assert.ok((await page.locator('.empty p').first().innerText()).length > 30, path);
  }
  await end();
});

/* ---- when things go wrong */

test('problems are said in the words of the gateway, and can be tried again', async (browser) => {
  const { page, server, end } = await visit(browser, '/connections');
  server.fail.set('sessions_list', [503, 'The index is being built: 40 %.']);
  await page.getByRole('link', { name: 'Sessions', exact: true }).first().click();
  await page.getByText('The record cannot be read now').waitFor();
  await page.getByText('The index is being built: 40 %.').waitFor();
  server.fail.clear();
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.locator('tbody tr').first().waitFor();
  await end();
});

test('a gateway that is away is said to be away', async (browser) => {
  const { page, server, end } = await visit(browser, '/connections');
  await settled(page);
  server.down = true;
  await page.getByRole('link', { name: 'Sessions', exact: true }).first().click();
  await page.getByText('The gateway does not answer').waitFor();
  server.down = false;
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.locator('tbody tr').first().waitFor();
  await end();
});

test('a sign-in that ends meanwhile leads to the sign-in, and what is not there is said to be not there', async (browser) => {
  const { page, server, world, end } = await visit(browser, `/sessions/${id(1)}`);
  await page.getByText('There is no such session').waitFor();
  await page.goto(`${server.origin}/approvals/${id(2)}`);
  await page.getByText('There is no such request').waitFor();
  world.signedIn = false;
  await page.getByRole('link', { name: 'Sessions', exact: true }).click();
  await page.getByRole('link', { name: 'Sign in' }).waitFor();
  await end();
});

/* ---- keyboard and looks */

test('everything can be reached by keyboard: skip link, places, lists, help; and letters can be switched off', async (browser) => {
  const { page, end } = await visit(browser, '/approvals');
  await settled(page);
  await page.evaluate(() => document.activeElement?.blur());
  await page.keyboard.press('Tab');
  await page.keyboard.press('Shift+Tab');
  await page.locator('.skip').focus();
  await page.keyboard.press('Enter');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'main');
  await page.keyboard.press('g');
  await page.keyboard.press('s');
  await page.getByRole('heading', { name: 'Sessions' }).waitFor();
  await page.locator('tbody tr').first().waitFor();
  await page.keyboard.press('j');
  await page.keyboard.press('j');
  const outline = await page.evaluate(() => getComputedStyle(document.activeElement, '::after').outlineStyle);
  assert.equal(outline, 'solid', 'the focus is seen');
  await page.keyboard.press('Enter');
  await until('a session is open', async () => /\/sessions\/\w+/.test(page.url()));
  await settled(page);
  await page.keyboard.press('?');
  const dialog = page.getByRole('dialog', { name: 'Keyboard' });
  await dialog.getByLabel('Shortcuts of single letters').uncheck();
  await page.keyboard.press('Escape');
  await until('the help is gone', async () => (await dialog.count()) === 0);
  await page.keyboard.press('g');
  await page.keyboard.press('o');
  await page.keyboard.press('?');
  assert.match(page.url(), /\/sessions\/\w+/);
  assert.equal(await page.getByRole('dialog').count(), 0);
  await end();
});

test('a new page gives its heading the focus', async (browser) => {
  const { page, end } = await visit(browser, '/approvals');
  await settled(page);
  await page.getByRole('link', { name: 'Policy' }).click();
  await until('the heading has it', () => page.evaluate(() => document.activeElement?.tagName === 'H1' && document.activeElement.textContent === 'Policy'));
  await end();
});

test('the theme can be chosen, and is kept', async (browser) => {
  const { page, end } = await visit(browser, '/connections', { context: { colorScheme: 'light' } });
  await settled(page);
  const paper = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const light = await paper();
  await page.getByLabel('Theme').selectOption('dark');
  await until('it is dark', async () => (await paper()) !== light);
  await page.reload();
  await settled(page);
  assert.notEqual(await paper(), light);
  await page.getByLabel('Theme').selectOption('auto');
  await until('it is light', async () => (await paper()) === light);
  await end();
});

test('times are shown in UTC for who wants that', async (browser) => {
  const { page, world, end } = await visit(browser, '/turned-away', { context: { timezoneId: 'Asia/Tokyo' } });
  await settled(page);
  const utc = world.rejections[0].time.slice(11, 19);
  assert.ok(!(await page.locator('tbody tr').first().innerText()).includes(utc));
  await page.getByLabel('Times').selectOption('utc');
  await page.locator('tbody tr').first().getByText(utc).waitFor();
  await end();
});
