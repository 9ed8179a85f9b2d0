// How things are: what ran, what was refused and held, by whom, on what, and what is slow.
import { useState } from 'preact/hooks';
import { asProblem, get, now, useLoad } from '../api';
import { count, duration, plural, short } from '../format';
import { useLive } from '../live';
import { Copy, Dialog, Empty, Head, ProblemBox, say, Waiting } from '../parts';
import { Bars, TimePlot } from '../plots';
import { go, setQuery, usePlace } from '../router';
import type { Checkpoint, Overview } from '../shapes';
import { Shown, SqlLine } from '../shown';

const spans: [string, string, number][] = [
  ['hour', 'An hour', 3600],
  ['', 'A day', 86400],
  ['week', 'A week', 7 * 86400],
  ['month', '30 days', 30 * 86400],
];

function CheckpointDialog({ checkpoint, onClose }: { checkpoint: Checkpoint; onClose: () => void }) {
  return (
    <Dialog title="The record’s newest checkpoint" onClose={onClose}>
      <p>A signed note over everything that was recorded until now. Kept elsewhere, it proves later that nothing of it was changed or taken away.</p>
      <pre class="note" dir="ltr">
        <Shown text={checkpoint.note} />
      </pre>
      <p class="soft small">The log’s public key</p>
      <pre class="note" dir="ltr">
        <Shown text={checkpoint.key} />
      </pre>
      <p>
        <Copy text={checkpoint.note} what="The note is">
          Copy the note
        </Copy>
        <Copy text={checkpoint.key} what="The key is">
          Copy the key
        </Copy>
      </p>
    </Dialog>
  );
}

export function OverviewPage() {
  const { query } = usePlace();
  const wanted = query.get('span') ?? '';
  const [, , seconds] = spans.find(([key]) => key === wanted) ?? spans[1]!;
  const [checkpoint, setCheckpoint] = useState<Checkpoint>();
  const found = useLoad(
    (signal) => get<Overview>('/v1/overview', { since: new Date(now() - seconds * 1000).toISOString(), until: new Date(now()).toISOString() }, signal),
    [seconds],
  );
  // The two counts of now follow what is told; the plots are read again at most twice a minute.
  const [stale, setStale] = useState(0);
  const touch = () => {
    if (Date.now() - stale < 30_000) return;
    setStale(Date.now());
    found.reload();
  };
  useLive('session', touch);
  useLive('approval', touch);
  useLive('lost', found.reload);
  const over = found.data;
  const sum = (key: 'statements' | 'refused' | 'held' | 'errors' | 'rows') => over?.buckets.reduce((n, bucket) => n + bucket[key], 0) ?? 0;
  const period = over ? `since=${encodeURIComponent(over.since)}&until=${encodeURIComponent(over.until)}` : '';
  return (
    <>
      <Head title="Overview">
        <div class="tabs" role="group" aria-label="Span">
          {spans.map(([key, name]) => (
            <button key={key} type="button" aria-pressed={key === wanted} onClick={() => setQuery({ span: key || undefined })}>
              {name}
            </button>
          ))}
        </div>
      </Head>
      {found.problem && <ProblemBox problem={found.problem} retry={found.reload} />}
      {!over && !found.problem && <Waiting what="Counting" />}
      {over && (
        <>
          <ul class="tiles">
            <li>
              <a href="/sessions?live=true" class="tile">
                <b>{count(over.live_sessions)}</b> open now
              </a>
            </li>
            <li>
              <a href="/approvals" class={over.waiting_approvals ? 'tile tile-hold' : 'tile'}>
                <b>{count(over.waiting_approvals)}</b> waiting for a person
              </a>
            </li>
            <li>
              <a href={`/statements?${period}`} class="tile">
                <b>{short(sum('statements'))}</b> statements
              </a>
            </li>
            <li>
              <a href={`/statements?verdict=deny&${period}`} class={sum('refused') ? 'tile tile-deny' : 'tile'}>
                <b>{short(sum('refused'))}</b> refused
              </a>
            </li>
            <li>
              <a href={`/statements?verdict=error&${period}`} class="tile">
                <b>{short(sum('errors'))}</b> failed
              </a>
            </li>
            <li>
              <span class="tile">
                <b>{short(sum('rows'))}</b> rows
              </span>
            </li>
          </ul>
          {over.buckets.length ? (
            <>
              <section class="card" aria-label="Over time">
                <TimePlot overview={over} onPick={(since, until) => go(`/statements?since=${encodeURIComponent(since)}&until=${encodeURIComponent(until)}`)} />
              </section>
              <div class="halves">
                <section class="card">
                  <h2>Who</h2>
                  <Bars of={over.principals} what="The busiest principals" link={(name) => `/sessions?who=${encodeURIComponent(name)}&${period}`} />
                </section>
                <section class="card">
                  <h2>On what</h2>
                  {over.relations.length ? <Bars of={over.relations} what="The busiest tables" link={(name) => `/statements?table=${encodeURIComponent(name)}&${period}`} /> : <p class="soft">No table was touched.</p>}
                </section>
              </div>
              <section class="card">
                <h2>Slow ones</h2>
                {over.slow.length ? (
                  <ol class="slow">
                    {over.slow.map((one, i) => (
                      <li key={i}>
                        <span class="mono slow-time">{duration(one.mean_us)}</span>
                        <SqlLine text={one.shape} most={300} />
                        <span class="soft small">{plural(one.executions, 'time')}</span>
                      </li>
                    ))}
                  </ol>
                ) : (
                  <p class="soft">Nothing took long.</p>
                )}
              </section>
            </>
          ) : (
            <Empty title="Nothing happened in this time">
              <p>
                Choose a longer time above, or send something through the gateway: <a href="/connections">how to connect</a>.
              </p>
            </Empty>
          )}
          <p class="links">
            <button type="button" class="link" onClick={() => get<Checkpoint>('/v1/log/checkpoint').then(setCheckpoint, (error: unknown) => say(asProblem(error).message, 'bad'))}>
              The record’s newest checkpoint
            </button>
          </p>
        </>
      )}
      {checkpoint && <CheckpointDialog checkpoint={checkpoint} onClose={() => setCheckpoint(undefined)} />}
    </>
  );
}
