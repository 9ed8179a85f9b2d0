// The databases behind the gateway, and how to come in.
import { useState } from 'preact/hooks';
import { asProblem, get, me, post, useLoad, type Problem } from '../api';
import { Copy, Dialog, Empty, Fact, Facts, Head, ProblemBox, say, Tags, Time, Waiting } from '../parts';
import type { Connection, Connections, Ended, Token } from '../shapes';
import { plural } from '../format';
import { flat } from '../reveal';
import { Shown } from '../shown';
import { useStore } from '../store';

/* For a shell: in single quotes, whatever it is. */
const quoted = (text: string) => (/^[\w.@:/-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

function Login({ onClose }: { onClose: () => void }) {
  const [token, setToken] = useState<Token>();
  const [problem, setProblem] = useState<Problem>();
  const end = () => {
    setProblem(undefined);
    post<Ended>('/v1/token/end', { login: token?.login }).then(
      () => {
        say('The login is ended');
        onClose();
      },
      (error: unknown) => setProblem(asProblem(error)),
    );
  };
  const ask = () => {
    setProblem(undefined);
    post<Token>('/v1/token').then(setToken, (error: unknown) => setProblem(asProblem(error)));
  };
  return (
    <Dialog title="A login for a database client" onClose={onClose}>
      {problem && <ProblemBox problem={problem} />}
      {token ? (
        <>
          <p>
            For <b><Shown text={token.user} /></b>, until <Time at={token.expires} />. Whoever has both comes in as you. They are not shown again.
          </p>
          {([['User name', token.login], ['Password', token.token]] as const).map(([name, text]) => (
            <label key={name} class="token">
              {name}
              <span>
                <input type="text" aria-label={name} readOnly value={flat(text)} onFocus={(event) => event.currentTarget.select()} />
                <Copy text={text} what={`The ${name.toLowerCase()} is`}>
                  Copy<span class="hidden"> the {name.toLowerCase()}</span>
                </Copy>
              </span>
            </label>
          ))}
          <p>
            <button type="button" onClick={end}>
              End it now
            </button>
          </p>
        </>
      ) : (
        <>
          <p>A user name and a password that stand for you, with your groups as they are now, and last for a short while. Clients that can send a token of your own need none.</p>
          <p>
            <button type="button" class="primary" onClick={ask}>
              Show it
            </button>
          </p>
        </>
      )}
    </Dialog>
  );
}

/** What was handed out and is wanted no more; the gateway tells how many there were. */
function EndLogins({ onClose }: { onClose: () => void }) {
  const [problem, setProblem] = useState<Problem>();
  const end = () => {
    setProblem(undefined);
    post<Ended>('/v1/token/end', {}).then(
      ({ ended }) => {
        say(ended ? `${plural(ended, 'login')} ended` : 'You had no logins');
        onClose();
      },
      (error: unknown) => setProblem(asProblem(error)),
    );
  };
  return (
    <Dialog title="End your logins" onClose={onClose}>
      {problem && <ProblemBox problem={problem} />}
      <p>Every login that was made for you, here or by a command, lets nobody in any more, and the sessions that came in with one end now. You stay signed in here.</p>
      <p>
        <button type="button" class="deny" onClick={end}>
          End them all
        </button>
      </p>
    </Dialog>
  );
}

function Card({ one }: { one: Connection }) {
  const command = `psql "host=${one.host ?? 'HOST'} port=${one.port ?? 'PORT'} dbname=${one.name} user=LOGIN"`;
  const connect = `postern connect ${quoted(one.name)}`;
  return (
    <li class="card connection" data-row tabIndex={-1}>
      <h2>
        <Shown text={one.name} />
      </h2>
      <Facts>
        <Fact name="Clients connect to">
          {one.host ? (
            <code>
              <Shown text={`${one.host}:${one.port ?? ''}`} />
            </code>
          ) : (
            <span class="soft">not told here</span>
          )}
        </Fact>
        {one.databases.length > 0 && (
          <Fact name="Also as">
            <Tags of={one.databases} />
          </Fact>
        )}
        {one.logins.length > 0 && (
          <Fact name="Logins">
            <Tags of={one.logins} />
          </Fact>
        )}
      </Facts>
      <div class="command">
        <code><Shown text={connect} /></code>
        <Copy text={connect} what="The command is">
          Copy
        </Copy>
      </div>
      <div class="command">
        <code><Shown text={command} /></code>
        <Copy text={command} what="The command is">
          Copy
        </Copy>
      </div>
      <p class="links">
        <a href={`/sessions?connection=${encodeURIComponent(one.name)}`}>Sessions</a>
        <a href={`/policy?connection=${encodeURIComponent(one.name)}`}>Explain a statement here</a>
      </p>
    </li>
  );
}

export function ConnectionsPage() {
  const who = useStore(me);
  const found = useLoad((signal) => get<Connections>('/v1/connections', {}, signal), []);
  const [login, setLogin] = useState(false);
  const [ending, setEnding] = useState(false);
  return (
    <>
      <Head title="Connections" lead="The databases behind the gateway. Clients use the gateway’s address, and a login that is yours for a while.">
        <button type="button" onClick={() => setLogin(true)}>
          Get a login
        </button>
        <button type="button" onClick={() => setEnding(true)}>
          End my logins…
        </button>
      </Head>
      {found.problem && <ProblemBox problem={found.problem} retry={found.reload} />}
      {!found.data && !found.problem && <Waiting what="Reading" />}
      {found.data &&
        (found.data.items.length ? (
          <ul class="cards connections">
            {found.data.items.map((one) => (
              <Card key={one.name} one={one} />
            ))}
          </ul>
        ) : (
          <Empty title="No database is open to you">
            <p>
              A connection is listed here when a policy’s <code>who</code> includes you. Ask whoever writes the policies, and tell them your groups:{' '}
              {who?.groups.length ? <Tags of={who.groups} /> : 'none'}.
            </p>
          </Empty>
        ))}
      {login && <Login onClose={() => setLogin(false)} />}
      {ending && <EndLogins onClose={() => setEnding(false)} />}
    </>
  );
}
