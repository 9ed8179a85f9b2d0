// One held statement, with all that a decision needs. The text is shown so that nothing in it can hide; it can be
// approved only once its end was on the page.
import { useEffect, useRef, useState } from 'preact/hooks';
import { asProblem, get, post, useLoad, type Problem } from '../api';
import { count, plural } from '../format';
import { useLive } from '../live';
import { Copy, Empty, Fact, Facts, Glyph, Head, ProblemBox, say, State, Tags, Time, Waiting, Who } from '../parts';
import type { Approval } from '../shapes';
import { isCut, Prose, Shown, Sql, sqlOddities } from '../shown';
import { Left } from './approvals';

const LINES = 60; /* of a statement that are shown before it is cut */

const wheres: Record<string, string> = {
  missing: 'There is no WHERE: every row of the table is meant.',
  trivial: 'Its WHERE is always true: every row of the table is meant.',
};

const rank = (one: Approval) => (one.state === 'waiting' ? 0 : one.state === 'approved' ? 1 : 2) * 100 + one.decisions.length;
/** The later of two: an answer and what is told of the same thing come in any order. */
const later = (before: Approval, after: Approval) => (rank(after) < rank(before) ? before : after);

/** What the decision is about, in a sentence. */
function Summary({ one }: { one: Approval }) {
  return (
    <p class="summary">
      <Who user={one.principal} machine={one.machine} onBehalfOf={one.on_behalf_of} /> {one.state === 'waiting' ? 'wants to run' : 'wanted to run'}{' '}
      <b>
        <Shown text={one.tags.join(', ') || 'a statement'} />
      </b>{' '}
      on{' '}
      <b>
        <Shown text={one.connection} />
      </b>
      {one.counted_rows != null && (
        <>
          , changing <b class="count">{plural(one.counted_rows, 'row')}</b>
        </>
      )}
      .
    </p>
  );
}

function Warnings({ one, oddities }: { one: Approval; oddities: string[] }) {
  const found = [
    one.where && wheres[one.where],
    one.counted_rows == null && (one.not_counted ? `The rows were not counted: ${one.not_counted}` : 'The rows were not counted.'),
    one.beside && 'It runs other texts by their names; they are below.',
    one.because && `It was asked before and something has changed: ${one.because}`,
    ...oddities.map((text) => `The text holds ${text}: marked where they stand.`),
  ].filter((text): text is string => Boolean(text));
  if (!found.length) return null;
  return (
    <ul class="warnings" aria-label="Look out">
      {found.map((text) => (
        <li key={text}>
          <Glyph d="M8 2.5l6.2 11H1.8zM8 6.6v3M8 11.6v.1" />
          <span>
            <Shown text={text} />
          </span>
        </li>
      ))}
    </ul>
  );
}

