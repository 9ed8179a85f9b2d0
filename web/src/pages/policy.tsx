// The policies in force, and what they would say to a text.
import { useState } from 'preact/hooks';
import { asProblem, get, me, post, useLoad, type Problem } from '../api';
import { count } from '../format';
import { Empty, Fact, Facts, Head, ProblemBox, Tags, Verdict, Waiting } from '../parts';
import { flat } from '../reveal';
import { setQuery, usePlace } from '../router';
import type { Connections, Explanation, ExplainRequest, Policies } from '../shapes';
import { Prose, Shown, Sql } from '../shown';
import { useStore } from '../store';
import { Yaml } from '../yaml';

function Answer({ of, sql }: { of: Explanation; sql: string }) {
  return (
    <section class={`card answer answer-${of.decision}`} aria-label="What would be judged" tabIndex={-1}>
      <header class="answer-head">
        <Verdict name={of.decision} />
        <span class="rule">
          {of.policy && <Shown text={of.policy} />}
          {of.policy && of.rule && ' / '}
          <b><Shown text={of.rule} /></b>
        </span>
      </header>
      <Prose text={of.message} />
      {of.hint && (
        <p>
          <span class="soft">Hint:</span> <Shown text={of.hint} />
        </p>
      )}
      {of.would && (
        <p>
          An observing policy would have said <Verdict name={of.would} />
        </p>
      )}
      {of.up_to_rows != null && <p>Up to {count(of.up_to_rows)} changed rows; with more, it is held.</p>}
      {of.by && of.by.length > 0 && (
        <p>
          May approve: <Tags of={of.by} />
        </p>
      )}
      {!of.resolved && (
        <p class="soft small">
          Names were judged as they are written. <Shown text={of.catalogue ?? 'The gateway has no catalogue of that database now.'} />
        </p>
      )}
      {of.masks && of.masks.length > 0 && (
        <p>
          Masked: <Tags of={of.masks} kind="tag-masked" />
        </p>
      )}
      {of.sent && of.sent !== sql && (
        <>
          <h3>What goes to the server</h3>
          <Sql text={of.sent} from={sql} label="The text that would go to the server" />
          <p class="soft small">What the gate puts in is underlined.</p>
        </>
      )}
      {of.statements.length > 0 && <h3>{of.statements.length === 1 ? 'What it is' : 'Its statements'}</h3>}
      <ol class="explained">
        {of.statements.map((statement, i) => (
          <li key={i} class={statement.decided && of.statements.length > 1 ? 'explained-decided' : ''}>
            {of.statements.length > 1 && <Sql text={statement.text} lines={8} />}
            <Facts>
              <Fact name="Tag">
                <code><Shown text={statement.tag} /></code>
              </Fact>
              <Fact name="Effects">{statement.effects.length ? <Tags of={statement.effects} /> : <span class="soft">none</span>}</Fact>
              <Fact name="Touches">{statement.relations.length ? <Tags of={statement.relations} /> : <span class="soft">no table</span>}</Fact>
              {statement.where && (
                <Fact name="WHERE">
                  <span class={statement.where === 'present' ? '' : 'tag tag-bad'}>{statement.where}</span>
                </Fact>
              )}
            </Facts>
            {statement.decided && of.statements.length > 1 && <p class="soft small">This one decided.</p>}
          </li>
        ))}
      </ol>
    </section>
  );
}

