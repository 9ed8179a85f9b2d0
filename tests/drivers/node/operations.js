// node-postgres: text results, unnamed and named statements, cursors by portal, COPY streams.
'use strict'
const { Client } = require('pg')
const Cursor = require('pg-cursor')
const { from, to } = require('pg-copy-streams')
const { pipeline } = require('stream/promises')
const { Readable } = require('stream')
const crypto = require('crypto')

const S = 'd_node'
const config = { options: '-c statement_timeout=60s -c search_path=public', application_name: 'node-postgres', ssl: false }
const operation = (name) => console.log('--', name)
const show = (...values) => console.log('  ', ...values.map((v) => (typeof v === 'string' ? v : JSON.stringify(v))))
const md5 = (value) => crypto.createHash('md5').update(value).digest('hex')

async function main () {
  const c = new Client(config)
  const parameters = {}
  c.on('notice', (n) => show('notice', n.severity, n.code, n.message))
  c.connection.on('parameterStatus', (m) => { parameters[m.parameterName] = m.parameterValue })
  let ended = 'no'
  c.on('error', (e) => { ended = e.code || e.message })
  await c.connect()
  const run = async (...q) => {
    try {
      const all = await c.query(...q)
      for (const r of Array.isArray(all) ? all : [all]) show(r.command, r.rowCount, r.fields.map((f) => [f.name, f.dataTypeID]), r.rows.slice(0, 5))
      return all
    } catch (e) {
      show('error', e.severity, e.code, e.message, e.detail, e.constraint, e.position)
    }
  }
  operation('connect')
  delete parameters.in_hot_standby
  show(Object.entries(parameters).sort())
  const pid = (await c.query('SELECT pg_backend_pid() AS pid')).rows[0].pid
  show('own pid', pid === c.processID)
  operation('simple')
  await run(`DROP SCHEMA IF EXISTS ${S} CASCADE`)
  await run(`CREATE SCHEMA ${S}`)
  await run(`CREATE TABLE ${S}.t (id int PRIMARY KEY, name text NOT NULL, at timestamptz, data bytea, n numeric(12, 3), tags text[])`)
  await run(`INSERT INTO ${S}.t (id, name, tags) VALUES (1, 'one', '{a,NULL}'), (2, 'zwölf €', NULL) RETURNING *`)
  await run(`SELECT * FROM ${S}.t WHERE false`)
  await run('')
  await run('-- nothing')
  await run("DO $$ BEGIN RAISE NOTICE 'hello'; END $$")
  operation('multi')
  await run("SELECT 1 AS a; SELECT 'two' AS b; SELECT NULL AS c")
  await run(`INSERT INTO ${S}.t (id, name) VALUES (3, 'undone'); SELECT 1/0; SELECT 2`)
  await run(`SELECT count(*) FROM ${S}.t`)
  operation('parameters')
  const values = [['bool', true], ['int2', 7], ['int4', 70000], ['int8', '7000000000000'], ['float8', 1.5], ['numeric', '12345.678900'], ['text', 'ünï'],
    ['bytea', Buffer.from([0, 255])], ['date', '2024-02-29'], ['timestamptz', '2024-02-29 01:02:03+00'], ['uuid', '00000000-0000-0000-0000-000000003039'],
    ['json', { a: 1 }], ['jsonb', { b: [1, null] }], ['int4[]', [1, null, 3]], ['text[]', ['a', null, 'c d']], ['inet', '10.1.2.3']]
  for (const [type, value] of values) {
    await run(`SELECT $1::${type} AS v`, [value])
    await run(`SELECT $1::${type} AS v`, [null])
    await run({ text: `SELECT $1::${type}::text AS v`, values: [value], binary: true })
  }
  await run({ text: 'SELECT 1::int4 AS i, 2::int8 AS l, 1.5::float8 AS f, true AS b', values: [], binary: true, rowMode: 'array' })
  operation('prepared')
  let sum = 0
  for (let i = 0; i < 100; i++) sum += (await c.query({ name: 'p', text: 'SELECT $1::int * 2 AS v', values: [i] })).rows[0].v
  show(sum)
  await run('SELECT name, statement FROM pg_prepared_statements')
  operation('batch')
  const results = await Promise.allSettled([...Array(50).keys()].map((i) => c.query(`INSERT INTO ${S}.t (id, name) VALUES ($1, $2) RETURNING id`, [100 + i, i === 25 ? null : 'n' + i])))
  show(results.map((r) => (r.status === 'fulfilled' ? r.value.rows[0].id : r.reason.code)))
  operation('copy')
  const rows = Array.from({ length: 5000 }, (_, i) => `${1000 + i}\tcopied ${i}\n`)
  await pipeline(Readable.from(rows), c.query(from(`COPY ${S}.t (id, name) FROM STDIN`)))
  const copied = []
  await pipeline(c.query(to(`COPY (SELECT id, name FROM ${S}.t ORDER BY id) TO STDOUT`)), async (source) => { for await (const piece of source) copied.push(piece) })
  show(Buffer.concat(copied).length, md5(Buffer.concat(copied)))
  try {
    await pipeline(Readable.from(['9000\tfine\n', 'bad\n']), c.query(from(`COPY ${S}.t (id, name) FROM STDIN`)))
  } catch (e) {
    show('error', e.code, e.message)
  }
  await run(`SELECT count(*) FROM ${S}.t`)
  operation('cursor')
  await run('BEGIN')
  const cursor = c.query(new Cursor('SELECT i, repeat($1, i) AS v FROM generate_series(1, 100) i', ['z']))
  show(await cursor.read(3))
  show((await cursor.read(50)).length)
  await cursor.close()
  await run('COMMIT')
  operation('errors')
  for (const text of ['SELEC 1', 'SELECT * FROM missing', 'SELECT 1/0', `INSERT INTO ${S}.t (id, name) VALUES (1, 'x')`, `INSERT INTO ${S}.t (id) VALUES (-1)`]) {
    await run(text)
    await run(text, [])
  }
  await run('SELECT $1::int', ['abc'])
  await run('BEGIN')
  await run(`INSERT INTO ${S}.t (id, name) VALUES ($1, 'kept')`, [-5])
  await run('SAVEPOINT s')
  await run(`INSERT INTO ${S}.t (id, name) VALUES ($1, 'twice')`, [-5])
  await run("SELECT 'refused'")
  await run('ROLLBACK TO s')
  await run('COMMIT')
  await run(`SELECT name FROM ${S}.t WHERE id = -5`)
  operation('big')
  const big = '0123456789abcdef'.repeat(65536)
  const r = await c.query('SELECT $1::text AS v, md5($1::text) AS m', [big])
  show(r.rows[0].v === big, r.rows[0].m)
  show((await c.query('SELECT generate_series(1, 100000) AS v')).rows.reduce((a, x) => a + x.v, 0))
  operation('settings')
  await run('SHOW statement_timeout')
  await run("SET statement_timeout = '5s'")
  await run('SHOW statement_timeout')
  await run('RESET statement_timeout')
  await run('SHOW statement_timeout')
  await run("SET application_name = 'renamed'")
  show(parameters.application_name)
  operation('notify')
  const heard = new Promise((resolve) => c.on('notification', resolve))
  await run('LISTEN news')
  await run("NOTIFY news, 'the payload'")
  const n = await heard
  show(n.channel, n.payload, n.processId === c.processID)
  operation('cancel')
  const sleeping = run('SELECT pg_sleep(30)')
  await new Promise((resolve) => setTimeout(resolve, 1000))
  const killer = new Client(config)
  killer.on('error', () => {})
  killer.cancel(c, c.activeQuery || c._activeQuery)
  await sleeping
  await run("SELECT 'still here'")
  await run(`DROP SCHEMA ${S} CASCADE`)
  operation('terminate')
  await run('SELECT pg_terminate_backend(pg_backend_pid())')
  await new Promise((resolve) => setTimeout(resolve, 200))
  show(ended)
}

main().then(() => process.exit(0), (e) => { console.log('failed', e); process.exit(1) })