function Parameters({ of }: { of: Approval['parameters'] }) {
  if (!of.length) return null;
  return (
    <section class="card">
      <h2>Parameters</h2>
      <table class="parameters" aria-label="Parameters">
        <thead>
          <tr>
            <th scope="col">No.</th>
            <th scope="col">Type</th>
            <th scope="col">Value</th>
          </tr>
        </thead>
        <tbody>
          {of.map((parameter, i) => (
            <tr key={i}>
              <th scope="row">${i + 1}</th>
              <td class="soft">
                <Shown text={parameter.type ?? (parameter.oid ? `type ${parameter.oid}` : 'left open')} />
              </td>
              <td class="mono">{parameter.value == null ? <i class="null">null</i> : parameter.value === '' ? <i class="null">empty</i> : <Shown text={parameter.value} most={2000} />}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Decide({ one, seen, onDecided }: { one: Approval; seen: boolean; onDecided: (after: Approval) => void }) {
  const [reason, setReason] = useState('');
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const rules = one.rules;
  const reasoned = rules.some((rule) => rule.reason_required);
  const field = useRef<HTMLTextAreaElement>(null);
  const short = reasoned && !reason.trim();
  const decide = async (approve: boolean) => {
    if (short) {
      field.current?.focus();
      say('The rule wants a reason', 'bad');
      return;
    }
    setBusy(true);
    setProblem(undefined);
    try {
      const after = await post<Approval>(`/v1/approvals/${encodeURIComponent(one.id)}/decide`, { approve, digest: one.digest, ...(reason.trim() ? { reason: reason.trim() } : {}) });
      say(!approve ? 'Denied' : after.state === 'waiting' ? 'Your approval is noted; another is needed' : 'Approved');
      onDecided(after);
    } catch (error) {
      setProblem(asProblem(error));
      get<Approval>(`/v1/approvals/${encodeURIComponent(one.id)}`).then(onDecided, () => {});
    }
    setBusy(false);
  };
  return (
    <form class="decide" aria-label="Decide" onSubmit={(event) => event.preventDefault()}>
      {problem && <ProblemBox problem={problem} />}
      <label>
        <span>
          Reason{reasoned ? '' : ' (may be left out)'} <span class="soft">— the requester and the record see it</span>
        </span>
        <textarea ref={field} rows={2} maxLength={1000} value={reason} required={reasoned} placeholder={reasoned ? 'Reason' : 'Reason, if there is one to give'} onInput={(event) => setReason(event.currentTarget.value)} />
      </label>
      <div class="decide-buttons">
        <button type="button" class="deny" disabled={busy} onClick={() => decide(false)}>
          <Glyph d="M4 4l8 8M12 4l-8 8" /> Deny
        </button>
        <button type="button" class="approve" disabled={busy || !seen} onClick={() => decide(true)}>
          <Glyph d="M3 8.5l3.2 3.2L13 5" /> Approve
          {one.counted_rows != null && <span class="button-note">{plural(one.counted_rows, 'row')}</span>}
        </button>
      </div>
      <p class={seen ? 'soft small decide-note' : 'soft small'}>
        {!seen
          ? 'Part of the text is not shown yet: show all of it to approve.'
          : rules.length > 1
            ? `${rules.length} rules hold it, and each wants its own approvals: see "Why it is held".`
          : rules[0]!.approvals > 1
            ? `${rules[0]!.approvals - rules[0]!.missing} of ${rules[0]!.approvals} approvals are there; they come from different people.`
            : 'An approval is for exactly this text, these values and this count, and for one run.'}
      </p>
    </form>
  );
}

function Decisions({ one }: { one: Approval }) {
  if (!one.decisions.length && one.state === 'waiting') return null;
  return (
    <section class="card">
      <h2>What became of it</h2>
      <ol class="chain">
        <li>
          <Time at={one.created} /> asked by <Shown text={one.principal} />
        </li>
        {one.decisions.map((decision, i) => (
          <li key={i}>
            <Time at={decision.time} />{' '}
            <b>
              <Shown text={decision.who} />
            </b>{' '}
            {decision.approve ? 'approved' : 'denied'}
            {decision.reason && (
              <blockquote>
                <Prose text={decision.reason} />
              </blockquote>
            )}
          </li>
        ))}
        {one.state !== 'waiting' && (
          <li>
            {one.since && <Time at={one.since} />} <State name={one.state} />
            {one.why && (
              <>
                {' '}
                <Shown text={one.why} />
              </>
            )}
          </li>
        )}
      </ol>
    </section>
  );
}

const claimNames: Record<string, string> = { prompt: 'What it was asked', task: 'Task', tool: 'Tool', agent: 'Agent', model: 'Model', application_name: 'Program' };

export function ApprovalPage({ id }: { id: string }) {
  const found = useLoad((signal) => get<Approval>(`/v1/approvals/${encodeURIComponent(id)}`, {}, signal), [id]);
  const [next, setNext] = useState(''); /* the request that follows this one, since something changed */
  const [opened, setOpened] = useState<ReadonlySet<string>>(new Set());
  const open = (which: string) => setOpened((before) => new Set([...before, which]));
  useLive('approval', (one) => {
    if (one.id === id) found.change((before) => later(before, one));
    if (one.replaces === id) setNext(one.id);
  });
  useLive('lost', found.reload);
  const one = found.data;
  useEffect(() => {
    if (one?.state !== 'used' && one?.state !== 'withdrawn') return;
    get<{ items: Approval[] }>('/v1/approvals', { limit: 200 }).then((page) => setNext(page.items.find((other) => other.replaces === id)?.id ?? ''), () => {});
  }, [one?.state]);
  // At its end the time that is left says nothing any more: what became of it does.
  useEffect(() => {
    if (one?.state !== 'waiting') return;
    const left = Date.parse(one.expires) - Date.now();
    const timer = setTimeout(found.reload, Math.min(Math.max(left + 1500, 3000), 2 ** 30));
    return () => clearTimeout(timer);
  }, [one]);
  if (!one)
    return (
      <>
        <Head title="Held statement" />
        {found.problem?.status === 404 ? (
          <Empty title="There is no such request">
            <p>
              It may be long over, or be somebody else’s. <a href="/approvals">What waits now</a>
            </p>
          </Empty>
        ) : found.problem ? (
          <ProblemBox problem={found.problem} retry={found.reload} />
        ) : (
          <Waiting what="Reading" />
        )}
      </>
    );
  const oddities = sqlOddities(one.sql);
  const order = Object.keys(claimNames);
  const claims = Object.entries(one.claimed)
    .filter(([, value]) => value)
    .sort(([a], [b]) => (order.indexOf(a) + 1 || 99) - (order.indexOf(b) + 1 || 99));
  const seen = [one.sql, one.beside ?? ''].every((text) => !isCut(text, LINES) || opened.has(text));
  const deciding = one.state === 'waiting' && one.can_decide;
  return (
    <div class={deciding ? 'approval approval-deciding' : 'approval'}>
      <Head title="Held statement">{one.state === 'waiting' ? <Left approval={one} /> : <State name={one.state} />}</Head>
      <div class="approval-columns">
        <div class="approval-main">
          <Summary one={one} />
          {next && (
            <p class="follows" role="status">
              What was asked here has changed, and nothing of it was done. <a href={`/approvals/${encodeURIComponent(next)}`}>It is asked for anew</a>
            </p>
          )}
          <Warnings one={one} oddities={oddities} />
          <section class="card card-sql">
            <header class="card-head">
              <h2>The text, as it was sent</h2>
              <span class="soft small">
                {plural(one.sql.split('\n').length, 'line')}, {plural(one.sql.length, 'character')}
              </span>
              <Copy text={one.sql} what="The text is">
                Copy
              </Copy>
            </header>
            <Sql text={one.sql} lines={LINES} onWhole={() => open(one.sql)} label="The held statement" />
            <p class="text-end soft small">end of the text</p>
          </section>
          {one.beside && (
            <section class="card card-sql">
              <h2>What it runs by name</h2>
              <Sql text={one.beside} lines={LINES} onWhole={() => open(one.beside!)} label="Texts that are run by name" />
              <p class="text-end soft small">end of the text</p>
            </section>
          )}
          <Parameters of={one.parameters} />
          {one.not_undone.length > 0 && (
            <section class="card card-warn">
              <h2>Not undone</h2>
              <p>The rows were counted by running the statement and taking it back. What stays of that, and will happen again:</p>
              <ul>
                {one.not_undone.map((text) => (
                  <li key={text}>
                    <Shown text={text} />
                  </li>
                ))}
              </ul>
            </section>
          )}
          <section class="card">
            <h2>
              Why <span class="claimed-word">claimed by the client, verified by nobody</span>
            </h2>
            {claims.length ? (
              <div class="claims">
                {claims.map(([name, value]) => (
                  <div key={name} class={name === 'prompt' || value.length > 60 ? 'claim claim-long' : 'claim'}>
                    <span class="soft small">
                      <Shown text={claimNames[name] ?? name} />
                    </span>
                    <Prose text={value} />
                  </div>
                ))}
              </div>
            ) : (
              <p class="soft">The client does not say why. Agents can: <code>SET postern.prompt</code>, <code>postern.task</code>.</p>
            )}
          </section>
          <Decisions one={one} />
        </div>
        <aside class="approval-side" aria-label="Facts">
          <section class="card">
            <h2>What it does</h2>
            <Facts>
              {one.counted_rows != null && (
                <Fact name="Rows changed, counted">
                  <span class="big-number">{count(one.counted_rows)}</span>
                </Fact>
              )}
              <Fact name="Effects">
                <Tags of={one.effects} />
              </Fact>
              <Fact name="Touches" wide>
                {one.relations.length ? (
                  <ul class="relations">
                    {one.relations.map((relation, i) => (
                      <li key={i}>
                        <code>
                          <Shown text={relation.name} />
                        </code>{' '}
                        <Tags of={relation.access} />
                        {relation.whereless && <span class="tag tag-bad">no WHERE</span>}
                        {relation.through && <span class="soft small"> reached through another</span>}
                      </li>
                    ))}
                  </ul>
                ) : (
                  <span class="soft">no table</span>
                )}
              </Fact>
            </Facts>
          </section>
          <section class="card">
            <h2>Why it is held</h2>
            {one.rules.map((rule, i) => (
              <Facts key={i}>
                <Fact name="Rule" wide>
                  <Shown text={rule.policy} /> / <b><Shown text={rule.rule} /></b>
                </Fact>
                {i === 0 && (
                  <Fact name="Says" wide>
                    <Prose text={one.message} />
                  </Fact>
                )}
                <Fact name="May approve" wide>
                  {rule.by.length ? <Tags of={rule.by} /> : <span class="soft">nobody is named</span>}
                  {rule.approvals > 1 && <span class="soft small"> {rule.approvals} different people</span>}
                  {one.state === 'waiting' && rule.approvals > 1 && <span class="soft small">, {rule.approvals - rule.missing} so far</span>}
                  {rule.reason_required && <span class="soft small"> with a reason</span>}
                </Fact>
              </Facts>
            ))}
          </section>
          <section class="card">
            <h2>Who asks</h2>
            <Facts>
              <Fact name={one.machine ? 'Machine, verified' : 'Person, verified'}>
                <b><Shown text={one.principal} /></b>
              </Fact>
              {one.on_behalf_of && (
                <Fact name="On behalf of, verified">
                  <b><Shown text={one.on_behalf_of} /></b>
                </Fact>
              )}
              <Fact name="Groups" wide>
                {one.groups.length ? <Tags of={one.groups} /> : <span class="soft">none</span>}
              </Fact>
              <Fact name="Vouched for by" wide>
                <Shown text={one.issuer} />
              </Fact>
            </Facts>
          </section>
          <section class="card">
            <h2>Where</h2>
            <Facts>
              <Fact name="Connection">
                <b><Shown text={one.connection} /></b>
              </Fact>
              <Fact name="Database">
                <Shown text={one.database} />
              </Fact>
              <Fact name="Database role">
                <Shown text={one.login} />
              </Fact>
              <Fact name="search_path">
                {one.search_path ? <Shown text={one.search_path} /> : <span class="soft">not known</span>}
              </Fact>
              <Fact name="Session" wide>
                <a href={`/sessions/${encodeURIComponent(one.session)}${one.run ? `?at=${one.run}` : ''}`}>
                  <code><Shown text={one.session} /></code>
                </a>
              </Fact>
              {one.replaces && (
                <Fact name="Asked before as" wide>
                  <a href={`/approvals/${encodeURIComponent(one.replaces)}`}>
                    <code><Shown text={one.replaces} /></code>
                  </a>
                </Fact>
              )}
              <Fact name="Digest that an approval binds" wide>
                <code class="digest">
                  <Shown text={one.digest} />
                </code>
              </Fact>
            </Facts>
          </section>
        </aside>
      </div>
      {deciding ? (
        <Decide one={one} seen={seen} onDecided={(after) => found.change((before) => later(before, after))} />
      ) : (
        one.state === 'waiting' && (
          <p class="cannot" role="note">
            <Glyph d="M5 7V5.4a3 3 0 0 1 6 0V7M3.5 7h9v6.5h-9z" /> <Shown text={one.cannot || 'You cannot decide about this.'} />
          </p>
        )
      )}
    </div>
  );
}
