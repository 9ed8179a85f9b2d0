// Texts that clients control, made as hostile as can be: on every page each shows as text, with the security policy and
// without it.
import assert from 'node:assert/strict';
import { shapes } from './contract.mjs';
import { settled, until, visit } from './pages.mjs';
import { approval, makeWorld, Script, session } from './world.mjs';

export const tests = [];
const payload = (name) => `<img src=x onerror="window.hit='${name}'"><script>window.hit='${name}'</script>"'--><svg onload=window.hit=1>\u202e${name}`;
/* What the gateway itself makes: no text of a client's. */
const own = new Set(['id', 'session', 'next', 'state', 'decision', 'where', 'digest', 'policy_hash', 'hash', 'csrf', 'expires', 'note', 'key', 'start', 'version', 'type', 'replaces', 'would']);

/** Every text of an object of a shape, by a payload that names where it stands. */
function poison(value, shape) {
  for (const [name, { kind, of }] of shapes.get(shape)) {
    if (own.has(name) || value[name] == null) continue;
    if (kind === 'TEXT') value[name] = payload(`${shape}.${name}`);
    else if (kind === 'TEXTS') value[name] = value[name].length && name !== 'roles' ? [payload(`${shape}.${name}`)] : value[name];
    else if (kind === 'MAP') value[name] = { prompt: payload(`${shape}.prompt`), task: payload(`${shape}.task`), [payload('name')]: payload('value') };
    else if (kind === 'OBJECT') poison(value[name], of);
    else if (kind === 'LIST' && of !== 'Event') value[name].forEach((one) => poison(one, of));
  }
  return value;
}

function hostileWorld() {
  const world = makeWorld();
  const { report, waiting } = world;
  const script = new Script(report);
  script.add('start', { fields: { user: payload('user'), 'claim.application_name': payload('application_name'), [payload('field')]: payload('field value') } });
  script.add('context', { fields: { 'claim.prompt': payload('prompt'), 'claim.task': payload('task') } });
  script.run(payload('sql'), {
    parameters: [{ value: payload('parameter'), oid: 25, type: payload('type'), binary: false }, { value: { hex: 'ff00' }, oid: 17, type: 'bytea' }, { value: null }],
    columns: [{ name: payload('column'), oid: 25, type: payload('column type'), masked: true }, { name: { hex: 'c3' }, oid: 25 }], rows: [[payload('row'), { hex: '00ff' }], [null, '']],
    tags: payload('tag'), relations: payload('relation'), rule: payload('rule'), policy: payload('policy'), more: { sent: payload('sent') },
  });
  script.run(`SELECT '${payload('string')}' /* ${payload('comment')} */`, { report: { sqlstate: '<b>', message: payload('message'), detail: payload('detail'), hint: payload('hint') } });
  script.add('report', { error: false, origin: 'server', severity: payload('severity'), sqlstate: '00000', message: payload('notice') });
  script.add('notification', { process: 7, channel: payload('channel'), payload: payload('payload') });
  script.add('approval', { fields: { state: payload('state'), request: '../../v1/sign-out', reason: payload('reason') } });
  const run = script.run('COPY t TO STDOUT');
  script.add('copy', { run, direction: 'out', data: payload('copied') });
  script.add('damaged', { frame: payload('frame'), message: payload('damage') });
  world.scripts.set(report.id, script);
  poison(world.me, 'Me');
  for (const list of [[world.sessions, 'Session'], [world.approvals, 'Approval'], [world.statements, 'Statement'], [world.rejections, 'Rejection'], [world.connections, 'Connection']]) list[0].forEach((one) => poison(one, list[1]));
  waiting.counted_rows = null;
  waiting.not_counted = payload('not counted');
  waiting.because = payload('because');
  waiting.beside = payload('beside');
  waiting.decisions = [{ who: payload('decider'), approve: true, reason: payload('decision'), time: waiting.created }];
  poison(world.policies, 'Policies');
  const { overviewOf, explain } = world;
  world.overviewOf = (query) => poison(overviewOf(query), 'Overview');
  world.sights.forEach((one) => poison(one, 'Sight'));
  world.valueSights.forEach((one) => poison(one, 'ValueSight'));
  world.explain = (request) => poison(explain({ sql: 'SELECT email FROM customers', ...request }), 'Explanation');
  return world;
}

const paths = (world) => ['/approvals', '/approvals?show=over', `/approvals/${world.waiting.id}`, `/approvals/${world.approvals[1].id}`, `/approvals/${world.approvals[2].id}`, '/sessions', `/sessions/${world.report.id}`, '/statements', '/overview', '/policy', '/connections', '/turned-away', '/who-saw?column=customers.*'];

