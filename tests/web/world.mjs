// A small world behind the scripted gateway: who is signed in, sessions with what happened in them, held statements,
// policies, counts. Times hang on when it is made. Tests change it as they like.
import { createHash } from 'node:crypto';
import { Refusal } from './server.mjs';

const stamp = (ms) => `${new Date(ms).toISOString().slice(0, -1)}000Z`;
const hash = (text) => createHash('sha256').update(text).digest('hex');
const issuer = 'https://login.example.test/realms/staff';

/** An id as the gateway makes them: 13 characters, in order of time. */
let made = 0;
export const id = (ms) => (Math.floor(ms) * 1000 + (made++ % 1000)).toString(32).padStart(13, '0').slice(-13);

export function session(at, changes = {}) {
  const started = at;
  return {
    id: id(started), principal: 'report-agent', subject: 'report-agent', issuer, groups: ['ai-agents'], machine: true, on_behalf_of: 'alice@example.test',
    connection: 'orders', database: 'orders', login: 'app_rw', client: '10.4.1.17', application: 'psycopg', policies: ['agents-on-orders', 'contact-details'],
    policy_hash: hash('policies'), task: 'monthly-report', agent: 'reporter', started: stamp(started), last: stamp(started + 42_000), ended: stamp(started + 42_000), reason: null,
    live: false, statements: 12, refused: 0, errors: 0, rows: 1204, last_sequence: 40, mine: false, ...changes,
  };
}

export function approval(at, of, changes = {}) {
  const one = {
    id: id(at), state: 'waiting', session: of.id, run: 7, principal: of.principal, subject: of.subject, issuer, groups: of.groups, machine: of.machine,
    on_behalf_of: of.on_behalf_of, claimed: { task: 'cleanup-stale-carts', prompt: 'Remove carts that nobody has touched for a year.', model: 'planner-2', application_name: 'psycopg' },
    connection: of.connection, database: of.database, login: of.login, search_path: '"$user", public', sql: 'DELETE FROM public.orders', parameters: [],
    tags: ['DELETE'], effects: ['delete'], relations: [{ name: 'public.orders', access: ['delete'], whereless: true }], where: 'missing', policy: 'agents-on-orders',
    rule: 'whereless', message: 'DELETE on public.orders without a WHERE needs approval, by dba', by: ['dba'], approvals_needed: 1, reason_required: false, counted_rows: 1000,
    not_counted: null, not_undone: [], created: stamp(at), expires: stamp(at + 15 * 60_000), since: stamp(at), digest: hash(`approval ${made}`), decisions: [],
    can_decide: true, cannot: null, ...changes,
  };
  const given = one.decisions.filter((decision) => decision.approve).length;
  one.rules ??= [{ policy: one.policy, rule: one.rule, by: one.by, approvals: one.approvals_needed, missing: Math.max(0, one.approvals_needed - given), reason_required: one.reason_required }];
  return one;
}

/** Events of a session, in the words of doc/replay-json.md. */
export class Script {
  constructor(of) {
    this.session = of;
    this.events = [];
    this.sequence = 0;
    this.us = 0;
  }
  add(event, members = {}, same = false) {
    if (!same) this.sequence++;
    const one = { event, session: this.session.id, sequence: this.sequence, time: stamp(Date.parse(this.session.started) + this.us / 1000), offset_us: this.us, ...members };
    this.events.push(one);
    return one;
  }
  wait(ms) {
    this.us += Math.round(ms * 1000);
    return this;
  }
  run(sql, { decision = 'allow', rule = '', policy = 'agents-on-orders', tags = sql.split(/\s/)[0].toUpperCase(), effects = 'read', relations = '', parameters, columns, rows = [], took = 2, tag, report, how, more = {} } = {}) {
    const protocol = parameters ? 'extended' : 'simple';
    const statement = this.add('statement', { protocol, sql, decision, policy, rule, tags, effects, relations, ...(parameters ? { parameters } : {}), ...more });
    statement.run = statement.sequence;
    const run = statement.sequence;
    this.wait(took);
    if (report) this.add('report', { run, error: true, origin: decision === 'allow' ? 'server' : 'gateway', severity: 'ERROR', ...report });
    if (rows.length) {
      rows.forEach((values, i) => this.add('row', { run, columns, values }, i > 0));
    }
    this.add('complete', { run, how: how ?? (report ? (decision === 'allow' ? 'failed' : 'refused') : 'completed'), tag: tag ?? (report ? '' : `SELECT ${rows.length}`), rows: more.total ?? rows.length, bytes: rows.length * 64, us: Math.round(took * 1000) });
    return run;
  }
}

