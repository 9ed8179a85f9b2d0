// A scripted gateway for the pages: serves web/dist with the policy of web/site.json, and the API out of a world
// (world.mjs), each request and answer held to the contract. What breaks it is kept in `broken`, which tests read.
import { createServer } from 'node:http';
import { readFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { complaints, routeOf } from './contract.mjs';

const dist = new URL('../../web/dist/', import.meta.url);
export const site = JSON.parse(readFileSync(new URL('../../web/site.json', import.meta.url), 'utf8'));
const types = { html: 'text/html; charset=utf-8', js: 'text/javascript; charset=utf-8', css: 'text/css; charset=utf-8', svg: 'image/svg+xml' };

const problems = {
  400: ['bad-request', 'The request cannot be read'],
  401: ['not-signed-in', 'You are not signed in'],
  403: ['forbidden', 'You may not do this'],
  404: ['not-found', 'There is no such thing'],
  409: ['conflict', 'It is not as it was'],
  503: ['unavailable', 'The record cannot be read now'],
};
export class Refusal extends Error {
  constructor(status, detail, rule) {
    super(detail);
    Object.assign(this, { status, detail, rule });
  }
}

export async function serve(world) {
  const streams = new Set();
  const self = { world, broken: [], requests: [], bytes: 0, down: false, fail: new Map(), beforeStream: undefined };
  const csrf = randomBytes(12).toString('base64url');

  function asset(path, response) {
    const page = site.pages.some((name) => path === `/${name}` || (path.startsWith(`/${name}/`) && /^[\w-]+$/.test(path.slice(name.length + 2))));
    const file = path === '/' || page ? 'index.html' : /^\/assets\/[\w.-]+$/.test(path) ? path.slice(1) : undefined;
    let body;
    try {
      body = file && readFileSync(new URL(file, dist));
    } catch {
      body = undefined;
    }
    if (!body) return false;
    const packed = gzipSync(body, { level: 9 });
    self.bytes += packed.length;
    response.writeHead(200, { 'content-security-policy': site.policy, 'x-content-type-options': 'nosniff', 'content-type': types[file.split('.').pop()], 'content-encoding': 'gzip', 'cache-control': file === 'index.html' ? 'no-cache' : 'public, max-age=31536000, immutable' });
    response.end(packed);
    return true;
  }

  function problem(response, status, detail, rule) {
    const [type, title] = problems[status];
    const shape = { type: `/problems/${type}`, title, status, ...(detail ? { detail } : {}), ...(rule ? { rule } : {}) };
    self.broken.push(...complaints(shape, 'Problem'));
    response.writeHead(status, { 'content-type': 'application/problem+json', 'cache-control': 'no-store' });
    response.end(JSON.stringify(shape));
  }

  async function answer(request, response, url) {
    const found = routeOf(request.method, url.pathname, url.searchParams);
    if (!found) return problem(response, 404, `There is no ${request.method} ${url.pathname}`);
    const { route, terms } = found;
    if (route.answer !== 'REDIRECT') self.broken.push(...found.complaints);
    if (self.fail.has(route.handler)) {
      const [status, detail, rule] = self.fail.get(route.handler);
      return problem(response, status, detail, rule);
    }
    if (route.handler === 'sign_in_start') {
      world.signedIn = true;
      response.writeHead(302, { location: url.searchParams.get('to') || '/', 'set-cookie': '__Host-test=1; Path=/; HttpOnly; SameSite=Lax' });
      return response.end();
    }
    if (route.role !== 'NOBODY' && !world.signedIn) return problem(response, 401, 'There is no cookie of a sign-in.');
    const roles = world.me.roles;
    if (['AUDITOR', 'ADMIN', 'APPROVER'].includes(route.role) && !roles.includes(route.role.toLowerCase())) return problem(response, 403, `This is for the role ${route.role.toLowerCase()}.`);
    let body;
    if (request.method === 'POST') {
      if (request.headers['x-csrf-token'] !== csrf) return problem(response, 403, 'The request has no CSRF token.');
      const parts = [];
      for await (const part of request) parts.push(part);
      const text = Buffer.concat(parts).toString();
      if (route.body === 'NONE') {
        if (text) self.broken.push(`${url.pathname} has no body`);
      } else {
        body = JSON.parse(text || 'null');
        self.broken.push(...complaints(body, route.body));
      }
    }
    if (route.answer === 'EVENTS') {
      self.beforeStream?.(url.searchParams.get('session'));
      response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
      response.write(`event: hello\ndata: {"time":"${new Date().toISOString()}"}\n\n`);
      const stream = { response, session: url.searchParams.get('session') };
      streams.add(stream);
      response.on('close', () => streams.delete(stream));
      return;
    }
    try {
      const value = await world.answer(route.handler, { terms, query: Object.fromEntries(url.searchParams), body, csrf, server: self });
      if (route.answer === 'NDJSON') {
        response.writeHead(200, { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' });
        return response.end(value);
      }
      self.broken.push(...complaints(value, route.answer));
      response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-store' });
      response.end(JSON.stringify(value));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      problem(response, error.status, error.detail, error.rule);
    }
  }

  const server = createServer((request, response) => {
    const url = new URL(request.url, 'http://127.0.0.1');
    self.requests.push(`${request.method} ${request.url}`);
    if (self.down) return request.socket.destroy();
    if (request.method === 'GET' && asset(url.pathname, response)) return;
    answer(request, response, url).catch((error) => {
      self.broken.push(`${request.method} ${request.url}: ${error.stack}`);
      if (!response.headersSent) response.writeHead(500);
      response.end();
    });
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  self.origin = `http://127.0.0.1:${server.address().port}`;
  /** Tells everybody who listens. */
  self.tell = (kind, what) => {
    const shape = { session: 'Session', approval: 'Approval', entry: 'Event' }[kind];
    if (shape) self.broken.push(...complaints(what, shape));
    for (const stream of streams) if (kind !== 'entry' || stream.session === what.session) stream.response.write(`event: ${kind}\ndata: ${JSON.stringify(what)}\n\n`);
  };
  self.listeners = (session) => [...streams].filter((stream) => stream.session === (session ?? null)).length;
  self.dropStreams = () => {
    for (const stream of streams) stream.response.destroy();
  };
  self.close = () => {
    self.dropStreams();
    server.closeAllConnections();
    return new Promise((closed) => server.close(closed));
  };
  return self;
}
