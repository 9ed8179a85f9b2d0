// Before anybody is signed in: the providers that the configuration names.
import { useEffect } from 'preact/hooks';
import { get, useLoad } from '../api';
import { Empty, ProblemBox, Waiting } from '../parts';
import type { SignIn } from '../shapes';
import { Shown } from '../shown';

export function SignInPage({ to, failed, detail }: { to: string; failed: string; detail: string }) {
  const found = useLoad((signal) => get<SignIn>('/v1/sign-in', {}, signal), []);
  useEffect(() => {
    document.title = 'Sign in · Postern';
  }, []);
  const back = to === '/' || failed ? '' : to;
  // `start` is the gateway's own path; whatever else it said would not be followed.
  const start = (path: string) => (path.startsWith('/auth/') ? `${path}${path.includes('?') ? '&' : '?'}to=${encodeURIComponent(back || '/')}` : '#');
  const hosts = (issuer: string) => {
    try {
      return new URL(issuer).host;
    } catch {
      return issuer;
    }
  };
  return (
    <main class="sign-in" id="main">
      <svg viewBox="0 0 32 32" width="52" height="52" aria-hidden="true" class="sign-in-mark">
        <path d="M8 26V14a8 8 0 0 1 16 0v12M5 26h22" fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" />
        <path d="M13 26V14.5a3 3 0 0 1 6 0V26" fill="currentColor" fill-opacity=".22" />
        <circle cx="20.3" cy="19.4" r="1.2" fill="currentColor" />
      </svg>
      <h1>Postern</h1>
      <p class="soft">The gate in front of the databases: what agents did, do, and may do.</p>
      {failed && (
        <div class="problem" role="alert">
          <b>The sign-in did not succeed</b>
          <p>
            <Shown text={detail || failed} />
          </p>
        </div>
      )}
      {found.problem && <ProblemBox problem={found.problem} retry={found.reload} />}
      {!found.data && !found.problem && <Waiting what="Asking how people sign in" />}
      {found.data && found.data.issuers.length === 0 && (
        <Empty title="Nobody can sign in here yet">
          <p>
            Give an issuer of <code>identity.oidc</code> a <code>client_id</code> in the gateway’s configuration, and register this address with that provider.
          </p>
        </Empty>
      )}
      {found.data?.issuers.map((issuer) => (
        <a key={issuer.issuer} class="button primary big" href={start(issuer.start)}>
          {found.data!.issuers.length === 1 ? 'Sign in' : 'Sign in with '}
          {found.data!.issuers.length > 1 && <Shown text={hosts(issuer.issuer)} />}
        </a>
      ))}
      {found.data?.issuers.length === 1 && (
        <p class="soft small">
          with <Shown text={hosts(found.data.issuers[0]!.issuer)} />
        </p>
      )}
      {back && <p class="soft small">You come back to the page that you asked for.</p>}
    </main>
  );
}