const text = (name, oid = 25, type = 'text', more = {}) => ({ name, oid, type, ...more });

function reportScript(of) {
  const script = new Script(of);
  script.add('start', { fields: { user: of.principal, connection: of.connection, login: of.login, policies: of.policies.join(', '), 'claim.application_name': 'psycopg' } });
  script.wait(12);
  script.add('context', { fields: { 'claim.task': 'monthly-report', 'claim.agent': 'reporter', 'claim.prompt': 'Write the monthly report on late orders for Alice: totals by status, the five largest late ones with the customer’s country, and chase those above 490.' } });
  script.wait(730);
  script.run('SELECT status, count(*) AS orders, sum(amount) AS total\n  FROM orders\n GROUP BY status\n ORDER BY status', {
    relations: 'public.orders', columns: [text('status'), text('orders', 20, 'bigint'), text('total', 1700, 'numeric')], rows: [['late', '200', '50127.40'], ['open', '799', '199022.95'], ['paid', '1', '12.50']], took: 3.4,
  });
  script.wait(2400);
  script.run('SELECT c.name, c.email, c.country, o.amount, o.placed_on\n  FROM orders o JOIN customers c ON c.id = o.customer_id\n WHERE o.status = $1 AND o.amount >= $2\n ORDER BY o.amount DESC LIMIT 5', {
    relations: 'public.orders, public.customers', parameters: [{ value: 'late', oid: 25, type: 'text', binary: false }, { value: '300', oid: 1700, type: 'numeric', binary: true }],
    columns: [text('name'), text('email', 25, 'text', { masked: true }), text('country'), text('amount', 1700, 'numeric'), text('placed_on', 1082, 'date')],
    rows: [['Customer 12', '•••@example.com', 'DE', '499.05', '2026-03-11'], ['Customer 33', '•••@example.com', 'FR', '497.60', '2026-08-02'], ['Customer 7', '•••@example.com', 'US', '496.15', '2026-05-23'], ['Customer 28', '•••@example.com', 'JP', '494.70', '2026-10-14'], ['Customer 2', '•••@example.com', 'DE', '493.25', '2026-02-04']],
    took: 5.1, more: { sent: 'SELECT c.name, c.email, c.country, o.amount, o.placed_on\n  FROM public.orders o JOIN (SELECT id, name, regexp_replace(email, $$^[^@]*$$, $$•••$$) AS email, country FROM public.customers) c ON c.id OPERATOR(pg_catalog.=) o.customer_id\n WHERE o.status = $1 AND o.amount >= $2\n ORDER BY o.amount DESC LIMIT 5' },
  });
  script.wait(5200);
  script.run('SELECT phone FROM customers', {
    decision: 'deny', rule: 'no-phones', policy: 'contact-details', relations: 'public.customers',
    report: { sqlstate: '42501', message: 'SELECT using column public.customers.phone is denied here: contact details stay here', hint: 'Allowed here: in part: read, update, delete.', policy: 'contact-details', rule: 'no-phones' }, took: 0.2,
  });
  script.wait(3100);
  script.run('BEGIN', { effects: 'transaction', tag: 'BEGIN', took: 0.1 });
  script.add('status', { status: 'T' });
  script.wait(90);
  script.run("UPDATE orders SET status = 'chased' WHERE status = 'late' AND amount > 490", { effects: 'read, update', relations: 'public.orders', tag: 'UPDATE 7', took: 8.9, more: { total: 7 } });
  script.wait(60);
  script.run('SELECT note FROM order_notes WHERE order_id = 7', {
    relations: 'public.order_notes', report: { sqlstate: '42P01', message: 'relation "order_notes" does not exist', position: 18 }, took: 0.7,
  });
  script.wait(200);
  script.run('ROLLBACK', { effects: 'transaction', tag: 'ROLLBACK', took: 0.1 });
  script.wait(900);
  script.run("UPDATE orders SET status = 'chased' WHERE status = 'late' AND amount > 490", { effects: 'read, update', relations: 'public.orders', tag: 'UPDATE 7', took: 7.2, more: { total: 7 } });
  script.wait(16_000);
  script.run('COPY (SELECT country, count(*) FROM customers GROUP BY 1 ORDER BY 1) TO STDOUT', { effects: 'read, bulk_out', relations: 'public.customers', tag: 'COPY 4', took: 2.2, more: { total: 4 } });
  script.wait(20);
  script.add('end', { fields: { reason: 'terminate' } });
  of.last_sequence = script.sequence;
  return script;
}

