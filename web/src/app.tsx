// The frame around every page: who is signed in, where one can go, what waits.
import { useEffect, useState } from 'preact/hooks';
import { asProblem, get, me, post, Problem } from './api';
import { zone } from './format';
import { KeysHelp, listenToKeys } from './keys';
import { connected, useLive } from './live';
import { ApprovalPage } from './pages/approval';
import { ApprovalsPage } from './pages/approvals';
import { ConnectionsPage } from './pages/connections';
import { OverviewPage } from './pages/overview';
import { PolicyPage } from './pages/policy';
import { SessionPage } from './pages/session';
import { SessionsPage } from './pages/sessions';
import { SignInPage } from './pages/sign-in';
import { StatementsPage } from './pages/statements';
import { TurnedAwayPage } from './pages/turned-away';
import { WhoSawPage } from './pages/who-saw';
import { Empty, Glyph, Head, ProblemBox, Said, say, Waiting } from './parts';
import { go, place, usePlace } from './router';
import type { Approval, Me } from './shapes';
import { Shown } from './shown';
import { store, useStore, wish } from './store';

export const theme = wish('theme', ['auto', 'light', 'dark'] as const);
/** Held statements that wait for this reader. */
const waiting = store<Set<string>>(new Set());

interface Destination {
  path: string;
  name: string;
  icon: string;
  /** For whom it is; everybody where there is none. */
  role?: string;
  /** On a phone it is behind More. */
  rest?: boolean;
  key: string;
}
const destinations: Destination[] = [
  { path: '/approvals', name: 'Approvals', key: 'a', icon: 'M3 8.4l3.3 3.3L13 4.8M13 8.5V13H3V3h6' },
  { path: '/sessions', name: 'Sessions', key: 's', icon: 'M2.5 3.5h11v9h-11zM4.8 6.3l2 1.7-2 1.7M8.6 10h2.6' },
  { path: '/statements', name: 'Search', key: 'f', icon: 'M7 11.4a4.4 4.4 0 1 0 0-8.8 4.4 4.4 0 0 0 0 8.8zM10.3 10.3L13.6 13.6' },
  { path: '/overview', name: 'Overview', key: 'o', icon: 'M3 13V8.5M6.4 13V3.5M9.8 13V6.5M13.2 13v-3' },
  { path: '/who-saw', rest: true, name: 'Who saw', key: 'w', role: 'auditor', icon: 'M1.8 8S4 4.2 8 4.2 14.2 8 14.2 8 12 11.8 8 11.8 1.8 8 1.8 8zM8 9.8a1.8 1.8 0 1 0 0-3.6 1.8 1.8 0 0 0 0 3.6z' },
  { path: '/policy', rest: true, name: 'Policy', key: 'p', icon: 'M4 2.5h8v11H4zM6.3 5.6h3.4M6.3 8h3.4M6.3 10.4h1.8' },
  { path: '/connections', rest: true, name: 'Connections', key: 'c', icon: 'M8 6.2c2.8 0 5-.8 5-1.9s-2.2-1.8-5-1.8-5 .8-5 1.8 2.2 1.9 5 1.9zM3 4.3v7.4c0 1 2.2 1.8 5 1.8s5-.8 5-1.8V4.3M3 8c0 1 2.2 1.8 5 1.8S13 9 13 8' },
];

function Page({ path }: { path: string }) {
  const [, first, second, third] = path.split('/');
  if (third === undefined) {
    const id = second ? decodeURIComponent(second) : '';
    if (first === 'approvals') return id ? <ApprovalPage key={id} id={id} /> : <ApprovalsPage />;
    if (first === 'sessions') return id ? <SessionPage key={id} id={id} /> : <SessionsPage />;
    if (!id) {
      if (first === 'statements') return <StatementsPage />;
      if (first === 'policy') return <PolicyPage />;
      if (first === 'overview') return <OverviewPage />;
      if (first === 'connections') return <ConnectionsPage />;
      if (first === 'turned-away') return <TurnedAwayPage />;
      if (first === 'who-saw') return <WhoSawPage />;
    }
  }
  return (
    <>
      <Head title="Not found" />
      <Empty title="There is no such page">
        <p>
          The address may be cut off. <a href="/sessions">Sessions</a> and <a href="/approvals">approvals</a> are where most links lead.
        </p>
      </Empty>
    </>
  );
}

