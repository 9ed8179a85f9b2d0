// The API's contract as its tables say it (src/api/routes.def, shapes.def): what a route is asked, what it answers. The
// scripted server holds itself and the pages to it, so neither can drift from the real one.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = new URL('../../', import.meta.url);
const read = (path) => readFileSync(fileURLToPath(new URL(path, root)), 'utf8');

const row = /^(\w+)\(((?:"(?:[^"\\]|\\.)*"|[^")])*)\)$/gm;
function* rows(path) {
  for (const [, word, terms] of read(path).matchAll(row))
    yield [word, terms.match(/"(?:[^"\\]|\\.)*"|[^\s,"]+/g).map((term) => (term[0] === '"' ? JSON.parse(term) : term))];
}

export const shapes = new Map();
{
  let members;
  for (const [word, terms] of rows('src/api/shapes.def')) {
    if (word === 'SHAPE') {
      members = new Map();
      shapes.set(terms[0], members);
    } else {
      const of = word.endsWith('OF');
      members.set(terms[1], { kind: terms[0], of: of ? terms[2] : undefined, maybe: word.startsWith('MAYBE') });
    }
  }
}

export const routes = [];
for (const [word, terms] of rows('src/api/routes.def')) {
  if (word === 'ROUTE') {
    const [method, path, role, handler, body, answer] = terms;
    const pattern = new RegExp(`^${path.replace(/[.]/g, '\\.').replace(/\{(\w+)\}/g, '(?<$1>[^/]+)')}$`);
    routes.push({ method, path, role, handler, body, answer, pattern, query: new Map() });
  } else if (word === 'QUERY') {
    routes.at(-1).query.set(terms[1], terms[0]);
  }
}
const events = new Set([...read('doc/replay-json.md').matchAll(/^\| ((?:`[a-z]+`(?:, )?)+) \| /gm)].flatMap(([, names]) => names.match(/[a-z]+/g)));

const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;
const kinds = {
  TEXT: (value) => typeof value === 'string',
  NUMBER: (value) => Number.isInteger(value),
  BOOL: (value) => typeof value === 'boolean',
  TIME: (value) => typeof value === 'string' && time.test(value),
  TEXTS: (value) => Array.isArray(value) && value.every((one) => typeof one === 'string'),
  MAP: (value) => value && typeof value === 'object' && Object.values(value).every((one) => typeof one === 'string'),
};

/** What is wrong with a value that should have a shape: sentences; none where it is right. */
export function complaints(value, shape, where = shape) {
  const members = shapes.get(shape);
  if (!members) return [`${where}: there is no shape ${shape}`];
  if (!value || typeof value !== 'object' || Array.isArray(value)) return [`${where}: no object`];
  const found = [];
  for (const [name, { kind, of, maybe }] of members) {
    const here = `${where}.${name}`;
    const one = value[name];
    if (one === undefined || one === null) {
      if (!maybe) found.push(`${here} is not there`);
    } else if (kind === 'LIST') {
      if (!Array.isArray(one)) found.push(`${here} is no list`);
      else one.forEach((item, i) => found.push(...complaints(item, of, `${here}[${i}]`)));
    } else if (kind === 'OBJECT') {
      found.push(...complaints(one, of, here));
    } else if (!kinds[kind](one)) {
      found.push(`${here} is no ${kind}: ${JSON.stringify(one)}`);
    }
  }
  // An event has further members, by its kind.
  if (shape === 'Event') {
    if (!events.has(value.event)) found.push(`${where}: doc/replay-json.md has no event ${value.event}`);
  } else {
    for (const name of Object.keys(value)) if (!members.has(name)) found.push(`${where}.${name} is not in the shape`);
  }
  return found;
}

const asked = { TEXT: () => true, NUMBER: (text) => /^\d+$/.test(text), BOOL: (text) => /^(true|false)$/.test(text), TIME: (text) => time.test(text) };

/** The route of a request, its path's parameters, and what is wrong with what was asked. */
export function routeOf(method, path, query) {
  for (const route of routes) {
    const match = route.pattern.exec(path);
    if (!match || route.method !== method) continue;
    const found = [];
    for (const [name, value] of query) {
      const kind = route.query.get(name);
      if (!kind) found.push(`${path} has no parameter ${name}`);
      else if (!asked[kind](value)) found.push(`${path}: ${name} is no ${kind}: ${value}`);
    }
    return { route, terms: Object.fromEntries(Object.entries(match.groups ?? {}).map(([name, value]) => [name, decodeURIComponent(value)])), complaints: found };
  }
  return undefined;
}