function heldScript(of, request) {
  const script = new Script(of);
  script.add('start', { fields: { user: of.principal, connection: of.connection, login: of.login, 'claim.application_name': 'psycopg' } });
  script.wait(5);
  script.add('context', { fields: { 'claim.task': 'cleanup-stale-carts', 'claim.prompt': 'Remove carts that nobody has touched for a year.' } });
  script.wait(800);
  script.run('SELECT count(*) FROM orders WHERE placed_on < now() - interval \'1 year\'', { relations: 'public.orders', columns: [text('count', 20, 'bigint')], rows: [['0']], took: 3 });
  script.wait(2100);
  const statement = script.add('statement', { protocol: 'simple', sql: request.sql, decision: 'hold', policy: request.policy, rule: request.rule, tags: 'DELETE', effects: 'delete', relations: 'public.orders' });
  statement.run = statement.sequence;
  script.wait(4);
  script.add('approval', { run: statement.sequence, words: `asked for approval of dba, until ${request.expires}; it would change 1000 rows`, fields: { request: request.id, state: 'asked', message: request.message, rule: `${request.policy}/${request.rule}`, by: 'dba', rows: '1000', expires: request.expires, digest: request.digest, waits: 'yes' } });
  of.last_sequence = script.sequence;
  return script;
}

const policies = `- name: agents-on-orders
  who: { groups: [ai-agents] }
  on: { connections: [orders] }
  record: { rows: full, on_failure: deny }
  allow: [read, write, update, delete, bulk_out]
  deny:
    # Agents change rows, not tables.
    - { name: no-drop, effects: [schema, truncate], message: "agents change rows, not tables; ask the data team" }
  hold:
    - { name: whereless, effects: [delete, update], where: missing, by: [dba], for: 15m }
    - { name: many, effects: [delete, update], unless: { affected_rows: "<= 100" }, by: [dba] }
  limits: { statement: 30s, returned_rows: 10000 }
- name: contact-details
  who: { groups: [ai-agents, support] }
  deny:
    - { name: no-phones, columns: [public.customers.phone], message: "contact details stay here" }
  mask:
    - { name: emails, columns: [public.customers.email], how: email }
`;

function overviewOf(now, since, until) {
  const from = Date.parse(since ?? stamp(now - 86400_000));
  const to = Date.parse(until ?? stamp(now));
  const span = (to - from) / 1000;
  const bucket_s = span <= 3600 ? 60 : span <= 90_000 ? 900 : span <= 8 * 86400 ? 7200 : 86400 / 2;
  const buckets = [];
  for (let at = from, i = 0; at < to; at += bucket_s * 1000, i++) {
    const hour = new Date(at).getUTCHours();
    const day = Math.max(0, Math.sin(((hour - 5) / 24) * Math.PI * 2)) + 0.08;
    const wobble = ((i * 7919) % 97) / 97;
    const statements = Math.round(900 * day * (0.6 + 0.8 * wobble) * (bucket_s / 900));
    if (!statements) continue;
    const refused = (i * 31) % 11 === 0 ? 3 + (i % 5) : (i % 4 === 0 ? 1 : 0);
    const held = i % 17 === 3 ? 2 : 0;
    const errors = i % 6 === 0 ? 2 + (i % 3) : 0;
    buckets.push({ time: stamp(at), statements: statements + refused + held + errors, refused, held, errors, rows: statements * 14 });
  }
  return { since: stamp(from), until: stamp(to), bucket_s, buckets };
}