function Account({ who }: { who: Me }) {
  const shade = useStore(theme);
  const hours = useStore(zone);
  const signOut = async () => {
    try {
      const out = await post<{ provider?: string | null }>('/v1/sign-out');
      me.set(null);
      // Only a web address is gone to: never whatever else a provider's metadata may hold.
      if (out.provider && /^https?:\/\//.test(out.provider)) location.assign(out.provider);
    } catch (error) {
      say(asProblem(error).message, 'bad');
    }
  };
  return (
    <div class="account">
      <div class="account-who">
        <b>
          <Shown text={who.user} />
        </b>
        <span class="soft">{who.roles.filter((role) => role !== 'user').join(', ') || 'user'}</span>
      </div>
      <label class="select-line">
        <span>Theme</span>
        <select value={shade} onChange={(event) => theme.set(event.currentTarget.value as typeof shade)}>
          <option value="auto">system</option>
          <option value="light">light</option>
          <option value="dark">dark</option>
        </select>
      </label>
      <label class="select-line">
        <span>Times</span>
        <select value={hours} onChange={(event) => zone.set(event.currentTarget.value as typeof hours)}>
          <option value="local">local</option>
          <option value="utc">UTC</option>
        </select>
      </label>
      <button type="button" class="quiet" onClick={signOut}>
        Sign out
      </button>
      <span class="version soft">Postern {who.version}</span>
    </div>
  );
}

function Frame({ who, onHelp }: { who: Me; onHelp: () => void }) {
  const { path } = usePlace();
  const up = useStore(connected);
  const mine = useStore(waiting);
  const [open, setOpen] = useState(false);
  useEffect(() => setOpen(false), [path]);

  const note = (approval: Approval) => {
    const next = new Set(waiting.get());
    const isNew = !next.has(approval.id);
    if (approval.state === 'waiting' && approval.can_decide) next.add(approval.id);
    else next.delete(approval.id);
    waiting.set(next);
    if (isNew && next.has(approval.id)) say(`A statement of ${approval.principal} on ${approval.connection} waits for you`);
  };
  const count = () => {
    get<{ items: Approval[] }>('/v1/approvals', { state: 'waiting', limit: 200 }).then(
      (page) => waiting.set(new Set(page.items.filter((one) => one.can_decide).map((one) => one.id))),
      () => {},
    );
  };
  useEffect(count, []);
  useLive('approval', note);
  useLive('lost', count);
  useEffect(() => {
    document.title = document.title.replace(/^\(\d+\) /, '');
    if (mine.size) document.title = `(${mine.size}) ${document.title}`;
  });

  return (
    <div class="frame">
      <a class="skip" href="#main" onClick={(event) => {
        event.preventDefault();
        document.getElementById('main')?.focus();
      }}>
        Skip to the page
      </a>
      <nav class={open ? 'rail rail-open' : 'rail'} aria-label="Pages">
        <a class="brand" href="/overview">
          <svg viewBox="0 0 32 32" width="24" height="24" aria-hidden="true">
            <path d="M8 26V14a8 8 0 0 1 16 0v12M5 26h22" fill="none" stroke="currentColor" stroke-width="2.6" stroke-linecap="round" />
            <path d="M13 26V14.5a3 3 0 0 1 6 0V26" fill="currentColor" fill-opacity=".25" />
            <circle cx="20.3" cy="19.4" r="1.5" fill="currentColor" />
          </svg>
          Postern
        </a>
        <ul>
          {destinations.filter((to) => !to.role || who.roles.includes(to.role)).map((to) => (
            <li key={to.path} class={to.rest ? 'rail-rest' : undefined}>
              <a href={to.path} aria-current={path === to.path || path.startsWith(`${to.path}/`) ? 'page' : undefined}>
                <Glyph d={to.icon} size={17} />
                <span class="rail-name">{to.name}</span>
                {to.path === '/approvals' && mine.size > 0 && (
                  <span class="badge">
                    {mine.size}
                    <span class="hidden"> waiting for you</span>
                  </span>
                )}
              </a>
            </li>
          ))}
          <li class="rail-more">
            <button type="button" class="rail-button" aria-expanded={open} onClick={() => setOpen(!open)}>
              <Glyph d="M3.5 8h.1M8 8h.1M12.5 8h.1" size={17} />
              <span class="rail-name">More</span>
            </button>
          </li>
        </ul>
        <div class="rail-end">
          <p class={`live live-${up}`}>
            <i />
            {up === 'on' ? 'Live' : up === 'lost' ? 'Reconnecting' : 'Not live'}
          </p>
          <button type="button" class="quiet keys-button" onClick={onHelp}>
            Keyboard <kbd>?</kbd>
          </button>
          <Account who={who} />
        </div>
      </nav>
      <main id="main" tabIndex={-1}>
        <Page path={path} />
      </main>
    </div>
  );
}

export function App() {
  const who = useStore(me);
  const shade = useStore(theme);
  const { path, query } = usePlace();
  const [problem, setProblem] = useState<Problem>();
  const [help, setHelp] = useState(false);

  const ask = () => {
    setProblem(undefined);
    get<Me>('/v1/me').then(
      (found) => me.set(found),
      (error: unknown) => {
        if (asProblem(error).status !== 401) setProblem(asProblem(error));
      },
    );
  };
  useEffect(ask, []);
  useEffect(() => listenToKeys(() => setHelp(true)), []);
  useEffect(() => {
    if (shade === 'auto') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = shade;
  }, [shade]);
  useEffect(() => {
    if (who && place.get().path === '/') go(who.roles.includes('approver') ? '/approvals' : '/overview', true);
  }, [who, path]);

  return (
    <>
      {who ? (
        <Frame who={who} onHelp={() => setHelp(true)} />
      ) : who === null ? (
        <SignInPage to={path + location.search} failed={query.get('problem') ?? ''} detail={query.get('detail') ?? ''} />
      ) : problem ? (
        <main class="alone">
          <ProblemBox problem={problem} retry={ask} />
        </main>
      ) : (
        <main class="alone">
          <Waiting what="Asking the gateway who you are" />
        </main>
      )}
      {help && <KeysHelp onClose={() => setHelp(false)} />}
      <Said />
    </>
  );
}
