// An OpenID provider for postern's tests: npm's oidc-provider on a loopback port of the kernel's choosing. It issues
// JWT access tokens by the client-credentials grant, with groups, and can change its keys and be "away". README.md
// says how to start it and what it prints.
import { createServer } from 'node:http';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

// The library's notices go to standard error: standard output holds one line of JSON.
console.info = console.log = console.warn = console.error;
const { Provider } = await import('oidc-provider');

const { values: options } = parseArgs({
  options: {
    audience: { type: 'string', default: 'postern' },
    algorithm: { type: 'string', default: 'ES256' },
    ttl: { type: 'string', default: '300' },
    clients: { type: 'string' },
    web: { type: 'string' },
    'web-secret': { type: 'string' },
    'with-parent': { type: 'boolean', default: false },
  },
});

// What each client's tokens say; --clients FILE replaces it. `claims` may set any claim, sub as well: so a client
// can stand for a person who has logged in.
const defaultClients = [
  { id: 'agent', groups: ['ai-agents'], claims: { token_use: 'machine' } },
  { id: 'alice', groups: ['developers', 'dba'], claims: { sub: 'alice@example.test', token_use: 'person' } },
  { id: 'bob', groups: [], claims: { sub: 'bob@example.test', token_use: 'person' } },
  {
    id: 'delegate',
    groups: ['ai-agents'],
    claims: { sub: 'alice@example.test', act: { sub: 'agent' }, token_use: 'person' },
  },
];
const clients = (options.clients ? JSON.parse(readFileSync(options.clients, 'utf8')) : defaultClients).map(
  (client) => ({ groups: [], claims: {}, ...client, secret: randomBytes(24).toString('base64url') }),
);

function newKey() {
  const kid = randomBytes(9).toString('base64url');
  const kinds = {
    ES256: ['ec', { namedCurve: 'P-256' }],
    ES384: ['ec', { namedCurve: 'P-384' }],
    EdDSA: ['ed25519', {}],
    RS256: ['rsa', { modulusLength: 2048 }],
    PS256: ['rsa', { modulusLength: 2048 }],
  };
  if (!(options.algorithm in kinds)) throw new Error(`no such algorithm here: ${options.algorithm}`);
  const { privateKey } = generateKeyPairSync(...kinds[options.algorithm]);
  return { ...privateKey.export({ format: 'jwk' }), kid, use: 'sig', alg: options.algorithm };
}

// With --web URL: a client "web" that people sign in with in a browser; the code comes back to URL.
// Whoever logs in with a name is that person, with the groups of the table; any password will do.
const people = { ada: ['platform'], ida: ['security'], dora: ['dba'], dana: ['dba'], bob: [] };
const webClient = options.web && {
  client_id: 'web',
  ...(options['web-secret']
    ? { client_secret: options['web-secret'], token_endpoint_auth_method: 'client_secret_basic' }
    : { token_endpoint_auth_method: 'none' }),
  grant_types: ['authorization_code'],
  response_types: ['code'],
  redirect_uris: [options.web],
  post_logout_redirect_uris: [new URL('/', options.web).href],
  id_token_signed_response_alg: options.algorithm,
};

// And a public client "cli" for programs.
const loginClient = options.web && {
  client_id: 'cli',
  token_endpoint_auth_method: 'none',
  application_type: 'native',
  grant_types: ['refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
  response_types: [],
  redirect_uris: [],
  id_token_signed_response_alg: options.algorithm,
};

let keys = [newKey()];
let handle;
let away = false;
const fetches = { discovery: 0, jwks: 0 };

// A provider's keys are fixed when it is made, so a change of keys makes a new one with the same issuer.
function makeProvider(issuer) {
  const provider = new Provider(issuer, {
    jwks: { keys },
    cookies: { keys: [randomBytes(24).toString('hex')] },
    clients: [
      ...(webClient ? [webClient, loginClient] : []),
      ...clients.map((client) => ({
      client_id: client.id,
      client_secret: client.secret,
      grant_types: ['client_credentials'],
      response_types: [],
      redirect_uris: [],
      id_token_signed_response_alg: options.algorithm,
      })),
    ],
    ...(webClient && {
      conformIdTokenClaims: false,
      claims: { openid: ['sub', 'groups', 'name'] },
      findAccount: (ctx, id) => ({
        accountId: id,
        claims: () => ({ sub: id, name: id, groups: people[id] ?? [] }),
      }),
      pkce: { required: () => true },
    }),
    features: {
      devInteractions: { enabled: Boolean(webClient) },
      deviceFlow: { enabled: Boolean(webClient) },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => 'urn:postern:test',
        getResourceServerInfo: () => ({
          scope: 'postern',
          audience: options.audience,
          accessTokenTTL: Number(options.ttl),
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: options.algorithm } },
        }),
      },
    },
    extraTokenClaims: (ctx, token) => {
      const client = clients.find((candidate) => candidate.id === token.clientId);
      return { groups: client ? client.groups : (people[token.accountId] ?? []) };
    },
    formats: {
      customizers: {
        jwt: (ctx, token, parts) => {
          const client = clients.find((candidate) => candidate.id === token.clientId);
          Object.assign(parts.payload, client ? client.claims : { token_use: 'person' });
        },
      },
    },
  });
  return provider.callback();
}

// drop: the old keys are published no longer.
function rotate(drop) {
  keys = [newKey(), ...(drop ? [] : keys)];
  handle = makeProvider(issuer);
}

const controls = {
  '/test/rotate': () => rotate(false),
  '/test/rotate-and-drop': () => rotate(true),
  '/test/away': () => (away = true),
  '/test/back': () => (away = false),
  '/test/state': () => {},
};

const server = createServer((request, response) => {
  const { pathname } = new URL(request.url, 'http://127.0.0.1');
  if (request.method === 'POST' && pathname in controls) {
    controls[pathname]();
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ away, kids: keys.map((key) => key.kid), fetches }));
  } else if (pathname === '/.well-known/openid-configuration' || pathname === '/jwks') {
    fetches[pathname === '/jwks' ? 'jwks' : 'discovery'] += 1;
    if (away) {
      response.statusCode = 503;
      response.end();
    } else {
      handle(request, response);
    }
  } else {
    handle(request, response);
  }
});

await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const issuer = `http://127.0.0.1:${server.address().port}`;
handle = makeProvider(issuer);
process.on('SIGUSR2', () => rotate(false));
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => process.exit(0));
if (options['with-parent']) {
  process.stdin.resume();
  process.stdin.on('end', () => process.exit(0));
}
process.stdout.write(
  `${JSON.stringify({
    issuer,
    token_endpoint: `${issuer}/token`,
    audience: options.audience,
    pid: process.pid,
    clients: clients.map(({ id, secret, groups }) => ({ client_id: id, client_secret: secret, groups })),
  })}\n`,
);