export function makeWorld() {
  const now = Date.now();
  const minute = 60_000;
  const sessions = [];
  const scripts = new Map();
  const add = (one, script) => {
    sessions.push(one);
    if (script) scripts.set(one.id, script);
    return one;
  };
  const holder = session(now - 4 * minute, { principal: 'cart-agent', subject: 'cart-agent', on_behalf_of: 'bob@example.test', live: true, ended: null, task: 'cleanup-stale-carts', agent: 'janitor', statements: 2, rows: 1 });
  const waiting = approval(now - 3.6 * minute, holder);
  waiting.run = 6;
  add(holder, undefined);
  scripts.set(holder.id, heldScript(holder, waiting));
  const report = add(session(now - 31 * minute, { refused: 1, errors: 2, statements: 9, rows: 26 }), undefined);
  scripts.set(report.id, reportScript(report));
  const support = add(session(now - 9 * minute, { principal: 'support-bot', subject: 'support-bot', on_behalf_of: null, connection: 'shop', database: 'shop', login: 'shop_ro', task: null, agent: null, application: 'support-console 4.1', live: true, ended: null, statements: 148, rows: 9120, refused: 3, errors: 4 }));
  scripts.set(support.id, reportScript(support));
  for (let i = 0; i < 70; i++) {
    const agent = ['report-agent', 'support-bot', 'cart-agent', 'alice@example.test'][i % 4];
    add(session(now - (45 + i * 37) * minute, {
      principal: agent, subject: agent, machine: i % 4 !== 3, groups: i % 4 === 3 ? ['developers', 'dba'] : ['ai-agents'], on_behalf_of: i % 3 === 0 && i % 4 !== 3 ? 'alice@example.test' : null,
      connection: i % 5 === 1 ? 'shop' : 'orders', database: i % 5 === 1 ? 'shop' : 'orders', login: i % 4 === 3 ? 'app_ro' : 'app_rw', mine: i % 4 === 3,
      task: i % 4 === 3 ? null : ['monthly-report', 'nightly-sync', 'refund-check'][i % 3], agent: i % 4 === 3 ? null : 'reporter', application: i % 4 === 3 ? 'psql' : 'psycopg',
      statements: 3 + ((i * 53) % 900), rows: (i * 7919) % 60_000, refused: i % 6 === 0 ? 1 + (i % 3) : 0, errors: i % 6 === 0 ? 1 + (i % 3) : i % 9 === 0 ? 2 : 0,
    }));
  }
  const prices = session(now - 14 * minute, { principal: 'pricing-agent', subject: 'pricing-agent', connection: 'shop', database: 'shop' });
  const approvals = [
    waiting,
    approval(now - 13.2 * minute, prices, {
      sql: "UPDATE products\n   SET price = round(price * $1, 2),\n       updated_at = now()\n WHERE category = ANY ($2)", tags: ['UPDATE'], effects: ['read', 'update'], where: 'present', rule: 'many', counted_rows: 412,
      relations: [{ name: 'public.products', access: ['read', 'update'] }, { name: 'public.price_history', access: ['write'], through: true }],
      parameters: [{ value: '1.04', oid: 1700, type: 'numeric', binary: true }, { value: '{outdoor,garden}', oid: 1009, type: 'text[]', binary: true }],
      message: 'UPDATE on public.products of 412 rows needs approval, by dba', approvals_needed: 2, reason_required: true, claimed: { task: 'autumn-prices', prompt: 'Raise prices of outdoor and garden goods by 4 %.' },
      not_undone: ['the sequence public.price_history_id_seq moved on by 412', 'the trigger products_notify on public.products sends notifications'],
      decisions: [{ who: 'bob@example.test', approve: true, reason: 'agreed with the shop team in the weekly', time: stamp(now - 6 * minute) }],
    }),
    approval(now - 2 * minute, session(now - 3 * minute, { principal: 'alice@example.test', machine: false, on_behalf_of: null, groups: ['developers', 'dba'] }), {
      sql: 'TRUNCATE TABLE audit_staging', tags: ['TRUNCATE TABLE'], effects: ['truncate'], relations: [{ name: 'public.audit_staging', access: ['truncate'] }], where: null, rule: 'truncates', counted_rows: null,
      not_counted: 'TRUNCATE does not say how many rows it removes.', message: 'TRUNCATE TABLE on public.audit_staging needs approval, by dba', claimed: {}, can_decide: false, cannot: 'Nobody decides on a request of their own.',
    }),
    approval(now - 90 * minute, prices, { state: 'used', since: stamp(now - 88 * minute), can_decide: false, cannot: 'This request was decided already.', sql: "DELETE FROM sessions WHERE seen < now() - interval '90 days'", where: 'present', counted_rows: 18_422, decisions: [{ who: 'alice@example.test', approve: true, reason: null, time: stamp(now - 88 * minute) }] }),
    approval(now - 140 * minute, holder, { state: 'denied', since: stamp(now - 139 * minute), can_decide: false, cannot: 'This request was decided already.', decisions: [{ who: 'alice@example.test', approve: false, reason: 'Use the archive job for this.', time: stamp(now - 139 * minute) }] }),
    approval(now - 300 * minute, holder, { state: 'expired', since: stamp(now - 285 * minute), can_decide: false, cannot: 'This request has expired.' }),
    approval(now - 410 * minute, holder, { state: 'withdrawn', since: stamp(now - 409 * minute), can_decide: false, cannot: 'This request was withdrawn.', why: 'The client disconnected.' }),
  ];
  const statements = [];
  const shapesOf = [
    ['SELECT status, count(*) AS orders, sum(amount) AS total FROM orders GROUP BY status ORDER BY status', ['SELECT'], ['read'], ['public.orders'], 'allow', null],
    ['DELETE FROM orders', ['DELETE'], ['delete'], ['public.orders'], 'hold', 'whereless'],
    ['SELECT phone FROM customers', ['SELECT'], ['read'], ['public.customers'], 'deny', 'no-phones'],
    ['UPDATE orders SET status = $1 WHERE id = $2', ['UPDATE'], ['read', 'update'], ['public.orders'], 'allow', null],
    ['INSERT INTO order_notes (order_id, note) VALUES ($1, $2)', ['INSERT'], ['write'], ['public.order_notes'], 'allow', null],
    ['DROP TABLE orders', ['DROP TABLE'], ['schema.drop'], ['public.orders'], 'deny', 'no-drop'],
  ];
  for (let i = 0; i < 80; i++) {
    const [shape, tags, effects, relations, decision, rule] = shapesOf[(i * 7) % shapesOf.length];
    const one = sessions[1 + (i % 12)];
    statements.push({ session: one.id, principal: one.principal, connection: one.connection, shape, tags, effects, relations, decision, policy: 'agents-on-orders', rule, error: decision === 'deny' ? '42501' : i % 13 === 0 ? '23505' : null, time: stamp(now - i * 4 * minute), executions: decision === 'allow' ? 1 + ((i * 17) % 240) : 1, errors: decision === 'deny' ? 1 : i % 13 === 0 ? 2 : 0, rows: decision === 'allow' ? (i * 131) % 4000 : 0, us: 2100 * (1 + ((i * 17) % 240)), on_behalf_of: one.on_behalf_of, longest_us: 2100 + i * 17, most_rows: decision === 'allow' ? (i * 131) % 4000 : 0, first_sequence: 3 + i, last_sequence: 40 + i });
  }
  const page = (items, { limit = 50, cursor }) => {
    const from = cursor ? Number(cursor) : 0;
    const to = from + Number(limit);
    return { items: items.slice(from, to), next: to < items.length ? String(to) : null };
  };
  const world = {
    signedIn: true,
    looked: [],
    killed: [],
    me: { user: 'alice@example.test', subject: 'alice@example.test', issuer, groups: ['developers', 'dba'], machine: false, roles: ['admin', 'auditor', 'approver', 'user'], expires: stamp(now + 3600_000), version: '0.1.0' },
    signIn: { issuers: [{ issuer, client_id: 'postern-web', login_client_id: null, audience: 'postern', scopes: 'openid postern', resource: null, start: '/auth/sign-in?issuer=staff' }] },
    sessions, scripts, approvals, statements, holder, report, waiting,
    sights: [
      { principal: 'support-bot', connection: 'orders', relation: 'public.customers', column: 'email', state: 'masked', results: 412, rows: 12_044, sessions: 31, first: stamp(now - 3000 * minute), last: stamp(now - 4 * minute), session: report.id, sequence: 6, shape: 'SELECT id, name, email FROM customers WHERE id = $1' },
      { principal: 'alice@example.test', connection: 'orders', relation: 'public.customers', column: 'email', state: 'clear', results: 3, rows: 41, sessions: 2, first: stamp(now - 900 * minute), last: stamp(now - 70 * minute), session: report.id, sequence: 9, shape: 'SELECT email FROM customers' },
      { principal: 'dba@example.test', connection: 'shop', relation: 'public.customers', column: '*', state: 'untraced', results: 1, rows: 9000, sessions: 1, first: stamp(now - 400 * minute), last: stamp(now - 400 * minute), session: report.id, sequence: 3, shape: 'SELECT * FROM customers' },
    ],
    ended: [], logins: 3, moreSights: false, askedValues: [],
    valueSights: [
      { principal: 'alice@example.test', on_behalf_of: 'bob@example.test', connection: 'orders', column: 'public.customers.email', rows: 2, first: stamp(now - 900 * minute), last: stamp(now - 70 * minute), session: report.id, first_sequence: 8, last_sequence: 9, shape: 'SELECT email FROM customers' },
    ],
    rejections: [
      { time: stamp(now - 12 * minute), reason: 'token-expired', sqlstate: '28000', principal: 'report-agent', client: '10.4.1.17' },
      { time: stamp(now - 55 * minute), reason: 'no-policy', sqlstate: '28000', principal: 'eve@example.test', client: '10.9.0.3' },
      { time: stamp(now - 300 * minute), reason: 'token-malformed', sqlstate: '28000', principal: null, client: '10.9.0.3' },
    ],
    connections: [
      { name: 'orders', databases: [], logins: ['rw', 'ro'], host: 'db.example.test', port: 5432 },
      { name: 'shop', databases: ['shop_*'], logins: ['ro'], host: 'db.example.test', port: 5432 },
    ],
    policies: { hash: hash(policies), text: policies, items: [{ name: 'agents-on-orders', connections: ['orders'], login: 'rw', file: 'postern.yaml', line: 31 }, { name: 'contact-details', connections: [], login: null, file: 'policies/contacts.yaml', line: 1 }] },
    overviewOf: (query) => ({
      ...overviewOf(Date.now(), query.since, query.until),
      principals: [{ name: 'support-bot', statements: 18_233, refused: 41, rows: 210_233 }, { name: 'report-agent', statements: 9120, refused: 6, rows: 90_112 }, { name: 'cart-agent', statements: 1204, refused: 118, rows: 4210 }, { name: 'alice@example.test', statements: 212, refused: 0, rows: 1822 }],
      relations: [{ name: 'public.orders', statements: 14_210, refused: 71, rows: 120_100 }, { name: 'public.customers', statements: 8831, refused: 44, rows: 88_410 }, { name: 'public.order_notes', statements: 3010, refused: 0, rows: 3010 }, { name: 'public.products', statements: 512, refused: 2, rows: 4004 }],
      slow: [{ shape: 'SELECT c.country, date_trunc($1, o.placed_on), sum(o.amount) FROM orders o JOIN customers c ON c.id = o.customer_id GROUP BY 1, 2 ORDER BY 1, 2', executions: 12, mean_us: 4_210_000 }, { shape: 'SELECT * FROM orders WHERE note ILIKE $1', executions: 88, mean_us: 812_000 }, { shape: 'COPY (SELECT country, count(*) FROM customers GROUP BY 1 ORDER BY 1) TO STDOUT', executions: 4, mean_us: 61_300 }],
      live_sessions: world.sessions.filter((one) => one.live).length, waiting_approvals: world.approvals.filter((one) => one.state === 'waiting').length,
    }),
    explain: ({ sql }) => {
      const bad = /phone/i.test(sql);
      const held = /^\s*delete/i.test(sql) && !/where/i.test(sql);
      return {
        decision: bad ? 'deny' : held ? 'hold' : 'allow', policy: bad ? 'contact-details' : 'agents-on-orders', rule: bad ? 'no-phones' : held ? 'whereless' : 'allow',
        message: bad ? 'SELECT using column public.customers.phone is denied here: contact details stay here' : held ? 'DELETE on public.orders without a WHERE needs approval, by dba' : 'It would run.',
        hint: bad ? 'Allowed here: in part: read, update, delete.' : null, resolved: true, by: held ? ['dba'] : null,
        sent: /email/i.test(sql) ? 'SELECT email FROM (SELECT id, name, regexp_replace(email, $$^[^@]*$$, $$•••$$) AS email FROM public.customers) customers' : null,
        masks: /email/i.test(sql) ? ['public.customers.email'] : null,
        statements: [{ text: sql, tag: /^\s*delete/i.test(sql) ? 'DELETE' : 'SELECT', effects: [/^\s*delete/i.test(sql) ? 'delete' : 'read'], where: held ? 'missing' : null, relations: [/customers/.test(sql) ? 'public.customers' : 'public.orders'], decided: true }],
      };
    },
    find(list, wanted, what) {
      const one = list.find((item) => item.id === wanted);
      if (!one) throw new Refusal(404, `There is no ${what} ${wanted}.`);
      return one;
    },
    answer(handler, { terms, query, body, csrf, server }) {
      const match = (one) =>
        (!query.who || one.principal === query.who) && (!query.on_behalf_of || one.on_behalf_of === query.on_behalf_of) && (!query.connection || one.connection === query.connection) && (!query.task || one.task === query.task) &&
        (!query.live || String(one.live) === query.live) && (!query.since || one.last >= query.since) && (!query.until || one.started < query.until) && (query.verdict !== 'deny' || one.refused > 0) && (!query.text || /late/.test(query.text));
      switch (handler) {
        case 'sign_in_list': return world.signIn;
        case 'sign_out': world.signedIn = false; return { provider: null };
        case 'me': return { ...world.me, csrf };
        case 'overview': return world.overviewOf(query);
        case 'sessions_list': return page(world.sessions.filter(match).sort((a, b) => (a.id < b.id ? 1 : -1)), query);
        case 'sessions_one': return world.find(world.sessions, terms.session, 'session');
        case 'sessions_entries': {
          const one = world.find(world.sessions, terms.session, 'session');
          world.looked.push(one.id);
          const from = Number(query.cursor ?? query.from ?? 1);
          const limit = Number(query.limit ?? 200);
          const events = (world.scripts.get(one.id)?.events ?? []).filter((event) => event.sequence >= from && event.sequence < from + limit);
          const last = world.scripts.get(one.id)?.sequence ?? 0;
          const shown = [];
          const rows = new Map();
          for (const event of events) {
            const n = (rows.get(event.run) ?? 0) + (event.event === 'row' ? 1 : 0);
            rows.set(event.run, n);
            if (event.event !== 'row' || n <= Number(query.rows ?? 1000)) shown.push(event);
          }
          return { items: shown, next: from + limit <= last || one.live ? String(Math.min(from + limit, last + 1)) : null, ended: !one.live && from + limit > last };
        }
        case 'sessions_replay': return (world.scripts.get(terms.session)?.events ?? []).map((event) => `${JSON.stringify(event)}\n`).join('');
        case 'sessions_kill': {
          const one = world.find(world.sessions, terms.session, 'session');
          world.killed.push([one.id, body.reason ?? '']);
          Object.assign(one, { live: false, ended: stamp(Date.now()), reason: 'ended by alice@example.test' });
          server.tell('session', one);
          return { done: true };
        }
        case 'statements':
          return page(world.statements.filter((one) => (!query.who || one.principal === query.who) && (!query.connection || one.connection === query.connection) && (!query.verdict || one.decision === query.verdict || (query.verdict === 'error' && one.errors > 0)) && (!query.table || one.relations.includes(query.table)) && (!query.session || one.session === query.session) && (!query.text || one.shape.toLowerCase().includes(query.text.toLowerCase()))), query);
        case 'who_saw': {
          const found = world.sights.filter((one) => (`${one.relation}.${one.column}`.endsWith(query.column) || query.column.endsWith('.*')) && (!query.state || one.state === query.state) && (!query.who || one.principal === query.who) && (!query.connection || one.connection === query.connection));
          return { items: found.slice(0, Number(query.limit ?? 200)), more: world.moreSights };
        }
        case 'who_saw_value':
          world.askedValues.push(body);
          return { items: world.valueSights.filter((one) => !body.who || one.principal === body.who), scanned: !/email/.test(body.column), unknown_rows: 12, unread: 1 };
        case 'rejections': return page(world.rejections, query);
        case 'approvals_list': return page(world.approvals.filter((one) => !query.state || one.state === query.state), query);
        case 'approvals_one': return world.find(world.approvals, terms.approval, 'request');
        case 'approvals_decide': {
          const one = world.find(world.approvals, terms.approval, 'request');
          if (one.state !== 'waiting') throw new Refusal(409, `This request was decided already, by ${one.decisions.at(-1)?.who ?? 'nobody'}.`);
          if (!one.can_decide) throw new Refusal(403, one.cannot);
          if (body.digest !== one.digest) throw new Refusal(409, 'The statement is not the one that was shown.');
          if (one.reason_required && !body.reason) throw new Refusal(400, 'The rule wants a reason.', one.rule);
          one.decisions.push({ who: world.me.user, approve: body.approve, reason: body.reason ?? null, time: stamp(Date.now()) });
          if (!body.approve || one.decisions.filter((decision) => decision.approve).length >= one.approvals_needed) Object.assign(one, { state: body.approve ? 'approved' : 'denied', since: stamp(Date.now()) });
          Object.assign(one, { can_decide: false, cannot: 'You have decided already.' });
          server.tell('approval', one);
          return one;
        }
        case 'policies': return world.policies;
        case 'policies_explain': return world.explain(body);
        case 'connections': return { items: world.connections };
        case 'token': return { login: 'postern-6h01xh9magsah', token: 'not-a-token-but-forty-three-characters-long-1', expires: stamp(Date.now() + 900_000), user: world.me.user };
        case 'token_end':
          world.ended.push(body.login ?? 'all');
          return { ended: body.login ? 1 : world.logins };
        case 'checkpoint': return { note: 'postern.example.test/log\n48213\nq3Y1m0i7yQk7r6Vn2m1v0kqv3Q0mW3l5s5eN0O5y8sE=\n\n— postern.example.test/log Az3grlgt\n', key: 'postern.example.test/log+0337e0ae+AQ==' };
        default: throw new Error(`world.mjs has no answer for ${handler}`);
      }
    },
  };
  return world;
}