for (const [how, bypassCSP] of [['', false], [' without the security policy too', true]])
  tests.push([
    `nothing that a client can write is anything but text, on any page${how}`,
    async (browser) => {
      const world = hostileWorld();
      const { page, server, end } = await visit(browser, '/connections', { world, context: { bypassCSP } });
      const seen = [];
      for (const path of paths(world)) {
        await page.goto(server.origin + path);
        await settled(page);
        if (path === '/policy') {
          await page.locator('.explain textarea').fill(payload('own text'));
          await page.getByRole('button', { name: /Explain/ }).click();
          await page.locator('.answer').waitFor();
        }
        if (path.startsWith('/who-saw')) {
          await page.getByLabel('Who was shown this value of it').fill(payload('own value'));
          await page.getByRole('button', { name: 'Ask' }).click();
          await page.getByRole('table', { name: 'Who was shown this value' }).waitFor();
        }
        if (path.startsWith('/sessions/')) {
          await page.getByText('End of the session').waitFor();
          await page.getByLabel('protocol').check();
          await page.evaluate(() => document.querySelectorAll('details').forEach((one) => (one.open = true)));
          await page.getByText(payload('sent').replace('\u202e', 'RLO')).waitFor();
        }
        const found = await page.evaluate(() => ({
          hit: window.hit,
          made: document.querySelectorAll('img, main script, svg[onload], [onerror], iframe, object').length,
          links: [...document.querySelectorAll('a')].filter((a) => a.origin !== location.origin || !/^https?:$/.test(a.protocol) || /sign-out/.test(a.pathname.replace(/%2F/gi, ''))).map((a) => a.outerHTML.slice(0, 200)),
          turned: /[\u202a-\u202e\u2066-\u2069]/.test(document.body.textContent) || /[\u202a-\u202e\u2066-\u2069]/.test(document.title),
          text: document.body.textContent,
        }));
        assert.equal(found.hit, undefined, path);
        assert.equal(found.made, 0, `${path}: no element was made of a text`);
        assert.equal(found.turned, false, `${path}: no mark that turns text is passed on`);
        for (const link of found.links) assert.match(link, /approvals\/\.\.%2F\.\.%2Fv1%2Fsign-out/, path);
        seen.push(found.text);
      }
      const all = seen.join('\n');
      for (const name of ['sql', 'parameter', 'column', 'row', 'prompt', 'task', 'application_name', 'message', 'detail', 'hint', 'notice', 'severity', 'channel', 'payload', 'reason', 'copied', 'damage', 'sent', 'beside', 'because', 'decider', 'decision', 'string', 'comment', 'Session.principal', 'Session.on_behalf_of', 'Session.login', 'Session.client', 'Approval.sql', 'Approval.principal', 'Approval.message', 'ApprovalRelation.name', 'Parameter.value', 'Statement.shape', 'Rejection.reason', 'Sight.principal', 'Sight.relation', 'Sight.shape', 'ValueSight.principal', 'ValueSight.on_behalf_of', 'ValueSight.shape', 'Rejection.principal', 'Connection.name', 'Me.user', 'OverviewCount.name', 'OverviewSlow.shape', 'Explanation.message', 'ExplainedStatement.relations', 'Policies.text'])
        assert.ok(all.includes(`window.hit='${name}'`), `${name} is shown, as text`);
      await end();
    },
  ]);

/** No element, no script, no mark that turns text came of what is shown. */
async function harmless(page, where) {
  const found = await page.evaluate(() => ({
    hit: window.hit,
    made: document.querySelectorAll('img, main script, svg[onload], [onerror], iframe, object').length,
    turned: /[\u202a-\u202e\u2066-\u2069]/.test(document.body.textContent + document.title),
  }));
  assert.deepEqual(found, { hit: undefined, made: 0, turned: false }, where);
}