function Explain() {
  const who = useStore(me);
  const { query } = usePlace();
  const others = who?.roles.some((role) => role === 'auditor' || role === 'admin');
  const connections = useLoad((signal) => get<Connections>('/v1/connections', {}, signal), []);
  const [sql, setSql] = useState('');
  const [asked, setAsked] = useState('');
  const [user, setUser] = useState('');
  const [groups, setGroups] = useState('');
  const [machine, setMachine] = useState(true);
  const [answer, setAnswer] = useState<Explanation>();
  const [problem, setProblem] = useState<Problem>();
  const [busy, setBusy] = useState(false);
  const names = connections.data?.items.map((one) => one.name) ?? [];
  const connection = query.get('connection') ?? names[0] ?? '';
  const explain = async () => {
    if (!sql.trim() || busy) return;
    const request: ExplainRequest = { sql, connection };
    if (others && user.trim()) {
      request.user = user.trim();
      request.groups = groups.split(/[\s,]+/).filter(Boolean);
      request.machine = machine;
    }
    setBusy(true);
    setProblem(undefined);
    try {
      setAnswer(await post<Explanation>('/v1/policies/explain', request));
      setAsked(sql);
    } catch (error) {
      setAnswer(undefined);
      setProblem(asProblem(error));
    }
    setBusy(false);
  };
  if (connections.data && !names.length)
    return (
      <Empty title="No database is open to you">
        <p>Statements are judged for a connection, and no policy lets you in at one.</p>
      </Empty>
    );
  return (
    <section aria-label="Explain a statement">
      <form
        class="card explain"
        aria-label="What to explain"
        onSubmit={(event) => {
          event.preventDefault();
          void explain();
        }}
      >
        <label class="explain-sql">
          <span>A statement. It is judged, not run.</span>
          <textarea
            class="mono"
            rows={6}
            spellcheck={false}
            autoComplete="off"
            value={sql}
            placeholder="DELETE FROM orders WHERE id = 7"
            onInput={(event) => setSql(event.currentTarget.value)}
            onKeyDown={(event) => {
              if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) void explain();
            }}
          />
        </label>
        <div class="explain-who">
          <label>
            <span>On</span>
            <select value={connection} onChange={(event) => setQuery({ connection: event.currentTarget.value })}>
              {names.map((name) => (
                <option key={name} value={name}>
                  {flat(name)}
                </option>
              ))}
            </select>
          </label>
          {others && (
            <>
              <label>
                <span>As</span>
                <input type="text" value={user} placeholder={flat(who?.user ?? '')} onInput={(event) => setUser(event.currentTarget.value)} autoComplete="off" />
              </label>
              {user.trim() && (
                <>
                  <label>
                    <span>Groups</span>
                    <input type="text" value={groups} placeholder="ai-agents, support" onInput={(event) => setGroups(event.currentTarget.value)} autoComplete="off" />
                  </label>
                  <label class="check">
                    <input type="checkbox" checked={machine} onChange={(event) => setMachine(event.currentTarget.checked)} /> a machine
                  </label>
                </>
              )}
            </>
          )}
          <span class="grow" />
          <button type="submit" class="primary" disabled={!sql.trim() || busy}>
            Explain <kbd>Ctrl ⏎</kbd>
          </button>
        </div>
      </form>
      <div aria-live="polite">
        {problem && <ProblemBox problem={problem} />}
        {answer && <Answer of={answer} sql={asked} />}
      </div>
    </section>
  );
}

function InForce() {
  const found = useLoad((signal) => get<Policies>('/v1/policies', {}, signal), []);
  if (found.problem?.status === 403)
    return (
      <Empty title="The text of the policies is for auditors">
        <p>What they say to a statement of yours, they say above.</p>
      </Empty>
    );
  if (found.problem) return <ProblemBox problem={found.problem} retry={found.reload} />;
  if (!found.data) return <Waiting what="Reading" />;
  if (!found.data.items.length)
    return (
      <Empty title="There is no policy, so nobody gets in">
        <p>
          Write one under <code>policies:</code> in the gateway’s configuration; <code>postern policy lint</code> and <code>postern policy test</code> look at it before it is in force.
        </p>
      </Empty>
    );
  return (
    <section aria-label="In force">
      <table class="list" aria-label="Policies in force">
        <thead>
          <tr>
            <th scope="col">Policy</th>
            <th scope="col">On</th>
            <th scope="col">Login</th>
            <th scope="col">Stands in</th>
          </tr>
        </thead>
        <tbody>
          {found.data.items.map((policy) => (
            <tr key={policy.name} data-row tabIndex={-1}>
              <td data-name="Policy">
                <b><Shown text={policy.name} /></b>
              </td>
              <td data-name="On">{policy.connections.length ? <Tags of={policy.connections} /> : <span class="soft">everywhere</span>}</td>
              <td data-name="Login">{policy.login ? <Shown text={policy.login} /> : <span class="soft">none</span>}</td>
              <td data-name="Stands in">
                <code><Shown text={`${policy.file}:${policy.line}`} /></code>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <section class="card card-sql">
        <header class="card-head">
          <h2>All of them, in one form</h2>
          <code class="digest soft small"><Shown text={found.data.hash} /></code>
        </header>
        <Yaml text={found.data.text} label="The policies in force" />
      </section>
    </section>
  );
}

export function PolicyPage() {
  const who = useStore(me);
  return (
    <>
      <Head title="Policy" lead="What the gate says, and why." />
      <h2 class="section">Explain a statement</h2>
      <Explain />
      <h2 class="section">In force</h2>
      {who?.roles.includes('auditor') ? (
        <InForce />
      ) : (
        <Empty title="The text of the policies is for auditors">
          <p>What they say to a statement of yours, they say above.</p>
        </Empty>
      )}
    </>
  );
}