for (const [how, bypassCSP] of [['', false], [', without the security policy too', true]])
  tests.push([
    `what is told while a page is open, said aloud, asked in a dialogue or answered as a problem is anything but HTML${how}`,
    async (browser) => {
      const world = makeWorld();
      const { page, server, end } = await visit(browser, '/approvals', { world, context: { bypassCSP } });
      await page.getByText('Live', { exact: true }).waitFor();
      server.tell('approval', poison(approval(Date.now(), world.holder, { beside: 'x', because: 'x', not_counted: 'x', counted_rows: null, decisions: [{ who: 'x', approve: true, reason: 'x', time: world.waiting.created }] }), 'Approval'));
      await page.locator('[role=status].said', { hasText: "window.hit='Approval.principal'" }).waitFor();
      await page.locator('.inbox', { hasText: "window.hit='Approval.sql'" }).waitFor();
      await harmless(page, 'an approval that comes');
      await page.goto(`${server.origin}/sessions`);
      await page.getByText('Live', { exact: true }).waitFor();
      server.tell('session', poison(session(Date.now(), { live: true, ended: null }), 'Session'));
      await page.locator('tbody tr', { hasText: "window.hit='Session.principal'" }).waitFor();
      await harmless(page, 'a session that comes');
      poison(world.holder, 'Session');
      await page.goto(`${server.origin}/sessions/${world.holder.id}`);
      await until('its stream is up', async () => server.listeners(world.holder.id) > 0);
      await page.getByText('The session is open').waitFor();
      const script = world.scripts.get(world.holder.id);
      const known = script.events.length;
      script.run(payload('live sql'), { columns: [{ name: payload('live column'), oid: 25 }], rows: [[payload('live row')]], more: { sent: payload('live sent') } });
      script.run(payload('live other'), { report: { sqlstate: payload('state'), message: payload('live message'), detail: payload('live detail') } });
      for (const event of script.events.slice(known)) server.tell('entry', event);
      await page.locator('.step', { hasText: "window.hit='live message'" }).waitFor();
      for (const name of ['live sql', 'live column', 'live row', 'live detail']) assert.ok((await page.locator('.transcript').textContent()).includes(`window.hit='${name}'`), name);
      await page.getByRole('button', { name: 'End it…' }).click();
      await page.getByRole('dialog').getByText("window.hit='Session.principal'").waitFor();
      await harmless(page, 'an open session and its dialogue');
      for (const [handler, path] of [['sessions_list', '/sessions'], ['approvals_one', `/approvals/${world.waiting.id}`], ['sessions_entries', `/sessions/${world.report.id}`], ['overview', '/overview'], ['statements', '/statements']]) {
        server.fail.set(handler, [503, payload(`detail of ${handler}`), payload('rule')]);
        await page.goto(server.origin + path);
        await page.locator('.problem', { hasText: `window.hit='detail of ${handler}'` }).waitFor();
        await harmless(page, path);
        server.fail.clear();
      }
      await page.goto(`${server.origin}/sessions?who=${encodeURIComponent(payload('address'))}&text=${encodeURIComponent(payload('words'))}`);
      await settled(page);
      await harmless(page, 'filters of an address');
      await page.goto(`${server.origin}/?problem=${encodeURIComponent(payload('problem'))}&detail=${encodeURIComponent(payload('detail'))}`);
      await harmless(page, 'a problem of an address');
      await end();
    },
  ]);

tests.push([
  'a provider’s address for signing out is followed only where it is a web address',
  async (browser) => {
    const { page, world, end } = await visit(browser, '/overview');
    const answer = world.answer;
    world.answer = (handler, call) => (handler === 'sign_out' ? ((world.signedIn = false), { provider: 'javascript:window.hit=1' }) : answer(handler, call));
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('link', { name: 'Sign in' }).waitFor();
    assert.equal(await page.evaluate(() => window.hit), undefined);
    await end();
  },
]);

tests.push([
  'the security policy refuses an inline script, a style, a frame, a stranger’s host and HTML made of text',
  async (browser) => {
    const { page, end, expectComplaints } = await visit(browser, '/connections');
    expectComplaints();
    await settled(page);
    const found = await page.evaluate(async () => {
      const violated = [];
      addEventListener('securitypolicyviolation', (event) => violated.push(event.effectiveDirective));
      const script = document.createElement('script');
      try {
        script.textContent = 'window.hit = 1';
      } catch {
        violated.push('text of a script');
      }
      try {
        document.body.insertAdjacentHTML('beforeend', '<b>made</b>');
      } catch {
        violated.push('HTML of text');
      }
      const style = document.createElement('style');
      style.textContent = 'body { display: none }';
      document.head.append(style);
      await fetch('http://127.0.0.1:9/').catch(() => {});
      const frame = document.createElement('iframe');
      frame.src = '/connections';
      document.body.append(frame);
      const wanted = ['style-src-elem', 'connect-src', 'frame-src'];
      for (let i = 0; i < 1200 && !wanted.every((one) => violated.includes(one)); i++) await new Promise((done) => setTimeout(done, 50));
      return { violated, hit: window.hit, display: getComputedStyle(document.body).display };
    });
    for (const one of ['text of a script', 'HTML of text', 'style-src-elem', 'connect-src', 'frame-src']) assert.ok(found.violated.includes(one), `${one}: ${found.violated}`);
    assert.equal(found.hit, undefined);
    assert.notEqual(found.display, 'none');
    await end().catch((error) => assert.match(String(error.message), /no other host|127\.0\.0\.1:9/));
  },
]);
